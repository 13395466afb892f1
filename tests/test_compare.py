"""A comparison goes on where it was interrupted, and gives the same numbers."""

import dataclasses
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import blurax.cli.commands as cli
from blurax import genome as genomes
from blurax import io
from blurax.baselines import Record, Tuning
from blurax.cli.renamed import renamed
from blurax.curves import Schedule
from blurax.errors import BluraxError
from blurax.experiments import compare, compare_measure
from blurax.experiments.compare_entrants import read_entrant
from blurax.experiments.compare_plan import Plan, budgets_up_to
from blurax.spec import Activation, Rule

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from cards import card_of, with_baselines, with_known_baselines

LITTLE = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=2, long_seeds=2)


@pytest.fixture(scope="module")
def genome_file(tmp_path_factory):
    provenance = io.Provenance("0.1.0", "2026-01-31", 0, ("iris",), 0, None, {})
    path = tmp_path_factory.mktemp("genomes") / "exact.safetensors"
    io.save_genome(path, genomes.backprop(Rule.backprop(), 0.3), provenance)
    return path


def entrants_of(*paths):
    return [read_entrant(path.stem, path, {}) for path in paths]


def plan_for(path, **values):
    usual = {
        "tasks": ("iris",),
        "nets": ("3", "0"),
        "genomes": tuple(each.stamp for each in entrants_of(path)),
        "baselines": ("sgd", "fa"),
        "budgets": (2, 4),
        "seeds": 2,
        "batch": 8,
        "tuning": LITTLE,
    }
    return Plan(**{**usual, **values})


@pytest.fixture(scope="module")
def finished(genome_file, tmp_path_factory):
    """A comparison that ran through, and what it told."""
    directory, told = tmp_path_factory.mktemp("through") / "it", []
    compare.start(plan_for(genome_file), entrants_of(genome_file), directory)
    compare.advance(directory, told.append)
    return directory, told


def test_a_comparison_from_end_to_end(finished, genome_file):
    directory, told = finished
    result = compare.read(directory)
    assert result.plan == compare.read_plan(directory) == plan_for(genome_file)
    assert [(p.task, p.net, p.score) for p in result.panels] == [
        ("iris", "3", "accuracy"),
        ("iris", "0", "accuracy"),
    ]
    for panel in result.panels:
        assert [record.learner for record in panel.records] == ["exact", "sgd", "fa"]
        for record in panel.records:
            assert np.shape(record.accuracy) == (2, 2)
    exact, sgd, _ = result.panels[0].records
    assert exact.curve_steps == (1, 2, 4)
    assert [row[-1] for row in exact.curve] == list(exact.accuracy[-1])
    assert not exact.choices
    assert len(sgd.choices) == 2
    assert [p.done for p in told if not p.doing] == [1, 2, 3, 4, 5, 6]
    assert {p.cells for p in told} == {6}
    assert any("tuning at 4 steps" in p.doing for p in told)


def test_a_card_holds_the_best_baseline_of_each_cell(finished):
    compared = compare.read(finished[0])
    card = card_of((compared,), "exact", "about", "recipe")
    assert [(row.task, row.net) for row in card.rows] == [("iris", "3"), ("iris", "0")]
    for row, panel in zip(card.rows, compared.panels, strict=True):
        exact, sgd, fa = panel.records
        for place, budget in enumerate(row.budgets):
            best = max((sgd, fa), key=lambda baseline: baseline.mean(budget))
            assert row.best[place] == best.learner
            assert row.best_mean[place] == round(best.mean(budget), 4)
            assert row.genome[place] == round(exact.mean(budget), 4)
    assert all(row.baselines == ("sgd", "fa") for row in card.rows)
    none = {"best": (), "best_mean": (), "best_std": (), "baselines": ()}
    bare = dataclasses.replace(card.rows[1], **none)
    alone = dataclasses.replace(card, rows=(card.rows[0], bare))
    assert with_known_baselines(alone, card) == card
    other_net = dataclasses.replace(card.rows[1], net="7")
    assert with_known_baselines(alone, dataclasses.replace(card, rows=(other_net,))) == alone
    with pytest.raises(BluraxError, match="5 and"):
        with_known_baselines(dataclasses.replace(alone, seeds=5), card)
    with pytest.raises(BluraxError, match="no genome other"):
        card_of((compared,), "other", "", "")


def test_further_baselines_stand_in_a_card_where_they_are_better(finished):
    compared = compare.read(finished[0])
    both = card_of((compared,), "exact", "about", "recipe")

    def against(learner, row, panel):
        (one,) = (r for r in panel.records if r.learner == learner)
        mean, std = ([round(f(b), 4) for b in row.budgets] for f in (one.mean, one.std))
        names = (learner,) * len(row.budgets)
        alone = {"best_mean": tuple(mean), "best_std": tuple(std), "baselines": (learner,)}
        return dataclasses.replace(row, best=names, **alone)

    for learner in ("sgd", "fa"):
        pairs = zip(both.rows, compared.panels, strict=True)
        rows = tuple(against(learner, row, panel) for row, panel in pairs)
        alone = dataclasses.replace(both, rows=rows)
        met = with_baselines(alone, (compared,)).rows
        assert [row.best_mean for row in met] == [row.best_mean for row in both.rows]
        assert all(row.baselines == ("sgd", "fa") for row in met)
    bare = tuple(dataclasses.replace(row, best=(), best_mean=(), best_std=()) for row in both.rows)
    assert with_baselines(dataclasses.replace(both, rows=bare), (compared,)).rows == bare
    with pytest.raises(BluraxError, match="The card has 5 seeds"):
        with_baselines(dataclasses.replace(both, seeds=5), (compared,))
    long = dataclasses.replace(both.rows[0], budgets=(both.rows[0].budgets[0], 999))
    with pytest.raises(BluraxError, match=r"lacks \[999\] steps"):
        with_baselines(dataclasses.replace(both, rows=(long,)), (compared,))


class Interrupted(BaseException):
    """As Ctrl-C."""


@pytest.mark.parametrize("after", [1, 4])
def test_an_interrupted_comparison_ends_with_the_same_bytes(finished, genome_file, tmp_path, after):
    def interrupt(progress):
        if progress.done == after and progress.doing:
            raise Interrupted

    compare.start(plan_for(genome_file), entrants_of(genome_file), tmp_path)
    with pytest.raises(Interrupted):
        compare.advance(tmp_path, interrupt)
    assert len(list((tmp_path / compare.CELLS).iterdir())) == after
    assert not (tmp_path / compare.RESULT).exists()
    told = []
    compare.start(plan_for(genome_file), entrants_of(genome_file), tmp_path)  # the same call again
    compare.advance(tmp_path, told.append)
    assert len({p.where for p in told if p.doing}) == 6 - after  # the others are not run again
    for name in (compare.RESULT, compare.PLAN):
        assert (tmp_path / name).read_bytes() == (finished[0] / name).read_bytes()


def test_a_cell_does_not_depend_on_what_else_is_compared(finished, genome_file, tmp_path):
    alone = plan_for(genome_file, nets=("0",), genomes=(), baselines=("fa",))
    compare.start(alone, (), tmp_path)
    assert (
        compare.advance(tmp_path).panels[0].records[0]
        == (compare.read(finished[0]).panels[1].records[2])
    )


@pytest.mark.parametrize(
    "values",
    [
        {"seed": 1},
        {"budgets": (2, 5)},
        {"tuning": dataclasses.replace(LITTLE, seeds=3)},
        {"genomes": ()},
        {"version": "0.0.1"},
    ],
)
def test_other_settings_in_the_same_directory_are_refused(finished, genome_file, values):
    plan = plan_for(genome_file, **values)
    files = entrants_of(genome_file) if plan.genomes else ()
    with pytest.raises(BluraxError, match="holds a comparison with other settings"):
        compare.start(plan, files, finished[0])


def test_another_genome_of_the_same_name_is_refused(finished, genome_file, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    provenance = io.load_genome(genome_file)[1]
    other = tmp_path / genome_file.name
    io.save_genome(other, genomes.backprop(Rule.backprop(), 0.4), provenance)
    with pytest.raises(BluraxError, match="other settings"):
        compare.start(plan_for(other), entrants_of(other), copy)
    shutil.copy(other, copy / compare.GENOMES / genome_file.name)
    with pytest.raises(BluraxError, match="is not the genome that"):
        compare.advance(copy)


def test_damage_is_told(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    cell = copy / compare.CELLS / "0-0-sgd.json"
    cell.write_text(cell.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    with pytest.raises(BluraxError, match=r"0-0-sgd\.json is damaged; remove it"):
        compare.advance(copy)
    for name, message in (
        ("plan.json", r"plan\.json is damaged"),
        (compare.RESULT, "not the result"),
    ):
        (copy / name).write_text("[]", encoding="utf-8")
        with pytest.raises(BluraxError, match=message):
            (compare.read_plan if name == "plan.json" else compare.read)(copy)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: re.sub(r"\d(?=,?\n)", lambda digit: str(9 - int(digit[0])), text, count=1),
        lambda text: re.sub(r"(\n *\d[\d.]*,)", r"\1\1", text, count=1),
        lambda text: text.replace("accuracy", "bccuracy"),
        lambda text: text.replace('"sha256"', '"sha257"'),
    ],
    ids=["a digit", "a line twice", "a name", "no checksum"],
)
def test_a_cell_that_is_not_as_it_was_written_is_none(finished, tmp_path, damage):
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    for cell in (copy / compare.CELLS).iterdir():
        whole = cell.read_text("utf-8")
        assert damage(whole) != whole
        cell.write_text(damage(whole), "utf-8")
        with pytest.raises(BluraxError, match=rf"{cell.name} is damaged; remove it"):
            compare.advance(copy)
        cell.write_text(whole, "utf-8")


def test_a_cell_of_an_earlier_version_has_no_checksum_and_is_taken(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    for cell in (copy / compare.CELLS).iterdir():
        content = json.loads(cell.read_text("utf-8"))
        assert content.pop("sha256")
        cell.write_text(json.dumps(content, indent=2), "utf-8")
    assert compare.advance(copy) == compare.read(finished[0])


@pytest.mark.parametrize(
    "change",
    [{"curve": ((0.5,), (0.5, 0.5))}, {"accuracy": ((0.5, 0.5), (0.5,))}, {"budgets": (2,)}],
)
def test_a_record_of_uneven_rows_is_none(change):
    whole = Record("blur", (2, 4), ((0.5, 0.5),) * 2, (), (1, 2), ((0.5, 0.5),) * 2)
    with pytest.raises(BluraxError, match="Record"):
        dataclasses.replace(whole, **change)


def test_a_comparison_of_another_version_is_not_mixed_with_this_one(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished[0], copy)
    plan = json.loads((copy / compare.PLAN).read_text(encoding="utf-8"))
    (copy / compare.PLAN).write_text(json.dumps({**plan, "version": "0.0.1"}), encoding="utf-8")
    with pytest.raises(BluraxError, match=r"was started by blurax 0\.0\.1"):
        compare.advance(copy)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tasks": ()}, "Plan.tasks is empty"),
        ({"nets": ("3", "3")}, "Plan.nets has 3 twice"),
        ({"nets": ("3,4",)}, "The network '3,4'"),
        ({"baselines": ("best",)}, "no baseline 'best'"),
        ({"baselines": (), "genomes": ()}, "no learner and no baseline"),
        ({"budgets": (5, 2)}, "growing numbers of steps"),
        ({"seeds": 1}, "Plan.seeds is 1; a spread takes at least 2"),
        ({"batch": 0}, "Plan.batch is 0"),
        ({"seed": -1}, "Plan.seed is -1"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(genome_file, values, message):
    with pytest.raises(BluraxError, match=message):
        plan_for(genome_file, **values)


def test_what_does_not_fit_is_told_before_anything_is_written(genome_file, tmp_path):
    provenance = io.load_genome(genome_file)[1]
    rule = dataclasses.replace(Rule.backprop(), layers=3)
    deep = tmp_path / "deep.safetensors"
    io.save_genome(deep, genomes.backprop(rule, 0.3), provenance)
    with pytest.raises(BluraxError, match="genes for 3 synapse layers"):
        compare.start(plan_for(deep), entrants_of(deep), tmp_path / "new")
    plan = plan_for(genome_file, tasks=("irish",))
    with pytest.raises(BluraxError, match="no task 'irish'"):
        compare.start(plan, entrants_of(genome_file), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_budgets():
    assert budgets_up_to(1000) == (10, 20, 50, 100, 1000)
    assert budgets_up_to(30) == (10, 20, 30)
    assert budgets_up_to(4) == (4,)
    with pytest.raises(BluraxError, match="number of steps is 0"):
        budgets_up_to(0)


WORDS = [
    *(
        "compare",
        "--tasks",
        "iris",
        "--hidden",
        "3",
        "--steps",
        "4",
        "--seeds",
        "2",
        "--batch",
        "8",
    ),
    *("--baselines", "sgd", "--tuning.activations", "relu", "--tuning.normalise", "False"),
    *("--tuning.schedules", "constant", "--tuning.seeds", "2"),
]


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command(at_home, genome_file, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    words = ["compare", str(genome_file), *WORDS[1:]]
    with monkeypatch.context() as patch:
        patch.setattr(compare_measure, "record_baseline", interrupted)
        assert cli.main(words) == 130
    assert "go on with: blurax compare --resume runs/compare" in capsys.readouterr().err
    assert cli.main(["compare", "--resume", "runs/compare"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "iris (3): test accuracy (%)" in printed
    assert "4 steps: " in printed
    assert "exact against the best tuned baseline" in printed
    assert (at_home / "runs/compare/comparison.png").stat().st_size > 10_000
    assert compare.read(at_home / "runs/compare").panels[0].records[0].learner == "exact"
    assert cli.main(words) == 0
    assert cli.main([*words, "--seed", "1"]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("blurax: runs/compare holds a comparison with other settings")
    assert "\n" not in error


def test_the_genomes_of_two_runs_are_compared(at_home, genome_file, capsys):
    for name in ("a", "b"):
        (at_home / "runs" / name).mkdir(parents=True)
        shutil.copy(genome_file, at_home / "runs" / name / "best.safetensors")
    words = ["runs/a", "runs/b/best.safetensors", "third=backprop", *WORDS[1:]]
    assert cli.main(["compare", *words, "--directory", "both[/b]"]) == 0
    assert "Picture: both[/b]/comparison.png" in capsys.readouterr().out
    records = compare.read(at_home / "both[" / "b]").panels[0].records
    assert [record.learner for record in records] == ["a", "b", "third", "sgd"]
    assert records[0].accuracy == records[1].accuracy
    assert cli.main(["compare", "--resume", "both[/b]"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--baselines", "best"], "There is no baseline 'best'"),
        (["nothing.safetensors"], "nothing.safetensors"),
        (["nothing.py:Rule"], "There is no file nothing.py"),
        (["--learner", "nothing"], "--learner is 'nothing'; it takes a Python file"),
        (["--steps", "0"], "The number of steps is 0"),
        (["--tasks", "irish"], "There is no task 'irish'; did you mean iris?"),
        (["--resume", "nowhere"], "nowhere holds no comparison"),
        (["--resume", "nowhere", "--seeds", "3"], "goes with no other option"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(at_home, capsys, words, message):
    assert cli.main(["compare", *words]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert error.startswith("blurax: ")
    assert "\n" not in error
    assert not list(at_home.iterdir())


def test_old_options_work_with_a_notice(capsys):
    old = ["--nets", "3", "--genome", "x=default", "--seeds", "2", "--nets=4", "--genome=smooth"]
    assert renamed("compare", old) == [
        "x=default",
        "smooth",
        *["--hidden", "3", "--seeds", "2", "--hidden=4"],
    ]
    assert capsys.readouterr().err.splitlines() == [
        "--nets is called --hidden now.",
        "--genome is no option now: its value comes first.",
    ]
    assert renamed("show", old) == old
    assert capsys.readouterr().err == ""


def test_an_unknown_option_is_status_2(at_home, capsys):
    for words in (["--bogus"], ["--tuning.schedules", "linear"]):
        assert cli.main(["compare", *words]) == 2
    assert "Traceback" not in capsys.readouterr().err
