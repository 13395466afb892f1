"""The picture of `blurax figure coordinates` at another size, with relus alone.

Run as `python benchmarks/coordinates.py --size 64 --directory runs/coordinates`. All else is as at
budget `cpu`: Adam, whose rate is tuned for each normalisation, on all pixels. What is measured is
kept, so an interrupted run goes on.
"""

import argparse
import dataclasses
from pathlib import Path

from blurax.experiments.figures.coordinates import NORMS, PLAIN, Coordinates, reached
from blurax.experiments.figures.figure import Budget
from blurax.experiments.figures.work import Work


def main() -> None:
    """A line for each normalisation: PSNR after the last step, mean and standard deviation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("runs/coordinates"))
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1000)
    given = parser.parse_args()
    setting = dataclasses.replace(
        Coordinates.settings[Budget.CPU],
        picture=f"picture:china,size={given.size}",
        steps=given.steps,
        ways=(PLAIN, *NORMS),
    )
    home = given.directory / f"size-{given.size}-{given.steps}"
    work = Work("coordinates", "size", home, setting, {})
    work.begin()
    for way in setting.ways:
        last = reached(setting, work, way)[:, -1]
        print(f"{way}: {last.mean():.1f} ± {last.std():.1f} dB", flush=True)


if __name__ == "__main__":
    main()
