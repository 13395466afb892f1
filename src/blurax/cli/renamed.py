"""Options that have another name now; the old one works, with a notice."""

import sys

RENAMED = {
    "compare": {"--nets": "--hidden", "--genome": ""},
    "meta-train": {
        "--lessons": "--episodes",
        "--share": "--job-size",
        "--start-share": "--start-coupling",
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
    },
}
"""For each command the old option and the new one; where that is empty, the value stands alone,
before the options."""
_WITH_NETWORKS = "train", "show", "compare", "meta-train", "export"
ALIASES = {name: {"--network": "--hidden"} for name in _WITH_NETWORKS}
"""Other names that options have, without a notice."""


def renamed(command: str, args: list[str]) -> list[str]:
    """The arguments of a command with the names that its options have now."""
    table, aliases = RENAMED.get(command, {}), ALIASES.get(command, {})
    front, found, noticed = [], [], set()
    words = iter(args)
    for word in words:
        option, sign, value = word.partition("=")
        old = option.replace("_", "-")
        new = table.get(old)
        word = aliases.get(old, option) + sign + value
        if new is None:
            found.append(word)
            continue
        if new:
            found.append(f"{new}{sign}{value}")
        else:
            front.append(value if sign else next(words, ""))
        if old not in noticed:
            called = f"called {new} now" if new else "no option now: its value comes first"
            print(f"{old} is {called}.", file=sys.stderr)
            noticed.add(old)
    return front + found
