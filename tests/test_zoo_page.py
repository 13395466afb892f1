"""The page of all cells says what the cards say."""

import dataclasses
import sys
from pathlib import Path

import pytest

from blurax import io, zoo
from blurax.errors import BluraxError
from blurax.frozen import to_json
from blurax.zoo import Card, Row
from test_compare import finished, genome_file  # noqa: F401  the fixtures

DOCS = Path(__file__).parent.parent / "docs"

sys.path.insert(0, str(DOCS.parent / "benchmarks"))
from keep import keep, page  # noqa: E402 - a script, found by the line above
from zoo_page import cells_page, section  # noqa: E402

ROW = Row(
    "iris",
    "8",
    "accuracy",
    (10, 20),
    (0.5, 0.25),
    (0.1, 0.0),
    ("sgd", "adam"),
    (0.4, 0.3),
    (0.0, 0.0),
    ("sgd", "adam"),
)
BARE = dataclasses.replace(ROW, net="4-4", best=(), best_mean=(), best_std=(), baselines=())
OTHER = dataclasses.replace(ROW, task="wine", budgets=(20, 50))  # other columns


def test_the_page_in_the_documentation_is_that_of_the_cards():
    assert page() == (DOCS / "reference" / "zoo-cells.md").read_text(encoding="utf-8")


def test_a_section_shows_each_cell_bold_where_the_genome_is_ahead():
    text = section("mine", Card("small", "", 5, (ROW, OTHER, BARE)))
    assert text.splitlines()[2:5] == ["Small.", "", "Best tuned: the best of sgd, adam."]
    assert "| 10 | 1 of 1 | +10.0 |" in text
    assert "| 20 | 1 of 2 | +2.5 |" in text  # -5 on iris, +10 on wine
    assert "Lead in points at 10 / 20 / 50 steps" in text
    assert "| `iris` | **+10.0** / -5.0 / – |" in text
    assert "| `wine` | – / **+10.0** / -5.0 |" in text
    cells = [line for line in text.splitlines() if "`mine` |" in line or "best tuned" in line]
    assert cells == [
        "| `iris` | 8 | `mine` | **50.0 ± 10.0** | 25.0 ± 0.0 |  |",
        "| | | best tuned | 40.0 ± 0.0 sgd | 30.0 ± 0.0 adam |  |",
        "| `iris` | 4-4 | `mine` | 50.0 ± 10.0 | 25.0 ± 0.0 |  |",
        "| `wine` | 8 | `mine` |  | **50.0 ± 10.0** | 25.0 ± 0.0 |",
        "| | | best tuned |  | 40.0 ± 0.0 sgd | 30.0 ± 0.0 adam |",
    ]


def test_a_section_names_the_baselines_that_were_met():
    more = dataclasses.replace(OTHER, baselines=("sgd", "adam", "rmsprop"))
    text = section("mine", Card("small", "", 5, (ROW, OTHER, more, BARE)))
    assert "Best tuned: the best of sgd, adam in 2 of 3; of sgd, adam, rmsprop in 1 of 3." in text


def test_long_episodes_have_a_table_that_says_how_far_they_fall():
    long = dataclasses.replace(BARE, budgets=(100, 1000), genome=(0.525, 0.5))
    text = section("mine", Card("small", "", 5, (ROW,), (long,)))
    assert "Over 1,000 steps" in text
    assert "| task | hidden layers | 100 | 1,000 | below |" in text
    assert "| `iris` | 4-4 | 52.5 ± 10.0 | 50.0 ± 0.0 | 2.5 |" in text
    assert "| 10 | 1 of 1 | +10.0 |" in text  # the cells of above are as they were


def test_what_was_measured_nowhere_has_no_section():
    assert "## `bare`" not in cells_page([("bare", Card("about", "", 5, ()))])


@pytest.fixture
def empty_zoo(tmp_path, monkeypatch):
    """A zoo without genomes, and a page of its own."""
    monkeypatch.setattr("blurax.zoo.keeper.HOME", tmp_path)
    monkeypatch.setattr("keep.HOME", tmp_path)
    for room in ("blurax.zoo.keeper", "keep"):
        monkeypatch.setattr(f"{room}.LEARNERS", tmp_path / "learners")
    monkeypatch.setattr("keep.PAGE", tmp_path / "page.md")
    for known in (zoo.names, zoo.learners):
        known.cache_clear()
    yield tmp_path
    for known in (zoo.names, zoo.learners):
        known.cache_clear()


BACKPROP = zoo.genome_file("backprop")
LEARNER = zoo.genome_file("ten-terms")


def test_a_new_learner_is_known_at_once_and_kept_beside_the_genomes(empty_zoo):
    mine = empty_zoo / "mine.bin"
    mine.write_bytes(LEARNER.read_bytes())
    keep("mine", mine, about="of a test", recipe="by hand")
    assert (zoo.names(), zoo.learners()) == ((), ("mine",))
    assert zoo.card("mine").about == "of a test"
    assert zoo.find("mine") == empty_zoo / "learners" / "mine.safetensors"


def test_a_new_genome_is_known_at_once(empty_zoo):
    keep("mine", BACKPROP, about="of a test")
    assert zoo.names() == ("mine",)
    assert zoo.card("mine").about == "of a test"
    assert (empty_zoo / "page.md").read_text(encoding="utf-8") == page()


def test_long_episodes_and_further_baselines_come_into_a_card(empty_zoo, finished):  # noqa: F811
    through = finished[0]
    keep("mine", BACKPROP, (through,), "of a test", "none", "exact", lasting=(through,))
    whole = zoo.card("mine")
    assert [row.genome for row in whole.lasting] == [row.genome for row in whole.rows]
    assert not any(row.best for row in whole.lasting)
    weak = dataclasses.replace(whole, rows=tuple(map(without_skill, whole.rows)))
    io.write_json(empty_zoo / "mine.json", to_json(weak))
    keep(meet=(through,))
    assert zoo.card("mine") == whole
    assert (empty_zoo / "page.md").read_text(encoding="utf-8") == page()
    keep(again=(through,))  # in the comparison the genome has another name
    assert zoo.card("mine") == whole
    for where in ({"meet": (through,)}, {"again": (through,)}):
        with pytest.raises(BluraxError, match="mine takes neither --meet nor --again"):
            keep("mine", BACKPROP, **where)


def test_what_was_measured_again_takes_the_place_of_what_stood_there(empty_zoo, finished):  # noqa: F811
    through = finished[0]
    keep("exact", BACKPROP, (through,), "of a test", "none", "exact", lasting=(through,))
    whole = zoo.card("exact")
    old = [dataclasses.replace(row, genome=row.genome_std) for row in whole.rows]
    other = dataclasses.replace(old[1], budgets=(1, 7))
    late = dataclasses.replace(whole.lasting[1], genome=other.genome)
    elsewhere = dataclasses.replace(whole.lasting[0], net="9")
    stale = dataclasses.replace(
        whole, rows=(without_skill(old[0]), other), lasting=(late, elsewhere)
    )
    io.write_json(empty_zoo / "exact.json", to_json(stale))
    keep(again=(through,))
    found = zoo.card("exact")
    assert found.rows == (whole.rows[0], other)
    assert found.lasting == (whole.lasting[1], elsewhere) != stale.lasting
    assert (empty_zoo / "page.md").read_text(encoding="utf-8") == page()


def without_skill(row):
    zeros = (0.0,) * len(row.budgets)
    return dataclasses.replace(
        row, best=("fa",) * len(zeros), best_mean=zeros, best_std=zeros, baselines=("fa",)
    )
