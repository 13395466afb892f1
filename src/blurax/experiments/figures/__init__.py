"""Every experiment of the paper, figure by figure."""

from blurax.experiments.figures.catalogue import FIGURES, figure
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.make import make

__all__ = ["FIGURES", "Budget", "Figure", "figure", "make"]
