"""A batch: inputs and targets of some examples, of which a mask may leave some out."""

from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Bool

from blurax.errors import require


class Batch(eqx.Module):
    """Inputs and targets: pytrees whose leaves lead with the examples, or with axes before them.

    Of classes y is +1 for the right one and -1 for the others; of numbers to predict y is these.
    """

    x: Any
    y: Any
    mask: Bool[Array, "..."] | None = None
    """Which examples count; None: all. The others are there to fill a shape."""

    def __iter__(self) -> Iterator[Any]:
        """For `x, y = batch`.

        Raises:
            BluraxError: if there is a mask, which would be lost.
        """
        require(
            self.mask is None,
            "The batch has a mask, but the learner takes it apart as x, y = batch, which would "
            "learn from what the mask hides; it takes batch.x, batch.y and batch.mask.",
        )
        return iter((self.x, self.y))

    def __getitem__(self, place: int | slice) -> Any:
        """As of the tuple x, y."""
        return (*self,)[place]


def at(batches: Batch, place: Any) -> Batch:
    """Batches by their place on the first axis: one for a number, some for a slice."""
    return jax.tree.map(lambda leaf: leaf[place], batches)


def leading(x: Any) -> int:
    """The length of the first axis of every leaf."""
    return jax.tree.leaves(x)[0].shape[0]
