"""The leads that the zoo's page shows are those of its cards, and of the cells of its rivals."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS.parent / "benchmarks"))

import card_leads  # noqa: E402
import leads  # noqa: E402
import rival_leads  # noqa: E402
import tuned_leads  # noqa: E402

from blurax import io, zoo  # noqa: E402
from blurax.baselines import BASELINES  # noqa: E402
from blurax.errors import BluraxError  # noqa: E402
from blurax.experiments import compare  # noqa: E402
from blurax.experiments.bench_suites import OPTIMISERS  # noqa: E402

PAGES = sorted({*(DOCS / "reference").glob("zoo*.md")} - {DOCS / "reference" / "zoo-cells.md"})
PAGE = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("default", ("images", "general")),
        ("quick", ("default",)),
        ("thorough", ("quick", "default")),
        ("images", ()),
    ],
)
def test_the_page_shows_the_leads_of_the_cards(name, others):
    assert "\n".join(card_leads.rows(name, others)) in PAGE
    for counts, word in zip(card_leads.apart(name), ("ahead in", "behind in"), strict=True):
        told = f"{word} {counts[0]}, {counts[1]}, {counts[2]} and {counts[3]}"
        assert told in PAGE


def test_the_page_shows_what_tuning_brings():
    rows = list(tuned_leads.rows(("thorough", "quick")))
    assert len(rows) == 4 * 8
    assert "\n".join(rows) in PAGE


@pytest.mark.parametrize("name", ["default", "toys"])
def test_a_genome_that_was_not_tuned_there_is_a_sentence(name):
    with pytest.raises(BluraxError, match=f"{name} or tuned-{name} was not measured there"):
        list(tuned_leads.rows((name,)))


def test_the_page_shows_the_leads_over_each_set_of_rivals():
    assert "\n".join(rival_leads.rows(("thorough", "quick", "default"))) in PAGE


@pytest.mark.parametrize(("folder", "rows"), [("16", 6), ("rare", 3)])
def test_the_page_shows_narrow_networks_and_rare_classes(folder, rows):
    """Over all eleven; of narrow networks also without the 62 classes."""
    names = ("thorough", "quick", "default")
    found = list(leads.rows_of_comparison(rival_leads.RIVALS / folder, names))
    shown = [row for row in found if "| all" in row or "emnist-byclass" in row]
    assert len(shown) == rows
    assert "\n".join(shown) in PAGE


@pytest.mark.parametrize(
    ("folder", "told"),
    [("256", "sgd, momentum, adam, rmsprop were not"), ("none", "There is no comparison in")],
)
def test_a_comparison_that_has_no_leads_is_a_sentence(folder, told):
    with pytest.raises(BluraxError, match=told):
        list(leads.rows_of_comparison(rival_leads.RIVALS / folder, ("quick",)))


def test_scores_of_two_kinds_have_no_mean():
    with pytest.raises(BluraxError, match="has 1 networks and 2 kinds of score"):
        list(leads.rows_of_comparison(DOCS / "reference" / "bench-1" / "tables", ("quick",)))


def test_the_genomes_in_these_cells_are_those_of_the_zoo():
    for folder in ("16", "rare"):
        plan = compare.read_plan(rival_leads.RIVALS / folder)
        assert tuple(file.name for file in plan.genomes) == ("thorough", "quick", "default")
        for file in plan.genomes:
            held = hashlib.sha256(zoo.genome_file(file.name).read_bytes()).hexdigest()
            assert file.sha256 == held


def test_all_28_cells_have_met_all_eleven():
    for name in ("default", "quick", "thorough", "images", "general", "per-parameter"):
        cells = [row for row in zoo.card(name).rows if row.task in card_leads.TITLES and row.best]
        assert len(cells) == 28
        assert {row.baselines for row in cells} == {tuple(b for b in BASELINES if b in OPTIMISERS)}


@pytest.mark.parametrize("name", ["quick", "thorough"])
def test_cards_and_cells_say_the_same_of_the_best_rival(name):
    """The lead over all eleven is the same from the card as from the stored cells."""
    found = rival_leads.leads(name, rival_leads.SETS["all eleven"])
    rows = {(row.task, row.net): row for row in zoo.card(name).rows}
    assert len(found) == 20
    for place, lead in found.items():
        np.testing.assert_allclose(lead, card_leads.leads(rows[place]), atol=0.011)  # hundredths


def test_the_genome_in_the_stored_cells_is_that_of_the_card():
    rows = {(row.task, row.net): row for row in zoo.card("quick").rows}
    for net in rival_leads.NETS:
        for folder in (net, f"tables-{net}"):
            for panel in compare.read(rival_leads.RIVALS / folder).panels:
                mine = next(each for each in panel.records if each.learner == "quick")
                means = np.mean(mine.accuracy, axis=1)
                np.testing.assert_allclose(means, rows[panel.task, panel.net].genome, atol=6e-5)


def stored(name, cards):
    """Leads of stored means over the best in the card of another genome, in points."""
    (rows,) = io.read_json(rival_leads.RIVALS / name).values()
    best = {(row.task, row.net): np.asarray(row.best_mean) for row in zoo.card(cards).rows}
    return {(task, net): 100 * (np.asarray(mine) - best[task, net]) for task, net, mine in rows}


def test_the_page_says_what_evolution_began_with():
    """Of thorough's rule before any learning, and what learning adds to it."""
    start, card = stored("start.json", "default"), zoo.card("thorough")
    learned = {(row.task, row.net): card_leads.leads(row) for row in card.rows}
    assert start.keys() == learned.keys()
    images = [place for place in start if place[0] not in ("wine", "breast-cancer")]
    lead = np.mean([start[place] for place in images], axis=0)
    assert points(lead) == ".0 / +.8 / +.8 / +.5"
    assert "leads in the 20 cells of images by .0 / +.8 / +.8 / +.5" in PAGE
    deep = [place for place in images if place[1] == "128-128-128-128"]
    gain = np.mean([learned[place] - start[place] for place in deep], axis=0)
    assert points(gain) == "+4.8 / +2.7 / +1.5 / +.8"
    assert "with four layers 4.8 / 2.7 / 1.5 / .8 points" in PAGE


def test_the_page_says_what_thorough_has_in_convolutions():
    found = stored("convolutions.json", "conv")
    for word, rows in (("`lenet` | **`thorough`**", "lenet"), ("`res` | **`thorough`**", "res")):
        mean = np.mean([lead for (_, net), lead in found.items() if rows in net], axis=0)
        assert f"| {word} | {' | '.join(f'{each:+.1f}' for each in mean)} |" in PAGE


def points(leads):
    """As prose has them: +.8 for 0.8."""
    shown = [f"{each:+.1f}".replace("0.", ".") for each in leads]
    return " / ".join(".0" if each in ("+.0", "-.0") else each for each in shown)


def test_a_genome_that_was_not_measured_there_is_a_sentence():
    with pytest.raises(BluraxError, match="The card of toys has no cell with baselines"):
        list(card_leads.rows("toys", ()))
    with pytest.raises(BluraxError, match="The card of toys lacks some of the cells of images"):
        rival_leads.leads("toys", ("foof",))
