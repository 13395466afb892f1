"""A bench: ranks over a suite, by steps and by time; it resumes, and takes own rules."""

import dataclasses
import json
import re

import numpy as np
import pytest
from scipy import stats

import blurax.cli.bench as bench_command
import blurax.cli.commands as cli
from blurax import genome as genomes
from blurax import io
from blurax.analysis.bench_view import bench_rows, bench_table, leaders, write_pages
from blurax.baselines import Arrangement, Choice, Record, StepTime, Tuning, baseline, is_built_in
from blurax.baselines.reached import Reached, ranking
from blurax.baselines.standing import Place, Standing
from blurax.curves import Schedule
from blurax.errors import BluraxError
from blurax.experiments import bench, bench_suites, compare
from blurax.experiments.bench_suites import SUITES, Part, Suite
from blurax.experiments.compare_entrants import found_file, read_entrant
from blurax.experiments.compare_fit import check
from blurax.experiments.compare_plan import Plan
from blurax.spec import Activation, Rule

CHOICE = Choice(0.1, Schedule.CONSTANT, Arrangement(), False, 0.5)
LITTLE = Suite(
    "little",
    "a test",
    (
        Part("flowers", ("iris",), ("3", "0"), (2, 4), 8),
        Part("toys", ("xor",), ("2",), (2,), 8),
    ),
    ("sgd", "fa"),
    Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=2, long_seeds=2),
    seeds=2,
)


def made(places: int = 8, learners: int = 4) -> Standing:
    """Scores by chance, after 10 and 100 steps."""
    rng, found = np.random.default_rng(3), []
    for p in range(places):
        records, times = [], []
        for n in range(learners):
            name = f"l{n}"
            drawn = np.minimum(rng.uniform(0.2, 0.9, (2, 3)) + 0.02 * n, 0.99)
            scores = tuple(map(tuple, np.sort(drawn, 0)))
            choices = (CHOICE, CHOICE) if n else ()
            curve = () if n else tuple(map(tuple, np.asarray(scores).T))
            steps = () if n else (10, 100)
            records.append(Record(name, (10, 100), scores, choices, steps, curve))
            words = str(CHOICE.arrangement) if n else ""
            times.append(StepTime(name, words, (0.001 * (n + 1),), "a machine"))
        part = "even" if p % 2 == 0 else "odd"
        found.append(Place(part, f"t{p}", "3", "accuracy", tuple(records), tuple(times)))
    return Standing("made", "by chance", "l1", tuple(found))


def test_ranks_are_those_of_the_mean_scores():
    standing = made()
    means = np.array([[np.mean(r.accuracy) for r in place.records] for place in standing.places])
    want = stats.rankdata(-means, axis=1).mean(axis=0)
    overall = standing.overall()
    found = dict(zip(overall.methods, overall.mean, strict=True))
    assert [found[f"l{n}"] for n in range(4)] == pytest.approx(want)
    assert list(overall.mean) == sorted(overall.mean)
    late = np.array([[r.mean(100) for r in place.records] for place in standing.places])
    at = standing.at(100)
    own = at.methods.index("l2")
    assert at.mean[own] == pytest.approx(stats.rankdata(-late, axis=1).mean(axis=0)[2])
    even = standing.of("even")
    own = even.methods.index("l0")
    assert even.mean[own] == pytest.approx(stats.rankdata(-means[::2], axis=1).mean(axis=0)[0])


def test_p_is_wilcoxons_over_the_places_with_holms_correction():
    standing = made()
    errors = {
        n: np.array([1 - np.mean(p.records[n].accuracy) for p in standing.places]) for n in range(4)
    }
    raw = {n: stats.wilcoxon(np.log(errors[n]) - np.log(errors[1])).pvalue for n in (0, 2, 3)}
    ordered = sorted(raw, key=lambda n: raw[n])
    want, so_far = {}, 0.0
    for place, n in enumerate(ordered):
        so_far = max(so_far, min(1.0, raw[n] * (3 - place)))
        want[n] = so_far
    overall = standing.overall()
    for n in (0, 2, 3):
        assert overall.p[overall.methods.index(f"l{n}")] == pytest.approx(want[n])
    assert np.isnan(overall.p[overall.methods.index("l1")])


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_is_demsars(methods: int, q: float):
    """q of his table 5, at 5 %."""
    reached = [
        Reached(f"m{m}", f"t{t}", "accuracy", (0.1 * m,), (0.5,))
        for m in range(methods)
        for t in range(30)
    ]
    found = ranking(reached, "m0").critical_difference()
    assert found == pytest.approx(q * (methods * (methods + 1) / (6 * 30)) ** 0.5, rel=1e-3)


def test_by_time_a_learner_of_slow_steps_falls_behind():
    """The same scores by steps; one takes a hundred times as long for them."""
    rising = ((0.3, 0.3), (0.9, 0.9))
    choices = (CHOICE, CHOICE)
    records = tuple(Record(name, (10, 100), rising, choices) for name in ("slow", "quick"))
    words = str(CHOICE.arrangement)
    times = tuple(
        StepTime(name, words, (seconds,), "a machine")
        for name, seconds in (("slow", 0.1), ("quick", 0.001))
    )
    # The marks are those of the first of equals, so the quick one is named first.
    place = Place("only", "t", "3", "accuracy", records[::-1], times)
    standing = Standing("made", "", "quick", (place,))
    assert list(standing.overall().mean) == [1.5, 1.5]
    assert standing.by_time().methods == ("quick", "slow")
    bare = dataclasses.replace(place, times=())
    with pytest.raises(BluraxError, match="--by time"):
        dataclasses.replace(standing, places=(bare,)).by_time()


@pytest.mark.parametrize("suite", SUITES.values(), ids=str)
def test_a_suite_is_sound(suite: Suite):
    assert len(suite.rivals) >= 14
    assert all(is_built_in(name) and baseline(name) for name in suite.rivals)
    assert len({part.name for part in suite.parts}) == len(suite.parts)
    places = sum(len(part.tasks) * len(part.nets) for part in suite.parts)
    assert places >= 6  # else no test could tell anything
    with pytest.raises(BluraxError, match="has no part nothing; it has images"):
        suite.only(("nothing",))


@pytest.mark.parametrize("part", SUITES["bench-1:quick"].parts, ids=lambda part: part.name)
def test_all_rivals_fit_the_quick_suite(part: Part):
    rivals = SUITES["bench-1:quick"].rivals
    check(Plan(part.tasks, part.nets, (), rivals, part.budgets, 2, 0, part.batch), ())


def test_too_few_examples_are_told_before_anything_is_measured():
    """Long enough on all but the test examples, and too short where rivals are tuned."""
    plan = ("sequence:digits:by=permute,stages=3,steps=20",), ("8",), ()
    with pytest.raises(BluraxError, match="there are 1,078 to learn from in a stage"):
        check(Plan(*plan, ("adam",), (60,), 2, 0, 64), ())
    check(Plan((f"{plan[0][0]},repeat",), *plan[1:], ("adam",), (60,), 2, 0, 64), ())


@pytest.fixture
def little(monkeypatch):
    monkeypatch.setitem(bench_suites.SUITES, "little", LITTLE)


@pytest.fixture
def genome_file(tmp_path):
    provenance = io.Provenance("0.1.0", "2026-01-31", 0, ("iris",), 0, None, {})
    path = tmp_path / "exact.safetensors"
    io.save_genome(path, genomes.backprop(Rule.backprop(), 0.3), provenance)
    return path


PLAN = bench.BenchPlan("little", (), "sgd")


def test_a_bench_from_end_to_end_and_after_a_kill(little, genome_file, tmp_path):
    entrants, told = [read_entrant("exact", genome_file, {})], []
    one, other = tmp_path / "one", tmp_path / "other"
    bench.start(PLAN, entrants, LITTLE.rivals, one)
    whole = bench.advance(one, told.append)
    assert [(p.part, p.name) for p in whole.standing.places] == [
        ("flowers", "iris 3"),
        ("flowers", "iris 0"),
        ("toys", "xor 2"),
    ]
    assert (told[-1].done, told[-1].cells) == (9, 9)
    assert bench.read(one) == whole

    class Killed(BaseException):
        pass

    def killed(progress):
        if progress.done == 4:
            raise Killed

    bench.start(PLAN, entrants, LITTLE.rivals, other)
    with pytest.raises(Killed):
        bench.advance(other, killed)
    assert bench.advance(other) == whole

    with pytest.raises(BluraxError, match="holds a bench with other settings"):
        bench.start(dataclasses.replace(PLAN, against="fa"), entrants, LITTLE.rivals, one)


def test_cells_of_an_earlier_bench_are_taken_over(little, genome_file, tmp_path):
    earlier, later = tmp_path / "earlier", tmp_path / "later"
    bench.start(PLAN, [], LITTLE.rivals, earlier)
    bench.advance(earlier)
    entrants, done = [read_entrant("exact", genome_file, {})], []
    assert bench.start(PLAN, entrants, LITTLE.rivals, later, (earlier,)) == 6
    assert bench.cells_of(later) == 9
    found = bench.advance(later, lambda p: done.append(p.where) if p.doing else None)
    assert {where.rpartition(", ")[2] for where in done} == {"exact"}
    assert {r.learner for p in found.standing.places for r in p.records} == {"exact", "sgd", "fa"}
    toys = dataclasses.replace(PLAN, parts=("toys",))
    assert bench.start(toys, [], LITTLE.rivals, tmp_path / "toys", (earlier, later)) == 2
    assert bench.start(PLAN, [], LITTLE.rivals, tmp_path / "all", (tmp_path / "toys",)) == 2


@pytest.mark.parametrize("wrong", ["no-such-folder", "earlier/toys", "."])
def test_a_folder_without_a_bench_is_not_reused(little, tmp_path, wrong, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    bench.start(PLAN, [], LITTLE.rivals, tmp_path / "earlier")
    words = ["bench", "--suite", "little", "--against", "sgd", "--directory", "new"]
    assert cli.main([*words, "--reuse", wrong]) == 2
    assert f"{wrong} holds no bench; it takes the folder that --dir" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_the_commands_say_how_many_cells_are_taken_over(little, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["bench", "--suite", "little", "--against", "sgd"]
    assert cli.main([*words, "--parts", "toys", "--directory", "old"]) == 0
    assert "taken over" not in capsys.readouterr().out
    assert cli.main([*words, "--parts", "toys", "--directory", "new", "--reuse", "old"]) == 0
    assert "2 of 2 cells are taken over." in capsys.readouterr().out
    rest = ["--tasks", "xor", "--hidden", "2", "--steps", "2", "--seeds", "2", "--batch", "8"]
    rest += ["--baselines", "sgd", "--tuning.seeds", "2", "--tuning.long-seeds", "2"]
    assert cli.main(["compare", *rest, "--directory", "one"]) == 0
    assert "taken over" not in capsys.readouterr().out
    assert cli.main(["compare", *rest, "--directory", "two", "--reuse", "one"]) == 0
    assert "1 of 1 cells are taken over." in capsys.readouterr().out


def test_what_cannot_be_ranked_is_told(little, tmp_path):
    with pytest.raises(BluraxError, match="--against is 'adam'; it takes one of sgd, fa"):
        bench.start(dataclasses.replace(PLAN, against="adam"), [], ("sgd", "fa"), tmp_path / "a")
    with pytest.raises(BluraxError, match="There is no suite 'bench-7'; there are bench-1:quick"):
        bench.start(dataclasses.replace(PLAN, suite="bench-7"), [], ("sgd",), tmp_path / "a")
    assert not (tmp_path / "a").exists()
    with pytest.raises(BluraxError, match="holds no bench"):
        bench.read_plan(tmp_path)


def test_the_command_ranks_draws_and_resumes(little, genome_file, tmp_path, capsys):
    directory = tmp_path / "it"
    words = ["bench", f"mine={genome_file}", "--suite", "little", "--against", "sgd"]
    assert cli.main([*words, "--directory", str(directory)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^learner +rank +p +2 steps +4 steps +flowers +toys *$", out, re.M)
    assert re.search(r"^mine +\d\.\d ± \d\.\d +- ", out, re.M)
    assert {path.name for path in directory.iterdir()} >= {
        *("bench.json", "bench.html", "bench.md", "bench.png", "flowers.png", "toys.png"),
    }
    page = (directory / "bench.md").read_text("utf-8")
    assert cli.main(["bench", "--resume", str(directory)]) == 0
    assert (directory / "bench.md").read_text("utf-8") == page
    assert "| mine |" in page
    assert cli.main(["bench", "--resume", str(directory), "--parts", "toys"]) == 2
    assert "goes with no other option" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "against", "said"),
    [
        ([], "sgd", "All are tested against sgd, the first baseline."),  # of the suite
        (["--baselines", "fa", "sgd"], "fa", "All are tested against fa, the first baseline."),
        (["--baselines", "sgd", "adam"], "adam", ""),
        (["--baselines", "sgd", "adam", "--against", "sgd"], "sgd", ""),
        (["--against", "fa"], "fa", ""),
    ],
)
def test_all_are_tested_against_adam_or_the_first_rival(
    little, tmp_path, monkeypatch, capsys, words, against, said
):
    monkeypatch.setattr(bench_command, "_advance", lambda *of: None)
    directory = tmp_path / "it"
    assert cli.main(["bench", "--suite", "little", *words, "--directory", str(directory)]) == 0
    assert bench.read_plan(directory).against == against
    assert capsys.readouterr().out.strip() == said


def test_whom_all_are_tested_against_must_take_part(little, tmp_path, capsys):
    words = ["bench", "--suite", "little", "--against", "lion", "--directory", str(tmp_path / "it")]
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert error == "blurax: --against is 'lion'; it takes one of sgd, fa.\n"


def test_curves_are_of_the_best_and_whom_all_are_tested_against_and_ones_own(tmp_path):
    standing = dataclasses.replace(made(learners=20), against="l9")
    ranked = standing.overall().methods
    best, last, near = ranked[:8], ranked[-1], ranked[0]
    assert "l9" not in best
    assert leaders(standing) == (*best, "l9")
    mine = dataclasses.replace(standing, own=(last, near))
    assert leaders(mine) == (*best, "l9", last)
    assert leaders(dataclasses.replace(standing, own=ranked[8:])) == tuple(
        dict.fromkeys((*best, "l9", *ranked[8:16]))
    )
    picture = tmp_path / "p.png"
    picture.write_bytes(b"")
    for shown, words in (
        (mine, f"the 8 best ranks, l9, {last}"),
        (standing, "the 8 best ranks, l9"),
    ):
        write_pages(shown, [picture] * 3, tmp_path / "b.html", tmp_path / "b.md")
        assert f"## Curves: even ({words})" in (tmp_path / "b.md").read_text("utf-8")


def test_what_is_ones_own_is_no_file_of_the_zoo(little, genome_file, tmp_path):
    zoo_s = [read_entrant(name, found_file(name), {}) for name in ("default", "toys", "steady")]
    mine = read_entrant("exact", genome_file, {})
    renamed = read_entrant("other", found_file("smooth"), {})
    for entrants, own in (
        ([*zoo_s, mine], ("default", "toys", "steady", "exact")),  # few
        ([*zoo_s, renamed, mine], ("exact",)),
        ([mine], ("exact",)),
        ([], ()),
    ):
        plan = Plan(("iris",), ("3",), tuple(e.stamp for e in entrants), ("sgd",), (2,), 2)
        record = Record("sgd", (2,), ((0.5, 0.5),), (CHOICE,))
        panel = compare.Panel("iris", "3", "accuracy", (record,))
        part = compare.Compared(plan, (panel,))
        found = bench.Bench(LITTLE.only(("flowers",)), "sgd", (part,))
        assert found.standing.own == own


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("parts", "leaves"),
    [
        ([], " --parts images tables toys sequences leaves convolution out."),
        (["--parts", "convolution", "toys"], " --parts toys leaves convolution out."),
        (["--parts", "convolution"], ""),
    ],
)
def test_a_part_in_which_a_learner_cannot_learn_can_be_left_out(tmp_path, capsys, parts, leaves):
    directory = tmp_path / "it"
    words = ["bench", "vsml", "--baselines", "adam", *parts, "--directory", str(directory)]
    assert cli.main(words) == 2
    assert capsys.readouterr().err == (
        "blurax: The network (8x8x1 > 4x4x8 > 16 > 10; 3 edges) is no fully connected chain; Vsml "
        f"takes one such as Network((64, 32, 10)).{leaves}\n"
    )
    assert not directory.exists()


def test_names_are_no_markup(tmp_path):
    standing = made(learners=2)
    bad = "<b>|x"
    places = tuple(
        dataclasses.replace(
            place,
            records=(dataclasses.replace(place.records[0], learner=bad), place.records[1]),
            times=(),
        )
        for place in standing.places
    )
    standing = dataclasses.replace(standing, places=places)
    picture, html, markdown = (tmp_path / name for name in ("p.png", "b.html", "b.md"))
    picture.write_bytes(b"")
    write_pages(standing, [picture] * 3, html, markdown)
    assert bad not in html.read_text("utf-8")
    assert bad not in markdown.read_text("utf-8")
    assert bench_table(standing).row_count == 2
    head, rows = bench_rows(standing)
    assert head == ("learner", "rank", "p", "10 steps", "100 steps", "even", "odd")
    assert {len(row) for row in rows} == {len(head)}


def test_what_is_stored_is_plain_json(little, tmp_path):
    bench.start(PLAN, [], LITTLE.rivals, tmp_path / "it")
    stored = json.loads((tmp_path / "it" / "bench.json").read_text("utf-8"))
    assert stored == {"suite": "little", "parts": [], "against": "sgd"}
