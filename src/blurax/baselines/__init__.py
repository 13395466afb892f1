"""Optimisers and fixed rules on the same networks and episodes, tuned for each step budget."""

from blurax.baselines.alignment import FeedbackWeights, direct_feedback, feedback_alignment
from blurax.baselines.by_rule import RuleDescent
from blurax.baselines.by_time import Mark, Timed, marks, strongest_at, timed
from blurax.baselines.catalogue import (
    BASELINES,
    BRANCHED,
    BUILT_IN,
    FEEDBACK,
    LOCAL,
    NOTHING_TUNED,
    RIVALS,
    SEQUENTIAL,
    baseline,
    is_built_in,
    named,
)
from blurax.baselines.code import code_digest
from blurax.baselines.continual import Anchored, Ewc, Replay, Si, StagedDescent
from blurax.baselines.descent import Arrangement, GradientDescent, Setting
from blurax.baselines.equilibrium import EquilibriumPropagation
from blurax.baselines.forward_forward import ForwardForward
from blurax.baselines.gates import Lxdg, Xdg
from blurax.baselines.local import LocalRule
from blurax.baselines.makers import Baseline
from blurax.baselines.mimicking import Mimicking
from blurax.baselines.on_neurons import NeuronDescent
from blurax.baselines.optimisers import OPTIMISERS
from blurax.baselines.own import add_baseline, known_as
from blurax.baselines.predictive_coding import PredictiveCoding
from blurax.baselines.record import Record, record_baseline, record_learner, strongest
from blurax.baselines.regularised import RegularisedDescent
from blurax.baselines.regularisers import REGULARISERS, Regulariser
from blurax.baselines.reservoir import Reservoir
from blurax.baselines.sphere import AutoSphere
from blurax.baselines.step_time import StepTime, entries, time_steps
from blurax.baselines.tuned import TunedBlur, tuned_genome
from blurax.baselines.tuner import USUAL, Choice, Tuning, check_budgets, tune

__all__ = [
    "BASELINES",
    "BRANCHED",
    "BUILT_IN",
    "FEEDBACK",
    "LOCAL",
    "NOTHING_TUNED",
    "OPTIMISERS",
    "REGULARISERS",
    "RIVALS",
    "SEQUENTIAL",
    "USUAL",
    "Anchored",
    "Arrangement",
    "AutoSphere",
    "Baseline",
    "Choice",
    "EquilibriumPropagation",
    "Ewc",
    "FeedbackWeights",
    "ForwardForward",
    "GradientDescent",
    "LocalRule",
    "Lxdg",
    "Mark",
    "Mimicking",
    "NeuronDescent",
    "PredictiveCoding",
    "Record",
    "RegularisedDescent",
    "Regulariser",
    "Replay",
    "Reservoir",
    "RuleDescent",
    "Setting",
    "Si",
    "StagedDescent",
    "StepTime",
    "Timed",
    "TunedBlur",
    "Tuning",
    "Xdg",
    "add_baseline",
    "baseline",
    "check_budgets",
    "code_digest",
    "direct_feedback",
    "entries",
    "feedback_alignment",
    "is_built_in",
    "known_as",
    "marks",
    "named",
    "record_baseline",
    "record_learner",
    "strongest",
    "strongest_at",
    "time_steps",
    "timed",
    "tune",
    "tuned_genome",
]
