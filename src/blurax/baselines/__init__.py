"""Optimisers and fixed rules on the same networks and episodes, tuned for each step budget."""

from blurax.baselines.alignment import FeedbackWeights, direct_feedback, feedback_alignment
from blurax.baselines.by_rule import RuleDescent
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
    "Arrangement",
    "Baseline",
    "Choice",
    "FeedbackWeights",
    "GradientDescent",
    "Record",
    "RuleDescent",
    "Setting",
    "Tuning",
    "add_baseline",
    "baseline",
    "check_budgets",
    "code_digest",
    "direct_feedback",
    "feedback_alignment",
    "record_baseline",
    "record_learner",
    "tune",
]
