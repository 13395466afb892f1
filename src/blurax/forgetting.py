"""What is kept of earlier stages, and what helps with later ones: the measures of the field.

All are of the matrix R of an episode in stages: R[i, j] is the score on stage j after stage i has
been learned, from 0. There are T stages. Other than finite numbers are refused.

Sources: Lopez-Paz and Ranzato, "Gradient episodic memory for continual learning", NeurIPS 2017, for
the average accuracy and both transfers; Chaudhry et al., "Riemannian walk for incremental
learning", ECCV 2018, for forgetting.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from blurax.errors import BluraxError, require, shown

Matrix = Float[np.ndarray, "*seeds stages stages"]
Numbers = Float[np.ndarray, "*seeds"]


def average_accuracy(matrix: Matrix) -> Numbers:
    """1/T Σ_j R[T-1, j]: the mean over all stages, after the last one."""
    return _mean(_checked(matrix)[..., -1, :])


def learning_accuracy(matrix: Matrix) -> Numbers:
    """1/T Σ_j R[j, j]: the mean over all stages, each right after it was learned."""
    return _mean(_diagonal(_checked(matrix)))


def forgetting(matrix: Matrix) -> Numbers:
    """1/(T-1) Σ_{j<T-1} (max_{i<T-1} R[i, j] - R[T-1, j]): by how much each was better before."""
    found = _checked(matrix)
    return _mean(found[..., :-1, :-1].max(-2) - found[..., -1, :-1])


def backward_transfer(matrix: Matrix) -> Numbers:
    """1/(T-1) Σ_{j<T-1} (R[T-1, j] - R[j, j]): below 0 where later stages undo earlier ones."""
    found = _checked(matrix)
    return _mean(found[..., -1, :-1] - _diagonal(found)[..., :-1])


def forward_transfer(matrix: Matrix, initial: float | np.ndarray) -> Numbers:
    """1/(T-1) Σ_{j>0} (R[j-1, j] - b_j): what earlier stages teach of those to come.

    Args:
        initial: b, the score before anything is learned, of each stage or of all; chance
            (`Target.chance`) is what an initial network reaches in the mean.
    """
    found = _checked(matrix)
    b, stages = _numbers(initial, "initial"), found.shape[-1]
    require(
        b.shape in ((), (stages,)),
        f"initial has shape {b.shape}; it takes a number, or one for each of {stages} stages.",
    )
    return _mean(np.diagonal(found, 1, -2, -1) - np.broadcast_to(b, (stages,))[1:])


def measures(matrix: Matrix, chance: float) -> dict[str, Numbers]:
    """All of them by their names.

    Args:
        chance: the score before anything is learned.
    """
    found = {name: measure(matrix) for name, measure in MEASURES.items()}
    return found | {FORWARD: forward_transfer(matrix, chance)}


MEASURES: MappingProxyType[str, Callable[[Matrix], Numbers]] = MappingProxyType(
    {
        "average accuracy": average_accuracy,
        "accuracy when learned": learning_accuracy,
        "forgetting": forgetting,
        "backward transfer": backward_transfer,
    }
)
"""Those of the matrix alone."""
FORWARD = "forward transfer"
"""The name of the one that also goes by what is known before anything is learned."""


def _checked(matrix: Matrix) -> Matrix:
    found = _numbers(matrix, "matrix")
    require(
        found.ndim >= 2 and found.shape[-1] == found.shape[-2] >= 2,
        f"matrix has shape {found.shape}; it takes [..., stages, stages] with two or more stages.",
    )
    return found


def _numbers(values: Any, name: str) -> Float[np.ndarray, "..."]:
    """Finite numbers as an array of them.

    Raises:
        BluraxError: for anything else.
    """
    try:
        found = np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise BluraxError(f"{name} is {shown(values)}; it takes an array of numbers.") from error
    wrong = found[~np.isfinite(found)]
    require(
        wrong.size == 0,
        f"{name} has {wrong.size} numbers that are not finite, such as "
        f"{wrong[0] if wrong.size else 0}; it takes finite scores.",
    )
    return found


def _mean(values: Float[np.ndarray, "*seeds several"]) -> Numbers:
    return np.asarray(values.mean(-1))


def _diagonal(matrix: Matrix) -> Float[np.ndarray, "*seeds stages"]:
    return np.diagonal(matrix, 0, -2, -1)
