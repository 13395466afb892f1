"""Gates on hidden neurons, so that stages use different ones: random and told, or learned."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.baselines.continual import Ewc, StagedState
from blurax.baselines.descent import forward
from blurax.baselines.ranges import check_part, check_share, check_strength
from blurax.baselines.reservoir import Reservoir
from blurax.baselines.weights import with_fixed
from blurax.bounds import check_seed, check_whole
from blurax.errors import require, shown
from blurax.learner import Batch
from blurax.links import Indexed
from blurax.specialisation import hidden_groups

Gates = list[Array | None]
"""What multiplies each group, `[features]` or `[b, features]`; None: nothing."""


class Xdg(Ewc):
    """Context-dependent gating: in each stage other random hidden neurons take part.

    The learner is told the stage, when it learns and when it predicts. With a strength above 0 it
    also has the penalty of `Ewc`.

    Source: Masse, Grant and Freedman, "Alleviating catastrophic forgetting using context-dependent
    gating and synaptic stabilization", PNAS 2018, who leave 20 % of the neurons on.
    """

    on: Float[Array, ""] = eqx.field(kw_only=True)
    """The share of neurons that take part in a stage, above 0, at most 1."""
    seed: int = eqx.field(static=True, default=0)
    """Of the gates."""

    def __check_init__(self) -> None:
        check_part("Xdg.on", self.on)
        check_seed("Xdg.seed", self.seed)

    def gates(self, stage: Int[Array, ""]) -> Gates:
        """1 or 0 for each hidden neuron (or feature) of a stage."""
        key, found = jax.random.fold_in(jax.random.key(self.seed), stage), _none(self)
        for j in hidden_groups(self.network):
            features = self.network.groups[j][-1]
            ranks = jnp.argsort(jax.random.bits(jax.random.fold_in(key, j), (features,)))
            # So many, not each by chance: a layer of few neurons is never silent.
            found[j] = (ranks < jnp.maximum(1, jnp.round(self.on * features))).astype(float)
        return found

    def outputs(
        self,
        params: Any,
        stage: Int[Array, ""],
        x: Array | Indexed,
        known: list[Any] | None = None,
    ) -> tuple[list[Array], list[Any]]:
        """With the gates of the stage."""
        activation, gates = self.arrangement.activation, self.gates(stage)
        return forward(self.network, params, x, activation, known, said=gated(gates))


class Gated(eqx.Module):
    """What `Lxdg` learns."""

    weights: Any
    """Of the network."""
    layers: tuple[tuple[tuple[Array, Array], ...], ...]
    """Of the perceptron that gates each hidden group: weights and biases of its layers."""


class Lxdg(Ewc):
    """Learned context-dependent gating: by the input perceptrons tell which neurons take part.

    Hidden layer l is multiplied by g_l(x) = sigmoid(MLP_l(x)). With <g, h> the mean of g_i h_i over
    the neurons of a layer, and [] the mean over examples, the loss also has, for each layer,

    - gate_strength [(<g(x), g(x)> - 0.2)²]: few neurons take part;
    - for each earlier stage gate_strength [(<g(x), g(x')>)²]: others than for inputs x' of earlier
      stages;
    - for each earlier stage gate_strength [(<g(x'), g'(x')> - 0.3)²]: for these the same as at the
      end of their stage, g'.

    and, with a strength above 0, the penalty of `Ewc` on all that is learned. Of each stage inputs
    of its last batch are kept, without labels; of `size` in all, a sample of every stage's. The
    stage is not told.

    Source: Tilley, Miller and Freedman, "Artificial neuronal ensembles with learned context
    dependent gating", ICLR 2023, whose dropout is left out.
    """

    gate_strength: Float[Array, ""] = eqx.field(kw_only=True)
    size: int = eqx.field(static=True, default=256)
    """Inputs kept of all earlier stages together."""
    hidden: tuple[int, ...] = eqx.field(static=True, default=(100, 100))
    """The hidden layers of each perceptron; (400, 400) in the paper, for layers of 2,000."""
    sparse: float = eqx.field(static=True, default=0.2)
    keep: float = eqx.field(static=True, default=0.3)

    def __check_init__(self) -> None:
        check_strength("Lxdg.gate_strength", self.gate_strength)
        check_whole("Lxdg.size", self.size)
        for name in ("sparse", "keep"):
            check_share(f"Lxdg.{name}", getattr(self, name))
        require(
            isinstance(self.hidden, tuple),
            f"Lxdg.hidden is {shown(self.hidden)}; it takes a tuple of whole numbers >= 1.",
        )
        for n, neurons in enumerate(self.hidden):
            check_whole(f"Lxdg.hidden[{n}]", neurons)

    def initial(self, key: PRNGKeyArray) -> Gated:
        """The network's weights, and those of the perceptrons (He et al., ICCV 2015)."""
        inputs, layers = self.network.sizes[0], []
        for j in hidden_groups(self.network):
            sizes = (inputs, *self.hidden, self.network.groups[j][-1])
            own = jax.random.fold_in(key, j)
            layers.append(
                tuple(
                    (
                        jax.random.normal(jax.random.fold_in(own, n), (i, o), float)
                        * (2 / i) ** 0.5,
                        jnp.zeros(o, float),
                    )
                    for n, (i, o) in enumerate(itertools.pairwise(sizes))
                )
            )
        return Gated(super().initial(key), tuple(layers))

    def gates(self, params: Gated, x: Array) -> Gates:
        """g_l(x), `[b, features]`."""
        found, rows = _none(self), x.reshape(len(x), -1)
        for j, layers in zip(hidden_groups(self.network), params.layers, strict=True):
            a = rows
            for w, b in layers[:-1]:
                a = jax.nn.relu(a @ w + b)
            w, b = layers[-1]
            found[j] = jax.nn.sigmoid(a @ w + b)
        return found

    def outputs(
        self,
        params: Gated,
        stage: Int[Array, ""],
        x: Array | Indexed,
        known: list[Any] | None = None,
    ) -> tuple[list[Array], list[Any]]:
        """With the gates of the inputs."""
        require(not isinstance(x, Indexed), "Lxdg takes no inputs with which indices travel.")
        assert not isinstance(x, Indexed)
        activation, gates = self.arrangement.activation, self.gates(params, x)
        return forward(self.network, params.weights, x, activation, known, said=gated(gates))

    def begin(self, params: Gated, key: PRNGKeyArray) -> Any:
        """No stage has been."""
        like = jnp.zeros(self.network.groups[0], float)
        gates = [jnp.zeros(self.network.groups[j][-1], float) for j in hidden_groups(self.network)]
        kept = {
            "earlier": Reservoir.empty(self.size, (like, gates)),
            "stages": jnp.zeros((), float),
        }
        return super().begin(params, key) | kept

    def penalty(
        self, params: Gated, state: StagedState, batch: Batch, key: PRNGKeyArray
    ) -> Float[Array, ""]:
        """That of `Ewc`, and those of the gates."""
        x, then = state.kept["earlier"].draw(jax.random.fold_in(key, 2), len(batch.y))
        now = [g for g in self.gates(params, batch.x) if g is not None]
        again = [g for g in self.gates(params, x) if g is not None]
        found = self.gate_penalty(now, again, then, state.kept["stages"])
        return super().penalty(params, state, batch, key) + found

    def gate_penalty(
        self, now: list[Array], again: list[Array], then: list[Array], stages: Float[Array, ""]
    ) -> Float[Array, ""]:
        """The three of the gates.

        Args:
            now: of each layer, the gates of the batch, `[b, features]`.
            again: those of inputs of earlier stages, `[b, features]`.
            then: those that these had at the end of their stage.
            stages: how many there were.
        """
        total = jnp.zeros((), float)
        for g, h, old in zip(now, again, then, strict=True):
            total += _apart(g, g, self.sparse)
            total += stages * (_apart(g, h, 0.0) + _apart(h, old, self.keep))
        return self.gate_strength * total

    def end_stage(self, state: StagedState, batch: Batch, key: PRNGKeyArray) -> StagedState:
        """The penalties count this stage too."""
        state = super().end_stage(state, batch, key)
        gates = [g for g in self.gates(state.params, batch.x) if g is not None]
        earlier = state.kept["earlier"].offer(key, (batch.x, gates))
        kept = state.kept | {"earlier": earlier, "stages": state.kept["stages"] + 1}
        return dataclasses.replace(state, kept=kept)

    def _fixed(self, new: Gated, before: Gated) -> Gated:
        weights = with_fixed(self.network, new.weights, before.weights)
        return Gated(weights, new.layers)


def gated(gates: Gates) -> Callable[[int, Array], Array]:
    """Activations of hidden groups, multiplied by gates `[features]` or `[b, features]`, if any."""

    def said(group: int, a: Array) -> Array:
        gate = gates[group]
        if gate is None:
            return a
        return a * gate.reshape(*gate.shape[:-1], *[1] * (a.ndim - 2), gate.shape[-1])

    return said


def _none(learner: Ewc) -> Gates:
    return [None] * len(learner.network.groups)


def _apart(g: Float[Array, "b n"], h: Float[Array, "b n"], wanted: float) -> Float[Array, ""]:
    """[(<g, h> - wanted)²]."""
    return jnp.mean((jnp.mean(g * h, axis=1) - wanted) ** 2)
