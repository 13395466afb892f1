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
from blurax.outer.vary import Vary
from blurax.tasks import EpisodeSpec, Kind, Split, Task
from blurax.teach import query_loss, squared_error

STEADY = Vary()


class Loss(enum.StrEnum):
    """The loss of a prediction of classes; that of numbers is always the squared error."""

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
    prediction: Float[Array, "q outputs"], y: Float[Array, "q outputs"], loss: Loss, kind: Kind
) -> Float[Array, ""]:
    """The mean loss of predictions against labels +1 and -1, or numbers."""
    if loss is Loss.SQUARED_ERROR:
        return squared_error(prediction, y)
    return query_loss(prediction, y, kind)


def episode_loss(
    genome: Genome,
    network: Network,
    task: Task,
    spec: EpisodeSpec,
    objective: Objective,
    key: PRNGKeyArray,
    vary: Vary = STEADY,
) -> Float[Array, ""]:
    """The loss of a newborn network on the query of a fresh training episode (sec. 3.3)."""
    born, drawn = jax.random.split(key)
    episode = task.sample(drawn, spec, Split.TRAIN)
    state = vary.newborn(network, genome.rule, spec.batch, born)

    def asked(state: NetworkState) -> Float[Array, ""]:
        prediction = predict(genome, state, episode.query_x)
        return prediction_loss(prediction, episode.query_y, objective.loss, task.kind)

    if objective.when is When.LAST:
        state, _ = unroll(genome, state, episode.x, episode.y, remat=objective.remat)
        return asked(state)
    _, losses = unroll(
        genome, state, episode.x, episode.y, lambda state, _: asked(state), objective.remat
    )
    return jnp.mean(losses)
