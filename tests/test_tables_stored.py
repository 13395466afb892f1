"""What the documentation says of nine tables is what was measured."""

import dataclasses
import hashlib

import pytest

import pages
from blurax import zoo
from blurax.experiments import tables

STORED = pages.DOCS / "reference" / "uci-tables"
FOUND, TEMPERED = (tables.read_file(STORED / name) for name in ("tables.json", "tempered.json"))
HOW_TO = (pages.DOCS / "how-to" / "tables.md").read_text(encoding="utf-8")


def test_the_page_shows_what_the_results_say():
    page = (STORED / "index.md").read_text(encoding="utf-8")
    for found, part in zip((FOUND, TEMPERED), page.split("## With a temperature"), strict=True):
        whole = found.ranking()
        for m, method in enumerate(whole.methods):
            assert f"| `{method}` | {whole.mean[m]:.1f} ± {whole.spread[m]:.1f} |" in part
        for each in found.reached:
            score, loss = (sum(v) / len(v) for v in (each.score, each.loss))
            [row] = [line for line in part.splitlines() if line.startswith(f"| `{each.method}` |")]
            assert f" {100 * score:.1f} / {loss:.3f} " in row
    assert (STORED / "tables.png").exists()
    assert (STORED / "tempered.png").exists()


def test_with_a_temperature_everything_else_is_the_same():
    """Who took part, on which tables, by which protocol; when genomes ended, and what they tell."""
    assert (TEMPERED.plan.temperature, TEMPERED.plan.choose) == (True, True)
    assert sorted(TEMPERED.plan.tables) == sorted(FOUND.plan.tables)
    same = {"temperature": False, "choose": False, "tables": FOUND.plan.tables}
    assert dataclasses.replace(TEMPERED.plan, **same) == FOUND.plan
    assert all(t >= 1 for each in TEMPERED.reached for t in each.temperature)
    plain = {(each.method, each.task): each for each in FOUND.reached}
    for each in TEMPERED.reached:
        if each.method in {genome.name for genome in FOUND.plan.genomes}:
            own = plain[each.method, each.task]
            assert (each.epochs, each.score) == (own.epochs, own.score)


@pytest.mark.parametrize("found", [FOUND, TEMPERED])
@pytest.mark.parametrize("method", ["forest", "adam+batch-norm", "adam+tangos", "adam"])
def test_the_how_to_repeats_the_ranks(method, found):
    whole = found.ranking()
    m = whole.methods.index(method)
    assert f"| `{method}` | {whole.mean[m]:.1f} ± {whole.spread[m]:.1f} |" in HOW_TO


def test_the_how_to_says_where_the_choice_among_genomes_stands():
    whole = TEMPERED.ranking()
    mean = dict(zip(whole.methods, whole.mean, strict=True))
    assert f"({mean['any-genome']:.1f} against {mean['any-baseline']:.1f};" in HOW_TO
    networks = [name for name in whole.methods if name not in TEMPERED.plan.references]
    assert networks[:2] == ["adam+tangos", "any-genome"]


@pytest.mark.parametrize("found", [FOUND, TEMPERED])
def test_every_method_has_learned_every_table_of_the_protocol(found):
    plan = found.plan
    assert (plan.folds, plan.epochs, plan.patience, plan.batch) == (5, 200, 30, 32)
    assert len(found.reached) == len(plan.tables) * len(found.ranking().methods)
    assert all(len(each.loss) == plan.folds * plan.seeds for each in found.reached)


@pytest.mark.parametrize("number", range(len(FOUND.plan.genomes)))
def test_genomes_are_those_of_the_zoo(number):
    own = FOUND.plan.genomes[number]
    assert hashlib.sha256(zoo.find(own.name).read_bytes()).hexdigest() == own.sha256
