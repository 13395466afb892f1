"""What can come of an attack, and the table of all that were made."""

import collections
import dataclasses
import enum
import unicodedata
from collections.abc import Iterable
from typing import Any

from rich.table import Table

LONGEST = 4000
"""Characters of what may be said of one mistake, warnings included."""


class Outcome(enum.StrEnum):
    """What came of one attack; the first three are as they should be."""

    HELD = "held"
    """It went on, to the right end."""
    REFUSED = "refused"
    """A sentence, exit status 2."""
    SKIPPED = "skipped"
    """What is attacked does not exist here."""
    TRACEBACK = "traceback"
    """An exception outside the expected ones, or an exit status that means nothing."""
    ABORT = "abort"
    """The process ended by a signal, or by running out of memory in compiled code."""
    LOSS = "silent loss"
    """The end differs from the undisturbed one, and nobody said so."""
    HANG = "hang"
    """No end within the time that it was given."""
    RAW = "raw"
    """Characters that could steer a terminal were shown, or a message without bounds."""
    GREEDY = "unbounded"
    """It took far more bytes, of memory or from a server, than what it read had promised."""
    LEFT = "left behind"
    """Refused, but something was written all the same."""


FAULTS = tuple(list(Outcome)[3:])


@dataclasses.dataclass(frozen=True)
class Case:
    """One attack that was made."""

    section: str
    attack: str
    """Its kind: a row of the table."""
    what: str
    """What to type, or which file and which damage: enough to make it again."""
    outcome: Outcome
    words: str = ""
    """What was said; the last lines of a traceback."""


def raw(text: str) -> str:
    """Why a text should not have been shown as it is; empty if it may."""
    for place, character in enumerate(text):
        if character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cf", "Cs"):
            return f"shows {text[max(0, place - 100) : place + 20]!r}"
    return "" if len(text) <= LONGEST else f"a message of {len(text):,} characters"


def of_a_kill(outcome: Outcome, said: str, wrong: str) -> tuple[Outcome, str]:
    """What came of a kill, from how resuming ended and the files that differ then."""
    if outcome is Outcome.REFUSED:
        return Outcome.LOSS, f"does not go on: {said}"
    if outcome is Outcome.HELD and wrong:
        return Outcome.LOSS, f"differs: {wrong}; {said}"
    return outcome, said


def sums(cases: Iterable[Case]) -> dict[tuple[str, str], collections.Counter[str]]:
    """For each section and kind of attack, how many had each outcome."""
    found: dict[tuple[str, str], collections.Counter[str]] = {}
    for case in cases:
        found.setdefault((case.section, case.attack), collections.Counter())[case.outcome] += 1
    return found


def table(cases: Iterable[Case]) -> Table:
    """A row for each kind of attack, a column for each outcome, and the sums."""
    shown = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("section", "attack"):
        shown.add_column(name)
    for name in ("tried", *Outcome):
        shown.add_column(name, justify="right")
    rows = sums(cases)
    total = sum(rows.values(), collections.Counter())
    for row, counts in [*rows.items(), (("all", ""), total)]:
        cells = [str(counts[each] or "-") for each in Outcome]
        shown.add_row(*row, str(counts.total()), *cells, style="bold" if row[0] == "all" else "")
    return shown


def plain(cases: list[Case], seed: int) -> dict[str, Any]:
    """All of it as JSON: the sums of each kind, and each fault."""
    outcomes = {": ".join(row): dict(counts) for row, counts in sums(cases).items()}
    faults = [dataclasses.asdict(case) for case in cases if case.outcome in FAULTS]
    return {"seed": seed, "tried": len(cases), "outcomes": outcomes, "faults": faults}
