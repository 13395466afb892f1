"""Options by their older names, which work as before, with a notice."""

import sys

RENAMED = {
    "--window": "--method.window",
    "--forward-chunk": "--method.chunk",
    "--es.pairs": "--method.pairs",
    "--es.sigma": "--method.sigma",
    "--es.scale": "--method.scale",
    "--cma.sigma": "--method.sigma",
    "--cma.scale": "--method.scale",
    "--cma.bound": "--method.bound",
    "--cma.restarts": "--method.restarts",
    "--cma.chunk": "--method.chunk",
}
"""The older name of an option, and what it is called now."""


def renamed(args: list[str]) -> list[str]:
    """The arguments with options by their present names, with a line on stderr for each other."""
    return [_present(word) for word in args]


def _present(word: str) -> str:
    option, equals, value = word.partition("=")
    old = option.replace("_", "-")
    if old not in RENAMED:
        return word
    print(f"{old} is called {RENAMED[old]} now.", file=sys.stderr)
    return RENAMED[old] + equals + value
