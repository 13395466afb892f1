"""Every baseline by name, the groups of them, and regularisers beside them."""

import dataclasses
from collections.abc import Iterable
from functools import partial
from typing import Any

import jax.numpy as jnp

from blurax import zoo
from blurax.baselines.alignment import FeedbackWeights, direct_feedback, feedback_alignment
from blurax.baselines.continual import Ewc, Replay, Si
from blurax.baselines.descent import Arrangement
from blurax.baselines.equilibrium import EquilibriumPropagation
from blurax.baselines.forward_forward import ForwardForward
from blurax.baselines.gates import Lxdg, Xdg
from blurax.baselines.makers import (
    Baseline,
    by_rule,
    choices_of,
    local,
    mimicking,
    on_neurons,
    on_spheres,
    optimiser_named,
    staged,
    tuning_free,
)
from blurax.baselines.optimisers import OPTIMISERS
from blurax.baselines.predictive_coding import PredictiveCoding
from blurax.baselines.regularised import RegularisedDescent
from blurax.baselines.regularisers import REGULARISERS, Regulariser
from blurax.baselines.tuned import of_zoo
from blurax.errors import BluraxError, require
from blurax.learner import Learner
from blurax.mimicry import Told
from blurax.network import Network
from blurax.tasks import Task

BASELINES: dict[str, Baseline] = {
    "sgd": optimiser_named("sgd", "gradient descent", 0.1),
    "momentum": optimiser_named(
        "momentum", "gradient descent with momentum", 0.03, momentum=(0.9, 0.8, 0.95, 0.99)
    ),
    "nesterov": optimiser_named(
        "nesterov", "Nesterov's accelerated gradient", 0.03, momentum=(0.9, 0.8, 0.95, 0.99)
    ),
    "adam": optimiser_named("adam", "Adam", 0.005, b1=(0.9, 0.8, 0.95), b2=(0.999, 0.99, 0.95)),
    "adamw": optimiser_named(
        "adamw", "Adam with decoupled weight decay", 0.005, weight_decay=(0.01, 0.001, 0.1, 1.0)
    ),
    "nadam": optimiser_named(
        "nadam", "Adam with Nesterov's momentum", 0.005, b1=(0.9, 0.8, 0.95), b2=(0.999, 0.99, 0.95)
    ),
    "rmsprop": optimiser_named(
        "rmsprop", "RMSprop", 0.003, decay=(0.9, 0.99), momentum=(0.0, 0.8, 0.9)
    ),
    "lion": optimiser_named(
        "lion", "Lion: the sign of a momentum", 0.001, b1=(0.9, 0.8, 0.95), b2=(0.99, 0.98, 0.95)
    ),
    "schedule-free": optimiser_named(
        "schedule-free",
        "Adam that predicts by an average of its weights",
        0.01,
        b1=(0.9, 0.95, 0.98),
        b2=(0.999, 0.99),
    ),
    "muon": optimiser_named(
        "muon",
        "Muon: orthogonalised momentum for matrices, Adam for the rest",
        0.02,
        beta=(0.95, 0.8, 0.9),
    ),
    "foof": Baseline(
        "descent on neurons",
        on_neurons,
        True,
        3.0,
        choices_of(damping=(0.9, 0.5, 0.1, 0.01)),
        choices_of(momentum=(0.0, 0.5, 0.9)),
        source="with batch normalisation",
    ),
    "foof-blocks": Baseline(
        "descent on neurons, of 32 examples at a time: a cheaper step",
        partial(on_neurons, within=32),
        True,
        3.0,
        choices_of(damping=(0.9, 0.5, 0.1, 0.01)),
        choices_of(momentum=(0.0, 0.5, 0.9)),
        source="with batch normalisation",
    ),
    "fa": by_rule("feedback alignment", feedback_alignment),
    "sign-symmetric": by_rule(
        "feedback through the signs of the weights",
        feedback_alignment,
        feedback=FeedbackWeights.SIGN,
    ),
    "kolen-pollack": by_rule(
        "feedback weights that change and decay as the forward ones",
        feedback_alignment,
        choices_of(decay=(0.001, 0.01, 0.05)),
        feedback=FeedbackWeights.MIRROR,
    ),
    "dfa": by_rule("direct feedback alignment", direct_feedback),
    "ewc": staged(
        "elastic weight consolidation",
        Ewc,
        True,
        strength=(10.0, 100.0, 1000.0, 10000.0),
    ),
    "si": staged("synaptic intelligence", Si, True, strength=(0.01, 0.1, 1.0, 10.0)),
    "xdg": staged(
        "random gates, the stage told, alone and with ewc",
        Xdg,
        False,
        on=(0.2, 0.5),
        strength=(0.0, 100.0, 1000.0),
    ),
    "lxdg": staged(
        "learned gates, alone and with ewc",
        Lxdg,
        False,
        gate_strength=(10.0, 100.0, 1000.0),
        strength=(0.0, 100.0, 1000.0),
    ),
    "replay": staged(
        "examples kept and learned from again, 200 unless more is chosen from",
        Replay,
        True,
        {"size": (200, 50, 500, 2000)},
    ),
    "mimic": mimicking("Adam, each output also told what the others predict", Told.BOTH),
    "mimic-others": mimicking(
        "Adam, branches told what the other outputs predict, and no label", Told.OTHERS
    ),
    "forward-forward": local(
        "each layer by itself, on right labels and wrong ones",
        ForwardForward,
        0.005,
        "adam",
        threshold=(1.0, 2.0),
        label=(1.0, 4.0),
    ),
    "predictive-coding": local(
        "neurons settle between prediction and target, then synapses learn",
        PredictiveCoding,
        0.005,
        "adam",
        ("steps",),
        own_network=False,
        steps=(20,),
        inference=(0.1, 0.03),
        variance=(1.0, 10.0),
    ),
    "equilibrium-propagation": local(
        "the network settles freely, then nudged towards the target",
        EquilibriumPropagation,
        0.1,
        "sgd",
        beta=(0.5, 1.0),
        epsilon=(0.5,),
    ),
    "prodigy": tuning_free("prodigy", "Adam at a rate that grows with how far it came"),
    "mechanic": tuning_free("mechanic", "Adam at a rate that is learned as a bet is placed"),
    "auto-sphere": on_spheres("normalised weights, steps by two derivatives", majorised=False),
    "auto-sphere-majorised": on_spheres("normalised weights, steps by a bound", majorised=True),
}
"""The baselines by name, those of the user's own (`add_baseline`) among them."""
BUILT_IN = tuple(BASELINES)
"""Those that are always there."""
FEEDBACK = ("fa", "sign-symmetric", "kolen-pollack", "dfa")
SEQUENTIAL = ("ewc", "si", "xdg", "lxdg", "replay")
"""Those against forgetting, which do what Adam does where a task has no stages."""
BRANCHED = ("mimic", "mimic-others")
"""Those for networks with side branches alone."""
LOCAL = ("forward-forward", "predictive-coding", "equilibrium-propagation")
"""Those in which no error travels down: synapses change by what their two neurons say."""
NOTHING_TUNED = tuple(name for name in BUILT_IN if BASELINES[name].fixed is not None)
"""Those of which nothing is tuned, as nothing is of a genome."""
TUNED = "tuned-"
"""Before the name of a genome of the zoo: the genome with its rates and hidden layers tuned."""
_OF_ZOO = f"{TUNED}NAME for a genome of the zoo"
RIVALS = tuple(
    name
    for name in BUILT_IN
    if name not in (*FEEDBACK, *SEQUENTIAL, *BRANCHED, *LOCAL, *NOTHING_TUNED)
)
"""Those that descend the exact gradient: what a rule is compared with unless others are named."""
assert set(OPTIMISERS) <= set(RIVALS), "An optimiser lacks an entry among the baselines."


def named(words: Iterable[str]) -> tuple[str, ...]:
    """The baselines that are meant by their names, or by that of a group, each once.

    `rivals` are those that descend the gradient itself, `feedback` those with feedback of another
    kind, `local` those of local rules, `sequential` those against forgetting, `tuning-free` those
    of which nothing is tuned, `all` are all that take any network, the user's own among them.

    Raises:
        BluraxError: for a word that is neither.
    """
    groups = {
        "rivals": RIVALS,
        "feedback": FEEDBACK,
        "local": LOCAL,
        "sequential": SEQUENTIAL,
        "tuning-free": NOTHING_TUNED,
        "all": tuple(name for name in BASELINES if name not in BRANCHED),
    }
    found: list[str] = []
    for word in words:
        require(
            word in groups or word in BASELINES or word.startswith(TUNED) or "+" in word,
            f"There is no baseline {word!r}; there are {', '.join(BASELINES)}, {_OF_ZOO}, and the "
            f"groups {', '.join(groups)}.",
        )
        if word not in groups:
            baseline(word)
        found += groups.get(word, (word,))
    return tuple(dict.fromkeys(found))


def baseline(name: str) -> Baseline:
    """The baseline of this name, with regularisers where it has any: adam+dropout+l2.

    Raises:
        BluraxError: if there is none, naming those there are.
    """
    first, *more = name.split("+")
    found = BASELINES.get(first)
    if found is None and first.startswith(TUNED):
        found = of_zoo(first.removeprefix(TUNED))
    if found is None:
        raise BluraxError(
            f"There is no baseline {first!r}; there are {', '.join(BASELINES)}, and {_OF_ZOO}."
        )
    return _regularised(name, found, tuple(more)) if more else found


def is_built_in(name: str) -> bool:
    """Whether a baseline is always there, whatever regularisers it has."""
    first = name.split("+")[0]
    return first in BUILT_IN or first in {TUNED + genome for genome in zoo.names()}


def _regularised(name: str, found: Baseline, more: tuple[str, ...]) -> Baseline:
    """A baseline with regularisers, whose strengths are settings too."""
    for each in more:
        require(
            each in REGULARISERS,
            f"The baseline {name!r} names the regulariser {each!r}; there are "
            f"{', '.join(REGULARISERS)}.",
        )
    require(
        len({*more}) == len(more),
        f"The baseline {name!r} names a regulariser twice; name each once.",
    )
    alone = name.split("+")[0]
    optimisers = [n for n, each in BASELINES.items() if each.takes_regularisers]
    require(
        found.takes_regularisers,
        f"The baseline {name!r} adds regularisers to {alone}, which takes none; those that do are "
        f"{', '.join(optimisers)}.",
    )
    kinds = [REGULARISERS[each] for each in more]
    strengths = {setting: kind for kind in kinds for setting in kind.space}
    taken = {each.name for choices in (*found.settings, *found.more) for each in choices}
    taken = sorted(taken & {*strengths}) or [s for s in strengths if _many(kinds, s)]
    require(
        not taken,
        f"The baseline {name!r} has two settings called {', '.join(taken)}; leave one out.",
    )

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        own = [each for each in arrangement.settings if each.name not in strengths]
        plain: Any = found.make(
            dataclasses.replace(arrangement, settings=tuple(own)), network, task
        )
        chosen = arrangement.chosen
        several = tuple(
            kind(**{setting: jnp.asarray(chosen[setting], float) for setting in kind.space})
            for kind in kinds
        )
        return RegularisedDescent(
            plain.network,
            plain.optimiser,
            plain.arrangement,
            plain.target,
            plain.constants,
            regularisers=several,
        )

    settings = (*found.settings, *(c for kind in kinds for c in choices_of(**kind.space)))
    about = f"{found.about}, with {' and '.join(more)}"
    return dataclasses.replace(found, about=about, make=make, settings=settings)


def _many(kinds: list[type[Regulariser]], setting: str) -> bool:
    return sum(setting in kind.space for kind in kinds) > 1
