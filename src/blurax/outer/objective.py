"""What the outer loop minimises: the query loss of a network that a genome has taught."""

import dataclasses
import enum

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.frozen import check_types
from blurax.genome import Genome
from blurax.inner import Remat, predict, unroll
from blurax.network import Network, NetworkState
from blurax.tasks import EpisodeSpec, Split, Task
from blurax.teach import cross_entropy


class Loss(enum.StrEnum):
    """The loss of a prediction, which is state 1 of the last layer."""

    CROSS_ENTROPY = "cross-entropy"
    """Softmax cross-entropy (paper, sec. 3.3)."""
    SQUARED_ERROR = "squared-error"
    """Mean squared distance to the labels +1 and -1."""


class When(enum.StrEnum):
    """After which inner steps the query is asked."""

    LAST = "last"
    MEAN = "mean"
    """After every step; the mean of the losses rewards learning fast."""


@dataclasses.dataclass(frozen=True)
class Objective:
    """The meta-objective."""

    loss: Loss = Loss.CROSS_ENTROPY
    """What a prediction costs."""
    when: When = When.LAST
    """When it is asked for."""
    remat: Remat = Remat.STEP
    """What the gradient keeps of each inner step."""

    def __post_init__(self) -> None:
        check_types(self)


def prediction_loss(
    prediction: Float[Array, "q classes"], y: Float[Array, "q classes"], loss: Loss
) -> Float[Array, ""]:
    """The mean loss of predictions against labels +1 and -1."""
    if loss is Loss.SQUARED_ERROR:
        return jnp.mean((prediction - y) ** 2)
    return cross_entropy(prediction, y)


def episode_loss(
    genome: Genome,
    network: Network,
    task: Task,
    spec: EpisodeSpec,
    objective: Objective,
    key: PRNGKeyArray,
) -> Float[Array, ""]:
    """The loss of a newborn network on the query of a fresh training episode (sec. 3.3)."""
    born, drawn = jax.random.split(key)
    episode = task.sample(drawn, spec, Split.TRAIN)
    state = network.init(born, genome.rule, spec.batch)

    def query_loss(state: NetworkState) -> Float[Array, ""]:
        prediction = predict(genome, state, episode.query_x)
        return prediction_loss(prediction, episode.query_y, objective.loss)

    if objective.when is When.LAST:
        state, _ = unroll(genome, state, episode.x, episode.y, remat=objective.remat)
        return query_loss(state)
    _, losses = unroll(
        genome, state, episode.x, episode.y, lambda state, _: query_loss(state), objective.remat
    )
    return jnp.mean(losses)
