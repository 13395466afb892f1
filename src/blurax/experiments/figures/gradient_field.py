"""Whether a rule is the gradient of anything: asymmetry of its Jacobian, and a constant metric.

If the change of the synapses Δw(w) were -G⁻¹ ∂L/∂w for a loss L and a constant, positive definite
metric G, G ∂Δw/∂w would be symmetric everywhere. Figure 2 asks this of G = I, appendix A of all G.
Everything here is computed in double precision.
"""

import contextlib
import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from blurax.genome import Genome
from blurax.inner import step
from blurax.network import Network, NetworkState, Synapses

THRESHOLD = 1e-8
"""Singular values below this share of the largest count as zero (App. A)."""


def double_precision() -> contextlib.AbstractContextManager:
    """Double precision while the context lasts."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    return jax.experimental.enable_x64()  # pyright: ignore[reportAttributeAccessIssue] - before 0.8


@dataclasses.dataclass(frozen=True)
class Jacobian:
    """∂Δw_k/∂w_m over the forward synapses."""

    forward: Float[np.ndarray, "n n"]
    """By forward mode."""
    reverse: Float[np.ndarray, "n n"]
    """By reverse mode: it differs by rounding alone."""

    @property
    def asymmetry(self) -> Float[np.ndarray, "n n"]:
        """|∂Δw_k/∂w_m - ∂Δw_m/∂w_k|."""
        return np.abs(self.forward - self.forward.T)

    @property
    def error(self) -> float:
        """The numerical error of an entry: the largest difference between the two modes."""
        rounding = np.finfo(float).eps * np.abs(self.forward).max()
        return float(max(np.abs(self.forward - self.reverse).max(), rounding))


def jacobian(genome: Genome, network: Network, key: jax.Array, x: Array, y: Array) -> Jacobian:
    """The Jacobian of one inner step at an initial network.

    Args:
        x: a batch, `[batch, features]`.
        y: its labels, `[batch, outputs]`.
    """
    exact = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), float), genome)
    state = network.init(key, exact, x.shape[0])
    at = exact, state, jnp.asarray(x, float), jnp.asarray(y, float)
    return Jacobian(np.asarray(_derived(jax.jacfwd, *at)), np.asarray(_derived(jax.jacrev, *at)))


@eqx.filter_jit
def _derived(
    mode: Callable, genome: Genome, state: NetworkState, x: Array, y: Array
) -> Float[Array, "n n"]:
    return mode(lambda w: change(genome, state, w, x, y))(forward_synapses(state))


def forward_synapses(state: NetworkState) -> Float[Array, " n"]:
    """The forward synapses as one vector, those of the bias units among them."""
    return ravel_pytree(state.forward_parts)[0]


def change(
    genome: Genome, state: NetworkState, w: Float[Array, " n"], x: Array, y: Array
) -> Float[Array, " n"]:
    """Δw: what one inner step adds to the forward synapses, if they are w."""
    _, restore = ravel_pytree(state.forward_parts)
    moved = with_forward_synapses(state, restore(w))
    return forward_synapses(step(genome, moved, x, y)[0]) - w


def with_forward_synapses(state: NetworkState, parts: list[tuple[Array, ...]]) -> NetworkState:
    """The state with other `NetworkState.forward_parts`."""
    others, synapses = iter(parts), []
    for between in state.synapses:
        if between.forward is not None:
            w_ij, *bias_j = next(others)
            bias = bias_j[0] if bias_j else None
            between = Synapses(w_ij, bias, between.backward, between.kept)
        synapses.append(between)
    return dataclasses.replace(state, synapses=tuple(synapses))


class Metrics:
    """The constant metrics under which all Jacobians so far are symmetric.

    Each Jacobian J asks G J = (G J)ᵀ of a symmetric G: linear equations, kept as the triangle of a
    QR factorisation.
    """

    def __init__(self, synapses: int) -> None:
        rows, columns = np.triu_indices(synapses)
        self._basis = np.zeros((len(rows), synapses, synapses))
        self._basis[np.arange(len(rows)), rows, columns] = 1
        self._basis[np.arange(len(rows)), columns, rows] = 1
        self._above = np.triu_indices(synapses, 1)
        self._triangle = np.zeros((0, len(rows)))

    def ask(self, jacobian: Float[np.ndarray, "n n"]) -> None:
        """Add the equations of one Jacobian."""
        products = self._basis @ (jacobian / np.abs(jacobian).max())
        uneven = products - np.swapaxes(products, 1, 2)
        equations = uneven[:, *self._above].T
        self._triangle = np.linalg.qr(np.concatenate([self._triangle, equations]), mode="r")

    def left(self) -> Float[np.ndarray, "d n n"]:
        """A basis of the metrics that satisfy all equations, by SVD."""
        _, sizes, right = np.linalg.svd(self._triangle)
        zero = np.ones(right.shape[0], bool)
        zero[: len(sizes)] = sizes < THRESHOLD * sizes[0]
        return np.tensordot(right[zero], self._basis, axes=1)


def most_definite(metrics: Float[np.ndarray, "d n n"], steps: int = 3000) -> float:
    """The largest smallest eigenvalue among combinations of metrics, as a share of the largest.

    Above 0 there is a positive definite one. The smallest eigenvalue is a concave function of the
    combination, so that an ascent along its subgradient cannot be caught in a lesser maximum.
    """
    if len(metrics) == 0:
        return 0.0
    share = np.trace(metrics, axis1=1, axis2=2)  # the projection of the identity
    share = share / np.linalg.norm(share) if np.any(share) else np.eye(len(metrics))[0]
    best = -np.inf
    for n in range(steps):
        sizes, vectors = np.linalg.eigh(np.tensordot(share, metrics, axes=1))
        best = max(best, float(sizes[0] / np.abs(sizes).max()))
        lowest = vectors[:, 0]
        uphill = np.einsum("i,dij,j->d", lowest, metrics, lowest)
        share = share + uphill / np.linalg.norm(uphill) / (n + 2) if np.any(uphill) else share
        share = share / np.linalg.norm(share)
    return best
