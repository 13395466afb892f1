"""Meta-training by descent: a population of genomes, each of which follows its own gradient."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, PRNGKeyArray

from blurax.genome import Genome
from blurax.outer.estimators import Estimator
from blurax.outer.optimiser import Optimiser
from blurax.outer.problem import Problem
from blurax.outer.protocol import MetaInfo
from blurax.outer.start import Start, newborn

_SHARED = 2**31 - 1
"""In place of a member's number, for what all members share."""


class DescentState(eqx.Module):
    """What changes from one meta-step to the next; leaves lead with the axis `members`."""

    genomes: Genome
    optimiser: Any
    """What optax keeps for each member."""
    carry: Any
    """What the estimator keeps for each member."""


class Descent(eqx.Module):
    """Independent descents; member i does not depend on how many there are."""

    problem: Problem
    estimator: Estimator
    population: int = eqx.field(static=True)
    meta_steps: int = eqx.field(static=True)
    optimiser: Optimiser = eqx.field(static=True)
    start: Start = eqx.field(static=True)
    start_rate: float = eqx.field(static=True)
    """The learning rate of the genome at the start, where that is back-propagation."""

    @eqx.filter_jit
    def init(self, key: PRNGKeyArray) -> DescentState:
        """A population at its start."""

        def member(index: Array) -> DescentState:
            own = jax.random.fold_in(key, index)
            genome: Any = newborn(own, self.problem.rule, self.start, self.start_rate)
            carry = self.estimator.init(jax.random.fold_in(own, 1))
            return DescentState(genome, self._optax().init(genome), carry)

        return jax.vmap(member)(jnp.arange(self.population))

    @eqx.filter_jit
    def step(self, state: DescentState, key: PRNGKeyArray) -> tuple[DescentState, MetaInfo]:
        """One meta-step of every member, each on episodes of its own.

        A member whose loss or gradient is not finite keeps its genome, and what its estimator
        carries begins anew.
        """
        # Not from a member's key: where all share the setting, only that one is computed.
        which = self.problem.draw(jax.random.fold_in(key, _SHARED))

        def member(index: Array, state: DescentState) -> tuple[DescentState, MetaInfo]:
            own = jax.random.fold_in(key, index)
            loss, gradient, carry = self.estimator.estimate(state.genomes, state.carry, own, which)
            norm = optax.tree.norm(gradient)
            finite = jnp.isfinite(loss) & jnp.isfinite(norm)
            updates, optimiser = self._optax().update(gradient, state.optimiser)
            stepped: Any = jax.tree.map(jnp.add, state.genomes, updates)
            moved = DescentState(stepped, optimiser, carry)
            fresh = self.estimator.init(jax.random.fold_in(own, _SHARED))
            stayed = DescentState(state.genomes, state.optimiser, fresh)
            kept = jax.tree.map(lambda new, old: jnp.where(finite, new, old), moved, stayed)
            return kept, MetaInfo(loss, norm, ~finite)

        return jax.vmap(member)(jnp.arange(self.population), state)

    def genomes(self, state: DescentState) -> Genome:
        """The current genomes, every leaf with a leading axis `members`."""
        return state.genomes

    @eqx.filter_jit
    def synchronise(
        self, state: DescentState, best: Int[Array, ""], key: PRNGKeyArray
    ) -> DescentState:
        """All members go on from the best one (App. C.1); what estimators carry begins anew."""
        same = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf[best], leaf.shape), (state.genomes, state.optimiser)
        )
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(self.population))
        genomes, optimiser = same
        return DescentState(genomes, optimiser, jax.vmap(self.estimator.init)(keys))

    def _optax(self) -> optax.GradientTransformation:
        return self.optimiser.transformation(self.meta_steps)
