"""Optimisers and fixed rules on the same networks and episodes, tuned for each step budget."""

from blurax.baselines.alignment import Aligned, DirectFeedback, Feedback
from blurax.baselines.catalogue import BASELINES, Baseline, baseline
from blurax.baselines.compare import BUDGETS, Comparison, compare_optimiser, measure_genome
from blurax.baselines.descent import Arrangement, Descent
from blurax.baselines.learner import Learner, Schedule, Taught, check_followed, follow
from blurax.baselines.optimisers import OPTIMISERS, descend
from blurax.baselines.own_rule import improve
from blurax.baselines.record import Record, record_baseline, record_genome
from blurax.baselines.tuner import USUAL, Choice, Tuning, check_budgets, tune

__all__ = [
    "BASELINES",
    "BUDGETS",
    "OPTIMISERS",
    "USUAL",
    "Aligned",
    "Arrangement",
    "Baseline",
    "Choice",
    "Comparison",
    "Descent",
    "DirectFeedback",
    "Feedback",
    "Learner",
    "Record",
    "Schedule",
    "Taught",
    "Tuning",
    "baseline",
    "check_budgets",
    "check_followed",
    "compare_optimiser",
    "descend",
    "follow",
    "improve",
    "measure_genome",
    "record_baseline",
    "record_genome",
    "tune",
]
