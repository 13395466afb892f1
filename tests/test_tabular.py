"""The user's own tables: read as they are, and refused where they are not what they should be."""

import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.tasks import from_csv, get

TABLE = "length,width,kind\n" + "".join(f"{n},{n * n % 7},{'ab'[n % 2]}\n" for n in range(20))


@pytest.fixture
def table(tmp_path):
    def write(text: str | bytes, name: str = "own.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_table_becomes_a_task(table):
    task = get(f"csv:path={table(TABLE)}")
    assert (task.features, task.outputs, task.bounds) == (2, 2, (12, 16))
    assert np.bincount(task.labels).tolist() == [10, 10]
    plain = from_csv(table(TABLE))
    np.testing.assert_array_equal(plain.x, task.x)
    assert plain.name == "own"


def test_the_label_may_be_any_column_and_quoted_or_spaced(table):
    text = '"kind of",x\n' + "".join(f'" {n % 3} ", {n}.5\n' for n in range(15)) + "\n"
    task = from_csv(table(b"\xef\xbb\xbf" + text.encode()), label="kind of")
    assert (task.features, task.outputs) == (1, 3)
    lengths = np.asarray(task.x[:, 0])
    order = np.argsort(lengths)  # by the number of the row, whose class is known
    np.testing.assert_array_equal(np.asarray(task.labels)[order], np.arange(15) % 3)


BAD = {
    "a word": (TABLE.replace("\n3,", "\nthree,"), "line 5, column length: 'three' is no finite"),
    "a gap": (TABLE.replace("\n3,", "\n,"), "line 5, column length: '' is no finite number"),
    "NaN": (TABLE.replace("\n3,", "\nnan,"), "'nan' is no finite number"),
    "a short row": (TABLE + "1,2\n", "line 22: 2 cells where the header has 3"),
    "empty": ("", "holds 0 rows"),
    "header only": ("a,b\n", "holds 1 rows"),
    "one column": ("a\n1\n", "has one column"),
    "one class": (TABLE.replace(",b\n", ",a\n"), "a single class"),
    "binary": (b"\xff\xfe\x00\x01", "no CSV file in UTF-8"),
    "quotes": ('a,b\n"1,2\n', "no CSV file in UTF-8"),
    "few rows": (TABLE[:60], "a split takes at least 10"),
    "no header": ("1,2,3\n4,5,6\n", "starts with a row of numbers"),
    "semicolons": ("a;b\n1;2\n", "one column; .* with commas between them"),
    "a class each": (
        "a,b\n" + "".join(f"{n},{n}\n" for n in range(20)),
        "20 different classes in 20",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_refused(name, table):
    text, message = BAD[name]
    with pytest.raises(BluraxError, match=message) as caught:
        from_csv(table(text))
    assert "own" in str(caught.value)


def test_a_missing_file_or_column_is_named(table, tmp_path):
    with pytest.raises(BluraxError, match=r"nothing.csv cannot be read: No such file"):
        from_csv(tmp_path / "nothing.csv")
    with pytest.raises(BluraxError, match="has 0 columns called 'sort'; there are length, width"):
        from_csv(table(TABLE), label="sort")
    with pytest.raises(BluraxError, match="has 2 columns called 'a'"):
        from_csv(table(TABLE.replace("length,width", "a,a")), label="a")
