"""Optimisers and fixed rules on the same networks and episodes, tuned for each step budget."""

from blurax.baselines.alignment import Aligned, DirectFeedback, FeedbackWeights
from blurax.baselines.catalogue import BASELINES, BUILT_IN, Baseline, baseline
from blurax.baselines.code import code_digest
from blurax.baselines.descent import Arrangement, GradientDescent, Setting
from blurax.baselines.optimisers import OPTIMISERS
from blurax.baselines.own import add_baseline
from blurax.baselines.record import Record, record_baseline, record_learner
from blurax.baselines.tuner import USUAL, Choice, Tuning, check_budgets, tune

__all__ = [
    "BASELINES",
    "BUILT_IN",
    "OPTIMISERS",
    "USUAL",
    "Aligned",
    "Arrangement",
    "Baseline",
    "Choice",
    "DirectFeedback",
    "FeedbackWeights",
    "GradientDescent",
    "Record",
    "Setting",
    "Tuning",
    "add_baseline",
    "baseline",
    "check_budgets",
    "code_digest",
    "record_baseline",
    "record_learner",
    "tune",
]
