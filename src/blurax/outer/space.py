"""What meta-training searches: meta-parameters, and the learner that they make of a network.

Meta-parameters are any pytree of arrays of real numbers. Here and nowhere else the outer loop knows
whether they are a genome or the numbers of a rule that somebody wrote.
"""

import abc
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from blurax import io
from blurax.errors import BluraxError, require
from blurax.genome import Genome
from blurax.learner import Blur, Learner
from blurax.network import Network
from blurax.neutral import neutral
from blurax.outer.numbers import (
    check_step,
    fitted,
    load_numbers,
    name_of,
    named,
    numbers_of,
    with_network,
)
from blurax.outer.start import Origin
from blurax.spec import Reduction, Rule
from blurax.tasks import Task

PERTURBATION = 0.01
"""How far the members of a population but the first start from a genome that is given: the standard
deviation, in units of each number's scale (`Space.usual_scale`)."""


_FAR = 10.0
"""No search goes so far to put a number to rest."""


class Space(eqx.Module):
    """All meta-parameters that there are to choose from."""

    @abc.abstractmethod
    def start(self, key: PRNGKeyArray, member: int | Int[Array, ""] = 0) -> Any:
        """Meta-parameters to set out from.

        Args:
            member: whose they are in a population; where they are given the first gets them as
                they are, the others nearby.
        """

    @abc.abstractmethod
    def learner(self, numbers: Any, network: Network) -> Learner:
        """The learner that meta-parameters make of a network."""

    @abc.abstractmethod
    def unlearned(self, network: Network) -> Learner:
        """A learner whose initial states are those of all, where none of them is learned."""

    @abc.abstractmethod
    def check(self, network: Network, task: Task) -> None:
        """Raise `BluraxError` if a network cannot learn a task so."""

    @abc.abstractmethod
    def usual_scale(self, name: str) -> float | Float[Array, ""]:
        """How far the numbers of a leaf are to be moved."""

    @abc.abstractmethod
    def neutral(self, name: str) -> float | None:
        """The value with which the numbers of a leaf do nothing; None if there is none."""

    @property
    @abc.abstractmethod
    def learns_init(self) -> bool:
        """Whether initial states depend on meta-parameters."""

    @abc.abstractmethod
    def save(self, path: Path, numbers: Any, provenance: io.Provenance) -> None:
        """Write meta-parameters into a file."""

    @abc.abstractmethod
    def load(self, path: Path) -> tuple[Any, io.Provenance]:
        """Read what `save` wrote.

        Raises:
            BluraxError: if there is no such file, or not such a one.
        """

    def template(self) -> Any:
        """Shapes and dtypes, without numbers (`jax.ShapeDtypeStruct`)."""
        # JAX compares functions, and two bound methods by their arrays: a lambda is only itself.
        return jax.eval_shape(lambda key: self.start(key), jax.random.key(0))

    def zeros(self) -> Any:
        """Meta-parameters that are all 0."""
        return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self.template())

    def from_leaves(self, leaves: list[Array]) -> Any:
        """Meta-parameters from their leaves, or many of them."""
        return jax.tree.unflatten(jax.tree.structure(self.template()), leaves)

    def from_vector(self, vector: Float[Array, " size"]) -> Any:
        """The inverse of `flatten`."""
        flat, restore = ravel_pytree(self.zeros())
        return restore(vector.astype(flat.dtype))

    def scales(self, texts: tuple[str, ...] = ()) -> Float[Array, " size"]:
        """How far each number of `flatten` is to be moved: not all are of the same size.

        Args:
            texts: other scales by the name of a leaf or its end, such as synapse.eta_tilde=0.01 or
                nu=2.

        Raises:
            BluraxError: for a text of another form, a name that no leaf has, or a scale that is not
                above 0.
        """
        shapes = named(self.template())
        sizes = {name: self.usual_scale(name) for name in shapes}
        for text in texts:
            name, _, value = text.partition("=")
            fitting = _leaves_called(name, shapes, f"The scale {text!r}")
            sizes |= dict.fromkeys(fitting, _number(text, value))
        return _spread(shapes, sizes)

    def distance(self, numbers: Any) -> Float[Array, ""]:
        """How far numbers are from doing nothing, in units of their scales: the mean of absolutes.

        Those that no value puts to rest do not count, nor those that only a value far away does, as
        of the logarithm of a strength.
        """
        parts, count = [], 0
        for name, leaf in named(numbers).items():
            rest, scale = self.neutral(name), self.usual_scale(name)
            if rest is not None and abs(rest) < _FAR:
                parts.append(jnp.sum(jnp.abs(leaf - rest) / scale))
                count += leaf.size
        return sum(parts, jnp.zeros((), float)) / max(count, 1)

    def places(self, names: tuple[str, ...]) -> Bool[np.ndarray, " size"]:
        """Where in `flatten` the numbers of some leaves stand.

        Args:
            names: of leaves, or their ends; none of them means all leaves.

        Raises:
            BluraxError: for a name that no leaf has.
        """
        shapes = named(self.template())
        found = {leaf for name in names for leaf in _leaves_called(name, shapes, repr(name))}
        return np.concatenate(
            [np.full(leaf.size, not names or name in found) for name, leaf in shapes.items()]
        )

    def near(self, numbers: Any, key: PRNGKeyArray, member: int | Int[Array, ""]) -> Any:
        """Meta-parameters as they are for member 0, and slightly changed for any other."""
        (vector, restore), leaves = ravel_pytree(numbers), named(numbers)
        scales = _spread(leaves, {name: self.usual_scale(name) for name in leaves})
        noise = PERTURBATION * scales * jax.random.normal(key, vector.shape, float)
        return restore(jnp.where(jnp.equal(member, 0), vector, vector + noise))


class GenomeSpace(Space):
    """The genomes of a rule."""

    rule: Rule = eqx.field(static=True)
    origin: Origin = eqx.field(static=True, default=Origin())
    given: Genome | None = None
    """A genome of the rule to go on from."""

    def start(self, key: PRNGKeyArray, member: int | Int[Array, ""] = 0) -> Any:
        """A random genome, near back-propagation, or the one given."""
        if self.given is not None:
            return self.near(self.given, key, member)
        return self.origin.genome(key, self.rule)

    def learner(self, numbers: Any, network: Network) -> Blur:
        """The network that a genome teaches."""
        return Blur(numbers, network)

    def unlearned(self, network: Network) -> Blur:
        """Initial synapses as the rule says."""
        return Blur(self.zeros(), network)

    def check(self, network: Network, task: Task) -> None:
        """Raise `BluraxError` if the rule does not fit."""
        network.check(self.rule)

    def usual_scale(self, name: str) -> float:
        """What starts small, and all else at about 1: η~, init_std, and what a term says."""
        if name.endswith("eta_tilde"):
            return 1e-3 if self.rule.update.batch is Reduction.SUM else 1e-1
        if name == "init_std":
            return self.rule.init.std
        gene = self.rule.gene(name)
        return 1.0 if gene is None else gene.scale

    def neutral(self, name: str) -> float | None:
        """As the rule and its terms say."""
        return neutral(name, self.rule)

    @property
    def learns_init(self) -> bool:
        """Whether the rule says so."""
        return self.rule.init.learned

    def save(self, path: Path, numbers: Any, provenance: io.Provenance) -> None:
        """A genome file."""
        io.save_genome(path, numbers, provenance)

    def load(self, path: Path) -> tuple[Any, io.Provenance]:
        """A genome file."""
        return io.load_genome(path)


class LearnerSpace(Space):
    """The arrays of real numbers that a learner holds, set out from as they are."""

    like: Learner
    perturbed: bool = eqx.field(static=True, default=False)
    """Whether members other than the first start nearby."""

    def __check_init__(self) -> None:
        require(
            bool(jax.tree.leaves(numbers_of(self.like))),
            f"{type(self.like).__name__} holds no arrays of real numbers, so there is nothing to "
            "learn; a number becomes one by jnp.asarray, in the class by "
            "eqx.field(converter=jnp.asarray, default=0.1).",
        )

    def start(self, key: PRNGKeyArray, member: int | Int[Array, ""] = 0) -> Any:
        """Those of the learner."""
        numbers = numbers_of(self.like)
        return self.near(numbers, key, member) if self.perturbed else numbers

    def learner(self, numbers: Any, network: Network) -> Learner:
        """The learner with other numbers and another network."""
        _, rest = eqx.partition(self.like, eqx.is_inexact_array)
        return with_network(eqx.combine(numbers, rest), network)

    def unlearned(self, network: Network) -> Learner:
        """The learner as it was."""
        return with_network(self.like, network)

    def check(self, network: Network, task: Task) -> None:
        """Raise `BluraxError` if the learner cannot take a step."""
        check_step(with_network(self.like, network), task)

    def usual_scale(self, name: str) -> Float[Array, ""]:
        """The root mean square of the leaf at the start; 1 for zeros."""
        size = jnp.sqrt(jnp.mean(named(numbers_of(self.like))[name] ** 2))
        return jnp.where(size > 0, size, 1.0)

    def neutral(self, name: str) -> float:
        """0, for coefficients of a sum: nothing says what else a number may be."""
        return 0.0

    @property
    def learns_init(self) -> bool:
        """It may: nothing says that it does not, so windows begin as the learner was given."""
        return False

    def save(self, path: Path, numbers: Any, provenance: io.Provenance) -> None:
        """A learner file."""
        io.save_learner(path, name_of(self.like), named(numbers), provenance)

    def load(self, path: Path) -> tuple[Any, io.Provenance]:
        """A learner file of this learner's class and shapes."""
        learner, provenance = load_numbers(path, self.like)
        return numbers_of(learner), provenance

    def fitted(self, name: str, tensors: dict[str, Any], path: str) -> Any:
        """The meta-parameters in what `io.load_learner` read of a file.

        Raises:
            BluraxError: if they are those of another class, or of other shapes.
        """
        return numbers_of(fitted(self.like, name, tensors, path))


def check_scales(space: Space, texts: tuple[str, ...]) -> None:
    """Raise `BluraxError` for scales that `Space.scales` refuses, without computing any."""
    jax.eval_shape(lambda: space.scales(texts))


def _leaves_called(name: str, leaves: dict[str, Any], what: str) -> list[str]:
    """The leaves of a name, or whose names end so."""
    found = [leaf for leaf in leaves if leaf == name or leaf.endswith(f".{name}")]
    require(bool(found), f"{what} names no leaf; there are {', '.join(leaves)}.")
    return found


def alone(vector: Float[Array, " size"], space: Space) -> Any:
    """Meta-parameters as a population of one."""
    return jax.tree.map(lambda leaf: leaf[None], space.from_vector(vector))


def _spread(leaves: dict[str, Any], sizes: dict[str, Any]) -> Float[Array, " size"]:
    """One number for each leaf, as a vector of all."""
    return jnp.concatenate(
        [jnp.full(leaf.size, sizes[name], float) for name, leaf in leaves.items()]
    )


def _number(text: str, value: str) -> float:
    try:
        found = float(value)
    except ValueError as error:
        raise BluraxError(f"The scale {text!r} is not of the form leaf=number.") from error
    require(0 < found < jnp.inf, f"The scale {text!r} takes a number above 0.")
    return found
