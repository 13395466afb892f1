"""Folds of cross-validation: which rows of a table teach, validate and test."""

import numbers
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from blurax.bounds import check_seed
from blurax.errors import cut, require

Fold = tuple[int, ...]
"""(3, 5): the third of five; empty: none, and a table is divided once."""


def check_fold(name: str, fold: Fold) -> None:
    """Raise `BluraxError` if an option is neither empty nor a fold of three or more."""
    given: Any = fold
    parts = list(given) if isinstance(given, tuple | list) else [given]
    whole = all(isinstance(n, numbers.Integral) and not isinstance(n, bool) for n in parts)
    fine = whole and len(parts) == 2 and parts[1] >= 3 and 1 <= parts[0] <= parts[1]
    require(
        parts == [] or fine,
        f"{name} is {cut('/'.join(map(str, parts)))}; it takes one of three or more folds, such as "
        "1/5.",
    )


def fold_of(
    labels: Shaped[np.ndarray, "n ..."], fold: Fold, classes: bool, seed: int = 0
) -> tuple[Int[np.ndarray, " n"], tuple[int, int]]:
    """The rows in the order of their splits: those that teach, then validate, then test.

    The fold itself tests, the next one validates (the first after the last), the others teach: so
    over all folds a row tests once and validates once. The rows of each class are dealt to all
    folds in turn. Folds have one size, so that one compiled program serves them all: of n rows the
    n % folds that are left over teach in each.

    Args:
        classes: whether labels are classes, which are to be in every fold alike.
        seed: of the order in which rows are dealt; the same gives the same folds.

    Returns:
        The order, and where validation and test rows begin in it.

    Raises:
        BluraxError: if there are fewer rows than folds.
    """
    check_seed("seed", seed)
    number, count = fold
    require(
        len(labels) >= count, f"{len(labels)} rows cannot be dealt to {count} folds; take fewer."
    )
    dealt = np.random.default_rng(seed).permutation(len(labels))
    size = len(labels) // count
    rest, dealt = np.split(dealt, [len(labels) - size * count])
    if classes:
        dealt = dealt[np.argsort(labels[dealt], kind="stable")]
    parts = list(dealt.reshape(size, count).T)
    test, validate = number - 1, number % count
    taught = [part for n, part in enumerate(parts) if n not in (test, validate)]
    first = len(labels) - 2 * size
    return np.concatenate([rest, *taught, parts[validate], parts[test]]), (first, first + size)
