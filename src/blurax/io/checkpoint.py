"""Checkpoints: a pytree of arrays and a little JSON, restored to the bit."""

import contextlib
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from blurax.errors import BluraxError, require, some
from blurax.io import sealed
from blurax.io.atomic import remove_temporaries, write_bytes
from blurax.io.paths import as_path, refusals

_NAME = re.compile(r"checkpoint-(\d{8,})\.safetensors")
_KEPT = 2
"""The newest, and one to fall back to."""
_NATIVE = frozenset(
    f"{base}{bits}" for base in ("int", "uint", "float") for bits in (8, 16, 32, 64)
) - {"float8"} | {"bool"}
"""The dtypes that are stored as they are; any other is stored as bytes along a last axis."""
_KEY = "key "
"""Before the implementation, such as threefry2x32, of a leaf of typed PRNG keys."""


def save_checkpoint(
    directory: str | os.PathLike[str], step: int, state: Any, meta: dict[str, Any]
) -> Path:
    """Write a checkpoint, whole or not at all, and delete those before the last two.

    Checkpoints of later steps, from a run that had come further, are left alone.

    Args:
        state: any pytree of JAX arrays, typed PRNG keys among them, or NumPy arrays. What is
            static in it (such as a genome's rule) is not stored; a weakly typed array comes back
            strongly typed.
        meta: plain JSON, such as what identifies the configuration.

    Returns:
        The path of the checkpoint.

    Raises:
        BluraxError: if `state` holds something else than arrays, if `meta` is not plain JSON, or
            if the file cannot be written; the older checkpoints are then untouched.
    """
    require(step >= 0, f"The step of a checkpoint is {step}; it takes 0 or more.")
    leaves = _named(state)
    kinds = {name: _kind(name, leaf) for name, leaf in leaves.items()}
    tensors = {name: _encode(leaf) for name, leaf in leaves.items()}
    content = {"step": step, "meta": sealed.plain(meta, "meta"), "kinds": kinds}
    path = as_path(directory, "directory") / f"checkpoint-{step:08d}.safetensors"
    write_bytes(path, sealed.seal(sealed.Kind.CHECKPOINT, content, tensors))
    _tidy(path.parent, step)
    return path


def load_checkpoint(
    directory: str | os.PathLike[str],
    like: Any,
    takes: Callable[[int, dict[str, Any]], bool] | None = None,
) -> tuple[int, Any, dict[str, Any]] | None:
    """Restore the newest valid checkpoint, with a warning for each newer one that is damaged.

    Args:
        like: the state that a new run would start with, or its `jax.eval_shape`: what is restored
            has its structure, shapes and dtypes, and what is static comes from it.
        takes: says of a valid checkpoint's step and meta dict whether it will do; one that will
            not is passed over. None takes all.

    Returns:
        The step, the state and the meta dict; None if there is no checkpoint to take.

    Raises:
        BluraxError: if there are damaged checkpoints and none to take, or if the one to take is
            not of the structure of `like`: a checkpoint of another configuration.
    """
    failures: list[str] = []
    for step, path in _checkpoints(as_path(directory, "directory")):
        try:
            header, tensors = sealed.read(path, sealed.Kind.CHECKPOINT)
            require(
                header.get("step") == step
                and isinstance(header.get("meta"), dict)
                and header.get("kinds", {}).keys() == tensors.keys(),
                f"{path} is not the checkpoint of step {step} that it is called; remove it.",
            )
        except BluraxError as error:
            failures.append(str(error))
            continue
        if takes is not None and not takes(step, header["meta"]):
            continue
        for failure in failures:
            warnings.warn(f"Falling back to step {step}: {failure}", UserWarning, stacklevel=2)
        return step, _restore(header["kinds"], tensors, like, path), header["meta"]
    require(
        not failures,
        f"No checkpoint in {os.fspath(directory)} is valid; remove what is damaged to start anew "
        f"({'; '.join(failure.rstrip('.') for failure in failures)}).",
    )
    return None


def _checkpoints(directory: Path) -> list[tuple[int, Path]]:
    """The checkpoints of a directory, newest first."""
    with refusals(directory, "read"):
        try:
            names = os.listdir(directory)
        except FileNotFoundError:
            return []
    matches = [match for match in map(_NAME.fullmatch, names) if match]
    return sorted(((int(m[1]), directory / m[0]) for m in matches), reverse=True)


def _tidy(directory: Path, step: int) -> None:
    """Delete superseded checkpoints, and temporary files of any; a failure harms nothing."""
    with contextlib.suppress(OSError):
        remove_temporaries(directory, lambda name: _NAME.fullmatch(name) is not None)
        passed = [path for past, path in _checkpoints(directory) if past <= step]
        for path in passed[_KEPT:]:
            path.unlink()


def _named(state: Any) -> dict[str, Any]:
    """The leaves of a state by their path."""
    with_paths = jax.tree_util.tree_flatten_with_path(state)[0]
    leaves = {jax.tree_util.keystr(path): leaf for path, leaf in with_paths}
    require(len(leaves) == len(with_paths), "Two leaves of the state go by the same path.")
    return leaves


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _kind(name: str, leaf: Any) -> str:
    """What a leaf holds: its dtype, or the implementation of its PRNG keys."""
    array = isinstance(leaf, jax.Array | np.ndarray)
    if array and _is_key(leaf):
        return f"{_KEY}{jax.random.key_impl(leaf)}"
    # Neither Python objects nor strings, nor NumPy's records.
    require(
        array and leaf.dtype.kind in "biufcV" and not getattr(leaf.dtype, "names", None),
        f"The state holds a {type(leaf).__name__} at {name or 'its root'}; "
        "a checkpoint takes arrays of numbers.",
    )
    return str(leaf.dtype)


def _encode(leaf: Any) -> np.ndarray:
    """A leaf as an array that safetensors takes."""
    if _is_key(leaf):
        return np.asarray(jax.random.key_data(leaf))
    array = np.asarray(leaf, order="C")
    if str(array.dtype) in _NATIVE:
        return array
    return array.reshape(*array.shape, 1).view(np.uint8)


def _restore(kinds: dict[str, str], tensors: sealed.Tensors, like: Any, path: Path) -> Any:
    other = f"{path} is a checkpoint of another configuration"
    leaves = _named(like)
    strange, missing = sorted(set(tensors) - set(leaves)), sorted(set(leaves) - set(tensors))
    require(
        not strange and not missing,
        f"{other}: it has {some(strange)} too many and {some(missing)} too few; resume with the "
        "configuration that it was written with.",
    )
    restored = []
    for name, leaf in leaves.items():
        kind, stored = kinds[name], tensors[name]
        value = _decode(stored, kind, leaf)
        shape = stored.shape if kind in _NATIVE else stored.shape[:-1]
        require(
            value is not None and value.shape == leaf.shape and value.dtype == leaf.dtype,
            f"{other}: {name or 'the state'} is {kind}{list(shape)} in it, but "
            f"{leaf.dtype}{list(leaf.shape)} is called for; resume with the configuration that it "
            "was written with.",
        )
        restored.append(value)
    return jax.tree.unflatten(jax.tree.structure(like), restored)


def _decode(stored: np.ndarray, kind: str, like: Any) -> Any:
    """The inverse of `_encode`; None where `like` is of another kind."""
    with contextlib.suppress(ValueError, TypeError):
        if _is_key(like):
            return jax.random.wrap_key_data(jnp.array(stored), impl=kind.removeprefix(_KEY))
        if kind == str(like.dtype):
            array = stored.copy()  # what was read cannot be written to
            if kind not in _NATIVE:
                array = array.view(like.dtype).reshape(stored.shape[:-1])
            return array if isinstance(like, np.ndarray) else jnp.array(array)
    return None
