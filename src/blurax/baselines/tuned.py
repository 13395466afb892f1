"""A genome whose rates, and hidden layers, a tuner chooses as it does an optimiser's."""

import dataclasses
import functools
import hashlib
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax import zoo
from blurax.baselines.descent import Arrangement
from blurax.baselines.makers import Baseline, choices_of
from blurax.genome import Genome, leaves
from blurax.inner import StepInfo
from blurax.learner import Batch, Blur, Learner
from blurax.network import Network, NetworkState
from blurax.spec import Activation
from blurax.targets import Target
from blurax.tasks import Task

OTHERS = (Activation.RELU, Activation.TANH)
"""What hidden layers may have beside the genome's own non-linearity: what baselines may have."""


class TunedBlur(Blur):
    """A genome on a network; all that a step changes of a synapse is multiplied by its rate.

    At a rate of 1 it is `Blur`.
    """

    def __init__(
        self,
        genome: Genome,
        network: Network,
        target: Target | None = None,
        over_time: bool = False,
    ) -> None:
        """As of `Blur`."""
        super().__init__(genome, network, target, over_time)

    def step(
        self,
        state: NetworkState,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[NetworkState, StepInfo]:
        """One inner step, with η~ of equation (7) times the rate."""
        genome = eqx.tree_at(_rates, self.genome, replace_fn=lambda eta_tilde: rate * eta_tilde)
        plain = Blur(genome, self.network, self.target, self.over_time)
        return plain.step(state, batch, rate=rate, key=key, index=index)


def _rates(genome: Any) -> tuple[Any, ...]:  # equinox asks with stand-ins for leaves
    synapses = (genome.synapse, genome.forward_synapse)
    return tuple(genes.eta_tilde for genes in synapses if genes is not None)


@functools.cache
def of_zoo(name: str) -> Baseline:
    """A genome of the zoo among the baselines.

    Raises:
        BluraxError: if there is none of this name.
    """
    zoo.genome_file(name)  # a name alone, no path
    return tuned_genome(zoo.genome(name)[0], f"{name} of the zoo, rates and hidden layers tuned")


def tuned_genome(genome: Genome, about: str) -> Baseline:
    """A genome among the baselines: its learner is a `TunedBlur`.

    Args:
        about: a few words for lists.
    """
    own = genome.rule.sigma.forward
    kinds = tuple(dict.fromkeys((own, *OTHERS)))

    def make(arrangement: Arrangement, network: Network, task: Task) -> Learner:
        chosen = _with_activation(genome, Activation(arrangement.chosen["activation"]))
        network.check(chosen.rule)
        return TunedBlur(chosen, network, task.target)

    settings = choices_of(activation=tuple(kind.value for kind in kinds))
    return Baseline(about, make, False, 1.0, settings, own_network=True, source=_digest(genome))


def _with_activation(genome: Genome, activation: Activation) -> Genome:
    sigma = dataclasses.replace(genome.rule.sigma, forward=activation)
    return dataclasses.replace(genome, rule=dataclasses.replace(genome.rule, sigma=sigma))


def _digest(genome: Genome) -> str:
    """So that cells of other numbers are not taken for its own."""
    found = hashlib.sha256(repr(genome.rule).encode())
    for name, leaf in leaves(genome).items():
        found.update(f"{name} {leaf.dtype} {leaf.shape}".encode() + np.asarray(leaf).tobytes())
    return found.hexdigest()
