"""How the tests say that two results agree."""

from typing import Any

import jax
import numpy as np


def error(got: Any, want: Any) -> float:
    """The largest difference between two arrays, relative to the largest number wanted."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"shape {got.shape}, wanted {want.shape}"
    assert np.isfinite(want).all(), "what is wanted is not finite; nothing would be compared"
    scale = np.abs(want).max(initial=0.0)
    return float(np.abs(got - want).max(initial=0.0) / (scale if scale > 0 else 1.0))


def assert_close(got: Any, want: Any, tolerance: float = 1e-12) -> None:
    """Two trees of arrays agree, each array within `tolerance` of its own scale."""
    shape, wanted = jax.tree.structure(got), jax.tree.structure(want)
    assert shape == wanted, f"{shape}, wanted {wanted}"
    leaves = zip(jax.tree_util.tree_leaves_with_path(got), jax.tree.leaves(want), strict=True)
    for (path, g), w in leaves:
        assert error(g, w) <= tolerance, f"{jax.tree_util.keystr(path)} is off by {error(g, w):.1e}"


def differs(a: Any, b: Any) -> bool:
    """Whether any array of two trees differs by more than a rounding error."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return any(error(x, y) > 1e-6 for x, y in pairs)
