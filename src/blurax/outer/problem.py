"""What is asked of a genome: a rule, the tasks it must teach, and how it is scored."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.errors import require
from blurax.genome import Genome
from blurax.network import Network
from blurax.outer.objective import Objective, episode_loss
from blurax.spec import Rule
from blurax.tasks import EpisodeSpec, Split, Task
from blurax.teach import check_fit, final_accuracy


def _check_episode(task: Task, episode: EpisodeSpec) -> None:
    """Draw an episode without computing it, so that a task too small for it says so now."""
    jax.eval_shape(lambda key: task.sample(key, episode, Split.TRAIN), jax.random.key(0))


class Problem(eqx.Module):
    """Meta-learning as an optimisation problem over genomes: a loss, and a score held apart."""

    tasks: tuple[Task, ...]
    networks: tuple[tuple[Network, ...], ...] = eqx.field(static=True)
    """For each task the networks that learn it."""
    rule: Rule = eqx.field(static=True)
    episode: EpisodeSpec = eqx.field(static=True)
    objective: Objective = eqx.field(static=True)

    def __check_init__(self) -> None:
        require(len(self.tasks) > 0, "Problem.tasks is empty; a genome needs a task to learn from.")
        require(
            len(self.tasks) == len(self.networks) and all(self.networks),
            f"Problem.tasks has {len(self.tasks)} tasks, but Problem.networks is {self.networks}; "
            "give one or more networks for each task.",
        )
        for task, network in self._pairs():
            check_fit(network, task)
            network.check(self.rule)
            _check_episode(task, self.episode)

    def loss(self, genome: Genome, key: PRNGKeyArray) -> Float[Array, ""]:
        """The mean query loss over all tasks and networks, after a fresh training episode each."""
        losses = [
            episode_loss(genome, network, task, self.episode, self.objective, key)
            for (task, network), key in self._keyed(key)
        ]
        return jnp.mean(jnp.stack(losses))

    def validate(self, genome: Genome, key: PRNGKeyArray, episodes: int) -> Float[Array, " pairs"]:
        """The validation accuracy after the last step for each task and network, in that order.

        A network whose prediction is not finite scores 0.

        Args:
            episodes: births and support draws to average over.
        """

        def one(key: PRNGKeyArray) -> Float[Array, " pairs"]:
            scores = [
                final_accuracy(genome, network, task, key, self.episode, Split.VALIDATE)
                for (task, network), key in self._keyed(key)
            ]
            return jnp.stack(scores)

        return jnp.mean(jax.vmap(one)(jax.random.split(key, episodes)), axis=0)

    def _pairs(self) -> list[tuple[Task, Network]]:
        each = zip(self.tasks, self.networks, strict=True)
        return [(task, network) for task, networks in each for network in networks]

    def _keyed(self, key: PRNGKeyArray) -> list[tuple[tuple[Task, Network], PRNGKeyArray]]:
        """The pairs, each with a key of its own."""
        return [(pair, jax.random.fold_in(key, p)) for p, pair in enumerate(self._pairs())]
