"""Runs generation after generation on Ray and writes down what memory driver and workers hold.

Run as `python benchmarks/soak.py --minutes 60`: a small CMA-ES, one worker, a line every minute.
Flat is what is wanted: the growth that is printed at the end leaves out the first tenth, in which
programs are compiled and pools are filled.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from faults import victims
from rich.console import Console

from blurax.engine import RayOptions, open_ray
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import METHODS, Gradient, Method


class EnoughError(Exception):
    """The time is over."""


def config_of(method: Method) -> MetaTrain:
    """Generations without end, a checkpoint every hundredth."""
    return dataclasses.replace(
        victims.config_of(method, victims.LONG),
        curriculum=Curriculum(),
        job_size=1,
        meta_steps=200_000,
        validate_every=100,
    )


def resident(process: int) -> float:
    """Megabytes of memory that a process holds."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def growth(minutes: list[float], megabytes: list[float]) -> float:
    """Megabytes an hour after the first tenth: the slope of the straight line through them."""
    first = len(minutes) // 10
    if len(minutes) - first < 2:
        return float("nan")
    return float(np.polyfit(minutes[first:], megabytes[first:], 1)[0] * 60)


def main() -> None:
    """Print a line a minute, and the growth of each process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two lines")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--method", choices=[*METHODS], default=Gradient.name)
    parser.add_argument("--out", type=Path, help="where the lines also go, as JSON")
    arguments = parser.parse_args()
    console, begun = Console(), time.monotonic()
    engine: Any = open_ray(RayOptions(workers=arguments.workers))
    lines: list[dict[str, Any]] = []
    last = begun

    def callback(progress: run.Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < arguments.every:
            return
        last = now
        line = {
            "minutes": round((now - begun) / 60, 2),
            "generations": progress.step,
            "driver": round(resident(os.getpid()), 1),
            "workers": [round(resident(p), 1) for p in engine.pool.processes().values()],
        }
        lines.append(line)
        console.print(json.dumps(line))
        if arguments.out is not None:
            arguments.out.write_text(
                "".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8"
            )
        if now - begun > 60 * arguments.minutes:
            raise EnoughError

    with tempfile.TemporaryDirectory() as folder:
        run.start(config_of(METHODS[arguments.method]()), Path(folder) / "run")
        with contextlib.closing(engine), contextlib.suppress(EnoughError):  # which ends the soak
            run.advance(Path(folder) / "run", callback, engine)
    minutes = [line["minutes"] for line in lines]
    for name in ("driver", "workers"):
        held = [line[name] if name == "driver" else sum(line[name]) for line in lines]
        console.print(f"{name}: {held[-1]:.0f} MB, growing {growth(minutes, held):.1f} MB an hour")


if __name__ == "__main__":
    main()
