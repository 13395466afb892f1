"""Tasks over examples held in memory: every data set, and the user's own arrays."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from blurax.bounds import check_seed
from blurax.errors import require
from blurax.scaling import ColumnMoments
from blurax.targets import AnyTarget, Classes, Regression, Target, target_of
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task, check_name, check_split
from blurax.tasks.folds import Fold, check_fold, fold_of
from blurax.tasks.labels import labels_of, real, standardised_labels
from blurax.tasks.orders import order, stream


class ArrayTask(Task):
    """A task over examples held in memory, split once into train, validate and test."""

    x: Shaped[Array, "n features"]
    """Examples as rows, training ones first, then validation, then test: numbers, or bytes for
    images."""
    labels: Int[Array, "n ..."] | Float[Array, "n ..."]
    """The class of each, or the numbers to predict, brought to mean 0 and variance 1, or what a
    target of one's own takes; of sequences (`SequenceTask`) one at each time step, if `[n, time]`.
    """
    shift: Float[Array, "..."]
    """Subtracted from an example, `[]` or `[features]`."""
    scale: Float[Array, "..."]
    """Multiplies the difference, `[]` or `[features]`."""
    name: str = eqx.field(static=True)
    target: Target = eqx.field(static=True)
    bounds: tuple[int, int] = eqx.field(static=True)
    """Where the validation and the test examples start."""
    class_names: tuple[str, ...] = eqx.field(static=True, default=())
    """What the classes are called, where they are called anything."""
    input_shape: tuple[int, ...] = eqx.field(static=True, default=())
    """What a row becomes in an episode: `(height, width, colours)`; as it is if empty."""

    def __post_init__(self) -> None:
        self.input_shape = self.input_shape or self.x.shape[1:]

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode; each example of the support is seen once before any is seen again.

        Raises:
            BluraxError: if the split has too few examples for the query.
        """
        support, query = self.indices(key, spec, split, first)
        return Episode(*self._examples(support), *self._examples(query))

    def indices(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> tuple[Int[Array, "steps b"], Int[Array, " q"]]:
        """Which examples `sample` draws, as rows of `x`: the support and the query."""
        check_split(split)
        pick, own = jax.random.split(key)
        validate, test = self.bounds
        if split is Split.TRAIN:
            require(
                spec.query < validate,
                f"Task {self.name} has {validate} training examples; a query batch of "
                f"{spec.query} leaves none to learn from; take a smaller one (episode.query).",
            )
            rest = spec.query + batches(own, validate - spec.query, spec, first)
            places = jnp.concatenate([jnp.arange(spec.query, dtype=jnp.int32), rest.reshape(-1)])
            query, support = jnp.split(order(pick, validate, places), [spec.query])
            support = support.reshape(rest.shape)
        else:
            low, high = (validate, test) if split is Split.VALIDATE else (test, len(self.x))
            query = low + _at_most(pick, high - low, spec.held_out)
            support = batches(own, low, spec, first)
        return support, query

    def pool(self, spec: EpisodeSpec, split: Split) -> int:
        """The training examples less those of the query, or all before those held apart."""
        validate, test = self.bounds
        if split is Split.TRAIN:
            return validate - spec.query
        return validate if split is Split.VALIDATE else test

    def called(self, name: str) -> "ArrayTask":
        """The task by another name."""
        return dataclasses.replace(self, name=name)

    def of_classes(self, classes: tuple[int, ...], name: str) -> "ArrayTask":
        """This task of some of its classes alone, numbered from 0 in the order they are named in.

        Inputs are brought to the same scale as before: by means and deviations over all classes.

        Raises:
            BluraxError: if the task is not about classes, or has no example of one of them in a
                part of its data.
        """
        require(
            isinstance(self.target, Classes) and self.labels.ndim == 1 and self.target.outputs > 1,
            f"Task {self.name} asks for {self.target}; only a task of classes can be divided by "
            "them.",
        )
        labels = np.asarray(self.labels)
        numbers = np.full(int(labels.max()) + 1, -1)
        numbers[list(classes)] = range(len(classes))
        renamed = numbers[labels]
        parts = np.split(renamed, self.bounds)
        absent = [c for n, c in enumerate(classes) if any((part == n).sum() == 0 for part in parts)]
        require(
            not absent,
            f"Task {self.name} has no example of class {absent[0] if absent else ''} to train on, "
            "to validate or to test; it cannot be divided by its classes.",
        )
        counts = [int((part >= 0).sum()) for part in parts]
        kept = renamed >= 0
        names = self.class_names
        return dataclasses.replace(
            self,
            x=self.x[kept],
            labels=jnp.asarray(renamed[kept], self.labels.dtype),
            target=Classes(len(classes)),
            bounds=(counts[0], counts[0] + counts[1]),
            name=name,
            class_names=tuple(names[c] for c in classes) if names else (),
        )

    def without(self, other: "ArrayTask") -> "ArrayTask":
        """This task less every example that is also one of `other`, whatever its label there.

        For tasks of two data sets that share examples, as EMNIST's do, and are to be used on the
        two sides of a split. What is compared are the stored examples: bytes for images.

        Raises:
            BluraxError: if the two store examples of different shapes or types, or nothing is left
                in a split.
        """
        mine, theirs = np.asarray(self.x), np.asarray(other.x)
        require(
            (mine.shape[1], mine.dtype) == (theirs.shape[1], theirs.dtype),
            f"Task {self.name} has {mine.shape[1]} inputs of {mine.dtype}, {other.name} "
            f"{theirs.shape[1]} of {theirs.dtype}; their examples cannot be compared.",
        )
        shared = {row.tobytes() for row in theirs}
        kept = np.array([row.tobytes() not in shared for row in mine])
        counts = [int(part.sum()) for part in np.split(kept, self.bounds)]
        require(
            min(counts) > 0,
            f"Task {self.name} without {other.name} has {counts[0]} examples to train, {counts[1]} "
            f"to validate and {counts[2]} to test; it takes some of each.",
        )
        return dataclasses.replace(
            self,
            x=self.x[kept],
            labels=self.labels[kept],
            bounds=(counts[0], counts[0] + counts[1]),
            name=f"{self.name} without {other.name}",
        )

    def _examples(self, index: Int[Array, "..."]) -> tuple[Array, Array]:
        x = (self.x[index].astype(float) - self.shift) * self.scale
        x = x.reshape(*index.shape, *self.input_shape)
        return x, self.target.encode(self.labels[index])


def batches(
    key: PRNGKeyArray, pool: int, spec: EpisodeSpec, first: int | Int[Array, ""]
) -> Int[Array, "steps b"]:
    """Batches `first` to `first + steps` of an endless episode over the indices below `pool`."""
    if spec.fixed_batch:
        return jnp.broadcast_to(stream(key, pool, 0, spec.batch), (spec.steps, spec.batch))
    flat = stream(key, pool, first * spec.batch, spec.steps * spec.batch)
    return flat.reshape(spec.steps, spec.batch)


def _at_most(key: PRNGKeyArray, n: int, limit: int) -> Int[Array, " q"]:
    """All of 0 .. n - 1, but at most `limit` of them, in a random order."""
    return order(key, n, jnp.arange(min(n, limit)))


def from_arrays(
    x: np.ndarray,
    labels: np.ndarray,
    name: str = "arrays",
    *,
    kind: AnyTarget = "classes",
    seed: int = 0,
    fold: Fold = (),
) -> ArrayTask:
    """A task from the user's own examples: 60% to train, 20% to validate, 20% to test.

    Each input is brought to mean 0 and variance 1 over the training examples; one that is
    constant there, but for roundings, becomes 0 in every example. So is each number to predict.

    Args:
        x: `[n, features]`, or images `[n, height, width, colours]`, whose shape the task keeps:
            finite numbers of any type, truth values among them.
        labels: `[n]`, whole numbers 0, 1, ... classes - 1; for regression finite numbers, `[n]` or
            `[n, outputs]`; for a target of one's own such numbers of whatever shape its `y_shape`
            says, which are left as they are.
        name: what to call the task.
        kind: classes, regression for numbers to predict, or a target of one's own: its class, or
            `MyTarget(outputs)` where the shape of the labels does not say how many outputs it
            takes.
        seed: of the shuffle before the split.
        fold: (3, 5) for the third of five folds: it tests, the next one validates, the others
            train.

    Raises:
        BluraxError: for empty or non-finite data, shapes that do not belong together, fewer than
            10 examples, or a fold that there is not; for labels that are not whole numbers from 0,
            or fewer than two classes; for numbers to predict that are constant in the training
            examples.
    """
    check_name("name", name)
    check_seed("seed", seed)
    check_fold("fold", fold)
    x, labels = real(np.asarray(x)), np.asarray(labels)
    _check_examples(x, labels, name)
    x, input_shape = x.reshape(len(x), -1), x.shape[1:]
    labels, target = labels_of(labels, target_of(kind, name), name)
    if fold:
        shuffled, bounds = fold_of(labels, fold, isinstance(target, Classes), seed)
    else:
        shuffled, bounds = np.random.default_rng(seed).permutation(len(x)), divide(len(x))
    x, labels = x[shuffled], labels[shuffled]
    if type(target) is Regression:
        labels = standardised_labels(labels, bounds[0], name)
    x = ColumnMoments.of(x[: bounds[0]]).standardise(x)
    _check_held(x, "x", name)
    classes = isinstance(target, Classes)
    if not classes:
        _check_held(labels, "labels", name)
    return ArrayTask(
        x=jnp.asarray(x, float),
        labels=jnp.asarray(labels, jnp.int32 if classes else float),
        shift=jnp.zeros((), float),
        scale=jnp.ones((), float),
        name=name,
        target=target,
        bounds=bounds,
        input_shape=input_shape,
    )


def _check_held(standardised: np.ndarray, what: str, name: str) -> None:
    """Refuse what the task's numbers cannot hold: a row far outside the training examples."""
    largest = float(jnp.finfo(jnp.zeros(0).dtype).max) ** 0.5
    far = float(np.abs(standardised).max())
    require(
        far <= largest,
        f"Task {name}: {what} holds a number {far:.3g} deviations from the mean of the training "
        f"examples; it takes up to {largest:.1g}. Is it a slip?",
    )


def divide(n: int) -> tuple[int, int]:
    """Where validation and test start among n examples: 60 % to train, 20 %, 20 %."""
    return n * 6 // 10, n * 8 // 10


def _check_examples(x: np.ndarray, labels: np.ndarray, name: str) -> None:
    where = f"Task {name}:"
    require(
        x.ndim in (2, 4),
        f"{where} x has shape {x.shape}; it takes [examples, features], or images as [examples, "
        "height, width, colours].",
    )
    require(x.size > 0, f"{where} x has shape {x.shape}; it holds no data.")
    require(
        labels.shape[:1] == x.shape[:1],
        f"{where} labels have shape {labels.shape}; x has {len(x)} examples, one label each.",
    )
    require(x.dtype == np.float64, f"{where} x has dtype {x.dtype}; it takes real numbers.")
    bad = int((~np.isfinite(x)).sum())
    require(
        bad == 0,
        f"{where} x holds NaN or infinite values ({bad} of {x.size}); remove them first.",
    )
    require(len(x) >= 10, f"{where} x has {len(x)} examples; a split takes at least 10.")
