"""The command line: it does the main job, and a mistake is one sentence and exit status 2."""

import dataclasses
import json

import equinox as eqx
import jax
import numpy as np
import pytest

import blurax.cli.commands as cli
from blurax import genome as genomes
from blurax import io
from blurax.baselines import Tuning
from blurax.cli.demo import run_demo
from blurax.cli.meta_train import _new_directory
from blurax.curves import Schedule
from blurax.experiments import demo
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.start import Start
from blurax.spec import Activation, Reduction, Rule, Update
from blurax.tasks import EpisodeSpec

TINY = [
    *("--tasks", "iris", "--population", "2", "--meta-steps", "4"),
    *("--validate-every", "2", "--validation-episodes", "1", "--episode.steps", "2"),
    *("--episode.batch", "8", "--episode.query", "8", "--rule.update.batch", "mean"),
]


@pytest.fixture(autouse=True)
def away_from_home(tmp_path, monkeypatch):
    """Default directories land in a temporary folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def genome_file(tmp_path):
    provenance = io.Provenance("0.1.0", "2026-01-31", 0, ("iris",), 0, None, {})
    path = tmp_path / "exact.safetensors"
    io.save_genome(path, genomes.backprop(Rule.backprop(), 0.3), provenance)
    return path


def test_meta_train_train_and_show(tmp_path, capsys):
    assert cli.main(["meta-train", *TINY, "--hidden", "0"]) == 0
    directory = tmp_path / "runs" / "iris-1"
    assert {p.name for p in directory.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "checkpoints",
        "best.safetensors",
        "run.png",
    }
    config, _ = run.read_config(directory)
    assert config.hidden == ("0",)
    assert config.episode == EpisodeSpec(2, 8, 8)
    best = directory / "best.safetensors"
    assert "best.safetensors" in capsys.readouterr().out

    assert cli.main(["meta-train", "--resume", str(directory)]) == 0
    assert cli.main(["train", str(best), "--task", "wine", "--hidden", "4-3", "--steps", "3"]) == 0
    curve = json.loads((directory / "curve-best-wine-4-3.json").read_text(encoding="utf-8"))
    assert curve["sizes"] == [13, 4, 3, 3]
    assert np.shape(curve["accuracy"]) == (5, 3)
    assert curve["steps"] == [1, 2, 3]
    assert (directory / "curve-best-wine-4-3.png").stat().st_size > 5_000

    assert cli.main(["show", str(best)]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("ν", "μ", "ν~", "μ~", "η"))
    assert (directory / "best.png").stat().st_size > 5_000

    assert cli.main(["report", str(directory)]) == 0
    assert "report.html" in capsys.readouterr().out
    assert (directory / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_show_looks_inside(tmp_path, genome_file, capsys):
    words = ["show", str(genome_file), "--canonical", "--task", "iris", "--hidden", "4"]
    assert cli.main([*words, "--steps", "3", "--seeds", "2"]) == 0
    printed = capsys.readouterr().out
    assert "layer 1: updates 0° from the loss's negative gradient in the first step" in printed
    for name in ("exact-canonical.png", "exact-inside.png"):
        assert (tmp_path / name).stat().st_size > 5_000


@pytest.mark.usefixtures("float32")
def test_a_figure_is_made_once_and_made_anew_if_asked(tmp_path, capsys):
    words = ["figure", "11", "--budget", "smoke", "--directory", "figures"]
    folder = tmp_path / "figures" / "smoke" / "figure-11"
    assert cli.main(words) == 0
    assert "Figure 11." in capsys.readouterr().out
    assert (folder / "figure.png").stat().st_size > 5_000
    (folder / "setting.json").write_text("{}", encoding="utf-8")
    assert cli.main(words) == 2
    assert "--redo computes it anew" in capsys.readouterr().err
    assert cli.main([*words, "--redo"]) == 0
    assert (
        json.loads((folder / "setting.json").read_text(encoding="utf-8"))["setting"]["across"] == 4
    )


def test_a_second_run_gets_a_directory_of_its_own(tmp_path):
    config = MetaTrain(tasks=("iris",), episode=EpisodeSpec(2, 8, 8))
    run.start(config, tmp_path / "runs" / "iris-1")
    assert _new_directory(config).name == "iris-2"
    # it is taken at once, before the run is written
    assert _new_directory(config).name == "iris-3"


def test_a_run_that_cannot_start_leaves_no_directory(tmp_path, capsys):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    words = ["meta-train", "--tasks", "xor", "--method", "truncated", "--meta-steps", "2"]
    assert cli.main(words) == 2
    assert "--objective.when mean" in capsys.readouterr().err
    assert list((tmp_path / "runs").iterdir()) == [tmp_path / "runs" / "mine"]


MISTAKES = {
    "task": (["train", "GENOME", "--task", "digitz"], "did you mean digits?"),
    "hidden": (["train", "GENOME", "--hidden", "3,4"], "The network '3,4'"),
    "steps": (["train", "GENOME", "--steps", "0"], "EpisodeSpec.steps is 0"),
    "seeds": (["train", "GENOME", "--seeds", "0"], "--seeds is 0"),
    "no genome": (["show", "nothing.safetensors"], "nothing.safetensors"),
    "no run": (["meta-train", "--resume", "nowhere"], "nowhere holds no run"),
    "resume and more": (["meta-train", *TINY, "--resume", "x"], "goes with no other option"),
    "meta-train task": (["meta-train", "--tasks", "mnits"], "There is no task 'mnits'"),
    "layers": (["meta-train", "--rule.layers", "3"], "genes for 3 synapse layers"),
    "query": (["meta-train", "--tasks", "iris"], "90 training examples; a query batch of 128"),
    "figure": (["figure", "1"], "There is no figure '1'"),
    "no run to report": (["report", "nowhere"], "nowhere holds no run"),
    "inside": (["show", "GENOME", "--task", "iris", "--seeds", "0"], "--seeds is 0"),
    "demo seeds": (["demo", "--seeds", "1"], "--seeds is 1"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_and_status_2(name, genome_file, tmp_path, capsys):
    words, message = MISTAKES[name]
    before = sorted(tmp_path.rglob("*"))
    assert cli.main([str(genome_file) if w == "GENOME" else w for w in words]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert error.startswith("blurax: ")
    assert "\n" not in error
    assert sorted(tmp_path.rglob("*")) == before  # nothing half-written


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["meta-train", "--rule.states", "0"], "Rule.states is 0"),
        (["meta-train", "--rule.backward", "sideways"], "sideways"),
        (["meta-train", "--population", "many"], "many"),
    ],
)
def test_an_option_that_cannot_be_parsed_is_status_2(words, message, tmp_path, capsys):
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_damaged_genomes_are_told(tmp_path, genome_file, capsys):
    whole = genome_file.read_bytes()
    newer = whole.replace(b'\\"format\\":1', b'\\"format\\":2')
    for name, content in {
        "cut": whole[:-9],
        "text": b"hello",
        "empty": b"",
        "newer": newer,
    }.items():
        assert newer != whole
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        assert cli.main(["show", str(path)]) == 2
        error = capsys.readouterr().err.strip()
        assert error.startswith("blurax: ")
        assert path.name in error
        assert "\n" not in error


def test_ctrl_c_is_status_130_and_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def interrupted(directory, callback, evaluator, learner):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "advance", interrupted)
    assert cli.main(["meta-train", *TINY, "--hidden", "3", "2-2"]) == 130
    assert "blurax meta-train --resume runs/iris-1" in capsys.readouterr().err
    config, _ = run.read_config(tmp_path / "runs" / "iris-1")
    assert config.hidden == ("3", "2-2")


def test_what_the_demo_learns_can_be_learned():
    """Its own configurations have a loss; to compile them takes a minute."""
    for config in (demo.CONFIG, demo.SECOND_CONFIG):
        problem, key = config.problem(), jax.random.key(0)
        found = eqx.filter_eval_shape(problem.loss, problem.space.start(key), key)
        assert found.shape == ()


def test_the_demo_small(tmp_path, monkeypatch):
    """The demo's own path from end to end, on its smallest settings."""
    from rich.console import Console

    small = MetaTrain(
        tasks=("iris",),
        hidden=("0",),
        rule=Rule(update=Update(batch=Reduction.MEAN)),
        episode=EpisodeSpec(2, 8, 8),
        population=2,
        meta_steps=2,
        validate_every=1,
        validation_episodes=1,
    )
    settings = (demo.Setting("a", "iris", "2"),)
    optimisers = ("momentum", "foof")  # one of them is second-order
    tuning = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=2)
    measure = demo.measure
    own = small.rule, Rule.backprop()
    monkeypatch.setattr(demo, "CONFIG", small)
    second = dataclasses.replace(small, rule=own[1], start=Start.BACKPROP, population=1)
    monkeypatch.setattr(demo, "SECOND_CONFIG", second)
    monkeypatch.setattr(demo, "SETTINGS", settings)
    monkeypatch.setattr(demo, "OPTIMISERS", optimisers)
    monkeypatch.setattr(demo, "BUDGETS", (1, 3))
    monkeypatch.setattr(demo, "tuning", lambda seeds: tuning)
    monkeypatch.setattr(demo, "LONG_SETTING", settings[0])
    monkeypatch.setattr(demo, "measure", lambda *a, **k: measure(*a, **k, long_steps=8))
    console = Console(width=100, file=(tmp_path / "out.txt").open("w", encoding="utf-8"))
    directory = tmp_path / "demo"
    run_demo(console, directory, seeds=2, redo=False)
    result = demo.read(directory)
    assert [a.setting for a in result.settings] == list(settings)
    assert [c.learner for c in result.settings[0].records] == [
        demo.FROM_BACKPROP, demo.FROM_RANDOM, *optimisers,
    ]  # fmt: skip
    assert np.shape(result.long_run) == (2, 8)
    assert result.long_stops == (*range(1, 9),)
    assert (directory / "demo.png").stat().st_size > 10_000
    first = (directory / "best.safetensors").read_bytes()
    assert {each.name for each in directory.glob("rivals*")} == {"rivals-2.json"}
    run_demo(console, directory, seeds=2, redo=True)
    for place, rule in zip((directory, directory / demo.SECOND), own, strict=True):
        assert io.load_genome(place / "best.safetensors")[0].rule == rule
    assert len(first) == len((directory / "best.safetensors").read_bytes())
