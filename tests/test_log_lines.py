"""A log says that long work goes on, without a line for each bit of it."""

import io

from rich.console import Console

from blurax.cli import progress
from blurax.cli.progress import CompareProgress, Seldom
from blurax.experiments.compare_work import CellProgress


def test_it_is_time_once_a_minute():
    now = [5.0]
    seldom = Seldom(60.0, lambda: now[0])
    told = []
    for now[0] in (5.0, 64.9, 65.0, 66.0, 124.0, 300.0, 301.0):
        told.append(seldom())
    assert told == [False, False, True, False, False, True, False]


def test_a_cell_that_takes_long_is_told_in_a_log(monkeypatch):
    """What is tried in it once a minute, and its end; in a terminal the bar says it."""
    times = iter([True, False])
    monkeypatch.setattr(progress, "Seldom", lambda: lambda: next(times))
    file = io.StringIO()
    shown = CompareProgress(Console(file=file, width=100))
    with shown:
        for done, doing in ((0, "sgd, rate 0.1"), (0, "sgd, rate 0.2"), (1, "")):
            shown(CellProgress(done=done, cells=2, where="iris, 4, sgd", doing=doing))
    assert file.getvalue().splitlines() == [
        "under way: iris, 4, sgd: sgd, rate 0.1",
        "1 of 2 cells: iris, 4, sgd",
    ]
