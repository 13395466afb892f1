"""Equilibrium propagation: a network settles twice, the second time nudged towards the target.

Sources: Scellier and Bengio, "Equilibrium Propagation: Bridging the Gap between Energy-Based Models
and Backpropagation", Frontiers in Computational Neuroscience 2017; for nudges of both signs
Laborieux et al., "Scaling Equilibrium Propagation to Deep ConvNets by Drastically Reducing Its
Gradient Estimator Bias", Frontiers in Neuroscience 2021.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from blurax.baselines.local import Layers, LocalRule
from blurax.baselines.ranges import check_part
from blurax.bounds import check_whole
from blurax.learner import Batch

Neurons = tuple[Float[Array, "b _"], ...]
"""The state of each neuron above the input, `[b, n]` for each group; all from 0 to 1."""


class EquilibriumPropagation(LocalRule):
    """Descends E + β C by its neurons, and learns from how the nudge β changes them.

    With states s_l from 0 to 1, s_0 the input, and symmetric synapses the energy (equation 1) is

        E = Σ_l |s_l|² / 2 - Σ_l s_{l-1} W_l s_l' - Σ_l b_l s_l,

    and C = |s_L - y|² / 2 with y 1 for the right class and 0 for the others. In the free phase
    neurons start at 0 and take `free` steps s <- clip(s - ε dE/ds, 0, 1): the paper's hard sigmoid,
    whose slope is 1 in this range. The nudged phase goes on for `nudged` steps with β C added. The
    synapses get (s_{l-1}' s_l at β - s_{l-1}' s_l at 0) / β, a contrast of local products, which
    for a small β and phases that settle is the gradient of C in the free phase (theorem 1).

    `centred`, the contrast is that between β and -β, over 2 β, whose error is of second order in β
    (Laborieux et al. 2021); otherwise the sign of β is drawn for each step, as in the
    paper's experiments. They keep the state of each example from one epoch to the next and have a
    learning rate for each layer by hand; here phases start at 0, and there is one rate.

    Raises:
        BluraxError: as `LocalRule`, for a target that is not about classes, phases of fewer than 1
            step, or a nudge or ε that is not above 0 and at most 1.
    """

    free: int = eqx.field(static=True, kw_only=True, default=20)
    """Steps of the free phase."""
    nudged: int = eqx.field(static=True, kw_only=True, default=10)
    """Steps of each nudged phase."""
    centred: bool = eqx.field(static=True, kw_only=True, default=True)
    """Whether both signs of the nudge are taken."""
    beta: Float[Array, ""] = eqx.field(kw_only=True)
    """β: how strong the nudge is."""
    epsilon: Float[Array, ""] = eqx.field(kw_only=True)
    """ε: how far neurons move in each step."""

    def __check_init__(self) -> None:
        self.check_classes()  # outputs are from 0 to 1
        for name in ("free", "nudged"):
            check_whole(f"EquilibriumPropagation.{name}", getattr(self, name))
        for name in ("beta", "epsilon"):
            check_part(f"EquilibriumPropagation.{name}", getattr(self, name))

    def drawn(self, key: PRNGKeyArray) -> Layers:
        """Uniform weights up to sqrt(6 / (inputs + outputs)), and zero biases."""
        sizes = self.network.sizes
        keys = jax.random.split(key, len(sizes) - 1)

        def one(key: PRNGKeyArray, i: int, j: int) -> tuple[Array, Array]:
            w = jax.random.uniform(key, (i, j), float, -1, 1)
            return w * (6 / (i + j)) ** 0.5, jnp.zeros(j, float)

        return tuple(map(one, keys, sizes[:-1], sizes[1:]))

    def settled(
        self,
        layers: Layers,
        x: Float[Array, "b inputs"],
        neurons: Neurons,
        steps: int,
        beta: Float[Array, ""] | float = 0.0,
        y: Float[Array, "b outputs"] | float = 0.0,
    ) -> Neurons:
        """The neurons after so many steps, all of them at once in each.

        Args:
            beta: the nudge.
            y: what it nudges the output to, from 0 to 1.
        """
        clamped = x @ layers[0][0]  # what the input gives never changes

        def one(neurons: Neurons, _: None) -> tuple[Neurons, None]:
            found = []
            for l, (s, (w, b)) in enumerate(zip(neurons, layers, strict=True)):
                force = b - s + (neurons[l - 1] @ w if l else clamped)
                if l + 1 < len(layers):
                    force += neurons[l + 1] @ layers[l + 1][0].T
                else:
                    force += beta * (y - s)
                found.append(jnp.clip(s + self.epsilon * force, 0.0, 1.0))
            return tuple(found), None

        return jax.lax.scan(one, neurons, None, length=steps)[0]

    def resting(self, layers: Layers, x: Float[Array, "b inputs"]) -> Neurons:
        """The neurons after the free phase."""
        zeros = tuple(jnp.zeros((len(x), len(b)), x.dtype) for _, b in layers)
        return self.settled(layers, x, zeros, self.free)

    def changes(self, layers: Layers, batch: Batch, key: PRNGKeyArray) -> Layers:
        """The contrast of the phases, with the sign of a gradient."""
        x, y = self.rows(batch.x), (batch.y > 0).astype(float)
        before = self.resting(layers, x)
        beta, apart = self.beta, self.beta
        if not self.centred:
            apart = beta = beta * jax.random.rademacher(key, (), float)
        after = self.settled(layers, x, before, self.nudged, beta, y)
        if self.centred:
            apart = 2 * beta
            before = self.settled(layers, x, before, self.nudged, -beta, y)
        counts = jnp.ones(len(x), bool) if batch.mask is None else batch.mask
        share = jnp.where(counts, 1.0, 0.0) / jnp.maximum(jnp.sum(counts), 1) / apart
        first, second = (_products(x, share, neurons) for neurons in (before, after))
        return jax.tree.map(jnp.subtract, first, second)

    def predict(
        self, state: tuple[Layers, Any], x: Float[Array, "q inputs"]
    ) -> Float[Array, "q outputs"]:
        """The output after the free phase, brought from 0 to 1 to -1 to 1."""
        return 2 * self.resting(state[0], self.rows(x))[-1] - 1

    def activations(
        self, state: tuple[Layers, Any], x: Float[Array, "q inputs"], batch: Any
    ) -> list[Float[Array, "q ..."]]:
        """The neurons after the free phase."""
        rows = self.rows(x)
        return [rows, *self.resting(state[0], rows)]


def _products(x: Float[Array, "b inputs"], share: Float[Array, " b"], neurons: Neurons) -> Layers:
    """The sum over the examples, each by its share, of s_{l-1}' s_l and of s_l: -dE/dW, -dE/db."""
    pairs = zip((x, *neurons), neurons, strict=False)
    return tuple((below.T @ (share[:, None] * here), share @ here) for below, here in pairs)
