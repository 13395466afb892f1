"""What the paper says, judged by the data that the documentation shows."""

import dataclasses
import functools
import sys
from pathlib import Path

import pytest

from blurax import findings
from blurax.experiments.figures import FIGURES, Budget
from blurax.experiments.figures.catalogue import TOGETHER
from blurax.findings import Claim

DOCS = Path(__file__).parent.parent / "docs"

sys.path.insert(0, str(DOCS.parent / "benchmarks"))
import keep_figures  # noqa: E402 - a script, found by the line above

page = functools.cache(keep_figures.page)

NOT_BORNE_OUT: dict[str, tuple[str, ...]] = {
    "3": ("On each toy",),
    "5": ("After 10 steps", "SGD has caught up"),
    "9": ("Symmetric single-channel from",),
    "10": ("A rule learned on the shallowest does not",),
    "12": ("All-linear rules",),
    "14": ("Accuracy rises from stage to stage",),
    "15": ("The episode ends better",),
    "16": ("With both it has learned best",),
    "branches": (
        "Mimicking is better than supervision",
        "Supervised branches gain more in",
        "Taught by a genome too",
        "A rule learned with two hidden layers",
    ),
    "convergence": (
        "The fewer labels for each synapse",
        "In the widest network weights hardly move",
        "Both layers together take at most",
    ),
    "coordinates": (
        "Any normalisation is several dB",
        "Crosses are the best",
        "Normalised, less than half",
    ),
    "graphs": ("A rule of the zoo", "A rule learned on two sets"),
    "neural-graphs": ("Messages on the graph rank", "They rank networks of one rule"),
}
"""The beginnings of the claims that do not hold at budget cpu, by figure; all others have to."""


def stored(name: str) -> findings.Findings:
    return findings.read(DOCS / "reference" / "figures" / f"figure-{name}.json")


def claims() -> list[tuple[str, int]]:
    return [(name, n) for name in FIGURES for n in range(len(FIGURES[name].claims(stored(name))))]


@pytest.mark.parametrize(("name", "number"), claims())
def test_a_claim_is_borne_out_or_known_not_to_be(name, number):
    claim = FIGURES[name].claims(stored(name))[number]
    assert isinstance(claim, Claim)
    known = any(claim.says.startswith(words) for words in NOT_BORNE_OUT.get(name, ()))
    assert claim.holds != known, f"{claim.says} {claim.numbers}"


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_was_made_as_the_code_says(name):
    found = stored(name)
    assert (found.figure, found.title, found.budget) == (name, FIGURES[name].title, "cpu")
    picture = (DOCS / "reference" / "figures" / f"figure-{name}.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 400_000


def test_the_page_says_what_the_data_say():
    assert page() == (DOCS / "reference" / "figures.md").read_text(encoding="utf-8")


def test_every_number_of_the_paper_is_on_the_page():
    text = page()
    headings = [line for line in text.splitlines() if line.startswith("## Figure")]
    numbers = {word.strip(".") for line in headings for word in line.split(".")[0].split()}
    assert {*FIGURES, *TOGETHER} <= numbers


def test_claims_depend_on_the_numbers():
    """A claim is judged by the findings: turned around, it is judged otherwise."""
    found, figure = stored("13"), FIGURES["13"]
    chart = found.charts[0]
    curve = dataclasses.replace(chart.curves[0], mean=chart.curves[0].mean[::-1])
    turned = dataclasses.replace(found, charts=(dataclasses.replace(chart, curves=(curve,)),))
    assert figure.settings[Budget.CPU].states == chart.curves[0].x
    assert [c.holds for c in figure.claims(turned)] != [c.holds for c in figure.claims(found)]
