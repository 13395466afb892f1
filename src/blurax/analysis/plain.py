"""Text from outside, from users and files, made fit to be shown."""

import shlex

LONGEST = 2000
"""Characters of a message; of a longer one the middle is left out, for its end is the remedy."""
_END = 500
MOST = 200
"""Lines of a text, such as a traceback; of more the middle is left out."""
_LAST = 50


def printable(text: str, keep: str = "") -> str:
    r"""A text whose characters that could steer a terminal are written out, such as \x1b.

    Args:
        keep: characters that stay as they are, such as a newline.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _written_out(c) for c in text)


def message(text: str) -> str:
    """A text as one line of printable characters, at most `LONGEST` of them."""
    line = printable(text)
    if len(line) <= LONGEST:
        return line
    gap = " [...] "
    return line[: LONGEST - _END - len(gap)] + gap + line[-_END:]


def lines(text: str) -> list[str]:
    """The lines of a text, each a `message`, at most `MOST` of them."""
    found = text.splitlines()
    if len(found) > MOST:
        found = [*found[: MOST - _LAST - 1], "[...]", *found[-_LAST:]]
    return list(map(message, found))


def command(*words: object) -> str:
    """A command of blurax that can be copied into a shell as it is."""
    return " ".join(("blurax", *(_quoted(str(word)) for word in words)))


def _quoted(word: str) -> str:
    r"""A word for the shell; one that is not printable as $'\x1b', which bash and zsh read."""
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(_in_quotes(c) for c in word) + "'"


def _in_quotes(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in "\\'" else character
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
