"""Genomes outside blurax: single files that a user can copy, and that need no other library."""

import enum
from pathlib import Path


class Library(enum.StrEnum):
    """What a genome can be run on without blurax."""

    NUMPY = "numpy"
    TORCH = "torch"

    @property
    def file(self) -> Path:
        """The one file that reads a genome and applies it there."""
        return Path(__file__).parent / f"{self.value}_blur.py"


__all__ = ["Library"]
