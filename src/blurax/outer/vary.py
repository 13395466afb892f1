"""What differs from one meta-step to the next, so that a rule gets used to no single setting."""

import dataclasses
import enum
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from blurax.bounds import check_count
from blurax.errors import require
from blurax.frozen import check_types
from blurax.learner import Learner
from blurax.network import NetworkState


class Draw(enum.StrEnum):
    """Which settings (task, network, batch size) a meta-step learns from."""

    ALL = "all"
    """Every one; the loss is their mean."""
    ONE = "one"
    """One, drawn anew for each meta-step and shared by all members; the others cost nothing."""


@dataclasses.dataclass(frozen=True)
class Vary:
    """Variation in meta-training; validation knows none.

    The widths and depths to vary over are the networks of the problem itself.

    Raises:
        BluraxError: for a value out of range.
    """

    draw: Draw = Draw.ALL
    """Which settings a meta-step learns from."""
    batches: tuple[int, ...] = ()
    """Batch sizes beside that of the episode."""
    init: float = 1.0
    """Multiply the synapses of each initial network by a factor from 1/init to init,
    log-uniform."""

    def __post_init__(self) -> None:
        check_types(self)
        for batch in self.batches:
            check_count(f"Vary.batches is {self.batches}; a size", batch)
        require(1 <= self.init < math.inf, f"Vary.init is {self.init}; it takes a number >= 1.")

    def initial(self, learner: Learner, batch: int, key: PRNGKeyArray) -> Any:
        """An initial state, its synapses larger or smaller than the learner makes them."""
        if self.init == 1.0:
            return learner.init(key, batch)
        first, size = jax.random.split(key)
        state = learner.init(first, batch)
        reach = math.log(self.init)
        factor = jnp.exp(jax.random.uniform(size, (), float, -reach, reach))
        if isinstance(state, NetworkState):
            synapses = jax.tree.map(lambda w: factor * w, state.synapses)
            return dataclasses.replace(state, synapses=synapses)
        return jax.tree.map(lambda w: factor * w if eqx.is_inexact_array(w) else w, state)
