"""How much of what a step teaches comes from turning synapse vectors, and how much from length.

The synapses into a neuron are a vector, the bias unit's among them. Its change falls apart into the
part along the vector and the rest; each part changes the loss of the batch by a derivative along
it. For the two-layer network of `weight_norm.py` that is its G and its V / α².
"""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax import inner
from blurax.baselines.descent import GradientDescent, Weights, forward
from blurax.batch import Batch
from blurax.experiments.figures.gradient_field import with_forward_synapses
from blurax.learner import Blur
from blurax.network import NetworkState
from blurax.terms.vectors import sum_into

Parts = Sequence[tuple[Array, ...]]
"""Of each edge the synapses, `[channels, i, j]`; after them the bias unit's, `[channels, 1, j]`."""


class Split(eqx.Module):
    """One step of learning, taken apart."""

    turning: Float[Array, ""]
    """By how much the loss falls, to first order, because synapse vectors turn."""
    length: Float[Array, ""]
    """Because they grow or shrink."""
    along: Float[Array, ""]
    """The share of the squared change that is along the vectors, from 0 to 1."""
    size: Float[Array, ""]
    """The root mean square length of the synapse vectors after the step."""
    start: Float[Array, ""]
    """Before it."""


def parts_of_change(before: Parts, after: Parts) -> tuple[Parts, Parts]:
    """The change of synapses by turning and by length, which add up to it."""
    turning, along = [], []
    for old, new in zip(before, after, strict=True):
        change = [n - o for n, o in zip(new, old, strict=True)]
        square = jnp.maximum(sum_into(*(o**2 for o in old)), jnp.finfo(old[0].dtype).tiny)
        share = sum_into(*(o * c for o, c in zip(old, change, strict=True))) / square
        along.append(tuple(share * o for o in old))
        turning.append(tuple(c - a for c, a in zip(change, along[-1], strict=True)))
    return turning, along


class Observer(eqx.Module):
    """What `learning_curve` calls to have each step taken apart."""

    @abc.abstractmethod
    def parts(self, state: Any) -> Parts:
        """The synapses of a state."""

    @abc.abstractmethod
    def loss(self, state: Any, parts: Parts, batch: Batch) -> Float[Array, ""]:
        """The loss of a batch, if the state had these synapses."""

    def __call__(self, before: Any, after: Any, info: Any, batch: Batch) -> Split:
        """One step."""
        old, new = self.parts(before), self.parts(after)
        gradient = jax.grad(lambda parts: self.loss(before, parts, batch))(list(old))
        turning, along = parts_of_change(old, new)
        whole = _product(turning, turning) + _product(along, along)
        many = sum(part[0].shape[0] * part[0].shape[2] for part in new)
        return Split(
            -_product(gradient, turning),
            -_product(gradient, along),
            _product(along, along) / jnp.maximum(whole, jnp.finfo(whole.dtype).tiny),
            jnp.sqrt(_product(new, new) / many),
            jnp.sqrt(_product(old, old) / many),
        )


def _product(one: Parts, other: Parts) -> Float[Array, ""]:
    return sum(
        (jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)),
        jnp.zeros(()),
    )


class OfGenome(Observer):
    """A network that a genome teaches: the loss is that of what the forward sweep says."""

    learner: Blur

    def parts(self, state: NetworkState) -> Parts:
        """The forward synapses."""
        return state.forward_parts

    def loss(self, state: NetworkState, parts: Parts, batch: Batch) -> Float[Array, ""]:
        """Before the feedback: by what the step itself was taught."""
        learner = self.learner
        moved = with_forward_synapses(state, list(parts))
        index = 0 if state.steps is None else state.steps  # genes may depend on it
        at = learner.genome, moved, batch.x, batch.y, index
        _, info = inner.step(*at, target=learner.target)
        assert learner.target is not None  # `learning_curve` gives a learner its task's
        return learner.target.loss(info.prediction, batch.y)


class OfDescent(Observer):
    """A network that an optimiser teaches."""

    learner: GradientDescent

    def parts(self, state: tuple[Weights, Any]) -> Parts:
        """Weights, and biases as those of a bias unit."""
        weights, _ = state
        pairs = zip(weights.w, weights.b, strict=True)
        return [
            (w[None],) if b is None else (w[None], b[None, None]) for w, b in pairs if w is not None
        ]

    def loss(self, state: tuple[Weights, Any], parts: Parts, batch: Batch) -> Float[Array, ""]:
        """The loss that is descended."""
        found = iter(parts)
        w, b = [], []
        for old in state[0].w:
            part = () if old is None else next(found)
            w.append(part[0][0] if part else None)
            b.append(part[1][0, 0] if len(part) > 1 else None)
        weights = dataclasses.replace(state[0], w=tuple(w), b=tuple(b))
        learner = self.learner
        groups, _ = forward(learner.network, weights, batch.x, learner.arrangement.activation)
        return learner.loss(groups, batch)
