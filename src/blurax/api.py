"""The library in a few calls: meta-train a rule, load a genome, let it teach a network."""

import dataclasses
import os
from typing import TypeVar, overload

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from blurax import io, zoo
from blurax.bounds import check_seed
from blurax.curves import Curve, learning_curve
from blurax.engine import LOCAL, Evaluator
from blurax.errors import described, require
from blurax.fit import blur_for
from blurax.genome import Genome
from blurax.learner import Learner
from blurax.network import Network, NetworkState
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.numbers import load_numbers
from blurax.tasks import EpisodeSpec, Split, Task, check_task


@dataclasses.dataclass(frozen=True)
class Learned:
    """What a network learned."""

    state: NetworkState
    """The network after the last step."""
    curve: Curve
    """Accuracy and loss on the query after each step, or after those asked for."""
    steps: int
    """The steps it has behind it."""


def learn(
    genome: Genome,
    network: Network,
    task: Task,
    *,
    steps: int = 100,
    batch: int = 128,
    key: int | Key[Array, "*seeds"] = 0,
    split: Split = Split.TEST,
    start: Learned | None = None,
    stops: tuple[int, ...] = (),
) -> Learned:
    """Let a genome teach a network, an initial one or one that has learned before.

    Nothing is differentiated.

    The last layer gets the error signal of the genome's rule (`Rule.feedback`): the labels, or
    their difference from the prediction.

    Args:
        key: a seed, a key, or `[seeds]` keys for as many networks side by side.
        split: whose examples the curve is measured on; the default never saw meta-training.
        start: what was learned before, with as many keys: the network goes on from there, on the
            same task (with the same key: on the batches that follow) or another.
        stops: the steps of this lesson, from 1, after which the curve is measured, `[stops]`; after
            each if empty. A query of 2,000 examples takes longer than a step on 128, so a few stops
            make a lesson several times as fast.

    Raises:
        BluraxError: if genome, network and task do not fit each other, or for stops that do not
            grow or go beyond the last step.
    """
    for name, value, kind, maker in (
        ("genome", genome, Genome, ", such as blurax.load(...) gives"),
        ("network", network, Network, ""),
        ("split", split, Split, ""),
    ):
        require(
            isinstance(value, kind),
            f"{name} is {described(value)}; it takes a {kind.__name__}{maker}.",
        )
    spec = EpisodeSpec(steps=steps, batch=batch)  # which checks them
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        keys = key
    else:
        keys = jax.random.key(check_seed("key", key, ", or keys such as jax.random.key(0)"))
    check_task(task, spec, split)
    many = keys.ndim > 0
    state = None if start is None else _checked(start, network, keys)
    first = 0 if start is None else start.steps
    state, curve = learning_curve(
        blur_for(genome, network, task),
        task,
        keys if many else keys[None],
        _measured(stops, first, steps),
        split,
        batch=batch,
        state=state,
        first=first,
    )
    if stops and stops[-1] < steps:  # the last step was measured for its state alone
        curve = jax.tree.map(lambda leaf: leaf[:, :-1], curve)
    if not many:
        state, curve = jax.tree.map(lambda leaf: leaf[0], (state, curve))
    return Learned(state, curve, first + steps)


def _measured(stops: tuple[int, ...], first: int, steps: int) -> tuple[int, ...]:
    """The steps after which `learn` measures, the last of the lesson among them."""
    require(
        all(isinstance(stop, int) and 1 <= stop <= steps for stop in stops),
        f"stops is {stops}; it takes growing numbers from 1 to {steps}, the steps of the lesson.",
    )
    end = () if stops and stops[-1] == steps else (steps,)
    return tuple(first + stop for stop in ((*stops, *end) if stops else range(1, steps + 1)))


def _checked(start: Learned, network: Network, keys: Key[Array, "*seeds"]) -> NetworkState:
    """The state to go on from, with an axis for the seeds."""
    require(
        isinstance(start, Learned),
        f"start is {described(start)}; it takes what blurax.learn returned.",
    )
    seeds = start.curve.accuracy.shape[:-1]
    require(
        keys.shape == seeds,
        f"key has shape {keys.shape}, but start was learned with keys of shape {seeds}.",
    )
    many = start.state if seeds else jax.tree.map(lambda leaf: leaf[None], start.state)
    found = jax.tree.map(lambda leaf: leaf[0], many).network
    require(
        found == network,
        f"network is {network}, but start holds a network of sizes {found}"
        f"{', with other edges or links' if str(found) == str(network) else ''}.",
    )
    return many


def load(path: str | os.PathLike[str]) -> Genome:
    """Read a genome file, or one of the zoo by its name; it is checked wholly and runs no code.

    Args:
        path: of a file, or a name that `blurax zoo` lists, such as default.

    Raises:
        BluraxError: if it is missing, damaged or no genome file, or there is none of this name.
    """
    return zoo.genome(path)[0]


AnyLearner = TypeVar("AnyLearner", bound=Learner)


@overload
def load_learner(path: str | os.PathLike[str], like: AnyLearner) -> AnyLearner: ...
@overload
def load_learner(path: str | os.PathLike[str], like: None = None) -> Learner: ...
def load_learner(path: str | os.PathLike[str], like: Learner | None = None) -> Learner:
    """Read the numbers of a learner that was meta-trained; no code is run.

    Args:
        path: of a learner file, such as best.safetensors in a run of a learner, or a name that
            `blurax zoo` lists, such as per-parameter.
        like: a learner of the class, with arrays of the same shapes: it gets other numbers. None
            for a class of the library's.

    Raises:
        BluraxError: if the file is missing, damaged, or one of another learner; or of a class of
            your own, and no learner of it is given.
    """
    return load_numbers(zoo.find(path), like)[0]


def meta_train(
    config: MetaTrain,
    directory: str | os.PathLike[str],
    callback: run.Callback = lambda progress: None,
    evaluator: Evaluator = LOCAL,
    learner: Learner | None = None,
) -> run.Result:
    """Learn a rule in a new run directory, or go on with the run that the directory holds.

    Args:
        config: of the run; a run that is continued must have been started with the same.
        callback: called after each meta-step.
        evaluator: the engine that does the work, such as `blurax.engine.open_ray()`, which takes
            a configuration whose `job_size` is 1 or more.
        learner: a rule of one's own: its arrays of real numbers are learned, in the place of a
            genome, from where they are. It learns with the networks of the configuration.

    Raises:
        BluraxError: if the directory holds a run of another configuration, or another process
            writes into it.
    """
    directory = io.as_path(directory, "directory")
    with io.writing(directory, run.RUN):
        run.start_unless_under_way(config, directory, "name another directory", learner)
        result = run.advance(directory, callback, evaluator, learner, type(config.method))
        from blurax.analysis.run_view import draw_run  # imported when used: it takes half a second

        draw_run(directory)
    return result
