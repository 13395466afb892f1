"""`blurax runs`: what was meta-trained."""

from pathlib import Path

import tyro

from blurax.analysis.runs_view import find_runs, runs_table
from blurax.cli.terminal import Terminal
from blurax.errors import require


def runs(folder: tyro.conf.Positional[Path] = Path("runs")) -> None:
    """List the runs below a folder, the best first.

    Args:
        folder: Where to look.
    """
    found = find_runs(folder)
    require(bool(found), f"{folder} holds no run.")
    Terminal().print(runs_table(found))
