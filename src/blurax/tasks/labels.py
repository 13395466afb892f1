"""Labels as a user gives them: checked, and the target that goes with them."""

import decimal
import numbers

import jax
import numpy as np

from blurax.errors import require
from blurax.scaling import ColumnMoments
from blurax.targets import Classes, MakeTarget, Regression, Target

_REAL = (numbers.Real, decimal.Decimal, np.bool_)


def labels_of(
    labels: np.ndarray, kind: MakeTarget | Target, name: str
) -> tuple[np.ndarray, Target]:
    """The labels as a task holds them, and their target.

    Args:
        labels: of any type, whose first axis is that of the examples.
        kind: a target, or what makes one of a number of outputs.

    Raises:
        BluraxError: if they do not belong together.
    """
    given = isinstance(kind, Target)
    base = type(kind) if given else kind
    if isinstance(base, type) and issubclass(base, Classes):
        _check_classes(labels, name)
        most = int(labels.max())
        target = kind if given else kind(most + 1)
        require(
            most < target.classes,
            f"Task {name}: labels go up to {most}, but the target is {target}.",
        )
        return labels, target
    labels = _numbers(labels, name)
    require(
        labels.ndim < 3 or base is not Regression,
        f"Task {name}: labels have shape {labels.shape}; numbers to predict take [examples] or "
        "[examples, outputs].",
    )
    columns = labels.reshape(len(labels), -1) if labels.ndim == 1 else labels
    target = kind if given else kind(columns.shape[1])
    require(
        given or target.y_shape != (),
        f"Task {name}: the labels of {type(target).__name__} are of shape [examples], which does "
        f"not say how many outputs it takes; give the target itself, kind={type(target).__name__}"
        "(outputs).",
    )
    if target.y_shape != ():
        labels = columns
    target.check_labels(jax.ShapeDtypeStruct(labels.shape, labels.dtype), f"Task {name}")
    return labels, target


def _numbers(labels: np.ndarray, name: str) -> np.ndarray:
    """Labels that are real numbers, none of which is infinite."""
    where, found = f"Task {name}:", real(labels)
    require(found.size > 0, f"{where} labels have shape {labels.shape}; they hold no data.")
    require(
        found.dtype == np.float64,
        f"{where} labels have dtype {labels.dtype}; to predict them takes real numbers.",
    )
    bad = int((~np.isfinite(found)).sum())
    require(
        bad == 0,
        f"{where} labels hold NaN or infinite values ({bad} of {found.size}); remove them first.",
    )
    return found


def standardised_labels(labels: np.ndarray, training: int, name: str) -> np.ndarray:
    """Numbers to predict, each brought to mean 0 and variance 1 over the training examples.

    Raises:
        BluraxError: if one is constant there.
    """
    moments = ColumnMoments.of(labels[:training])
    still = np.flatnonzero(moments.constant)
    which = f" of output {still[0]}" if labels.shape[1] > 1 and len(still) else ""
    require(
        len(still) == 0,
        f"Task {name}: the labels{which} are the same in all training examples; there is nothing "
        "to predict.",
    )
    return moments.standardise(labels)


def real(x: np.ndarray) -> np.ndarray:
    """As float64 if all of it is real numbers, else as it is; too large ones are infinite."""
    kind = x.dtype.kind
    plain = kind in "biuf" or (kind == "O" and all(isinstance(v, _REAL) for v in x.flat))
    if not plain:
        return x
    try:
        with np.errstate(over="ignore"):
            return x.astype(np.float64)
    except OverflowError:  # a whole number of Python, beyond every float
        return np.full(x.shape, np.inf)


def _check_classes(labels: np.ndarray, name: str) -> None:
    where = f"Task {name}:"
    require(
        labels.ndim == 1,
        f"{where} labels have shape {labels.shape}; classes take one label for each example.",
    )
    require(
        np.issubdtype(labels.dtype, np.integer),
        f"{where} labels have dtype {labels.dtype}; they take whole numbers 0, 1, 2, ..., "
        "which numpy.unique(labels, return_inverse=True)[1] gives, or kind='regression' if they "
        "are numbers to predict.",
    )
    low, high = int(labels.min()), int(labels.max())
    require(low >= 0, f"{where} labels start at {low}; they take whole numbers 0, 1, 2, ...")
    require(high >= 1, f"{where} labels hold a single class; there is nothing to tell apart.")
    require(
        high < len(labels),
        f"{where} labels go up to {high} with {len(labels)} examples; number the classes 0, 1, ...",
    )
    absent = np.flatnonzero(np.bincount(labels) == 0)
    require(
        len(absent) == 0,
        f"{where} no example has label {absent[0] if len(absent) else ''}; "
        "number the classes 0, 1, 2, ... without a gap (numpy.unique can do it).",
    )
