"""Genomes outside blurax: single files that a user can copy, and that need no other library."""

from pathlib import Path

NUMPY = Path(__file__).parent / "numpy_blur.py"
"""A genome file's reader and apply path in NumPy alone."""

__all__ = ["NUMPY"]
