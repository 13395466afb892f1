"""What the hooks of a term return is checked while a program is traced: a term may be anybody's."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from blurax.errors import require, returned


def check_hooks(term: type) -> None:
    """Let the hooks that a class of terms defines raise `BluraxError` for what none may return."""
    for name, wanted in _WANTED.items():
        if name in vars(term):
            setattr(term, name, _checked(f"{term.__name__}.{name}", vars(term)[name], wanted))


def _checked(name: str, hook: Callable[..., Any], wanted: Callable[..., tuple]) -> Callable:
    """A hook that looks at what it returns.

    Args:
        wanted: of its arguments and what it returned: whether that will do, and what would.
    """

    @functools.wraps(hook)
    def checked(self: Any, *args: Any, **named: Any) -> Any:
        found = hook(self, *args, **named)
        fits, takes = wanted(found, *args, *named.values())
        require(fits, f"{name} returned {returned(found)}; it is to return {takes}.")
        return found

    return checked


def _shape(value: Any) -> tuple[int, ...] | None:
    return jnp.shape(value) if hasattr(value, "shape") or isinstance(value, int | float) else None


def _array(found: Any, given: Any, *_: Any) -> tuple[bool, str]:
    return _shape(found) == given.shape, f"an array of shape {given.shape}"


def _arrays(found: Any, given: Any, *_: Any) -> tuple[bool, str]:
    shapes = [array.shape for array in given]
    fits = isinstance(found, list | tuple) and [*map(_shape, found)] == shapes
    return fits, f"a list of arrays of shapes {', '.join(map(str, shapes))}"


def _kept(found: Any, given: Any, *_: Any) -> tuple[bool, str]:
    fits, takes = _arrays(found, given)
    dtypes = [array.dtype for array in given]
    fits = fits and [jnp.result_type(array) for array in found] == dtypes
    return fits, f"{takes}, of {', '.join(sorted({str(dtype) for dtype in dtypes}))}"


def _spreads(found: Any, shape: tuple[int, ...]) -> bool:
    """Whether something is a number or an array that broadcasts to a shape."""
    have = _shape(found)
    if have is None or len(have) > len(shape):
        return False
    return all(n in (1, m) for n, m in zip(have[::-1], shape[::-1], strict=False))


def _coupling(found: Any, _: Any, pair: Any) -> tuple[bool, str]:
    events = pair.link.events(pair.a_j).shape[1]  # examples, where it is fully connected
    shape = (len(pair.old[0]), events, events)
    given = _shape(found) or ()
    if len(given) == 4 and given[3] > 0:  # as few blocks as can be hold all events
        blocks = (shape[0], -(-events // given[3]), given[3], given[3])
        return given == blocks, f"None, or an array of shape {shape} or, in blocks, {blocks}"
    fits = found is None or _spreads(found, shape)
    return fits, f"None, or an array of shape {shape}"


def _forget(found: Any, _: Any, pair: Any) -> tuple[bool, str]:
    shape = (len(pair.old[0]), 1, pair.old[0].shape[2])
    return _spreads(found, shape), f"a number, or an array of shape {shape}"


def _genes(found: Any, given: Any, _: Any) -> tuple[bool, str]:
    """Whether all genes are there, each with its shape."""
    fits = jax.tree.structure(found) == jax.tree.structure(given) and all(
        _shape(own) == _shape(old)
        for own, old in zip(jax.tree.leaves(found), jax.tree.leaves(given), strict=True)
    )
    return fits, "the genes that it was given, each of its shape"


def _gain(found: Any, given: Any, _: Any, __: Any, into: Any) -> tuple[bool, str]:
    shape = (len(into[0]), 1, into[0].shape[2])
    takes = f"a Gain whose eta is a number and whose length is None, or an array of shape {shape}"
    if not isinstance(found, type(given)):
        return False, takes
    return _shape(found.eta) == () and (
        found.length is None or _spreads(found.length, shape)
    ), takes


_WANTED: dict[str, Callable[..., tuple[bool, str]]] = {
    "initial": _array,
    "stored": _arrays,
    "at": _genes,
    "begin": _kept,
    "remember": _kept,
    "read": _kept,
    "gain": _gain,
    "argument": _array,
    "lateral": _array,
    "passed": _array,
    "coupling": _coupling,
    "change": _arrays,
    "forget": _forget,
    "after": _arrays,
}
