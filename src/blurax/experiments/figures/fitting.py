"""How fast two-layer networks fit random labels, and what becomes of their weights."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from blurax import zoo
from blurax.baselines.descent import Weights
from blurax.baselines.search import Score, rate_of, settle
from blurax.batch import Batch
from blurax.curves import Curve, learning_curve
from blurax.experiments.figures.gradient_field import with_forward_synapses
from blurax.experiments.figures.kernels_shallow import layer_kernels, smallest_singular_value
from blurax.experiments.figures.memorise import RandomLabels, descent, shallow
from blurax.experiments.figures.work import Arrays, keyed
from blurax.fit import blur_for
from blurax.learner import Blur
from blurax.network import NetworkState
from blurax.tasks import Split

FITTED = 1e-3
"""The squared error at which labels count as fitted."""
STARTS = {"sgd": (-4, 0), "adam": (-8, -4)}
"""Places of rates on the tuner's grid (`baselines.search`) from which the search sets out."""
STRIDE = 2
"""Of the search: rates half a decade apart."""


class Layers(eqx.Module):
    """What a step did to both layers of a network, and its inputs."""

    before: tuple[Float[Array, "..."], ...]
    after: tuple[Float[Array, "..."], ...]
    x: Float[Array, "..."]


def layers(
    before: tuple[Weights, Any], after: tuple[Weights, Any], info: Any, batch: Batch
) -> Layers:
    """What `learning_curve` keeps of a step."""
    return Layers(_arrays(before[0]), _arrays(after[0]), batch.x)


class KeptOfGenome(eqx.Module):
    """What `learning_curve` keeps of a network that a genome teaches.

    J has the derivatives of what the network predicts for the whole set, examples normalised by
    each other where the rule does so, by all its forward synapses, of every channel.
    """

    learner: Blur

    def __call__(self, before: Any, after: Any, info: Any, batch: Batch) -> dict[str, Array]:
        """One step: the smallest singular values before and after it, and the first layer."""
        return {
            "singular_before": self._singular(before, batch.x),
            "singular": self._singular(after, batch.x),
            "first_before": before.forward_parts[0][0],
            "first": after.forward_parts[0][0],
        }

    def _singular(self, state: NetworkState, x: Any) -> Float[Array, ""]:
        def said(parts: Any) -> Float[Array, " n"]:
            return self.learner.predict(with_forward_synapses(state, parts), x)[:, 0]

        jacobian = jax.tree.leaves(jax.jacrev(said)(state.forward_parts))
        rows = jnp.concatenate([leaf.reshape(len(x), -1) for leaf in jacobian], axis=1)
        finite = jnp.all(jnp.isfinite(rows))
        values = jnp.linalg.svd(jnp.where(finite, rows, 0), compute_uv=False)
        # Rows that outnumber the synapses are dependent, and J Jᵀ is what the other curves show.
        least = values[-1] if rows.shape[1] >= rows.shape[0] else jnp.zeros_like(values[0])
        return jnp.where(finite, least, jnp.inf)


def _arrays(weights: Weights) -> tuple[Array, ...]:
    return tuple(w for w in weights.w if w is not None)


def stops_to(steps: int) -> tuple[int, ...]:
    """Steps at which a network is looked at, 15 % apart, and the last."""
    grown = {round(10 ** (n / 16)) for n in range(16 * 6)}
    return (*sorted(n for n in grown if n < steps), steps)


def first_stop(
    stops: tuple[int, ...], reached: Bool[np.ndarray, "seeds stops"]
) -> Float[np.ndarray, " seeds"]:
    """The first stop at which something is reached; infinite where it never is."""
    found = np.asarray(stops, float)[reached.argmax(axis=1)]
    return np.where(reached.any(axis=1), found, np.inf)


def descended(
    optimiser: str, examples: int, features: int, width: int, ratio: float, steps: int, seeds: int
) -> Arrays:
    """SGD or Adam at the best of its rates; each array is `[seeds]`, but for the rate.

    Args:
        optimiser: sgd or adam.
        ratio: the second layer's rate over the first's.
    """
    learner = descent(optimiser, shallow(features, width), ratio)
    task, stops = RandomLabels(features), stops_to(steps)

    def run(keys: Key[Array, " seeds"], place: int) -> Curve:
        how: Any = {"rate": rate_of(place), "batch": examples, "observe": layers}
        return learning_curve(learner, task, keys, stops, Split.TEST, **how)[1]

    chosen_on = jax.random.split(keyed("convergence", "rates"), seeds)

    @functools.cache
    def score(place: int) -> Score:
        """Fewer steps, then a smaller loss; sets that are not fitted count as twice the steps."""
        loss = np.asarray(run(chosen_on, place).loss, float)
        taken = np.minimum(first_stop(stops, loss < FITTED), 2 * steps)
        end = float(loss[:, -1].mean())
        return -float(np.log(taken).mean()), -end if np.isfinite(end) else -np.inf

    place, _ = settle(score, STARTS[optimiser], STRIDE)
    found = run(_keys(seeds), place)
    return _fitted(stops, found) | _moved(stops, found) | {"rate": np.asarray(rate_of(place))}


def taught(name: str, examples: int, features: int, width: int, steps: int, seeds: int) -> Arrays:
    """A genome of the zoo on the same sets and networks; each array is `[seeds]`."""
    task, stops = RandomLabels(features), stops_to(steps)
    learner = blur_for(zoo.genome(name)[0], shallow(features, width), task)
    how: Any = {"batch": examples, "observe": KeptOfGenome(learner)}
    _, found = learning_curve(learner, task, _keys(seeds), stops, Split.TEST, **how)
    return _fitted(stops, found) | _gone(stops, found)


def _keys(seeds: int) -> Key[Array, " seeds"]:
    return jax.random.split(keyed("convergence"), seeds)


def _fitted(stops: tuple[int, ...], found: Curve) -> Arrays:
    """Steps to a small loss and to the right signs, and the signs that are right at last."""
    loss, right = np.asarray(found.loss, float), np.asarray(found.accuracy, float)
    return {
        "steps": first_stop(stops, loss < FITTED),
        "all_right": first_stop(stops, right > 1 - 1e-6),
        "right": right[:, -1],
    }


def _gone(stops: tuple[int, ...], found: Curve) -> Arrays:
    """What `_moved` says of a network that a genome teaches, but for activities."""
    seen = {name: np.asarray(value, float) for name, value in found.seen.items()}
    at = np.arange(len(seen["singular"])), _when(stops, found)
    was, became = seen["first_before"][:, 0], seen["first"][at]
    axes = tuple(range(1, was.ndim))
    way = np.sqrt(np.sum((became - was) ** 2, axis=axes) / np.sum(was**2, axis=axes))
    return {
        "singular_start": seen["singular_before"][:, 0],
        "singular_end": seen["singular"][at],
        "drift": way,
    }


def _when(stops: tuple[int, ...], found: Curve) -> list[int]:
    """Of each seed the place among the stops where labels are fitted, or else the last."""
    first = first_stop(stops, np.asarray(found.loss, float) < FITTED)
    return [len(stops) - 1 if np.isinf(stop) else stops.index(int(stop)) for stop in first]


def _moved(stops: tuple[int, ...], found: Curve) -> Arrays:
    """The Jacobian's smallest singular value and the first layer's way, once labels are fitted.

    Or at the last step, where they are not.
    """
    seen, rows = found.seen, []
    for seed, stop in enumerate(_when(stops, found)):
        x = np.asarray(seen.x[seed, 0], float)
        first, last = (
            [np.asarray(w[seed, place], float) for w in layers]
            for layers, place in ((seen.before, 0), (seen.after, stop))
        )
        start, end = (smallest_singular_value(np.add(*layer_kernels(x, *w))) for w in (first, last))
        drift = np.linalg.norm(last[0] - first[0]) / np.linalg.norm(first[0])
        flipped = np.mean((x @ first[0] > 0) != (x @ last[0] > 0))
        rows.append((start, end, drift, flipped))
    names = ("singular_start", "singular_end", "drift", "flipped")
    return dict(zip(names, np.asarray(rows).T, strict=True))
