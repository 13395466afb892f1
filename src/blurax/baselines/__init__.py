"""Optimisers and fixed rules on the same networks and episodes, tuned for each step budget."""

from blurax.baselines.alignment import Aligned, DirectFeedback, Feedback
from blurax.baselines.catalogue import BASELINES, Baseline, baseline
from blurax.baselines.descent import Arrangement, Descent
from blurax.baselines.optimisers import OPTIMISERS
from blurax.baselines.record import Record, record_baseline, record_genome
from blurax.baselines.tuner import USUAL, Choice, Tuning, check_budgets, tune

__all__ = [
    "BASELINES",
    "OPTIMISERS",
    "USUAL",
    "Aligned",
    "Arrangement",
    "Baseline",
    "Choice",
    "Descent",
    "DirectFeedback",
    "Feedback",
    "Record",
    "Tuning",
    "baseline",
    "check_budgets",
    "record_baseline",
    "record_genome",
    "tune",
]
