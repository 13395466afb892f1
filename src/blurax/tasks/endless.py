"""Tasks without an end: examples that are drawn anew for each batch, by a function."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from blurax.bounds import check_count
from blurax.errors import BluraxError, require
from blurax.targets import AnyTarget, Target, target_of
from blurax.tasks.base import Episode, EpisodeSpec, Split, Task, check_name, check_split

SUPPORT = 0
MARKS = {Split.TRAIN: 1, Split.VALIDATE: 2, Split.TEST: 3}

Examples = Callable[[PRNGKeyArray, int, int], tuple[Array, Array]]
"""So many examples and labels, with a mark that says what they are for."""
Draw = Callable[[PRNGKeyArray, int], tuple[Array, Array]]
"""A user's own: so many examples `[n, features]` and their labels."""


def endless(
    examples: Examples,
    key: PRNGKeyArray,
    spec: EpisodeSpec,
    split: Split,
    first: int | Int[Array, ""],
) -> Episode:
    """An episode of examples that are drawn anew for each batch."""
    check_split(split)
    numbers = jnp.zeros(1, jnp.int32) if spec.fixed_batch else first + jnp.arange(spec.steps)
    own = jax.random.fold_in(key, 1)
    drawn = jax.vmap(lambda number: examples(jax.random.fold_in(own, number), spec.batch, SUPPORT))(
        numbers
    )
    x, y = (jnp.broadcast_to(part, (spec.steps, *part.shape[1:])) for part in drawn)
    size = spec.query if split is Split.TRAIN else spec.held_out
    return Episode(x, y, *examples(jax.random.fold_in(key, 2), size, MARKS[split]))


class FunctionTask(Task):
    """A task whose examples a function draws."""

    draw: Draw = eqx.field(static=True)
    name: str = eqx.field(static=True)
    input_shape: tuple[int, ...] = eqx.field(static=True)
    target: Target = eqx.field(static=True)

    def sample(
        self, key: PRNGKeyArray, spec: EpisodeSpec, split: Split, first: int | Int[Array, ""] = 0
    ) -> Episode:
        """Draw an episode; the query of each split is drawn apart from all else."""

        def examples(key: PRNGKeyArray, n: int, mark: int) -> tuple[Array, Array]:
            x, labels = self.draw(jax.random.fold_in(key, mark), n)
            return x.astype(float), self.target.encode(labels)

        return endless(examples, key, spec, split, first)


def from_function(
    draw: Draw,
    features: int,
    outputs: int,
    name: str = "function",
    *,
    kind: AnyTarget = "classes",
) -> FunctionTask:
    """A task from the user's own function, which draws examples without an end.

    Args:
        draw: called with a key and a number n, gives examples `[n, features]` and their labels:
            whole numbers 0, 1, ... `[n]`, or the numbers to predict `[n, outputs]`, or what a
            target of one's own takes. It is pure and runs inside jit and vmap, so it is written
            with `jax.numpy`.
        features: the number of inputs.
        outputs: the number of classes, of numbers to predict, or of the target's outputs.
        name: what to call the task.
        kind: classes, regression, or a target of one's own: its class, or the target itself.

    Raises:
        BluraxError: if the function does not give what it should.
    """
    check_name("name", name)
    for what, value in (("features", features), ("outputs", outputs)):
        whole = isinstance(value, int) and not isinstance(value, bool)
        require(whole, f"Task {name}: {what} is {value!r}; it takes a whole number >= 1.")
        check_count(f"Task {name}: {what}", value)
    found = target_of(kind, name)
    target = found if isinstance(found, Target) else found(outputs)
    require(
        target.outputs == outputs,
        f"Task {name}: outputs is {outputs}, but the target is {target}.",
    )
    _check_draw(draw, features, name, target)
    return FunctionTask(draw=draw, name=name, input_shape=(features,), target=target)


def _check_draw(draw: Draw, features: int, name: str, target: Target) -> None:
    n = 7  # unlike most numbers of features and outputs, so that no wrong shape fits
    where = f"Task {name}: draw(key, {n})"
    try:
        x, labels = jax.eval_shape(lambda key: draw(key, n), jax.random.key(0))
        found = x.shape
    except (TypeError, ValueError, AttributeError, jax.errors.JAXTypeError) as error:
        first = str(error).splitlines()[0]
        raise BluraxError(f"{where} does not give examples and labels: {first}") from error
    require(
        found == (n, features),
        f"{where} gives examples of shape {found}; it takes {(n, features)}.",
    )
    require(
        labels.shape[:1] == (n,),
        f"{where} gives labels of shape {labels.shape}; it takes {n} of them.",
    )
    target.check_labels(labels, where)
