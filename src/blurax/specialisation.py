"""What the neurons of a layer specialise in: measures of a network, and losses made of them.

TANGOS (Jeffares et al., "TANGOS: Regularizing tabular neural networks through gradient
orthogonalization and specialization", ICLR 2023) looks at what each neuron attributes to the
inputs, a_i(x) = dh_i / dx: few inputs each, and others than its neighbours. WLD-Reg (Laakom et al.,
"WLD-Reg: A data-dependent within-layer diversity regularizer", AAAI 2023) looks at what neurons
say: s_nm, the mean over examples of exp(-γ (φ_n - φ_m)²), is 1 where two always say the same.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.batch import leading
from blurax.learner import Learner
from blurax.links import Indexed
from blurax.network import Network
from blurax.terms.decorrelation import inverse
from blurax.terms.lateral import GAMMA

PAIRS = 50
"""Pairs of neurons that are drawn where not all are compared, as TANGOS does."""
NEURONS, ROWS = 256, 4096
"""The most neurons and rows of a layer that `measured` looks at, spread evenly over it."""
JITTER = 1e-3
"""What `log_determinant` adds to the diagonal: S is singular where two neurons say the same."""


class Specialisation(eqx.Module):
    """The measures of each hidden group, `[layers]`."""

    sparsity: Float[Array, " layers"]
    """The mean of |dh_i / dx_k| over inputs, neurons and examples."""
    overlap: Float[Array, " layers"]
    """The mean |cos(a_i, a_j)| over all pairs of neurons and examples, from 0 to 1."""
    similarity: Float[Array, " layers"]
    """The mean of s_nm over all pairs, from 0 to 1."""
    diversity: Float[Array, " layers"]
    """log det S for each neuron: 0 where all differ, far below where many say the same."""


def hidden_groups(network: Network) -> list[int]:
    """The groups between input and outputs, by number."""
    return [j for j in range(1, len(network.groups)) if j not in network.outputs]


def measured(learner: Learner, state: Any, x: Any, gamma: float = GAMMA) -> Specialisation:
    """How far the neurons of each hidden group specialise.

    What a neuron attributes to its inputs is the gradient of its activation, state 1 of it, after a
    forward sweep. Where groups are normalised over the batch, the mean and the variance are those
    of x, and held: an example attributes nothing to the inputs of others.

    Args:
        x: inputs as `Learner.inputs` gives them, `[b, ...]`.
        gamma: γ of s_nm.

    Raises:
        BluraxError: for a learner that does not show its neurons.
    """
    groups = hidden_groups(learner.network)
    said = learner.activations(state, x, x)
    columns = []
    for j in groups:
        places = _spread(said[j][0].size, NEURONS)

        def neurons(rows: Any, j: int = j, places: np.ndarray = places) -> Array:
            return learner.activations(state, rows, x)[j].reshape(leading(rows), -1)[:, places]

        found = _attributed(neurons, x)
        rows = by_feature(said[j])
        rows = rows[_spread(len(rows), ROWS)][:, _spread(rows.shape[1], NEURONS)]
        s = similarities(rows, gamma)
        columns.append((*found, _mean_similarity(s), log_determinant(s) / len(s)))
    none = jnp.zeros(0)
    each = zip(*columns, strict=True) if columns else [()] * 4
    return Specialisation(*(jnp.stack(values) if values else none for values in each))


def unspecialised(learner: Learner, state: Any, x: Any) -> tuple[Array, Array]:
    """What a loss may ask of the last hidden group: TANGOS' two terms, and WLD-Reg's direct form.

    The former is `sparsity` and `overlap` of all pairs, added; the latter the mean of s_nm over all
    pairs, so that it means the same at any width. Both are 0 without hidden neurons.

    Args:
        x: as for `measured`.

    Raises:
        BluraxError: for a learner that does not show its neurons.
    """
    groups = hidden_groups(learner.network)
    if not groups:
        return jnp.zeros(()), jnp.zeros(())

    def neurons(rows: Any) -> Float[Array, "_ n"]:
        return learner.activations(state, rows, x)[groups[-1]].reshape(leading(rows), -1)

    a, said = attributions(neurons, x), learner.activations(state, x, x)[groups[-1]]
    return sparsity(a) + overlap(a), _mean_similarity(similarities(by_feature(said)))


def attributions(
    neurons: Callable[[Any], Float[Array, "_ n"]], x: Any
) -> Float[Array, "b n inputs"]:
    """a_i(x) = dh_i / dx of each neuron for each example.

    Args:
        neurons: what some neurons say for rows of inputs, each by itself.
        x: the inputs `[b, ...]`, with indices that travel with them where there are any.
    """
    return jax.vmap(lambda row: _jacobian(neurons, row))(x)


def _jacobian(neurons: Callable[[Any], Float[Array, "_ n"]], row: Any) -> Float[Array, "n inputs"]:
    """For one example; by the side that has fewer numbers."""
    index = row.index if isinstance(row, Indexed) else None
    inputs: Any = row if index is None else row.x

    def of(inputs: Array) -> Float[Array, " n"]:
        whole = inputs if index is None else Indexed(inputs, index)
        return neurons(jax.tree.map(lambda leaf: leaf[None], whole))[0]

    many = jax.eval_shape(of, inputs).size
    slope = jax.jacfwd if inputs.size < many else jax.jacrev
    return slope(of)(inputs).reshape(many, -1)


def _attributed(neurons: Callable[[Any], Array], x: Any) -> tuple[Array, Array]:
    """Sparsity and overlap, example by example: the attributions of many are large."""

    def one(row: Any) -> tuple[Array, Array]:
        found = _jacobian(neurons, row)[None]
        return sparsity(found), overlap(found)

    each = jax.lax.map(one, x, batch_size=8)
    return jnp.mean(each[0]), jnp.mean(each[1])


def sparsity(a: Float[Array, "b n inputs"]) -> Float[Array, ""]:
    """TANGOS' L_spec: the mean of |a_i|_1 / d over neurons and examples."""
    return jnp.mean(jnp.abs(a))


def overlap(
    a: Float[Array, "b n inputs"], pairs: Int[Array, "pairs 2"] | None = None
) -> Float[Array, ""]:
    """TANGOS' L_orth: the mean of |cos(a_i, a_j)| over pairs and examples; 0 for a neuron alone.

    A neuron that attributes nothing overlaps with none.

    Args:
        pairs: of neurons, each of two; all if None.
    """
    square = jnp.sum(a**2, axis=2)
    unit = a * jax.lax.rsqrt(jnp.where(square > 0, square, 1.0))[:, :, None]
    if pairs is not None:
        both = jnp.sum(unit[:, pairs[:, 0]] * unit[:, pairs[:, 1]], axis=2)
        return jnp.sum(jnp.abs(both)) / max(both.size, 1)
    (examples, n, _) = a.shape
    cosines = jnp.abs(jnp.einsum("bnd,bmd->bnm", unit, unit)) * (1 - jnp.eye(n))
    return jnp.sum(cosines) / max(examples * n * (n - 1), 1)


def drawn_pairs(key: PRNGKeyArray, neurons: int, pairs: int = PAIRS) -> Int[Array, "pairs 2"]:
    """Pairs of two different neurons; none where there is but one."""
    if neurons < 2:
        return jnp.zeros((0, 2), jnp.int32)
    first, step = jax.random.randint(
        key, (2, pairs), jnp.asarray([[0], [1]]), jnp.asarray([[neurons], [neurons]])
    )
    return jnp.stack([first, (first + step) % neurons], axis=1)


def by_feature(a: Float[Array, "b ..."]) -> Float[Array, "rows n"]:
    """What the neurons of a group say; of maps, features, each position of an example as a row."""
    return a.reshape(-1, a.shape[-1])


def similarities(phi: Float[Array, "b n"], gamma: float = GAMMA) -> Float[Array, "n n"]:
    """S: s_nm is the mean over examples of exp(-γ (φ_n - φ_m)²)."""
    return jnp.mean(jnp.exp(-gamma * (phi[:, :, None] - phi[:, None, :]) ** 2), axis=0)


def direct(s: Float[Array, "n n"]) -> Float[Array, ""]:
    """WLD-Reg's direct form: the sum of s_nm over all n and m that differ."""
    return jnp.sum(s * (1 - jnp.eye(len(s))))


def _mean_similarity(s: Float[Array, "n n"]) -> Float[Array, ""]:
    return direct(s) / max(len(s) * (len(s) - 1), 1)


def log_determinant(s: Float[Array, "n n"], jitter: float = JITTER) -> Float[Array, ""]:
    """Log det of (S + ε I) / (1 + ε), whose diagonal is that of S.

    Args:
        jitter: ε; with 0 it is -inf or no number where two neurons say the same.
    """
    unit = jnp.eye(len(s), dtype=s.dtype)
    return _log_determinant((s + jitter * unit) / (1 + jitter))


@jax.custom_jvp
def _log_determinant(a: Float[Array, "n n"]) -> Float[Array, ""]:
    """Of a symmetric, positive definite matrix, pivot by pivot: see `terms.decorrelation`."""

    def pivot(p: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        a, total = carry
        row, corner = a[p], a[p, p]
        return a - row[:, None] * row / corner, total + jnp.log(corner)

    return jax.lax.fori_loop(0, len(a), pivot, (a, jnp.zeros((), a.dtype)))[1]


@_log_determinant.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """D log det A = tr(A^-1 dA)."""
    return _log_determinant(*primals), jnp.sum(inverse(primals[0][None])[0] * tangents[0])


def size(phi: Float[Array, "b n"]) -> Float[Array, ""]:
    """The mean square of what neurons say: with it they cannot seem diverse by growing."""
    return jnp.mean(phi**2)


def _spread(many: int, most: int) -> np.ndarray:
    """So many places at most, evenly spread."""
    return np.unique(np.linspace(0, many - 1, min(many, most)).round().astype(int))
