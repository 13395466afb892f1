"""The protocol of a meta-trainer: two pure functions."""

from typing import Any, Protocol, runtime_checkable

import equinox as eqx
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from blurax.genome import Genome


class MetaInfo(eqx.Module):
    """What a meta-step looked like; observed only."""

    loss: Float[Array, "*members"]
    """The meta-objective of each member before the step."""
    gradient_norm: Float[Array, "*members"]
    """The length of each member's gradient estimate before clipping."""
    diverged: Bool[Array, "*members"]
    """Members whose loss or gradient was not finite; they were left as they were."""


@runtime_checkable
class MetaTrainer(Protocol):
    """A way to find genomes.

    A trainer is a pytree: its arrays (the tasks' data) may be traced, and both functions run
    inside jit. Everything that changes is in the state, so a run is resumed from the state alone.
    """

    def init(self, key: PRNGKeyArray) -> Any:
        """The state before the first meta-step."""
        ...

    def step(self, state: Any, key: PRNGKeyArray) -> tuple[Any, MetaInfo]:
        """One meta-step."""
        ...

    def genomes(self, state: Any) -> Genome:
        """The current candidates, every leaf with a leading axis `members`."""
        ...

    def validate(self, state: Any, key: PRNGKeyArray) -> Float[Array, "members pairs"]:
        """The accuracy of each candidate on the validation examples of each task and network."""
        ...
