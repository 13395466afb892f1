"""A run can be stopped anywhere and ends with the same bits."""

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blurax import io
from blurax.errors import BluraxError
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.tasks import EpisodeSpec

CONFIG = MetaTrain(
    tasks=("iris",),
    hidden=("0",),
    episode=EpisodeSpec(2, 8, 8),
    population=2,
    meta_steps=12,
    validate_every=4,
    validation_episodes=1,
    seed=5,
)


class StopError(Exception):
    """What a watcher raises in place of a person's Ctrl-C."""


def files(directory: Path) -> dict[str, bytes]:
    """Every file of a run by its name."""
    found = sorted(p for p in directory.rglob("*") if p.is_file())
    return {str(p.relative_to(directory)): p.read_bytes() for p in found}


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("started")
    run.start(CONFIG, directory)
    return directory


@pytest.fixture(scope="module")
def undisturbed(started, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(started, directory, dirs_exist_ok=True)
    run.advance(directory)
    return directory


def test_a_run_leaves_what_it_says(undisturbed):
    genome, provenance = io.load_genome(undisturbed / "best.safetensors")
    assert genome.rule == CONFIG.rule
    assert provenance.meta_steps == 12
    assert provenance.tasks == ("iris",)
    lines = [
        json.loads(line)
        for line in (undisturbed / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    steps = [line for line in lines if "loss" in line]
    validations = [line for line in lines if "accuracy" in line]
    assert [line["step"] for line in steps] == list(range(1, 13))
    assert [line["step"] for line in validations] == [4, 8, 12]
    best = max(sum(member) / len(member) for line in validations for member in line["accuracy"])
    assert provenance.score == pytest.approx(best)
    assert len(list((undisturbed / "checkpoints").iterdir())) == 2


@pytest.mark.parametrize("after", [1, 4, 6, 11])
def test_stopped_after_any_step_it_ends_with_the_same_bits(started, undisturbed, tmp_path, after):
    shutil.copytree(started, tmp_path, dirs_exist_ok=True)

    def stop(progress: run.Progress) -> None:
        if progress.step == after:
            raise StopError

    with pytest.raises(StopError):
        run.advance(tmp_path, stop)
    resumed_at = []
    run.advance(tmp_path, lambda progress: resumed_at.append(progress.step))
    assert resumed_at[0] == after // 4 * 4 + 1  # from the checkpoint, not from the start
    assert files(tmp_path) == files(undisturbed)


def test_a_finished_run_is_left_alone(undisturbed, tmp_path):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    result = run.advance(tmp_path)
    assert result.score == pytest.approx(io.load_genome(tmp_path / "best.safetensors")[1].score)
    assert files(tmp_path) == files(undisturbed)


SCRIPT = """
import sys, jax
from pathlib import Path
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_compilation_cache_dir", sys.argv[2])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
from blurax.outer import run
run.advance(Path(sys.argv[1]), lambda progress: print(progress.step, flush=True))
"""


def test_killed_at_random_moments_it_ends_with_the_same_bits(started, undisturbed, tmp_path):
    directory = tmp_path / "run"
    shutil.copytree(started, directory)
    command = [sys.executable, "-c", SCRIPT, str(directory), str(tmp_path / "cache")]
    chance = random.Random(9)
    for deadly in (signal.SIGKILL, signal.SIGINT):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        )
        for _ in range(chance.randrange(1, 5)):
            process.stdout.readline()
        time.sleep(chance.random() * 0.02)
        process.send_signal(deadly)
        process.stdout.close()
        assert process.wait() != 0
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=os.environ)
    assert files(directory) == files(undisturbed)


def test_two_runs_of_one_seed_are_alike_and_of_another_are_not(undisturbed, tmp_path):
    for name, config in {"same": CONFIG, "other": dataclasses.replace(CONFIG, seed=6)}.items():
        run.start(config, tmp_path / name)
        run.advance(tmp_path / name)
    metrics = (undisturbed / "metrics.jsonl").read_bytes()
    assert (tmp_path / "same" / "metrics.jsonl").read_bytes() == metrics
    assert (tmp_path / "other" / "metrics.jsonl").read_bytes() != metrics


def test_a_directory_is_never_started_twice(undisturbed):
    with pytest.raises(BluraxError, match="already holds a run"):
        run.start(CONFIG, undisturbed)


@pytest.mark.parametrize("left", [None, "{", "[]"])
def test_a_start_for_which_nothing_was_computed_is_replaced(started, tmp_path, left):
    shutil.copytree(started, tmp_path, dirs_exist_ok=True)
    if left is not None:
        (tmp_path / "config.json").write_text(left, encoding="utf-8")
    corrected = dataclasses.replace(CONFIG, seed=6)
    run.start(corrected, tmp_path)
    assert run.read_config(tmp_path)[0] == corrected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no config.json in it"),
        ("{", "is not the configuration of a run"),
        ("[]", "is not the configuration of a run"),
        ('{"config": {"tasks": ["iris"]}}', "MetaTrain lacks the field"),
    ],
)
def test_a_damaged_configuration_is_told(tmp_path, content, message):
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(BluraxError, match=message):
        run.advance(tmp_path)


def test_checkpoints_of_another_configuration_are_refused(undisturbed, tmp_path):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    header = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    header["config"]["seed"] = 6
    (tmp_path / "config.json").write_text(json.dumps(header), encoding="utf-8")
    with pytest.raises(BluraxError, match="checkpoints of another configuration"):
        run.advance(tmp_path)


def test_both_damaged_checkpoints_stop_the_run(undisturbed, tmp_path):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BluraxError, match=r"No checkpoint in .* is valid"):
        run.advance(tmp_path)
