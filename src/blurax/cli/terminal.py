"""The console of all commands: text is shown as it is, and steers nothing."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from blurax.analysis.plain import printable


class Terminal(Console):
    """A console on which a string is no markup: paths and names may hold [b] and :x:.

    What is to be bold is a `rich.text.Text`. `Status`, the titles of panels and the columns of
    progress bars read markup whatever the console says: they take a `Text` as well.
    """

    def __init__(self, *, width: int | None = None) -> None:
        super().__init__(width=width, markup=False, emoji=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        r"""As rich renders it, characters that could steer the terminal written out as \x1b."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield segment._replace(text=printable(segment.text, keep="\n"))
