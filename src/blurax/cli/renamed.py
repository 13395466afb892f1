"""Options that have another name now; the old one works, with a notice."""

import sys

RENAMED = {
    "compare": {"--nets": "--hidden", "--genome": ""},
}
"""For each command the old option and the new one; where that is empty, the value stands alone,
before the options."""


def renamed(command: str, args: list[str]) -> list[str]:
    """The arguments of a command with the names that its options have now."""
    table = RENAMED.get(command, {})
    front, found, told = [], [], set()
    words = iter(args)
    for word in words:
        old, sign, value = word.partition("=")
        new = table.get(old)
        if new is None:
            found.append(word)
            continue
        if new:
            found.append(f"{new}{sign}{value}")
        else:
            front.append(value if sign else next(words, ""))
        if old not in told:
            called = f"called {new} now" if new else "no option now: its value comes first"
            print(f"{old} is {called}.", file=sys.stderr)
            told.add(old)
    return front + found
