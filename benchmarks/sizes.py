"""The networks that speed is measured on, and the floating-point operations that count as useful.

Useful are the products with synapses alone, two operations for each multiplication and addition:
the forward sweep, the backward sweep and the synapse update. Mixing of states, σ, normalisation,
saturation and whatever is computed twice count for nothing.
"""

import dataclasses

import numpy as np

from blurax.network import Network
from blurax.outer.variants import STABLE
from blurax.spec import Reduction, Rule, Symmetry, Update
from blurax.tasks import Task, from_arrays, get

PLAIN = Rule(states=4, symmetry=Symmetry.SYMMETRIC, update=Update(batch=Reduction.MEAN))
"""Equations (5), (6) and (7) and nothing else."""

RULES = {"plain": PLAIN, "stable": STABLE}


@dataclasses.dataclass(frozen=True)
class Size:
    """A network, the number of states, and what it is fed."""

    name: str
    layers: tuple[int, ...]
    states: int
    batch: int = 128
    population: int = 1
    steps: int = 10

    @property
    def network(self) -> Network:
        """The network."""
        return Network(self.layers)

    def rule(self, name: str) -> Rule:
        """A rule by name, for this number of states."""
        return dataclasses.replace(RULES[name], states=self.states)

    def sweep_flops(self) -> int:
        """Of one forward sweep of one network."""
        pairs = zip(self.layers, self.layers[1:], strict=False)
        return 2 * self.states * self.batch * sum((i + 1) * j for i, j in pairs)

    def step_flops(self) -> int:
        """Of one inner step of one network whose synapses are symmetric."""
        pairs = [*zip(self.layers, self.layers[1:], strict=False)]
        backward = 2 * self.states * self.batch * sum(i * j for i, j in pairs[1:])
        return self.sweep_flops() + backward + self.sweep_flops()

    def unroll_flops(self, steps: int | None = None) -> int:
        """Of an unroll of the whole population."""
        return self.population * (steps or self.steps) * self.step_flops()

    def episode_flops(self) -> int:
        """Of an unroll and the query after it, of the whole population."""
        return self.unroll_flops() + self.population * self.sweep_flops()

    def gradient_flops(self) -> int:
        """Of the gradient of an episode: itself, and twice that for reverse mode."""
        return 3 * self.episode_flops()

    def task(self) -> Task:
        """Random examples of the right shape: what they hold does not change what they cost."""
        if self.layers[-1] == 1:
            return get("xor:outputs=1")
        random = np.random.default_rng(0)
        count, outputs = 8_192, self.layers[-1]
        x = random.standard_normal((count, self.layers[0])).astype(np.float32)
        y = random.integers(0, outputs, count)
        return from_arrays(x, y, self.name)


SIZES = (
    Size("toy", (2, 20, 1), states=2, batch=512),
    Size("MNIST10", (100, 256, 128, 10), states=4),
    Size("MNIST10 x4", (100, 256, 128, 10), states=4, population=4),
    Size("MNIST28", (784, 512, 256, 10), states=4),
    Size("wide x80", (784, 512, 10), states=2, population=80, steps=15),
)
"""From the issue of small networks, where everything is overhead, to a population of large ones."""
