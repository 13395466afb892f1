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


class Problem(eqx.Module):
    """Meta-learning as an optimisation problem over genomes: a loss, and a score held apart."""

    tasks: tuple[Task, ...]
    networks: tuple[Network, ...] = eqx.field(static=True)
    """One network for each task."""
    rule: Rule = eqx.field(static=True)
    episode: EpisodeSpec = eqx.field(static=True)
    objective: Objective = eqx.field(static=True)

    def __check_init__(self) -> None:
        require(len(self.tasks) > 0, "Problem.tasks is empty; a genome needs a task to learn from.")
        require(
            len(self.tasks) == len(self.networks),
            f"Problem.tasks has {len(self.tasks)} tasks but Problem.networks has "
            f"{len(self.networks)} networks; give one network for each task.",
        )
        for network, task in zip(self.networks, self.tasks, strict=True):
            check_fit(network, task)
            network.check(self.rule)

    def loss(self, genome: Genome, key: PRNGKeyArray) -> Float[Array, ""]:
        """The mean over the tasks of the query loss after a fresh training episode each."""
        losses = [
            episode_loss(
                genome, network, task, self.episode, self.objective, jax.random.fold_in(key, t)
            )
            for t, (task, network) in enumerate(zip(self.tasks, self.networks, strict=True))
        ]
        return jnp.mean(jnp.stack(losses))

    def validate(self, genome: Genome, key: PRNGKeyArray, episodes: int) -> Float[Array, " tasks"]:
        """The accuracy after the last step on each task's validation examples.

        A network whose prediction is not finite scores 0.

        Args:
            episodes: births and support draws to average over.
        """

        def one(key: PRNGKeyArray) -> Float[Array, " tasks"]:
            scores = [
                final_accuracy(
                    genome,
                    network,
                    task,
                    jax.random.fold_in(key, t),
                    self.episode,
                    Split.VALIDATE,
                )
                for t, (task, network) in enumerate(zip(self.tasks, self.networks, strict=True))
            ]
            return jnp.stack(scores)

        return jnp.mean(jax.vmap(one)(jax.random.split(key, episodes)), axis=0)
