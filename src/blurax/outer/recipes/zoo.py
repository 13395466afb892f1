"""How each genome of the zoo is made."""

import dataclasses
import math

from blurax.outer.config import MetaTrain, Pairing
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import Cma
from blurax.outer.objective import Loss, Objective, When
from blurax.outer.optimiser import MetaSchedule, Optimiser
from blurax.outer.recipes.continual import CONTINUAL
from blurax.outer.recipes.quick import QUICK
from blurax.outer.recipes.recipe import CLIPPED, ONE_BY_ONE, REJECTING, SLOWER, Recipe
from blurax.outer.start import Start
from blurax.outer.variants import (
    APART,
    BEYOND,
    CALIBRATED,
    LASTING,
    SWIFT,
    slowing,
    with_tanh,
)
from blurax.outer.vary import Draw, Vary
from blurax.spec import Rule
from blurax.tasks import EpisodeSpec

_NETS = ("128-64", "200", "80-80-80-80")
_MNIST = "mnist:size=14+mnist:size=14,pattern=0.5"
_SMALL = (
    "digits",
    "clusters:features=20,classes=3+clusters:features=20,classes=3,rarest=0.06",
    "clusters:features=5,rarest=0.02+clusters:features=5,rows=100",
    "checkerboard+spiral:arms=2,turns=1",
)
"""Few inputs, few rows, rare classes, toys."""
_SMALL_NETS = ("32", "64", "100", "64-64")
_EARLY_AND_LATE = Objective(
    when=When.HORIZONS, horizons=(5, 10, 20, 50, 100), logarithm=True, floor=0.03
)


def _by_fan_in(rule: Rule) -> Rule:
    return dataclasses.replace(rule, update=dataclasses.replace(rule.update, fan_in=True))


ZOO: dict[str, Recipe] = {
    "images": Recipe(
        "the zoo's images: MNIST 14x14 and 28x28, some under a pattern, 20 to 100 steps",
        "an hour on one CPU core: 93.3 % in validation after 50 steps",
        MetaTrain(
            tasks=(_MNIST, "mnist"),
            hidden=_NETS,
            rule=slowing(APART),
            episode=EpisodeSpec(steps=20, batch=128, query=256),
            curriculum=Curriculum(add=40, every=350, most=100),
            objective=Objective(when=When.MEAN, early=0.7),
            start_rate=0.5,
            start_coupling=1 / (1 + math.exp(-1)),
            optimiser=CLIPPED,
            meta_steps=1050,
            validate_every=70,
            validation_episodes=4,
            validation_steps=50,
            seed=7,
            **ONE_BY_ONE,
        ),
        version=4,
    ),
    "general": Recipe(
        "the zoo's general: images, with three terms more, goes on with images, deep networks, "
        "tables, rare classes and toys",
        "40 minutes on one CPU core, a quarter of it compiling; best after 700 meta-steps",
        MetaTrain(
            tasks=(
                _MNIST,
                _MNIST,
                "mnist",
                *_SMALL,
            ),
            hidden=("128-64", "64-64-64-64-64-64", "100", *_SMALL_NETS),
            pairing=Pairing.IN_ORDER,
            rule=BEYOND,
            start="images",
            start_active=True,
            episode=EpisodeSpec(steps=100, batch=128, query=256),
            objective=_EARLY_AND_LATE,
            optimiser=dataclasses.replace(REJECTING, learning_rate=3e-3),
            vary=Vary(draw=Draw.ONE),
            population=1,
            meta_steps=1000,
            validate_every=50,
            validation_episodes=2,
            validation_steps=50,
            seed=1,
        ),
    ),
    "default": Recipe(
        "the zoo's default: general, with rates that fall with the steps, goes on with images, "
        "deep networks, tables, rare classes and toys",
        "25 minutes on one CPU core, half of it compiling; the zoo's is of 50 meta-steps",
        MetaTrain(
            tasks=(
                _MNIST,
                _MNIST,
                _MNIST,
                "mnist",
                *_SMALL,
            ),
            hidden=("128-64", "128-128-128-128", "64-64-64-64-64-64", "256", *_SMALL_NETS),
            pairing=Pairing.IN_ORDER,
            rule=LASTING,
            start="general",
            start_active=True,
            episode=EpisodeSpec(steps=100, batch=128, query=256),
            objective=_EARLY_AND_LATE,
            optimiser=dataclasses.replace(REJECTING, learning_rate=1e-3),
            vary=Vary(draw=Draw.ONE),
            population=1,
            meta_steps=600,
            validate_every=50,
            validation_episodes=2,
            validation_steps=100,
            seed=1,
        ),
        version=5,
    ),
    "steady": Recipe(
        "the zoo's steady: MNIST 14x14, bare and under a pattern, three networks, 20 to 100 steps",
        "70 minutes on one shared CPU core for the first 1,700 meta-steps, where the zoo's was "
        "stopped: 94.5 % in validation after 100 steps",
        MetaTrain(
            tasks=("mnist:size=14@2", "mnist:size=14,pattern=0.5"),
            hidden=_NETS,
            rule=SWIFT,
            episode=EpisodeSpec(steps=20, batch=128, query=256),
            curriculum=Curriculum(add=40, every=400, most=100),
            objective=Objective(when=When.MEAN, early=0.5),
            start_rate=0.1,
            optimiser=SLOWER,
            meta_steps=2000,
            validate_every=100,
            validation_episodes=4,
            seed=1,
            **ONE_BY_ONE,
        ),
    ),
    "smooth": Recipe(
        "the zoo's smooth: as steady, with tanh and episodes of 50 steps from the start",
        "8 minutes on one CPU core: 92.3 % in validation after 50 steps",
        MetaTrain(
            tasks=("mnist:size=14@2", "mnist:size=14,pattern=0.5"),
            hidden=_NETS,
            rule=with_tanh(SWIFT),
            episode=EpisodeSpec(steps=50, batch=128, query=256),
            objective=Objective(when=When.MEAN),
            start_rate=0.1,
            optimiser=SLOWER,
            meta_steps=320,
            validate_every=80,
            validation_episodes=3,
            seed=1,
            **ONE_BY_ONE,
        ),
    ),
    "regressor": Recipe(
        "the zoo's regressor: tables of random functions, small and large, with noise and without",
        "12 minutes on a crowded CPU core, much of it compiling: 94.8 % of variance in validation",
        MetaTrain(
            tasks=(
                "teacher:rows=3000@2",
                "friedman-like:features=10,rows=3000@1.5",
                "linear-noise:features=16,rows=800,target-noise=1@0.5",
                "sines:features=3,rows=600",
            ),
            hidden=("128-64",),
            rule=CALIBRATED,
            episode=EpisodeSpec(steps=200, batch=128, query=512),
            objective=Objective(average=0.9, logarithm=True),
            start_rate=0.15,
            optimiser=CLIPPED,
            meta_steps=240,
            validate_on=(
                "teacher:features=5,rows=800",
                "friedman-like:features=7,rows=2500",
                "sines:features=2,rows=500",
            ),
            validate_every=40,
            validation_episodes=6,
            seed=1,
            **ONE_BY_ONE,
        ),
    ),
    "conv": Recipe(
        "for convolutions: images, with rates relative to fan-in, goes on with small ones",
        "40 minutes on one CPU core, a quarter of it compiling",
        MetaTrain(
            tasks=("mnist:crop=20,size=10", _MNIST),
            hidden=(
                "c8k5s2-c16k3s2",
                "c6k3-p2-c12k3-p2-32",
                "c8k3s2-res(c8-c8)-g",
                "c6-p2-res(c6-c6)-res(c12s2-c12)-g",
                "c12k5s2-64",
                "128-64",
            ),
            rule=_by_fan_in(slowing(APART)),
            start="images",
            episode=EpisodeSpec(steps=40, batch=64, query=128),
            objective=Objective(
                when=When.HORIZONS,
                horizons=(5, 10, 20, 40),
                weights=(1.5, 1.5, 1.0, 1.0),
                logarithm=True,
            ),
            optimiser=SLOWER,
            vary=Vary(draw=Draw.ONE),
            population=1,
            meta_steps=1600,
            validate_every=100,
            validation_episodes=2,
            validation_steps=50,
            seed=11,
        ),
        version=2,
    ),
    **CONTINUAL,
    **QUICK,
    "mlp-fast": Recipe(
        "the zoo's mlp-fast: MNIST 14x14, three networks, episodes of 20 steps",
        "17 minutes on half a CPU core, much of it compiling: 91.2 % in validation after 20 steps",
        MetaTrain(
            tasks=("mnist:size=14",),
            hidden=_NETS,
            rule=APART,
            episode=EpisodeSpec(steps=20, batch=128, query=256),
            objective=Objective(when=When.MEAN, early=0.5),
            start_rate=0.3,
            optimiser=CLIPPED,
            meta_steps=300,
            validate_every=50,
            validation_episodes=2,
            seed=1,
            **ONE_BY_ONE,
        ),
        version=2,
    ),
    "cma-accuracy": Recipe(
        "the zoo's cma-accuracy: CMA-ES on the accuracy, MNIST 14x14, 128-64, 2 states",
        "73 s on one CPU core: 89.4 % in validation",
        MetaTrain(
            tasks=("mnist:size=14",),
            hidden=("128-64",),
            rule=dataclasses.replace(SWIFT, states=2),
            method=Cma(chunk=8),
            start=Start.BACKPROP,
            start_rate=0.1,
            episode=EpisodeSpec(steps=20, batch=128, query=10 * 128),
            objective=Objective(Loss.ACCURACY, When.HORIZONS, (5, 10, 20)),
            population=16,
            meta_steps=100,
            validate_every=10,
            seed=1,
        ),
    ),
    "toys": Recipe(
        "Fig. 3 and 4, the zoo's toys: five 2-d toys, one hidden layer of 20, 2 states, 50 steps",
        "2 minutes on one CPU core: 93.9 % in validation",
        MetaTrain(
            tasks=("xor", "and", "two-moon", "centre-circle", "random-xor"),
            hidden=("20",),
            rule=dataclasses.replace(with_tanh(SWIFT), states=2),
            episode=EpisodeSpec(steps=50, batch=128, query=512),
            objective=Objective(when=When.MEAN),
            population=2,
            meta_steps=200,
            validate_every=50,
            start=Start.BACKPROP,
            start_rate=0.1,
            optimiser=Optimiser(learning_rate=1e-2, schedule=MetaSchedule.COSINE),
        ),
        version=2,
    ),
}
"""By the name of the genome."""
