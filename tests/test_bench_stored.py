"""The bench that the documentation shows is what its cells say, and others can build on them."""

import re
import sys
from pathlib import Path

import pytest

import blurax.cli.commands as cli
import pages
from blurax import zoo
from blurax.analysis.bench_view import bench_rows, legend
from blurax.baselines.standing import Place, Standing
from blurax.experiments import bench, compare
from blurax.experiments.bench_suites import SUITES
from blurax.experiments.compare_cells import CELLS, cell_path, read_cell
from blurax.experiments.compare_entrants import entrant, found_file, read_entrant
from blurax.experiments.compare_reuse import DECISIVE

sys.path.insert(0, str(pages.ROOT / "benchmarks"))

import leads

STORED = pages.DOCS / "reference" / "bench-1-quick"
FOUND = bench.read(STORED)
PARTS = list(zip(FOUND.suite.parts, FOUND.parts, strict=True))
LONG = STORED.with_name("bench-1")
"""Of the suite itself."""
LONG_FOUND = bench.read(LONG)
BOTH = [(STORED, FOUND), (LONG, LONG_FOUND)]
EVERY = [
    (folder, found.suite, part, result)
    for folder, found in BOTH
    for part, result in zip(found.suite.parts, found.parts, strict=True)
]
MORE = STORED.with_name("bench-1-quick-learned")
LEARNED = ("per-parameter", "ten-terms", "vsml")
"""Whose cells lie there; those of all others are as they are stored with the genomes."""
TUNED = LONG.with_name("bench-1-tuned")
OWN = ("tuned-quick", "tuned-thorough")


@pytest.mark.parametrize(("folder", "found"), BOTH, ids=["quick", "whole"])
def test_the_page_shows_what_the_results_say(folder, found):
    page = (folder / "index.md").read_text(encoding="utf-8")
    head, rows = bench_rows(found.standing)
    for row in (head, *rows):
        assert f"| {' | '.join(cell.replace('_', chr(92) + '_') for cell in row)} |" in page
    assert legend(found.standing).split(". ")[0] in page
    pictures = ["bench", *(part.name for part in found.suite.parts)]
    assert all(f"]({name}.png)" in page and (folder / f"{name}.png").exists() for name in pictures)


@pytest.mark.parametrize(
    ("folder", "suite", "part", "result"),
    EVERY,
    ids=[f"{suite.name}-{part.name}" for _, suite, part, _ in EVERY],
)
def test_results_are_those_of_the_cells_and_the_suite(folder, suite, part, result):
    plan = compare.read_plan(folder / part.name)
    assert plan == result.plan
    for field in ("tasks", "nets", "budgets", "batch"):
        assert getattr(plan, field) == getattr(part, field)
    assert plan.baselines == SUITES[suite.name].rivals
    for panel in result.panels:
        for record in panel.records:
            path = cell_path(folder / part.name, plan, panel.task, panel.net, record.learner)
            assert read_cell(path, plan, record.learner) == record


def test_its_genomes_are_those_of_the_zoo():
    for _, _, part, result in EVERY:
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


def test_of_the_suite_itself_every_part_is_stored():
    assert LONG_FOUND.suite == SUITES["bench-1"]
    about = SUITES["bench-1"].about
    assert f"- suite: bench-1, {about}\n" in (LONG / "index.md").read_text(encoding="utf-8")


def test_the_leads_that_the_zoo_shows_are_those_of_the_cells():
    shown = pages.page("reference/zoo-rivals")
    found = list(leads.rows(LONG, ("default", "quick", "thorough", "images")))
    assert len(found) == 4 * (len(LONG_FOUND.suite.parts) + 1)  # regression apart
    assert "\n".join(found) in shown


@pytest.mark.parametrize("picked", [leads.VALIDATION, leads.ONE])
def test_the_zoo_shows_them_however_the_best_is_picked(picked):
    found = list(leads.rows(LONG, ("thorough", "quick"), picked))
    assert len(found) == 12
    assert "\n".join(found) in pages.page("reference/zoo-rivals")


def test_who_is_picked_on_the_test_examples_is_never_behind_who_is_picked_otherwise():
    for result in LONG_FOUND.parts:
        for panel in result.panels:
            best = leads.over_best([panel], "quick", leads.TEST)[0]
            for picked in (leads.VALIDATION, leads.ONE):
                other = leads.over_best([panel], "quick", picked)[0]
                assert (other >= best - 1e-12).all()
            assert leads.over_best([panel], "quick", leads.ONE)[0] == pytest.approx(best)


def test_page_help_and_suite_say_alike_how_long_it_takes(capsys):
    about = SUITES["bench-1:quick"].about
    assert f"- suite: bench-1:quick, {about}\n" in (STORED / "index.md").read_text(encoding="utf-8")
    assert "about an hour of one core" in about
    assert cli.main(["bench", "--help"]) == 0
    shown = " ".join(re.sub(r"[^\w:.,;()-]+", " ", capsys.readouterr().out).split())
    assert (
        "bench-1:quick (about an hour of one core, half an hour for one genome; with --reuse"
        in shown
    )
    assert "57 minutes of one core" in pages.page("how-to/bench")


def with_more(more: Path, base: Path, found: bench.Bench, own: tuple[str, ...]) -> Standing:
    """Of the learners whose cells lie in `more` and all others, from the cells of both."""
    plan, places = bench.read_plan(more), []
    for part, result in zip(found.suite.parts, found.parts, strict=True):
        if plan.parts and part.name not in plan.parts:
            continue
        old, new = result.plan, compare.read_plan(more / part.name)
        for panel in result.panels:
            at, records = (panel.task, panel.net), []
            for name in new.learners:
                folder, its = (more, new) if name in own else (base, old)
                records.append(read_cell(cell_path(folder / part.name, its, *at, name), its, name))
            places.append(Place(part.name, *at, panel.score, tuple(records)))
    return Standing(plan.suite, SUITES[plan.suite].about, plan.against, tuple(places))


def with_learned() -> Standing:
    return with_more(MORE, STORED, FOUND, LEARNED)


@pytest.mark.parametrize(
    ("more", "standing", "size"),
    [
        (MORE, with_learned, (7, 35)),
        (TUNED, lambda: with_more(TUNED, LONG, LONG_FOUND, OWN), (23, 34)),
    ],
    ids=["learned", "tuned"],
)
def test_more_learners_stand_among_the_others_as_their_page_says(more, standing, size):
    page, standing = (more / "index.md").read_text(encoding="utf-8"), standing()
    assert (len(standing.places), len(standing.overall().methods)) == size
    head, rows = bench_rows(standing)
    for row in (head, *rows):
        assert f"| {' | '.join(cell.replace('_', chr(92) + '_') for cell in row)} |" in page
    assert legend(standing).split(". ")[0] in page
    assert f"- suite: {standing.suite}, {standing.about}\n" in page
    assert re.findall(r"]\((\w+\.png)\)", page) == ["bench.png"]
    assert (more / "bench.png").exists()


def test_the_zoo_says_the_ranks_of_tuned_genomes():
    overall = with_more(TUNED, LONG, LONG_FOUND, OWN).overall()
    ranks = {name: f"{mean:.1f}" for name, mean in zip(overall.methods, overall.mean, strict=True)}
    said = " ".join(pages.page("reference/zoo").split())
    assert (
        "tuned `thorough` and tuned `quick` have the mean ranks {tuned-thorough} and {tuned-quick} "
        "of 34 over 23 places; next come `thorough` ({thorough}) and the best optimisers, `foof` "
        "({foof}), `nadam` ({nadam}) and `schedule-free` ({schedule-free})"
    ).format(**ranks) in said
    assert overall.methods[:2] == ("tuned-thorough", "tuned-quick")


def test_the_how_to_says_their_ranks():
    overall = with_learned().overall()
    ranks = {name: f"{mean:.1f}" for name, mean in zip(overall.methods, overall.mean, strict=True)}
    assert overall.methods.index("per-parameter") == 10
    assert overall.methods[0] == "thorough"
    assert {*overall.methods[-2:]} == {"ten-terms", "vsml"}
    said = " ".join(pages.page("how-to/learned-rules").split())
    assert (
        f"`per-parameter` {ranks['per-parameter']} (the eleventh; tuned Adam {ranks['adam']}, the "
        f"genome `thorough` {ranks['thorough']}, the first), `ten-terms` {ranks['ten-terms']} and "
        f"`vsml` {ranks['vsml']}, the last two"
    ) in said


def test_what_is_stored_of_them_is_what_was_measured_anew():
    for part, result in PARTS:
        if not (MORE / part.name).exists():
            assert part.name == "convolution"
            continue
        plan = compare.read_plan(MORE / part.name)
        for field in (*DECISIVE, "tasks", "nets", "baselines"):
            assert getattr(plan, field) == getattr(result.plan, field)
        added = [file for file in plan.genomes if file not in result.plan.genomes]
        assert tuple(file.name for file in added) == LEARNED
        for file in added:
            assert file == read_entrant(file.name, found_file(file.name), {}).stamp
        cells = [
            cell_path(MORE / part.name, plan, task, net, name)
            for task in part.tasks
            for net in part.nets
            for name in LEARNED
        ]
        assert {*(MORE / part.name / CELLS).iterdir()} == {*cells}
