"""What a task is: endless episodes, each with batches to learn from and a query never seen."""

import dataclasses
import enum
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.errors import require
from blurax.frozen import check_types


class Split(enum.StrEnum):
    """Which examples an episode may use; no example of one split's query is in another's."""

    TRAIN = "train"
    """Support and query from the training examples: for meta-training."""
    VALIDATE = "validate"
    """Support from the training examples, query from the validation ones: for every choice."""
    TEST = "test"
    """Support from training and validation examples, query from the test ones: for reports."""


@dataclasses.dataclass(frozen=True)
class EpisodeSpec:
    """The size of an episode.

    Raises:
        BluraxError: for a size below 1.
    """

    steps: int = 10
    """Inner steps."""
    batch: int = 128
    """Examples in each step's batch."""
    query: int = 128
    """Examples of the query batch; validation and test use all of theirs."""
    fixed_batch: bool = False
    """Show the same batch in every step (release)."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("steps", "batch", "query"):
            value = getattr(self, name)
            require(value >= 1, f"EpisodeSpec.{name} is {value}; it takes a whole number >= 1.")


class Episode(eqx.Module):
    """What one network learns from, and what it is asked."""

    x: Float[Array, "steps b features"]
    y: Float[Array, "steps b classes"]
    """Labels: +1 for the right class, -1 for the others."""
    query_x: Float[Array, "q features"]
    query_y: Float[Array, "q classes"]


@runtime_checkable
class Task(Protocol):
    """Anything that draws episodes; `sample` is pure and runs inside jit and vmap."""

    @property
    def name(self) -> str:
        """What the task is called in logs and files."""
        ...

    @property
    def features(self) -> int:
        """The number of inputs."""
        ...

    @property
    def classes(self) -> int:
        """The number of outputs."""
        ...

    def sample(self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split) -> Episode:
        """Draw an episode; the same key gives the same episode."""
        ...


class ArrayTask(eqx.Module):
    """A task over examples held in memory, split once into train, validate and test."""

    x: Float[Array, "n features"]
    """Examples, training ones first, then validation, then test."""
    labels: Int[Array, " n"]
    name: str = eqx.field(static=True)
    classes: int = eqx.field(static=True)
    bounds: tuple[int, int] = eqx.field(static=True)
    """Where the validation and the test examples start."""

    @property
    def features(self) -> int:
        """The number of inputs."""
        return self.x.shape[1]

    def sample(self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split) -> Episode:
        """Draw an episode; each example of the support is seen once before any is seen again.

        Raises:
            BluraxError: if the split has too few examples for the query.
        """
        require(isinstance(split, Split), f"split is {split!r}; it takes one of {list(Split)}.")
        pick, order = jax.random.split(key)
        validate, test = self.bounds
        if split is Split.TRAIN:
            require(
                spec.query < validate,
                f"Task {self.name} has {validate} training examples; a query batch of "
                f"{spec.query} leaves none to learn from.",
            )
            shuffled = _orders(pick, 1, validate)[0]
            query, pool = shuffled[: spec.query], shuffled[spec.query :]
        elif split is Split.VALIDATE:
            query, pool = jnp.arange(validate, test), jnp.arange(validate)
        else:
            query, pool = jnp.arange(test, self.x.shape[0]), jnp.arange(test)
        support = pool[_epochs(order, pool.shape[0], spec)]
        return Episode(*self._examples(support), *self._examples(query))

    def _examples(self, index: Int[Array, "..."]) -> tuple[Array, Array]:
        return self.x[index], signed_one_hot(self.labels[index], self.classes)


def _epochs(key: PRNGKeyArray, pool: int, spec: EpisodeSpec) -> Int[Array, "steps b"]:
    """Batches of indices below `pool`, in passes that each see every example once."""
    steps = 1 if spec.fixed_batch else spec.steps
    passes = -(-steps * spec.batch // pool)
    batches = (
        _orders(key, passes, pool).reshape(-1)[: steps * spec.batch].reshape(steps, spec.batch)
    )
    return jnp.broadcast_to(batches, (spec.steps, spec.batch))


def _orders(key: PRNGKeyArray, passes: int, n: int) -> Int[Array, "passes n"]:
    """Random orders of n examples: the ranks of one draw of 32 bits each.

    It compiles in half the time of `jax.random.permutation`; a tie keeps both examples.
    """
    return jnp.argsort(jax.random.bits(key, (passes, n)), axis=-1)


def signed_one_hot(labels: Int[Array, "..."], classes: int) -> Float[Array, "... classes"]:
    """+1 for the right class and -1 for the others."""
    return 2 * jax.nn.one_hot(labels, classes, dtype=float) - 1


def from_arrays(
    x: np.ndarray, labels: np.ndarray, name: str = "arrays", *, seed: int = 0
) -> ArrayTask:
    """A task from the user's own examples: 60% to train, 20% to validate, 20% to test.

    Each feature is brought to mean 0 and variance 1 over the training examples; a feature that is
    constant there becomes 0.

    Args:
        x: `[n, features]`, finite numbers.
        labels: `[n]`, whole numbers 0, 1, ... classes - 1.
        name: what to call the task.
        seed: of the shuffle before the split.

    Raises:
        BluraxError: for empty or non-finite data, shapes that do not belong together, labels
            that are not whole numbers from 0, fewer than two classes, or fewer than 10 examples.
    """
    x, labels = np.asarray(x), np.asarray(labels)
    _check_arrays(x, labels, name)
    order = np.random.default_rng(seed).permutation(len(x))
    validate, test = len(x) * 6 // 10, len(x) * 8 // 10
    x, labels = x[order].astype(np.float64), labels[order]
    mean, std = x[:validate].mean(axis=0), x[:validate].std(axis=0)
    x = np.where(std > 0, (x - mean) / np.where(std > 0, std, 1.0), 0.0)
    return ArrayTask(
        x=jnp.asarray(x, float),
        labels=jnp.asarray(labels, jnp.int32),
        name=name,
        classes=int(labels.max()) + 1,
        bounds=(validate, test),
    )


def _check_arrays(x: np.ndarray, labels: np.ndarray, name: str) -> None:
    where = f"Task {name}:"
    require(x.ndim == 2, f"{where} x has shape {x.shape}; it takes [examples, features].")
    require(x.size > 0, f"{where} x has shape {x.shape}; it holds no data.")
    require(
        labels.shape == x.shape[:1],
        f"{where} labels have shape {labels.shape}; x has {x.shape[0]} examples, one label each.",
    )
    numeric = np.issubdtype(x.dtype, np.number) and not np.iscomplexobj(x)
    require(numeric, f"{where} x has dtype {x.dtype}; it takes real numbers.")
    bad = int((~np.isfinite(x)).sum())
    require(bad == 0, f"{where} x holds {bad} values that are NaN or infinite; remove them first.")
    require(
        np.issubdtype(labels.dtype, np.integer),
        f"{where} labels have dtype {labels.dtype}; they take whole numbers 0, 1, 2, ..., "
        "which numpy.unique(labels, return_inverse=True)[1] gives.",
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
    require(len(x) >= 10, f"{where} x has {len(x)} examples; a split takes at least 10.")
