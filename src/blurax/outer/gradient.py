"""Meta-training by gradient through the whole unrolled inner loop (sec. 3.3, App. C.1)."""

import dataclasses
import enum
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.errors import require
from blurax.frozen import check_types
from blurax.genome import Genome, backprop, perturb, random
from blurax.outer.problem import Problem
from blurax.outer.protocol import MetaInfo

_SHARED = 2**31 - 1
"""In place of a member's number, for what all members share."""


class Start(enum.StrEnum):
    """Where meta-training starts from."""

    RANDOM = "random"
    BACKPROP = "backprop"


class Schedule(enum.StrEnum):
    """How the learning rate changes over the run."""

    CONSTANT = "constant"
    COSINE = "cosine"
    """Falls to a hundredth along half a cosine."""


@dataclasses.dataclass(frozen=True)
class Adam:
    """The optimiser of the genome; the defaults are the paper's.

    Raises:
        BluraxError: for a learning rate or a clip that is not positive.
    """

    learning_rate: float = 5e-4
    """Adam's step size."""
    clip: float = 10.0
    """The global norm to which a gradient is clipped."""
    schedule: Schedule = Schedule.CONSTANT
    """How the learning rate changes over the run."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("learning_rate", "clip"):
            value = getattr(self, name)
            require(value > 0, f"Adam.{name} is {value}; it takes a number above 0.")

    def transformation(self, meta_steps: int) -> optax.GradientTransformation:
        """The optax transformation for a run of so many meta-steps."""
        rate: Any = self.learning_rate
        if self.schedule is Schedule.COSINE:
            rate = optax.cosine_decay_schedule(self.learning_rate, meta_steps, alpha=0.01)
        return optax.chain(optax.clip_by_global_norm(self.clip), optax.adam(rate))


class GradientState(eqx.Module):
    """What changes from one meta-step to the next; leaves lead with the axis `members`."""

    genomes: Genome
    optimiser: Any
    """What optax keeps for each member."""


class Gradient(eqx.Module):
    """A population of independent gradient descents; member i does not depend on their number."""

    problem: Problem
    population: int = eqx.field(static=True)
    meta_steps: int = eqx.field(static=True)
    episodes: int = eqx.field(static=True)
    """Validation episodes for each task."""
    adam: Adam = eqx.field(static=True)
    start: Start = eqx.field(static=True)
    start_rate: float = eqx.field(static=True)
    """The learning rate of the genome at the start, where that is back-propagation."""

    def init(self, key: PRNGKeyArray) -> GradientState:
        """A population of random genomes, or of slightly perturbed back-propagation ones."""

        def member(index: Array) -> GradientState:
            genome: Any = self._newborn(jax.random.fold_in(key, index))
            return GradientState(genome, self._optax().init(genome))

        return jax.vmap(member)(jnp.arange(self.population))

    def step(self, state: GradientState, key: PRNGKeyArray) -> tuple[GradientState, MetaInfo]:
        """One meta-step of every member, each on episodes of its own."""
        # Not from a member's key: where all share the setting, only that one is computed.
        which = self.problem.draw(jax.random.fold_in(key, _SHARED))

        def member(index: Array, state: GradientState) -> tuple[GradientState, MetaInfo]:
            gradient: Any
            loss, gradient = jax.value_and_grad(self.problem.loss)(
                state.genomes, jax.random.fold_in(key, index), which
            )
            norm = optax.tree.norm(gradient)
            finite = jnp.isfinite(loss) & jnp.isfinite(norm)
            updates, optimiser = self._optax().update(gradient, state.optimiser)
            stepped = jax.tree.map(jnp.add, state.genomes, updates)
            moved = GradientState(stepped, optimiser)
            kept = jax.tree.map(lambda new, old: jnp.where(finite, new, old), moved, state)
            return kept, MetaInfo(loss, norm, ~finite)

        return jax.vmap(member)(jnp.arange(self.population), state)

    def genomes(self, state: GradientState) -> Genome:
        """The current genomes, every leaf with a leading axis `members`."""
        return state.genomes

    def validate(self, state: GradientState, key: PRNGKeyArray) -> Float[Array, "members pairs"]:
        """The accuracy of each member; all of them meet the same episodes."""
        return jax.vmap(lambda g: self.problem.validate(g, key, self.episodes))(state.genomes)

    def _newborn(self, key: PRNGKeyArray) -> Genome:
        if self.start is Start.RANDOM:
            return random(key, self.problem.rule)
        genome = backprop(self.problem.rule, self.start_rate)
        return perturb(key, genome, 0.01)

    def _optax(self) -> optax.GradientTransformation:
        return self.adam.transformation(self.meta_steps)
