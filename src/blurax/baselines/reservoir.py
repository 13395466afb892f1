"""A uniform sample, of bounded size, of all examples that were ever offered."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.batch import leading


class Reservoir(eqx.Module):
    """Each example offered gets a random rank, and those of the highest ranks are kept.

    So at any time every set of `size` of the examples offered is as likely as any other to be the
    one that is kept.
    """

    items: Any
    """Pytree of what is kept, `[size, ...]`; zeros in places that are empty."""
    ranks: Float[Array, " size"]
    """From 0 to 1, falling; -1 for an empty place."""
    seen: Int[Array, ""]
    """How many examples were offered."""

    @classmethod
    def empty(cls, size: int, like: Any) -> "Reservoir":
        """Room for so many.

        Args:
            like: a pytree of arrays, of the shapes of one example.
        """
        items = jax.tree.map(lambda leaf: jnp.zeros((size, *leaf.shape), leaf.dtype), like)
        return cls(items, jnp.full(size, -1.0), jnp.zeros((), jnp.int32))

    @property
    def filled(self) -> Int[Array, ""]:
        """How many places are filled: the first ones."""
        return jnp.minimum(self.seen, len(self.ranks))

    def offer(self, key: PRNGKeyArray, items: Any) -> "Reservoir":
        """With some of these in the place of some others.

        Args:
            items: each leaf `[n, ...]`.
        """
        count = leading(items)
        ranks = jnp.concatenate([self.ranks, jax.random.uniform(key, (count,), float)])
        best, places = jax.lax.top_k(ranks, len(self.ranks))
        kept = jax.tree.map(lambda old, new: jnp.concatenate([old, new])[places], self.items, items)
        return Reservoir(kept, best, self.seen + count)

    def draw(self, key: PRNGKeyArray, count: int) -> Any:
        """Some of what is kept, with replacement, each leaf `[count, ...]`; zeros if none is."""
        places = jax.random.randint(key, (count,), 0, jnp.maximum(self.filled, 1))
        return jax.tree.map(lambda leaf: leaf[places], self.items)
