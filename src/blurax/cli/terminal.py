"""The console of all commands: text is shown as it is, and steers nothing."""

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Span, Text

from blurax.analysis.plain import printable

_LAYOUT = "\n\t"
"""Characters that rich lays a text out by."""


class Terminal(Console):
    """A console on which a string is no markup: paths and names may hold [b] and :x:.

    What is to be bold is a `rich.text.Text`. `Status`, the titles of panels and the columns of
    progress bars read markup whatever the console says: they take a `Text` as well.
    """

    def __init__(self, *, width: int | None = None) -> None:
        super().__init__(width=width, markup=False, emoji=False)

    def render_str(self, text: str, **named: Any) -> Text:
        r"""As rich makes a text of a string; what could steer the terminal becomes \x1b."""
        return super().render_str(printable(text, keep=_LAYOUT), **named)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        r"""As rich renders it, characters that could steer the terminal written out as \x1b.

        A text before it is laid out, lest what is longer then is cropped; whatever makes segments
        without asking the console, such as the title of a panel, after it.
        """
        if isinstance(renderable, Text):
            renderable = _written_out(renderable)
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield segment._replace(text=printable(segment.text, keep="\n"))


def _written_out(text: Text) -> Text:
    """A text that is printable, its parts in their styles."""
    plain = printable(text.plain, keep=_LAYOUT)
    if plain == text.plain:
        return text
    found = text.blank_copy(plain)
    at = [0, *accumulate(len(printable(c, keep=_LAYOUT)) for c in text.plain)]
    last = len(text.plain)
    found.spans = [Span(at[min(s.start, last)], at[min(s.end, last)], s.style) for s in text.spans]
    return found
