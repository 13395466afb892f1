"""What estimators refuse, each in a sentence that says what is accepted."""

import math
import numbers
import os
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jax._src import xla_bridge
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_sample_weight, validate_data

from blurax import footprint, graphs
from blurax.bounds import check_count, check_seed
from blurax.errors import BluraxError
from blurax.estimator.learning import CHUNK
from blurax.memory import require_memory
from blurax.network import Network
from blurax.spec import Rule

SWITCHES = "standardise", "early_stopping", "warm_start"
COUNTS = "epochs", "steps", "batch_size", "patience"
_POINT = 32
"""Bytes of a point of a learning curve, a list of Python's numbers."""

_forked_after_jax = False


def _note_fork() -> None:
    global _forked_after_jax
    _forked_after_jax = _forked_after_jax or xla_bridge.backends_are_initialized()


os.register_at_fork(after_in_child=_note_fork)


def refuse_forked() -> None:
    """Raise `BluraxError` in a forked child of a process that has used JAX: it would hang."""
    if _forked_after_jax:
        raise BluraxError(
            "This process was forked from one that has used JAX, whose threads a fork does not "
            "copy: it would wait for them for ever. joblib's backends loky and threading work."
        )


def check_parameters(estimator: Any) -> None:
    """Raise `BluraxError` for a parameter that is out of range, by its name."""
    sizes(estimator.hidden)
    _check_network(estimator.network, estimator.image_shape)
    for name in SWITCHES:
        value = getattr(estimator, name)
        if not isinstance(value, bool | np.bool_):
            raise BluraxError(f"{name} is {value!r}; it takes True or False.")
    for name in COUNTS:
        value = getattr(estimator, name)
        if value is None and (name == "steps" or (name == "epochs" and not estimator.classifies)):
            continue
        if value is None or not is_whole(value):
            raise BluraxError(f"{name} is {value!r}; it takes a whole number >= 1.")
        check_count(name, int(value))
    clip = estimator.clip
    if clip is not None and not (isinstance(clip, numbers.Real) and 0 < float(clip) < np.inf):
        raise BluraxError(f"clip is {clip!r}; it takes a number above 0, or None.")
    share, verbose = estimator.validation_fraction, estimator.verbose
    if not (isinstance(share, numbers.Real) and 0 < float(share) < 1):
        raise BluraxError(f"validation_fraction is {share!r}; it takes a number from 0 to 1.")
    if not isinstance(verbose, numbers.Integral | np.bool_) or verbose < 0:
        raise BluraxError(f"verbose is {verbose!r}; it takes True, False or a number >= 0.")


def sizes(hidden: Any) -> tuple[int, ...]:
    """The sizes of the hidden layers; a single number is a single layer."""
    listed = (hidden,) if is_whole(hidden) else hidden
    several = isinstance(listed, tuple | list | np.ndarray)
    if not several or not all(is_whole(size) and size >= 1 for size in listed):
        raise BluraxError(f"hidden is {hidden!r}; it takes one whole number >= 1 or several.")
    for size in listed:
        check_count("A size of hidden", int(size))
    return tuple(int(size) for size in listed)


def _check_network(network: Any, image_shape: Any) -> None:
    """Raise `BluraxError` for a name that is none, or a shape that no image has."""
    if not isinstance(network, str | None):
        raise BluraxError(f"network is {network!r}; it takes a name such as 'c8k5s2-16', or None.")
    if network is not None:
        graphs.parse(network)
    if image_shape is None:
        return
    listed = isinstance(image_shape, tuple | list) and len(image_shape) == 3
    if not listed or not all(is_whole(size) and size >= 1 for size in image_shape):
        raise BluraxError(
            f"image_shape is {image_shape!r}; it takes (height, width, colours), such as "
            "(8, 8, 1), or None."
        )


def network_of(estimator: Any, features: int, outputs: int) -> Network:
    """The network that an estimator's parameters make for the data.

    Raises:
        BluraxError: if rows are no images of `image_shape`, or `network` does not fit them.
    """
    shape = (features,)
    if estimator.image_shape is not None:
        shape = tuple(int(size) for size in estimator.image_shape)
        if math.prod(shape) != features:
            raise BluraxError(
                f"image_shape is {shape}, which rows of {math.prod(shape)} features make, but X "
                f"has {features}."
            )
    if estimator.network is None:
        return Network((features, *sizes(estimator.hidden), outputs))
    if estimator.image_shape is None and not graphs.reads_rows(estimator.network):
        raise BluraxError(
            f"network is {estimator.network!r}, which reads images, and image_shape is None; it "
            "takes (height, width, colours) of the images that rows of X are, such as (8, 8, 1)."
        )
    found = graphs.network(estimator.network, shape, outputs)
    if found.is_delayed:
        raise BluraxError(
            f"network is {estimator.network!r}, whose neurons drive themselves over time, and rows "
            "of X have no time axis; it takes one without r."
        )
    return found


def is_whole(value: Any) -> bool:
    """Whether something is a whole number."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def dense(estimator: BaseEstimator, x: Any, **options: Any) -> Any:
    """Inputs (and targets, if given) as arrays, checked as scikit-learn does.

    Raises:
        BluraxError: for a sparse matrix that would not fit in memory.
    """
    if scipy.sparse.issparse(options.get("y")):
        raise BluraxError("y is a sparse matrix; it takes an array, which y.toarray() gives.")
    found: Any = validate_data(estimator, x, dtype=np.float64, accept_sparse="csr", **options)
    inputs, targets = found if isinstance(found, tuple) else (found, None)
    if scipy.sparse.issparse(inputs):
        rows, columns = inputs.shape
        require_memory(
            2 * 8 * rows * columns,
            f"X as the dense array that a network reads, {rows} x {columns}, and a copy of it",
            "reduce the columns of the sparse matrix, with sklearn.decomposition.TruncatedSVD or "
            "sklearn.feature_selection, say",
            host=True,
        )
        inputs = inputs.toarray()
    return inputs if targets is None else (inputs, targets)


def check_memory(estimator: Any, rule: Rule, features: int, outputs: int) -> None:
    """Raise `BluraxError` for a network, or batches, that would not fit in memory."""
    batch, given = int(estimator.batch_size), f"network {estimator.network}"
    one = footprint.of(network_of(estimator, features, outputs), rule)
    if estimator.network is None:
        given = f"hidden {sizes(estimator.hidden)}"
    require_memory(
        one.episode(CHUNK, batch, 0) + 2 * one.synapses,  # and the averages of these
        f"{given} and batch_size {batch}, with {features} inputs and {outputs} outputs,",
        "take smaller layers or batches",
    )


def check_length(steps: int) -> None:
    """Raise `BluraxError` for more steps than can be numbered, or their learning curve held."""
    check_count("The number of steps, by steps or epochs,", steps)
    require_memory(
        _POINT * steps,
        f"The learning curve of {steps} steps",
        "take fewer steps or epochs, or more calls with warm_start",
        host=True,
    )


def generator(random_state: Any) -> np.random.RandomState:
    """The random numbers that a `random_state` names, as scikit-learn reads it.

    Raises:
        BluraxError: for a seed out of range.
        ValueError: as scikit-learn says it, for what is no random state.
    """
    if is_whole(random_state):
        check_seed("random_state", int(random_state))
    return check_random_state(random_state)


def weighed(sample_weight: Any, x: np.ndarray) -> np.ndarray:
    """A weight for each example, 1 if none are given.

    Raises:
        ValueError: as scikit-learn says it, for weights that are not finite numbers >= 0, or not
            one for each example.
    """
    options = {"dtype": np.float64, "ensure_non_negative": True}
    return _check_sample_weight(sample_weight, x, **options)


def refuse_too_large(x: np.ndarray) -> None:
    """Raise `BluraxError` for inputs whose squares the network's numbers cannot hold."""
    largest = float(jnp.finfo(jnp.zeros(0).dtype).max) ** 0.5
    if x.size and np.abs(x).max() > largest:
        raise BluraxError(
            f"X holds {np.abs(x).max():.3g} as the network would read it, which takes numbers up "
            f"to {largest:.1g}; standardise=True with a clip keeps inputs in range."
        )


def refuse_many_labels(y: Any) -> None:
    """Raise `BluraxError` for several labels an example."""
    labels = np.asarray(y)
    shape = labels.shape
    if len(shape) == 2 and shape[1] > 1 and type_of_target(labels).startswith("multi"):
        raise BluraxError(
            f"y has shape {shape}: several labels for each example. BlurClassifier takes one, "
            "[n]; sklearn.multioutput.MultiOutputClassifier fits one classifier for each column."
        )
