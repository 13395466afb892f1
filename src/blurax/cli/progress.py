"""What a person sees while a run goes on."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bar

from blurax.analysis.plain import command, message
from blurax.cli.interrupts import last_words
from blurax.experiments.compare_work import CellProgress
from blurax.outer.run import Progress
from blurax.targets import shown_as


@contextlib.contextmanager
def resumable(*words: object) -> Iterator[None]:
    """Say how to go on when Ctrl-C stops a run: by `blurax` and these words."""
    with last_words(f"Stopped; go on with: {command(*words)}"):
        yield


class Seldom:
    """True once in so many seconds: a log tells what is going on without a line for each bit."""

    def __init__(self, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to wait."""
        self._seconds, self._clock, self._last = seconds, clock, clock()

    def __call__(self) -> bool:
        """Whether it is time again."""
        now = self._clock()
        due = now - self._last >= self._seconds
        self._last = now if due else self._last
        return due


AnyShown = TypeVar("AnyShown", bound="_Shown")


class _Shown:
    """A progress bar in a terminal, while the context lasts."""

    _first = ""
    """What is printed at the start where there is no terminal."""

    def __init__(self, console: Console, columns: Sequence[ProgressColumn], about: str) -> None:
        self._console = console
        self._bar = Bar(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task(about, total=None, state="compiling")

    def __enter__(self: AnyShown) -> AnyShown:
        self._bar.start()
        if self._first and not self._console.is_terminal:
            self._console.print(self._first)
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()


class RunProgress(_Shown):
    """A progress bar in a terminal; elsewhere, in a log file say, a line for each validation."""

    def __init__(self, console: Console, what: str, score: str = "accuracy") -> None:
        self._what, (self._score, self._unit) = message(what), shown_as(score)
        self._first = f"{self._what}: compiling, then a line for each validation"
        about = TextColumn("{task.description}", markup=False)
        state = TextColumn("{task.fields[state]}", markup=False)
        columns = (about, BarColumn(), MofNCompleteColumn(), state, TimeElapsedColumn())
        super().__init__(console, columns, self._what)

    def __call__(self, progress: Progress) -> None:
        """Show one meta-step."""
        score = "-" if progress.score < 0 else f"{100 * progress.score:.1f} {self._unit}"
        state = f"loss {progress.loss:.3f}, kept at validation {self._score} {score}"
        if progress.idle:
            state += f", {progress.idle} of {progress.members} members have no gradient"
        done, total = progress.step, progress.meta_steps
        self._bar.update(self._task, completed=done, total=total, state=state)
        if progress.validated and not self._console.is_terminal:
            self._console.print(
                f"{self._what}: step {progress.step} of {progress.meta_steps}, {state}"
            )


class CompareProgress(_Shown):
    """A progress bar in a terminal; elsewhere a line for each finished cell, and one a minute."""

    def __init__(self, console: Console) -> None:
        where = TextColumn("{task.description}", markup=False)
        columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), where
        self._seldom = Seldom()
        super().__init__(console, columns, "loading")

    def __call__(self, progress: CellProgress) -> None:
        """Show what is done in a cell, or that it is finished."""
        text = message(f"{progress.where}: {progress.doing or 'done'}")
        self._bar.update(
            self._task, completed=progress.done, total=progress.cells, description=text
        )
        if self._console.is_terminal:
            return
        if not progress.doing:
            line = f"{progress.done} of {progress.cells} cells: {progress.where}"
            self._console.print(message(line))
        elif self._seldom():
            self._console.print(f"under way: {text}")
