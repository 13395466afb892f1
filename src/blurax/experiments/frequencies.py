"""What a network has not learned of a signal, by frequency: of sums of waves, and of pictures."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from blurax.batch import at
from blurax.findings import Chart, curve
from blurax.learner import Learner
from blurax.spectra import band_sizes, wave_errors
from blurax.tasks import ArrayTask, EpisodeSpec, Split, Task
from blurax.tasks.coordinates import Waves, places_of

LEFT = "What is left of each frequency"
WHEN = ("at first", "at the end")

Shares = Callable[[ArrayTask, Float[Array, "n outputs"]], Float[Array, " bands"]]
"""What an error is of the signal, for each frequency."""


def left_by_frequency(
    learner: Learner, task: Task, keys: Key[Array, " seeds"], spec: EpisodeSpec, states: Any
) -> tuple[Chart, ...]:
    """The error over all points as a share of the signal, by frequency; none of other tasks.

    Of waves for each of their frequencies, of a picture for octaves (`spectra.band_sizes`).

    Args:
        keys: as `learning_curve` was given them.
        states: after the last step, each leaf `[seeds, ...]`.
    """
    if isinstance(task, Waves):
        frequencies = task.options.waves
        found = _shares(learner, task, keys, spec, states, task.signal, _of_waves(task))
        return (_chart("whole waves from -1 to 1", frequencies.tolist(), found),)
    places = places_of(task) if isinstance(task, ArrayTask) else None
    if places is None or not isinstance(task, ArrayTask):
        return ()
    found = _shares(learner, task, keys, spec, states, lambda key: task, _of_picture(places))
    bands = [2**k for k in range(found[0].shape[1])]
    return (_chart("waves across the picture, to twice as many", bands, found),)


def _shares(
    learner: Learner,
    task: Task,
    keys: Key[Array, " seeds"],
    spec: EpisodeSpec,
    states: Any,
    signal: Callable[[PRNGKeyArray], ArrayTask],
    shares: Shares,
) -> list[Float[np.ndarray, "seeds bands"]]:
    """Before the first step and after the last one."""

    def one(given: tuple[PRNGKeyArray, Any]) -> tuple[Array, Array]:
        key, state = given
        episode = jax.random.fold_in(key, 1)
        whole = signal(episode)
        begun = learner.init(jax.random.fold_in(key, 0), spec.batch)
        ends = []
        for now, step in ((begun, 0), (state, spec.steps - 1)):
            few = EpisodeSpec(1, spec.batch, fixed_batch=spec.fixed_batch)
            batch = task.sample(episode, few, Split.VALIDATE, step).support
            said = _said(learner, now, whole.x, learner.inputs(at(batch, 0).x), spec.held_out)
            ends.append(shares(whole, said - whole.labels))
        return ends[0], ends[1]

    return [np.asarray(v) for v in eqx.filter_jit(lambda g: jax.lax.map(one, g))((keys, states))]


def _said(learner: Learner, state: Any, x: Array, batch: Array, size: int) -> Array:
    """Predictions of all points, as many at a time as a query has."""
    parts = -(-len(x) // size)
    places = jnp.arange(parts * min(size, len(x))) % len(x)
    rows = learner.inputs(x)[places].reshape(parts, -1, *x.shape[1:])
    said = jax.lax.map(lambda few: learner.predict_after(state, few, batch), rows)
    return said.reshape(-1, said.shape[-1])[: len(x)]


def _of_waves(task: Waves) -> Shares:
    frequencies = jnp.asarray(task.options.waves, float)

    def shares(whole: ArrayTask, error: Array) -> Array:
        return wave_errors(whole.x[:, 0], error, frequencies) * task.options.frequencies

    return shares


def _of_picture(places: Int[np.ndarray, "side side"]) -> Shares:
    def shares(whole: ArrayTask, error: Array) -> Array:
        own = band_sizes(whole.labels[places])[1:]
        return band_sizes(error[places])[1:] / jnp.where(own > 0, own, 1.0)

    return shares


def _chart(x_label: str, x: list[int], found: list[Float[np.ndarray, "seeds bands"]]) -> Chart:
    curves = tuple(curve(when, x, each) for when, each in zip(WHEN, found, strict=True))
    return Chart(LEFT, x_label, "error over signal", curves, log_x=True, log_y=True)
