"""Many steps in one `lax.scan`: what its gradient keeps, and what is done after some steps only."""

import enum
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from blurax.errors import require
from blurax.rules import INPUT


class Remat(enum.StrEnum):
    """What a gradient through `unroll` keeps of each step, and what it computes again."""

    NONE = "none"
    """Keep everything: fastest, memory grows with all activations of all steps."""
    STEP = "step"
    """Keep the state before each step; compute each step once more."""
    PRODUCTS = "products"
    """Keep the state before each step and what its matrix products gave, apart from the synapses'
    change; compute only the rest once more."""
    SQRT = "sqrt"
    """Keep the state before every √n-th step: about 2√n states, each step computed twice more."""


Step = Callable[[Any, Any], tuple[Any, Any]]


def scan(
    body: Step,
    state: Any,
    batches: Any,
    remat: Remat,
    ask: Callable[[Any], Any] | None = None,
    due: Bool[Array, " steps"] | None = None,
) -> tuple[Any, Any, Any]:
    """`lax.scan` over steps, whose gradient keeps what `remat` says.

    Args:
        batches: a pytree whose leaves lead with the steps.
        ask: what is asked of the state before some steps. Its gradient keeps the state alone, which
            is kept for the step already: what else it kept would take a place for every step.
        due: before which steps it is asked.

    Returns:
        The last state, what `body` returned of each step, and what `ask` did, 0 where not due.
    """
    steps = jax.tree.leaves(batches)[0].shape[0]
    require(steps >= 1, "x holds no step; an unroll takes at least one.")
    policy = jax.checkpoint_policies.save_only_these_names(INPUT)
    kept = policy if remat is Remat.PRODUCTS else None
    once = jax.checkpoint(body, prevent_cse=False, policy=kept)  # pyright: ignore[reportArgumentType]
    learn = body if remat is Remat.NONE else once

    def asked(state: Any, due: Array | None) -> Any:
        if ask is None:
            return ()
        return jax.lax.cond(due, ask, lambda state: _blank(ask, state), state)

    rarely = jax.checkpoint(asked, prevent_cse=False)

    def both(state: Any, given: tuple[Any, Array | None]) -> tuple[Any, Any]:
        batch, due = given
        answer = rarely(state, due)  # outside `once`, whose policy would reach into it
        state, seen = learn(state, batch)
        return state, (seen, answer)

    way = _by_chunks if remat is Remat.SQRT else jax.lax.scan
    state, (seen, answers) = way(both, state, (batches, due))
    return state, seen, answers


def _by_chunks(body: Step, state: Any, batches: Any) -> tuple[Any, Any]:
    """`Remat.SQRT`: `lax.scan` in chunks, of which only the states between them are kept.

    Where the steps are no multiple of a chunk, the last one has places in which nothing is learned:
    so there is one program, whatever the number of steps.
    """
    steps = jax.tree.leaves(batches)[0].shape[0]
    chunk = _chunk(steps)
    places = jnp.arange(steps + -steps % chunk)

    def placed(state: Any, place: Array) -> tuple[Any, Any]:
        batch = jax.tree.map(lambda leaf: leaf[jnp.minimum(place, steps - 1)], batches)
        if len(places) == steps:
            return body(state, batch)
        _, seen = _blank(body, state, batch)
        return jax.lax.cond(place < steps, body, lambda s, _: (s, seen), state, batch)

    once = jax.checkpoint(placed, prevent_cse=False)
    many = jax.checkpoint(lambda s, p: jax.lax.scan(once, s, p), prevent_cse=False)
    state, seen = jax.lax.scan(many, state, places.reshape(-1, chunk))
    return state, jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:steps], seen)


def _chunk(steps: int) -> int:
    """The steps of a chunk: the fewest states kept, of these the fewest empty places."""
    return min(range(1, steps + 1), key=lambda n: (n - -steps // n, -steps % n))


def _blank(function: Any, *given: Any) -> Any:
    """Zeros of the shapes that a function returns."""
    shapes = jax.eval_shape(function, *given)
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
