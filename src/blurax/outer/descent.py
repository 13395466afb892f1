"""Meta-training by descent: a population of genomes, each of which follows its own gradient."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, UInt32

from blurax.engine import LOCAL, Evaluate
from blurax.outer.jobs import EstimateJobs, Estimates, cut, joined
from blurax.outer.optimiser import Optimiser
from blurax.outer.problem import Problem
from blurax.outer.protocol import Estimator, MetaInfo, Which

_SHARED = 2**31 - 1
"""In place of a member's number, for what all members share."""


class DescentState(eqx.Module):
    """What changes from one meta-step to the next."""

    genomes: Any
    """Their meta-parameters. Leaves lead with the axis `members`."""
    optimiser: Any
    """What optax keeps for each member."""
    carry: Any
    """What the estimator keeps for each episode of each member; leaves lead with a batch axis, the
    episodes of a member side by side."""


class Descent(eqx.Module):
    """Independent descents; member i does not depend on how many there are."""

    problem: Problem
    estimator: Estimator
    population: int = eqx.field(static=True)
    meta_steps: int = eqx.field(static=True)
    optimiser: Optimiser = eqx.field(static=True)
    episodes: int = eqx.field(static=True, default=1)
    """Estimates of each member's gradient in a meta-step, on episodes of their own: their mean is
    followed."""
    job_size: int = eqx.field(static=True, default=0)
    """Estimates in a job; 0: there are no jobs, a meta-step is one program in this process."""
    evaluate: Evaluate | None = eqx.field(static=True, default=None)
    """Who does the jobs, if there are any; this process if None."""

    def init(self, key: PRNGKeyArray) -> DescentState:
        """A population at its start."""
        return self._compiled()._init(key)

    def step(self, state: DescentState, key: PRNGKeyArray) -> tuple[DescentState, MetaInfo]:
        """One meta-step of every member, each on episodes of its own.

        Estimates that are not finite count for nothing. A member that has no other keeps its
        genome; what its estimator carries begins anew.
        """
        compiled = self._compiled()
        if self.job_size == 0:
            which = self._drawn(key)
            several = which is None and len(self.problem.settings()) > 1
            if several and self.estimator.adds and not isinstance(key, Tracer):
                return compiled._setting_by_setting(state, key)
            return compiled._whole(state, key, which)
        work = EstimateJobs(Estimates(self.estimator), self.problem.space)
        evaluate = self.evaluate or LOCAL.prepare(work)
        genomes, seeds, which = compiled._batch(state, key)
        batch = (jax.tree.leaves(genomes), jax.tree.leaves(state.carry), seeds)
        jobs = cut("gradients", key, self.job_size, batch, which)
        losses, slopes, carried = joined(evaluate(jobs))
        gradients = jax.tree.unflatten(jax.tree.structure(state.genomes), slopes)
        carry = jax.tree.unflatten(jax.tree.structure(state.carry), carried)
        return compiled._follow(state, seeds, losses, gradients, carry)

    def genomes(self, state: DescentState) -> Any:
        """The current genomes, every leaf with a leading axis `members`."""
        return state.genomes

    def synchronise(
        self, state: DescentState, best: Int[Array, ""], key: PRNGKeyArray
    ) -> DescentState:
        """All members go on from the best one (App. C.1); what estimators carry begins anew."""
        return self._compiled()._synchronise(state, best, key)

    def _compiled(self) -> "Descent":
        """The same without its engine, of which nothing compiled may depend."""
        return dataclasses.replace(self, evaluate=None)

    @eqx.filter_jit
    def _init(self, key: PRNGKeyArray) -> DescentState:
        def member(index: Array) -> tuple[Any, Any, Any]:
            own = jax.random.fold_in(key, index)
            genome: Any = self.problem.space.start(own, index)
            carry = jax.vmap(self.estimator.init)(self._keys_of(jax.random.fold_in(own, 1)))
            return genome, self._optax().init(genome), carry

        genomes, optimiser, carry = jax.vmap(member)(jnp.arange(self.population))
        return DescentState(genomes, optimiser, self._side_by_side(carry))

    def _drawn(self, key: PRNGKeyArray) -> Which:
        """The setting of a meta-step: a plain number where it can be known beforehand.

        So each setting is a program of its own, which waits for no other to be compiled. Inside a
        larger program, of which the key is an argument, all settings are branches of it.
        """
        which = self.problem.draw(jax.random.fold_in(key, _SHARED))
        return which if which is None or isinstance(which, Tracer) else int(which)

    @eqx.filter_jit
    def _whole(
        self, state: DescentState, key: PRNGKeyArray, which: Which
    ) -> tuple[DescentState, MetaInfo]:
        """A meta-step as one program."""
        genomes, seeds, _ = self._batch(state, key)
        estimates = Estimates(self.estimator)((genomes, state.carry, seeds), which)
        return self._follow(state, seeds, *estimates)

    def _setting_by_setting(
        self, state: DescentState, key: PRNGKeyArray
    ) -> tuple[DescentState, MetaInfo]:
        """A meta-step as a program for each setting.

        One program of them all takes the compiler more memory than each, and more time than all.
        """
        genomes, seeds, _ = self._batch(state, key)
        weights, estimates = self.problem.setting_weights(), Estimates(self.estimator)
        found = [
            estimates((genomes, state.carry, own), s)[:2]
            for s, own in enumerate(_seeds_of(seeds, len(weights)))
        ]
        losses, gradients = _weighted(found, tuple(weights))
        return self._follow(state, seeds, losses, gradients, state.carry)

    @eqx.filter_jit
    def _batch(self, state: DescentState, key: PRNGKeyArray) -> tuple[Any, Array, Any]:
        """The genome and the seed of every episode of every member, and the setting of them all."""
        # Not from a member's key: where all share the setting, only that one is computed.
        which = self.problem.draw(jax.random.fold_in(key, _SHARED))
        members = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(self.population))
        keys = self._side_by_side(jax.vmap(self._keys_of)(members))
        genomes = jax.tree.map(lambda leaf: jnp.repeat(leaf, self.episodes, axis=0), state.genomes)
        return genomes, jax.random.key_data(keys), which

    @eqx.filter_jit
    def _follow(
        self,
        state: DescentState,
        seeds: Array,
        losses: Float[Array, " n"],
        gradients: Any,
        carried: Any,
    ) -> tuple[DescentState, MetaInfo]:
        """Every member's step along the mean of its finite estimates."""

        def one(seed: Array, loss: Array, gradient: Any, carry: Any) -> tuple[Array, Any]:
            finite = jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(gradient))
            key = jax.random.fold_in(jax.random.wrap_key_data(seed), _SHARED)
            fresh = self.estimator.init(key)
            return finite, jax.tree.map(lambda new, old: jnp.where(finite, new, old), carry, fresh)

        def member(
            genome: Any, optimiser: Any, finite: Array, loss: Array, gradient: Any
        ) -> tuple[Any, Any, MetaInfo]:
            some, mean = jnp.any(finite), _finite_mean(finite, loss)
            slope = jax.tree.map(lambda leaf: _finite_mean(finite, leaf), gradient)
            updates, moved = self._optax().update(slope, optimiser)
            stepped = jax.tree.map(jnp.add, genome, updates)
            new, old = (stepped, moved), (genome, optimiser)
            norm = optax.tree.norm(slope)
            counts = some & ~self.optimiser.rejects(norm)
            kept = jax.tree.map(lambda new, old: jnp.where(counts, new, old), new, old)
            return *kept, MetaInfo(mean, norm, ~some)

        finite, carry = jax.vmap(one)(seeds, losses, gradients, carried)
        by_member = jax.tree.map(
            lambda leaf: leaf.reshape(self.population, self.episodes, *leaf.shape[1:]),
            (finite, losses, gradients),
        )
        genomes, optimiser, info = jax.vmap(member)(state.genomes, state.optimiser, *by_member)
        return DescentState(genomes, optimiser, carry), info

    @eqx.filter_jit
    def _synchronise(
        self, state: DescentState, best: Int[Array, ""], key: PRNGKeyArray
    ) -> DescentState:
        same = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf[best], leaf.shape), (state.genomes, state.optimiser)
        )
        members = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(self.population))
        keys = self._side_by_side(jax.vmap(self._keys_of)(members))
        genomes, optimiser = same
        return DescentState(genomes, optimiser, jax.vmap(self.estimator.init)(keys))

    def _keys_of(self, key: PRNGKeyArray) -> Key[Array, " episodes"]:
        """`[episodes]` keys; of a single episode the key itself."""
        if self.episodes == 1:
            return key[None]
        return jax.vmap(lambda n: jax.random.fold_in(key, n))(jnp.arange(self.episodes))

    def _side_by_side(self, tree: Any) -> Any:
        """From `[members, episodes]` to `[n]`."""
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), tree)

    def _optax(self) -> optax.GradientTransformation:
        return self.optimiser.transformation(self.meta_steps)


@eqx.filter_jit
def _seeds_of(seeds: UInt32[Array, "n ..."], settings: int) -> list[UInt32[Array, "n ..."]]:
    """The seeds of each setting, as `Problem.loss` makes them where it computes them all."""
    keys = jax.random.wrap_key_data(seeds)
    own = [jax.vmap(lambda key, s=s: jax.random.fold_in(key, s))(keys) for s in range(settings)]
    return [jax.random.key_data(keys) for keys in own]


@eqx.filter_jit
def _weighted(parts: list[Any], weights: tuple[float, ...]) -> Any:
    """The sum of pytrees of one structure, each times its weight."""

    def one(*leaves: Array) -> Array:
        return sum(w * leaf for w, leaf in zip(weights, leaves, strict=True))  # pyright: ignore

    return jax.tree.map(one, *parts)


def _finite_mean(finite: Array, values: Array) -> Array:
    """The mean over the episodes that were finite; over all, whatever that is, if none was."""
    if len(finite) == 1:
        return values[0]
    use = finite | ~jnp.any(finite)
    kept = jnp.where(use.reshape(-1, *(1,) * (values.ndim - 1)), values, 0)
    return jnp.sum(kept, axis=0) / jnp.sum(use).astype(values.dtype)
