"""What the documentation says of nine tables is what was measured."""

import hashlib

import pytest

import pages
from blurax import zoo
from blurax.experiments import tables

STORED = pages.DOCS / "reference" / "uci-tables"
FOUND = tables.read(STORED)
HOW_TO = (pages.DOCS / "how-to" / "tables.md").read_text(encoding="utf-8")


def test_the_page_shows_what_the_results_say():
    page = (STORED / "index.md").read_text(encoding="utf-8")
    whole = FOUND.ranking()
    for m, method in enumerate(whole.methods):
        assert f"| `{method}` | {whole.mean[m]:.1f} ± {whole.spread[m]:.1f} |" in page
    for each in FOUND.reached:
        score, loss = (sum(v) / len(v) for v in (each.score, each.loss))
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{each.method}` |")]
        assert f" {100 * score:.1f} / {loss:.3f} " in row
    assert (STORED / "tables.png").exists()


@pytest.mark.parametrize("method", ["forest", "adam+batch-norm", "adam+tangos", "adam+l2", "adam"])
def test_the_how_to_repeats_the_ranks(method):
    whole = FOUND.ranking()
    m = whole.methods.index(method)
    assert f"| `{method}` | {whole.mean[m]:.1f} ± {whole.spread[m]:.1f} |" in HOW_TO


def test_every_method_has_learned_every_table_of_the_protocol():
    plan = FOUND.plan
    assert (plan.folds, plan.epochs, plan.patience, plan.batch) == (5, 200, 30, 32)
    assert len(FOUND.reached) == len(plan.tables) * len(FOUND.ranking().methods)
    assert all(len(each.loss) == plan.folds * plan.seeds for each in FOUND.reached)


@pytest.mark.parametrize("number", range(len(FOUND.plan.genomes)))
def test_genomes_are_those_of_the_zoo(number):
    own = FOUND.plan.genomes[number]
    assert hashlib.sha256(zoo.find(own.name).read_bytes()).hexdigest() == own.sha256
