"""Automatic optimisation of normalised networks: weights on spheres, and no learning rate.

Source: Cho and Shin, "Automatic optimisation of normalised neural networks", arXiv 2312.10672.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.baselines.descent import forward
from blurax.baselines.weights import Weights, initial_weights
from blurax.errors import require
from blurax.learner import Batch, Learner
from blurax.links import Indexed
from blurax.network import Network
from blurax.spec import Activation
from blurax.targets import Classes, Regression, Target, mean

Points = tuple[Float[Array, "_ _"] | None, ...]
"""For each edge a matrix of Frobenius norm 1, the synapses of the bias unit its last row where
there are any; None where there are no weights."""


class OnSpheres(eqx.Module):
    """What changes while the optimiser learns."""

    points: Points
    gains: tuple[Float[Array, ""] | None, ...]
    """What each matrix is multiplied by: its norm in the initial network, which never changes."""


class AutoSphere(Learner):
    """Descends along great circles, by a step that the loss itself tells; there is nothing to tune.

    Every matrix W of weights has norm 1. With v its negative Riemannian gradient -(G - <G, W> W),
    a step takes all of them along

        W(t) = W cos(t |v|) + v / |v| sin(t |v|),  t = -L'(0) / |L''(0)|,

    the derivatives of the batch's loss along this curve, from two nested `jax.jvp`. No matrix turns
    by more than a right angle in a step.

    A normalised network says little. The paper scales the inputs by the initial network's gain.
    Here each matrix keeps the factor by which the initial network was normalised. For a chain of
    relus without biases that is the same function, inputs times the product of all factors; it also
    fits networks with branches, in which inputs come by several ways, and biases: the bias unit is
    a neuron like others, its synapses are a row of the matrix, and start at 0.

    Raises:
        BluraxError: for a network with delayed edges.
    """

    network: Network = eqx.field(static=True)
    target: Target = eqx.field(static=True)
    activation: Activation = eqx.field(static=True, default=Activation.RELU)
    majorised: bool = eqx.field(static=True, default=False)
    """Whether t minimises a bound on the loss, see `majorised_step`."""

    def __check_init__(self) -> None:
        require(
            not self.network.is_delayed,
            f"The network {self.network} has edges with a delay, whose gradient goes back through "
            "all steps before; auto-sphere takes a network without.",
        )

    def init(self, key: PRNGKeyArray, batch: int) -> OnSpheres:
        """The usual initial weights, normalised."""
        weights = initial_weights(key, self.network, self.activation)
        whole = [
            w if w is None or b is None else jnp.concatenate([w, b[None]])
            for w, b in zip(weights.w, weights.b, strict=True)
        ]
        gains = tuple(None if w is None else jnp.linalg.norm(w) for w in whole)
        points = tuple(
            None if g is None or w is None else w / g for w, g in zip(whole, gains, strict=True)
        )
        return OnSpheres(points, gains)

    def step(
        self,
        state: OnSpheres,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[OnSpheres, None]:
        """One update; the rate given is ignored."""

        def loss(points: Points) -> Float[Array, ""]:
            said = self._said(OnSpheres(points, state.gains), batch.x)
            return self._loss(said, batch)

        gradient: Any = jax.grad(loss)(state.points)
        velocity = tuple(
            None if w is None else -(g - jnp.sum(g * w) * w) * edge.plastic
            for w, g, edge in zip(state.points, gradient, self.network.edges, strict=True)
        )
        speeds = jnp.stack([jnp.linalg.norm(v) for v in velocity if v is not None])
        if self.majorised:
            said = self._said(state, batch.x)
            slope = -jnp.sum(speeds**2)
            t = majorised_step(slope, jnp.sum(speeds), *self._bounds(said, batch))
        else:
            t = newton_step(lambda t: loss(moved(state.points, velocity, t)))
        most = jnp.pi / 2 / jnp.maximum(jnp.max(speeds), jnp.finfo(t.dtype).tiny)
        turned = moved(state.points, velocity, jnp.minimum(t, most))
        # Rounding errors would add up.
        unit = tuple(None if w is None else w / jnp.linalg.norm(w) for w in turned)
        return OnSpheres(unit, state.gains), None

    def predict(
        self, state: OnSpheres, x: Float[Array, "q ..."] | Indexed
    ) -> Float[Array, "q outputs"]:
        """The first output's values, or logits."""
        return self.activations(state, x, x)[self.network.outputs[0]]

    def activations(
        self,
        state: OnSpheres,
        x: Float[Array, "q ..."] | Indexed,
        batch: Float[Array, "b ..."] | Indexed,
    ) -> list[Float[Array, "q ..."]]:
        """Nothing is normalised by a batch."""
        return forward(self.network, self.weights(state), x, self.activation)[0]

    def weights(self, state: OnSpheres) -> Weights:
        """The weights and biases of the network, factors included."""
        w, b = [], []
        for edge, point, gain in zip(self.network.edges, state.points, state.gains, strict=True):
            whole = None if point is None or gain is None else gain * point
            biased = whole is not None and edge.bias
            w.append(whole[:-1] if whole is not None and biased else whole)
            b.append(whole[-1] if whole is not None and biased else None)
        return Weights(tuple(w), tuple(b), (None,) * len(self.network.groups))

    def _said(self, state: OnSpheres, x: Any) -> list[Float[Array, "b outputs"]]:
        """What each output says."""
        groups = self.activations(state, x, x)
        return [groups[j] for j in self.network.outputs]

    def _loss(self, said: list[Array], batch: Batch) -> Float[Array, ""]:
        """The mean over the outputs."""
        losses = [self.target.loss(each, batch.y, batch.mask) for each in said]
        return sum(losses[1:], losses[0]) / len(losses)

    def _bounds(self, said: list[Array], batch: Batch) -> tuple[Array, Array]:
        """A and B of `majorised_step`."""
        slopes = jax.grad(lambda said: self._loss(said, batch))(said)
        first, second = jnp.zeros(()), jnp.zeros(())
        for each, slope in zip(said, slopes, strict=True):
            size = jnp.linalg.norm(each, axis=-1)
            first += jnp.sum(jnp.linalg.norm(slope, axis=-1) * size)
            bound = curvature(self.target, each, batch.y)
            second += bound * mean(size**2, batch.mask) / len(said)
        return first, second


def moved(points: Points, velocity: Points, t: Float[Array, ""]) -> Points:
    """The exponential map: each point along its great circle for the time t."""

    def one(w: Array | None, v: Array | None) -> Array | None:
        if w is None or v is None:
            return None
        square = jnp.sum(v**2)
        speed = jnp.sqrt(jnp.where(square > 0, square, 1.0))  # of a point at rest v is 0 anyway
        return w * jnp.where(square > 0, jnp.cos(t * speed), 1.0) + v / speed * jnp.sin(t * speed)

    return tuple(one(w, v) for w, v in zip(points, velocity, strict=True))


def newton_step(loss: Callable[[Array], Array]) -> Float[Array, ""]:
    """-L'(0) / |L''(0)|: where that is 0 the step is endless, and the right angle bounds it."""
    zero, one = jnp.zeros(()), jnp.ones(())

    def slope(t: Array) -> Array:
        return jax.jvp(loss, (t,), (one,))[1]

    first, second = jax.jvp(slope, (zero,), (one,))
    return -first / jnp.maximum(jnp.abs(second), jnp.finfo(first.dtype).tiny)


def majorised_step(
    slope: Float[Array, ""],
    speed: Float[Array, ""],
    first: Float[Array, ""],
    second: Float[Array, ""],
) -> Float[Array, ""]:
    """The t that minimises a bound on the loss along the curve, made of the network's architecture.

    In the time t the matrix of edge l turns by t |v_l|, so it moves by at most that, relative to
    its norm of 1. Where each matrix moves by such a share of itself, what the network says of size
    F moves by at most F u, u = Π_l (1 + t |v_l|) - 1 <= exp(t V) - 1 with V = Σ_l |v_l|, and by at
    most F (u - t V) beyond what is linear in t. A loss with slope g and curvature at most h in what
    is said is then at most

        m(t) = L + L'(0) t + A (exp(t V) - 1 - t V) + B (exp(t V) - 1)² / 2,

    with A the mean of g F and B that of h F² over the examples. It is convex; its slope is 0 where
    B u² + (A + B) u = -L'(0) / V, a quadratic equation for u = exp(t V) - 1.

    F is strictly the product of all factors and the length of the input. That bound is never
    reached, and steps by it would be tiny, so the length of what is said stands for it, as in
    automatic gradient descent (Bernstein et al., arXiv 2304.05187), whose step has the same form:
    neurons above then hear of a change what they hear of the whole. The loss may still rise.

    Args:
        slope: L'(0) = -Σ_l |v_l|².
        speed: V.
        first: A.
        second: B.
    """
    tiny = jnp.finfo(slope.dtype).tiny
    ratio, both = -slope / jnp.maximum(speed, tiny), first + second
    # The root in a form that is exact for a small slope, and for a loss without curvature.
    u = 2 * ratio / jnp.maximum(both + jnp.sqrt(both**2 + 4 * second * ratio), tiny)
    return jnp.log1p(u) / jnp.maximum(speed, tiny)


def curvature(target: Target, said: Float[Array, "b outputs"], y: Any) -> Float[Array, ""] | float:
    """A bound h on the curvature of an example's loss in what is said.

    1/2 for softmax cross-entropy and 1/4 for the logistic loss, whatever is said; of another target
    the largest norm of the Hessians of these examples.
    """
    if type(target) is Classes:
        return 0.25 if target.outputs == 1 else 0.5
    if type(target) is Regression:
        return 2 / target.outputs

    def one(said: Array, y: Any) -> Array:
        return target.loss(said[None], jax.tree.map(lambda leaf: leaf[None], y))

    return jnp.max(jnp.linalg.norm(jax.vmap(jax.hessian(one))(said, y), axis=(1, 2)))
