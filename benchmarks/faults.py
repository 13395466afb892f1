"""Attacks blurax and counts what falls: tracebacks, aborts, silent losses, hangs.

Run as `python benchmarks/faults.py --seed 0`, or name sections: kills tampering mutations sizes
servers writers. The same seed makes the same attacks. `--smoke` makes a few of each. The exit
status is 1 if anything fell. What each outcome means: `benchmarks/faults/outcome.py`.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from faults import kills, mutations, servers, sizes, tampering, writers
from faults.outcome import FAULTS, Case, plain, table
from faults.process import Worker
from faults.scene import Scene
from rich.console import Console

from blurax import io

SECTIONS: dict[str, Callable[[Scene, random.Random, bool], Iterator[Case]]] = {
    "mutations": mutations.attack,
    "tampering": tampering.attack,
    "writers": writers.attack,
    "sizes": sizes.attack,
    "servers": servers.attack,
    "kills": kills.attack,
}
"""Each yields what came of its attacks: all of them, or the few of `--smoke`."""
WIDTH = 150
"""Of the table, wherever it is printed."""


def attacked(arguments: argparse.Namespace, console: Console) -> list[Case]:
    """Make all attacks of some sections; each fault is shown when it is found."""
    cases: list[Case] = []
    with (
        tempfile.TemporaryDirectory(prefix="blurax-faults-") as folder,
        Worker(Path(folder)) as worker,
    ):
        scene = Scene(Path(folder), worker, arguments.only, arguments.kills)
        for name in arguments.sections or SECTIONS:
            begun, before = time.monotonic(), len(cases)
            chance = random.Random(f"{arguments.seed} {name}")
            for case in SECTIONS[name](scene, chance, arguments.smoke):
                cases.append(case)
                if case.outcome in FAULTS:
                    console.print(f"{case.outcome}: {case.section}, {case.attack}, {case.what}")
                    console.print(f"    {case.words!r}")
                elif len(cases) % 50 == 0:
                    console.print(f"{name}: {len(cases) - before} attacks")
            seconds = time.monotonic() - begun
            console.print(f"{name}: {len(cases) - before} attacks in {seconds:.0f} s")
    return cases


def main() -> int:
    """Print the table; returns 1 if anything fell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"some of {', '.join(SECTIONS)}; all if none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="a few attacks of each section")
    parser.add_argument("--only", default="", help="the kinds of attack with this in their name")
    parser.add_argument("--kills", type=int, default=20, help="of each kind of work")
    parser.add_argument("--out", type=Path, help="where the figures also go, as JSON")
    arguments = parser.parse_args()
    if strange := sorted(set(arguments.sections) - set(SECTIONS)):
        parser.error(f"there is no section {', '.join(strange)}; there are {', '.join(SECTIONS)}")
    sys.stdout.reconfigure(line_buffering=True)  # a log is read while it grows
    console = Console(width=WIDTH, markup=False, emoji=False, highlight=False, soft_wrap=True)
    cases = attacked(arguments, console)
    console.print(table(cases))
    console.print(
        f"{sum(os.times()[:4]):.0f} s of the processor, all processes that ended included"
    )
    if arguments.out is not None:
        io.write_json(arguments.out, plain(cases, arguments.seed))
    return int(any(case.outcome in FAULTS for case in cases))


if __name__ == "__main__":
    raise SystemExit(main())
