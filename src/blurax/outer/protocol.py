"""The protocols of the outer loop: a meta-trainer, and an estimator of the gradient."""

from typing import Any, ClassVar, Protocol, runtime_checkable

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from blurax.genome import Genome

Which = int | Int[Array, ""] | None
"""The setting of a meta-step, from `Problem.draw`; a plain number is compiled for alone."""


class MetaInfo(eqx.Module):
    """What a meta-step looked like; observed only."""

    loss: Float[Array, "*members"]
    """The meta-objective of each member before the step, or of each candidate of a generation."""
    gradient_norm: Float[Array, "*members"] | None
    """The length of each member's gradient estimate before clipping; None where there is none."""
    diverged: Bool[Array, "*members"]
    """Members whose loss or gradient was not finite, which were left as they were; candidates
    whose loss was not finite, which counted as the worst."""


@runtime_checkable
class MetaTrainer(Protocol):
    """A way to find genomes.

    A trainer never changes. Its state is a pytree of arrays, from which a run is resumed: the same
    state and key give the same next state, to the bit on one machine.
    """

    def init(self, key: PRNGKeyArray) -> Any:
        """The state before the first meta-step."""
        ...

    def step(self, state: Any, key: PRNGKeyArray) -> tuple[Any, MetaInfo]:
        """One meta-step."""
        ...

    def genomes(self, state: Any) -> Genome:
        """The genomes to validate, every leaf with a leading axis `members`."""
        ...

    def synchronise(self, state: Any, best: Int[Array, ""], key: PRNGKeyArray) -> Any:
        """Let all members go on from the best one, at the start of a stage of a curriculum."""
        ...


@runtime_checkable
class Estimator(Protocol):
    """A way to estimate the meta-gradient, which `Descent` follows; pure, run in jit and vmap."""

    adds: ClassVar[bool]
    """Whether the estimate over all settings is the weighted sum of those of each, and nothing is
    carried: then each setting is a program of its own."""

    def init(self, key: PRNGKeyArray) -> Any:
        """What it carries from one meta-step to the next."""
        ...

    def estimate(
        self, numbers: Any, carry: Any, key: PRNGKeyArray, which: Which
    ) -> tuple[Float[Array, ""], Any, Any]:
        """The loss, an estimate of its gradient (a pytree like `numbers`), and the new carry."""
        ...
