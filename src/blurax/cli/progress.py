"""What a person sees while a run goes on."""

import contextlib
from collections.abc import Iterator
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from blurax.analysis.plain import command, message
from blurax.cli.interrupts import last_words
from blurax.experiments import compare
from blurax.outer.run import Progress


@contextlib.contextmanager
def resumable(*words: object) -> Iterator[None]:
    """Say how to go on when Ctrl-C stops a run: by `blurax` and these words."""
    with last_words(f"Stopped; go on with: {command(*words)}"):
        yield


class RunProgress:
    """A progress bar in a terminal; elsewhere, in a log file say, a line for each validation."""

    def __init__(self, console: Console, what: str, score: str = "accuracy") -> None:
        self._console, self._what, self._score = console, message(what), score
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(self._what, total=None, state="compiling")

    def __enter__(self) -> "RunProgress":
        self._bar.start()
        if not self._console.is_terminal:
            self._console.print(f"{self._what}: compiling, then a line for each validation")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        """Show one meta-step."""
        score = "-" if progress.score < 0 else f"{100 * progress.score:.1f} %"
        state = f"loss {progress.loss:.3f}, best validation {self._score} {score}"
        if progress.idle:
            state += f", {progress.idle} of {progress.members} members have no gradient"
        self._bar.update(
            self._task,
            completed=progress.step,
            total=progress.meta_steps,
            state=state,
        )
        if progress.validated and not self._console.is_terminal:
            self._console.print(
                f"{self._what}: step {progress.step} of {progress.meta_steps}, {state}"
            )


class CompareProgress:
    """A progress bar in a terminal; elsewhere a line for each finished cell."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Bar(
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("loading", total=None)

    def __enter__(self) -> "CompareProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, progress: compare.CellProgress) -> None:
        """Show what is done in a cell, or that it is finished."""
        text = message(f"{progress.where}: {progress.doing or 'done'}")
        self._bar.update(
            self._task, completed=progress.done, total=progress.cells, description=text
        )
        if not progress.doing and not self._console.is_terminal:
            line = f"{progress.done} of {progress.cells} cells: {progress.where}"
            self._console.print(message(line))
