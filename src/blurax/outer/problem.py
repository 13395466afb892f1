"""What meta-training minimises: over which meta-parameters, on which tasks and networks."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.batch import Batch, at
from blurax.errors import require
from blurax.fit import check_fit, for_task
from blurax.learner import Learner
from blurax.network import Network
from blurax.outer.objective import STEADY, Objective, episode_loss
from blurax.outer.plastic import Averaging
from blurax.outer.space import Space
from blurax.outer.vary import Draw, Vary
from blurax.remat import Remat
from blurax.tasks import EpisodeSpec, Split, Task, choice
from blurax.unroll import asked, unroll

Setting = tuple[Task, Network, EpisodeSpec]


def _check_episode(task: Task, episode: EpisodeSpec) -> None:
    """Draw an episode without computing it, so that a task too small for it says so now."""
    stages = task.stages
    require(
        stages is None or episode.steps == stages.total,
        f"Task {task.name} has {stages}, but the episodes of meta-training have {episode.steps} "
        f"steps; they take {stages.total if stages else 0} (episode.steps), all the stages.",
    )
    jax.eval_shape(lambda key: task.sample(key, episode, Split.TRAIN), jax.random.key(0))


class Problem(eqx.Module):
    """Meta-learning as an optimisation problem: a loss, and a score held apart."""

    tasks: tuple[Task, ...]
    networks: tuple[tuple[Network, ...], ...] = eqx.field(static=True)
    """For each task the networks that learn it."""
    space: Space
    """The meta-parameters to choose from."""
    episode: EpisodeSpec = eqx.field(static=True)
    objective: Objective = eqx.field(static=True)
    vary: Vary = eqx.field(static=True, default=STEADY)
    """What differs between meta-steps."""
    weights: tuple[float, ...] = eqx.field(static=True, default=())
    """The weight of each task in the loss, relative to the others; all the same if empty."""
    batches: tuple[int, ...] = eqx.field(static=True, default=())
    """The batch size of each task, beside those of `vary`; that of `episode` if empty."""

    def __check_init__(self) -> None:
        require(len(self.tasks) > 0, "Problem.tasks is empty; a genome needs a task to learn from.")
        require(
            len(self.tasks) == len(self.networks) and all(self.networks),
            f"Problem.tasks has {len(self.tasks)} tasks, but Problem.networks is {self.networks}; "
            "give one or more networks for each task.",
        )
        require(
            len(self.weights) in (0, len(self.tasks))
            and all(0 < weight < math.inf for weight in self.weights),
            f"Problem.weights is {self.weights}; it takes a number above 0 for each of the "
            f"{len(self.tasks)} tasks.",
        )
        require(
            len(self.batches) in (0, len(self.tasks)),
            f"Problem.batches is {self.batches}; it takes a size for each of the "
            f"{len(self.tasks)} tasks.",
        )
        for task, network, _ in self._pairs():
            check_fit(network, task)
            self.space.check(network, task)
        for task, _, episode in self.settings():
            _check_episode(task, episode)

    def loss(
        self, numbers: Any, key: PRNGKeyArray, which: int | Int[Array, ""] | None = None
    ) -> Float[Array, ""]:
        """The query loss after a fresh training episode.

        Args:
            which: the setting, from `draw`; the mean over all of them if None. With a plain number
                no other setting is compiled.
        """
        if isinstance(which, int):
            return self._one(self.settings()[which])(numbers, key)
        if which is not None:
            return jax.lax.switch(which, [self._one(s) for s in self.settings()], numbers, key)
        losses = [
            self._one(setting)(numbers, jax.random.fold_in(key, s))
            for s, setting in enumerate(self.settings())
        ]
        pairs = zip(self.setting_weights(), losses, strict=True)
        return sum((weight * loss for weight, loss in pairs), jnp.zeros((), float))

    def draw(self, key: PRNGKeyArray) -> Int[Array, ""] | None:
        """The setting of a meta-step, where each has but one."""
        if self.vary.draw is Draw.ALL:
            return None
        return choice(key, self.setting_weights())

    def validate(self, numbers: Any, key: PRNGKeyArray, episodes: int) -> Float[Array, " pairs"]:
        """The validation score after the last step for each task and network, in that order.

        A network whose prediction is not finite scores 0.

        Args:
            episodes: births and support draws to average over.
        """
        last = Split.VALIDATE, self.objective.average

        def one(key: PRNGKeyArray) -> Float[Array, " pairs"]:
            scores = [
                final_score(self.space.learner(numbers, network), task, key, episode, *last)
                for (task, network, episode), key in self._keyed(key)
            ]
            return jnp.stack(scores)

        return jnp.mean(jax.vmap(one)(jax.random.split(key, episodes)), axis=0)

    def _one(self, setting: Setting) -> Callable[[Any, PRNGKeyArray], Float[Array, ""]]:
        task, network, episode = setting

        def loss(numbers: Any, key: PRNGKeyArray) -> Float[Array, ""]:
            learner = self.space.learner(numbers, network)
            found = episode_loss(learner, task, episode, self.objective, key, self.vary)
            return found + self.penalty(numbers)

        return loss

    def penalty(self, numbers: Any) -> Float[Array, ""] | float:
        """What numbers cost that do something, whatever they teach (`Objective.sparse`)."""
        weight = self.objective.sparse
        return weight * self.space.distance(numbers) if weight else 0.0

    def settings(self) -> list[Setting]:
        """Every task, network and batch size that meta-training learns from."""
        return [
            (task, network, dataclasses.replace(episode, batch=batch))
            for task, network, episode in self._pairs()
            for batch in self._sizes(episode)
        ]

    def setting_weights(self) -> list[float]:
        """The weight of each setting in the loss; that of a task, divided among its settings."""
        weights = self.weights or (1.0,) * len(self.tasks)
        of_pairs = [
            weight / len(networks)
            for weight, networks in zip(weights, self.networks, strict=True)
            for _ in networks
        ]
        each = [
            weight
            for weight, (_, _, episode) in zip(of_pairs, self._pairs(), strict=True)
            for _ in self._sizes(episode)
        ]
        return [weight / sum(each) for weight in each]

    def _sizes(self, episode: EpisodeSpec) -> list[int]:
        """The batch sizes of a task: its own and those that vary."""
        return [*dict.fromkeys((episode.batch, *self.vary.batches))]

    def _pairs(self) -> list[Setting]:
        """Every task and network, with an episode of the task's own batch size."""
        batches = self.batches or (self.episode.batch,) * len(self.tasks)
        return [
            (task, network, dataclasses.replace(self.episode, batch=batch))
            for task, networks, batch in zip(self.tasks, self.networks, batches, strict=True)
            for network in networks
        ]

    def _keyed(self, key: PRNGKeyArray) -> list[tuple[Setting, PRNGKeyArray]]:
        """The pairs, each with a key of its own."""
        return [(pair, jax.random.fold_in(key, p)) for p, pair in enumerate(self._pairs())]


def final_score(
    learner: Learner,
    task: Task,
    key: PRNGKeyArray,
    spec: EpisodeSpec,
    split: Split,
    average: float = 0.0,
) -> Float[Array, ""]:
    """The score of an initial state after its episode; 0 if a prediction is not finite.

    Pure and without checks, to be called inside jit and vmap.

    Args:
        average: above 0 an average of the synapses predicts, see `Averaging`.
    """
    first, drawn = jax.random.split(key)
    episode, steps = task.sample(drawn, spec, split), jax.random.fold_in(key, 2)
    learner = for_task(learner, task)
    if average:
        learner = Averaging(learner, average)
    state = learner.init(first, spec.batch)
    way = lambda _: (), Remat.NONE, 0, steps
    last, *_ = unroll(learner, state, episode.support, *way, stages=episode.stages)
    batch = learner.inputs(at(episode.support, -1).x)

    def score(state: Any, query: Batch) -> Float[Array, ""]:
        prediction = learner.predict_after(state, query.x, batch)
        return task.target.finite_score(prediction, query.y, query.mask)

    return asked(learner, episode.stages, last, learner.takes(episode.query), score)[0]
