"""Genomes outside blurax: single files that a user can copy, and that need no other library."""

import enum
from pathlib import Path

from blurax.errors import require
from blurax.spec import Rule

_KNOWN = frozenset(
    (
        *("normalisation", "normalise-synapses", "normalise-stored", "rescale", "decorrelation"),
        "decorrelation-width-free",
        *("oja-multiplier", "oja-activation", "oja-full"),
        *("saturation-tanh", "saturation-exponential", "saturation-length", "saturation-slowing"),
    )
)
"""The terms that the exported files compute."""


class Library(enum.StrEnum):
    """What a genome can be run on without blurax."""

    NUMPY = "numpy"
    TORCH = "torch"

    @property
    def file(self) -> Path:
        """The one file that reads a genome and applies it there."""
        return Path(__file__).parent / f"{self.value}_blur.py"


def check(rule: Rule) -> None:
    """Raise `BluraxError` for a rule with a term that the exported files do not know."""
    for term in rule.terms:
        require(
            term.name in _KNOWN,
            f"The rule has the term {term.name!r}, which exported files do not know: it can be run "
            "with blurax alone.",
        )


__all__ = ["Library", "check"]
