"""Pieces of an HTML page that needs nothing else: pictures are in it, and no script runs."""

import base64
import html
from collections.abc import Iterable

from blurax.analysis.plain import message

STYLE = """
body { font: 16px/1.5 sans-serif; color: #222 }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
img { max-width: 100%; height: auto }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #e2e2e2 }
td.number { text-align: right; font-variant-numeric: tabular-nums }
code, pre { background: #f4f4f4; padding: .1rem .3rem }
pre { padding: .6rem; overflow-x: auto }
h2 { margin-top: 2.5rem }
"""


def whole_page(title: str, body: str) -> str:
    """The page around a body of pieces."""
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escaped(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def escaped(text: str) -> str:
    """A text in the page: no markup, printable and short, as on the terminal."""
    return html.escape(message(text))


def image(png: bytes, words: str) -> str:
    """A picture in the page, and words for whoever does not see it."""
    data = base64.b64encode(png).decode()
    return f'<p><img alt="{escaped(words)}" src="data:image/png;base64,{data}"></p>'


def pairs(words: dict[str, str]) -> str:
    """A table of two columns: what, and which."""
    rows = "".join(
        f"<tr><th>{escaped(about)}</th><td>{escaped(text)}</td></tr>"
        for about, text in words.items()
    )
    return f"<table>{rows}</table>"


def numbers(head: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    """A table of numbers, with a name at the start of each row."""
    first = "".join(f"<th>{escaped(text)}</th>" for text in head)
    body = "".join(
        f"<tr><th>{escaped(name)}</th>"
        + "".join(f'<td class="number">{escaped(cell)}</td>' for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return f"<table><tr>{first}</tr>{body}</table>"
