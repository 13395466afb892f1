"""The bench that the documentation shows is what its cells say, and others can build on them."""

import pytest

import pages
from blurax import zoo
from blurax.analysis.bench_view import bench_rows, legend
from blurax.experiments import bench, compare
from blurax.experiments.bench_suites import SUITES
from blurax.experiments.compare_cells import CELLS, cell_path, read_cell
from blurax.experiments.compare_entrants import entrant, found_file, read_entrant

STORED = pages.DOCS / "reference" / "bench-1-quick"
FOUND = bench.read(STORED)
PARTS = list(zip(FOUND.suite.parts, FOUND.parts, strict=True))


def test_the_page_shows_what_the_results_say():
    page = (STORED / "index.md").read_text(encoding="utf-8")
    head, rows = bench_rows(FOUND.standing)
    for row in (head, *rows):
        assert f"| {' | '.join(cell.replace('_', chr(92) + '_') for cell in row)} |" in page
    assert legend(FOUND.standing).split(". ")[0] in page
    pictures = ["bench", *(part.name for part, _ in PARTS)]
    assert all(f"]({name}.png)" in page and (STORED / f"{name}.png").exists() for name in pictures)


@pytest.mark.parametrize(("part", "result"), PARTS, ids=[part.name for part, _ in PARTS])
def test_results_are_those_of_the_cells_and_the_suite(part, result):
    plan = compare.read_plan(STORED / part.name)
    assert plan == result.plan
    for field in ("tasks", "nets", "budgets", "batch"):
        assert getattr(plan, field) == getattr(part, field)
    assert plan.baselines == SUITES["bench-1:quick"].rivals
    for panel in result.panels:
        for record in panel.records:
            path = cell_path(STORED / part.name, plan, panel.task, panel.net, record.learner)
            assert read_cell(path, plan, record.learner) == record


def test_its_genomes_are_those_of_the_zoo():
    for part, result in PARTS:
        for file in result.plan.genomes:
            assert file == read_entrant(file.name, found_file(file.name), {}).stamp, (
                part.name,
                file.name,
            )


def test_a_bench_that_reuses_it_measures_its_own_learner_alone(tmp_path):
    mine = entrant("mine", zoo.genome("steady")[0])
    plan = bench.BenchPlan("bench-1:quick", (), "adam")
    rivals = SUITES["bench-1:quick"].rivals
    bench.start(plan, [mine], rivals, tmp_path / "bench", (STORED,))
    for part, _ in PARTS:
        folder = tmp_path / "bench" / part.name
        cells = len(list((folder / CELLS).glob("*.json")))
        assert cells == compare.read_plan(folder).cells - len(part.tasks) * len(part.nets)
