"""The user's own tables: read as they are, and refused where they are not what they should be."""

import jax
import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.tasks import EpisodeSpec, Regression, Split, from_csv, get, score_name

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


ROWS = TABLE.split("\n", 1)[1]


def test_a_label_of_any_name_can_be_named(table):
    text = TABLE.replace("length,width,kind", '"a ""b"", c=d+e@3",width,kind').replace("\n", "\r\n")
    name = f'csv:path={table(text)},label="a ""b"", c=d+e@3",kind=regression,words=onehot'
    task = get(name)
    assert (task.name, task.features, task.target) == (name, 3, Regression(1))
    assert get(task.name).name == name


@pytest.mark.parametrize("word", ["", "NA", "nan", "NaN", "null", "?", "N/A"])
@pytest.mark.parametrize("column", [0, 2])
def test_missing_values_are_refused_or_left_out(word, column, table):
    rows = [line.split(",") for line in TABLE.split()]
    rows[4][column] = rows[9][column] = word
    path = table("\n".join(map(",".join, rows)))
    where = rf"own.csv, line 5, column {rows[0][column]}: '{word.replace('?', '.')}' is a missing"
    with pytest.raises(BluraxError, match=where + r" value \(2 rows lack one\); .* missing=drop"):
        from_csv(path)
    with pytest.warns(UserWarning, match="2 of 20 rows lack a value and are left out"):
        task = get(f"csv:path={path},missing=drop")
    assert (task.outputs, len(task.x)) == (2, 18)


def test_a_table_of_gaps_alone_is_refused(table):
    with pytest.raises(BluraxError, match="10 of 10 rows lack a value; missing=drop leaves none"):
        from_csv(table("a,b\n" + "?,1\n" * 10), missing="drop")


def test_the_index_of_a_data_frame_is_no_feature(table):
    lines = [f"{n},{line}" for n, line in enumerate(TABLE.split())]
    for name in ("", "Unnamed: 0"):
        lines[0] = f"{name},length,width,kind"
        with pytest.raises(BluraxError, match=r"column 1 has no name.*index of a data frame"):
            from_csv(table("\n".join(lines)))


def test_labels_that_are_the_same_number_are_one_class(table):
    labels = ["1", "1.0", "10", "2", "2e0", "-3"]
    text = "x,y\n" + "".join(f"{n},{labels[n % 6]}\n" for n in range(60))
    task = from_csv(table(text))
    assert task.class_names == ("-3", "1", "2", "10")
    assert np.bincount(task.labels).tolist() == [10, 20, 20, 10]
    words = from_csv(table(text.replace("-3", "a_1").replace("2e0", "1_0")))
    assert words.class_names == ("1", "2", "10", "1_0", "a_1")
    many = ["12345678901234567890", "12345678901234567891"]
    text = "x,y\n" + "".join(f"{n},{many[n % 2]}\n" for n in range(20))
    assert from_csv(table(text)).class_names == tuple(many)


def test_without_a_header_no_row_is_lost(table):
    with pytest.raises(BluraxError, match=r"first row holds '0' in the place of column 1's name; "):
        from_csv(table(ROWS))
    task = get(f"csv:path={table(ROWS)},header=no")
    with_header = from_csv(table(TABLE))
    np.testing.assert_array_equal(task.x, with_header.x)
    first = from_csv(table(ROWS), label="2", header=False, words="onehot")
    assert first.features == 3
    numbered = from_csv(table("0,1,kind\n" + ROWS), header=True)
    np.testing.assert_array_equal(numbered.x, task.x)


def test_words_become_a_column_each_on_request(table):
    text = "size,colour,n,kind\n" + "".join(
        f"{['2', '3', '5more'][n % 3]},{['red', 'blue'][n % 2]},{n},{n % 2}\n" for n in range(30)
    )
    with pytest.raises(BluraxError, match=r"line 2, column colour: 'red' is no .* words=onehot"):
        from_csv(table(text.replace("5more", "5")))
    task = get(f"csv:path={table(text)},words=onehot")
    assert task.features == 3 + 2 + 1
    blue = np.asarray(task.x)[:, 3] > 0
    np.testing.assert_array_equal(blue, np.asarray(task.labels) == 1)
    with pytest.raises(
        BluraxError, match=r"line 5, column n: 'three' is no number, and .* 30 diff"
    ):
        from_csv(table(text.replace(",3,1", ",three,1")), words="onehot")


def test_numbers_are_predicted_on_request(table):
    text = "a,b\n" + "".join(f"{n},{1e-20 * (n % 7)}\n" for n in range(40))
    task = get(f"csv:path={table(text)},kind=regression")
    assert (task.target, task.class_names) == (Regression(1), ())
    np.testing.assert_allclose(np.asarray(task.labels)[:24].std(), 1)
    assert score_name((task.name,)) == task.target.score_name == "variance explained"
    assert score_name((f"csv:path={table(text)}",)) == "accuracy"
    episode = task.sample(jax.random.key(0), EpisodeSpec(2, 5, 3), Split.TRAIN)
    assert episode.y.shape == (2, 5, 1)
    with pytest.raises(BluraxError, match=r"line 2, column kind: 'a' is no finite number"):
        from_csv(table(TABLE), kind="regression")
    with pytest.raises(BluraxError, match="same in all training examples; there is nothing to pre"):
        from_csv(table("a,b\n" + "".join(f"{n},0.1\n" for n in range(40))), kind="regression")


WIDE = "1" * 200_000
BAD = {
    "a word": (TABLE.replace("\n3,", "\nthree,"), "line 5, column length: 'three' is no finite"),
    "infinity": (TABLE.replace("\n3,", "\n-inf,"), "line 5, column length: '-inf' is no finite"),
    "underscores": (TABLE.replace("\n3,", "\n1_0,"), "'1_0' is no finite number; features that"),
    "a decimal comma": (TABLE.replace("\n3,", '\n"1,5",'), "'1,5' is no finite number"),
    "a short row": (TABLE + "1,2\n", "line 22: 2 cells where the header has 3"),
    "a comma at the end of a row": (
        TABLE.replace("\n3,2,b", "\n3,2,b,"),
        r"line 5: 4 cells \(it ends in a comma\) where the header has 3",
    ),
    "a comma at the end of the header": (
        TABLE.replace("kind", "kind,"),
        "the first row ends in a comma, so that column 4 has nothing in it",
    ),
    "commas at the end of all rows": (
        TABLE.replace("\n", ",\n"),
        "the first row ends in a comma, so that column 4 has nothing in it",
    ),
    "a name twice": (TABLE.replace("width", "length"), "has 2 columns called 'length'; each takes"),
    "empty": ("", "holds 0 rows"),
    "header only": ("a,b\n", "holds 1 rows"),
    "one column": ("a\n1\n", "has one column"),
    "one class": (TABLE.replace(",b\n", ",a\n"), "a single class"),
    "binary": (b"\xff\xfe\x00\x01", "no CSV file in UTF-8"),
    "latin-1": (TABLE.replace("kind", "gr\u00f6\u00dfe").encode("latin-1"), "no CSV file in UTF-8"),
    "quotes": ('a,b\n"1,2\n', "line 2: this is no CSV file in UTF-8"),
    "a huge cell": (
        TABLE.replace("\n3,", f"\n{WIDE},"),
        "line 5: .* field larger than field limit",
    ),
    "a long cell": (TABLE.replace("\n3,", f"\n{'x' * 999},"), r"column length: 'x{40}\.\.\.' is"),
    "few rows": (TABLE[:60], "a split takes at least 10"),
    "numbers first": ("1,2,3\n4,5,6\n", "the first row holds '1' in the place of column 1's name"),
    "a row first": ("M,2,3\nF,5,6\n", "holds '2' in the place of column 2's name; if it has no "),
    "words first": ("a,b\nc,b\na,d\n", "every cell of the first row is found again below it"),
    "the header again": (
        TABLE + "length,width,kind\n",
        "line 22, column length: 'length' is no fin",
    ),
    "semicolons": ("a;b\n1;2\n", "seems to have semicolons between its cells; it takes commas"),
    "tabs": ("a\tb\n1\t2\n", "seems to have tabs between its cells"),
    "decimal commas": ("a;b,c\n" + "1;2,5\n" * 9, "'1;2' is no finite .* commas stand between"),
    "a class each": (
        "a,b\n" + "".join(f"{n},{n}\n" for n in range(20)),
        "20 different classes in 20 .* kind=regression",
    ),
}


def test_commas_at_the_ends_of_a_table_without_a_header_are_no_column(table):
    with pytest.raises(BluraxError, match="first row ends in a comma, so that column 4 has noth"):
        from_csv(table(ROWS.replace("\n", ",\n")), header=False)


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_refused(name, table):
    text, message = BAD[name]
    with pytest.raises(BluraxError, match=message) as caught:
        from_csv(table(text))
    assert "own" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_blank_lines_and_cells_of_several_lines_are_counted(table):
    text = TABLE.replace("\n3,", '\n\n   \n"3",').replace("\n5,4,b", '\n5,4,"b\nb"')
    assert len(from_csv(table(text + "\n\n")).x) == 20
    with pytest.raises(BluraxError, match=r"line 12, column length: 'x' is no finite"):
        from_csv(table(text.replace("\n7,", "\nx,")))


def test_a_missing_file_or_column_is_named(table, tmp_path):
    with pytest.raises(BluraxError, match=r"nothing.csv cannot be read: No such file"):
        from_csv(tmp_path / "nothing.csv")
    with pytest.raises(BluraxError, match="is no path"):
        from_csv("a\0b")
    with pytest.raises(BluraxError, match="has 0 columns called 'sort'; there are length, width"):
        from_csv(table(TABLE), label="sort")
    with pytest.raises(BluraxError, match="has 0 columns called 'kind'; there are 1, 2, 3"):
        from_csv(table(ROWS), label="kind", header=False)
    with pytest.raises(BluraxError, match="has 2 columns called 'a'"):
        from_csv(table(TABLE.replace("length,width", "a,a")), label="a")
    with pytest.raises(BluraxError, match="option words is 'some'; it takes refuse, onehot"):
        from_csv(table(TABLE), words="some")


def test_a_label_of_any_exponent_is_a_number(table):
    small = "1e-99999999999999999999"
    rows = "".join(f"{n},{n % 3},{small if n % 2 else '1'}\n" for n in range(20))
    task = from_csv(table("a,b,c\n" + rows))
    assert task.class_names == (small, "1")
