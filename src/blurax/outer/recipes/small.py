"""What the demo learns, and experiments of the paper."""

import dataclasses
from typing import Any

from blurax.outer.config import MetaTrain
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import Cma
from blurax.outer.objective import Loss, Objective, When
from blurax.outer.recipes.quick import FROM_BACKPROP
from blurax.outer.recipes.recipe import FAST, SLOWER, Recipe
from blurax.outer.start import Start
from blurax.outer.variants import STABLE, WHOLE
from blurax.outer.vary import Draw, Vary
from blurax.spec import Init, InitScale, Reduction, Rule, Source, Update
from blurax.tasks import EpisodeSpec

_FIG7: dict[str, Any] = {
    "tasks": ("mnist:size=14",),
    "hidden": ("512",),
    "rule": dataclasses.replace(STABLE, states=2),
    "meta_steps": 400,
    "validate_every": 10,
}

SMALL: dict[str, Recipe] = {
    "demo": Recipe(
        "the demo's rule: from random numbers, digits, two depths, episodes of 10 steps",
        "half a minute on one CPU core, a third of it compiling",
        MetaTrain(
            tasks=("digits",),
            hidden=("32", "24-24"),  # a rule learned at one depth can do the opposite at another
            rule=dataclasses.replace(STABLE, states=2),
            method=Cma(),
            episode=EpisodeSpec(steps=10, batch=128, query=256),
            objective=Objective(loss=Loss.ACCURACY, when=When.HORIZONS, horizons=(2, 5, 10)),
            population=24,
            meta_steps=60,
            validate_every=10,
            seed=1,
        ),
        version=2,
    ),
    "demo-descent": Recipe(
        "the demo's second rule: from back-propagation, digits, episodes of 50 steps",
        "a minute on one CPU core, a third of it compiling",
        MetaTrain(
            tasks=("digits",),
            hidden=("24", "64-32"),
            rule=WHOLE,
            **FROM_BACKPROP,
            episode=EpisodeSpec(steps=50, batch=128, query=512),
            objective=Objective(
                Loss.ACCURACY, When.HORIZONS, (2, 5, 10, 20, 50), logarithm=True, floor=0.01
            ),
            population=16,
            meta_steps=40,
            validate_every=10,
            validation_episodes=8,
            validation_steps=100,
            seed=1,
        ),
        version=2,
    ),
    "digits-cma": Recipe(
        "CMA-ES on the accuracy, small: digits, one hidden layer of 32, 2 states",
        "half a minute on two CPU cores: 89.2 % in validation",
        MetaTrain(
            tasks=("digits",),
            hidden=("32",),
            rule=dataclasses.replace(STABLE, states=2),
            method=Cma(),
            episode=EpisodeSpec(steps=10, batch=64, query=256),
            objective=Objective(loss=Loss.ACCURACY),
            population=24,
            meta_steps=40,
            validate_every=8,
        ),
    ),
    "fig7-cma": Recipe(
        "Fig. 7: CMA-ES on the accuracy, MNIST 14x14, one hidden layer of 512, 2 states",
        "46 minutes on two shared CPU cores: 87.8 % in validation",
        MetaTrain(
            method=Cma(chunk=8),
            episode=EpisodeSpec(steps=15, batch=128, query=20 * 128),
            objective=Objective(loss=Loss.ACCURACY),
            population=80,
            **_FIG7,
        ),
    ),
    "fig7-gradient": Recipe(
        "Fig. 7: the same problem by gradient",
        "not measured",
        MetaTrain(
            episode=EpisodeSpec(steps=15, batch=128, query=128),
            optimiser=FAST,
            population=4,
            **_FIG7,
        ),
    ),
    "fig14-curriculum": Recipe(
        "App. C.1: MNIST 10x10, 256-128, 4 states, episodes that grow from 10 to 50 steps",
        "2 hours on two shared CPU cores: 90.5 % in validation after 50 steps",
        MetaTrain(
            tasks=("mnist:crop=20,size=10",),
            hidden=("256-128",),
            rule=STABLE,
            episode=EpisodeSpec(steps=10, batch=128, query=128),
            curriculum=Curriculum(add=10, every=200, most=50),
            objective=Objective(when=When.MEAN),
            optimiser=FAST,
            population=4,
            meta_steps=1300,
            validate_every=20,
        ),
        version=2,
    ),
    "recurrent": Recipe(
        "for sequences: 32 neurons that drive themselves learn a delayed bit and digits row by row",
        "7 minutes on two shared CPU cores",
        MetaTrain(
            tasks=("delayed-bit:delay=10", "digits:by=rows@2"),
            hidden=("r32",),
            rule=dataclasses.replace(
                Rule.backprop(init=Init(1.0, InitScale.FAN_IN, learned=True)),
                states=3,
                update=Update(
                    batch=Reduction.MEAN,
                    source=Source.FORWARD_SWEEP,
                    decorrelate=True,
                    fan_in=True,
                ),
            ),
            start=Start.BACKPROP,
            start_rate=0.3,
            start_coupling=0.3,
            episode=EpisodeSpec(steps=40, batch=32, query=128),
            objective=Objective(when=When.HORIZONS, horizons=(5, 10, 20, 40), logarithm=True),
            optimiser=SLOWER,
            vary=Vary(draw=Draw.ONE),
            population=2,
            meta_steps=300,
            validate_every=50,
            validation_episodes=4,
            validation_steps=40,
            seed=3,
        ),
    ),
}
"""By name."""
