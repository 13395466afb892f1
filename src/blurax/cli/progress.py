"""What a person sees while a run goes on."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from blurax.outer.run import Progress


class RunProgress:
    """A progress bar in a terminal; elsewhere, in a log file say, a line for each validation."""

    def __init__(self, console: Console, what: str, score: str = "accuracy") -> None:
        self._console, self._what, self._score = console, what, score
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=None, state="compiling")

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
