"""Gradient-descent optimisers on the same networks and episodes, tuned for each step budget."""

from blurax.baselines.compare import BUDGETS, Comparison, compare_optimiser, measure_genome
from blurax.baselines.optimisers import OPTIMISERS, descend

__all__ = [
    "BUDGETS",
    "OPTIMISERS",
    "Comparison",
    "compare_optimiser",
    "descend",
    "measure_genome",
]
