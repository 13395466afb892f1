"""Kills runs with SIGKILL at random moments and looks whether they end with the same bits.

Run as `python benchmarks/kill_runs.py --kills 20`; all methods, or those named. Each run is small;
most of a process's life is import and compilation, so a kill waits for a random meta-step and then
a random part of one.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import Method
from blurax.outer.objective import Objective, When
from blurax.tasks import EpisodeSpec

STEPS = 240

CODE = """
import sys, jax
from pathlib import Path
jax.config.update("jax_compilation_cache_dir", sys.argv[2])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
from blurax.outer import run
run.advance(Path(sys.argv[1]), lambda progress: print(progress.step, flush=True))
"""


def config_of(method: Method) -> MetaTrain:
    """A run of some seconds, with two stages and a checkpoint every fourth meta-step."""
    return MetaTrain(
        tasks=("xor",),
        hidden=("4",),
        method=method,
        episode=EpisodeSpec(4, 16, 16, held_out=64),
        curriculum=Curriculum(add=4, every=STEPS // 2),
        objective=Objective(when=When.MEAN),
        window=2,
        population=4,
        meta_steps=STEPS,
        validate_every=4,
        validation_episodes=1,
    )


def files(directory: Path) -> dict[str, bytes]:
    """Every file of a run."""
    found = sorted(p for p in directory.rglob("*") if p.is_file())
    return {str(p.relative_to(directory)): p.read_bytes() for p in found}


def start(directory: Path, cache: Path) -> subprocess.Popen[str]:
    """A process that takes the run on."""
    command = [sys.executable, "-c", CODE, str(directory), str(cache)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def killed(directory: Path, cache: Path, kills: int, chance: random.Random) -> int:
    """Kill the run so many times, then let it end; returns how many kills met it alive."""
    met = 0
    for _ in range(kills):
        process = start(directory, cache)
        assert process.stdout is not None
        wait = chance.randint(1, max(1, STEPS // kills))
        for _ in range(wait):
            if not process.stdout.readline():
                break
        time.sleep(chance.random() * 0.02)
        if process.poll() is None:
            met += 1
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = start(directory, cache)
    process.communicate()
    assert process.returncode == 0, "the run did not end after the last kill"
    return met


def main() -> None:
    """Print a line for each method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("methods", nargs="*", type=Method, default=list(Method))
    arguments = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "xla"
        for method in arguments.methods:
            whole, torn = Path(folder) / f"{method}-whole", Path(folder) / f"{method}-torn"
            run.start(config_of(method), whole)
            shutil.copytree(whole, torn)
            process = start(whole, cache)
            process.communicate()
            met = killed(torn, cache, arguments.kills, random.Random(method.value))
            same = files(whole) == files(torn)
            console.print(
                f"{method.value}: {met} of {arguments.kills} kills met it at work; "
                f"{'bit-identical' if same else 'DIFFERENT'}"
            )


if __name__ == "__main__":
    main()
