"""Gradient descent that guards what earlier stages taught: a penalty, or examples kept of them."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.baselines.descent import GradientDescent, forward
from blurax.baselines.ranges import check_positive, check_strength
from blurax.baselines.reservoir import Reservoir
from blurax.baselines.weights import initial_weights, with_fixed
from blurax.bounds import check_whole
from blurax.errors import require
from blurax.learner import Batch
from blurax.links import Indexed
from blurax.targets import Classes, Target, signed_one_hot


class StagedState(eqx.Module):
    """What changes while such a learner learns."""

    params: Any
    """What is learned by gradient: the weights, first of all."""
    memory: Any
    """The optimiser's."""
    kept: Any
    """What the method keeps of earlier stages."""
    stage: Int[Array, ""]
    """The number of the stage, as it was told; 0 where none was. Only methods that say so read it.
    """


class StagedDescent(GradientDescent):
    """An optimiser that descends the loss of each batch and a penalty for earlier stages.

    A method says what it keeps, what it costs to depart from it, and what the end of a stage adds.
    Where an episode has no stages, nothing is ever added.
    """

    def initial(self, key: PRNGKeyArray) -> Any:
        """What is learned, before the first step."""
        chosen = self.arrangement
        how = chosen.activation, chosen.normalise, chosen.over
        return initial_weights(key, self.network, *how)

    def begin(self, params: Any, key: PRNGKeyArray) -> Any:
        """What is kept before the first step."""
        return ()

    def penalty(
        self, params: Any, state: StagedState, batch: Batch, key: PRNGKeyArray
    ) -> Float[Array, ""]:
        """What departing from earlier stages costs."""
        return jnp.zeros((), float)

    def data_gradient(self, state: StagedState, batch: Batch, key: PRNGKeyArray) -> Any:
        """The gradient of the loss of a batch."""
        return jax.grad(self.cost)(state.params, state.stage, batch)

    def noted(
        self,
        before: StagedState,
        after: StagedState,
        gradient: Any,
        batch: Batch,
        key: PRNGKeyArray,
    ) -> Any:
        """What is kept after a step.

        Args:
            gradient: `data_gradient` of the step.
        """
        return after.kept

    def outputs(
        self,
        params: Any,
        stage: Int[Array, ""],
        x: Array | Indexed,
        known: list[Any] | None = None,
    ) -> tuple[list[Array], list[Any]]:
        """What each group gives, and what those that are normalised are normalised by."""
        chosen = self.arrangement
        return forward(self.network, params, x, chosen.activation, known, over=chosen.over)

    def cost(self, params: Any, stage: Int[Array, ""], batch: Batch) -> Float[Array, ""]:
        """The loss of a batch."""
        return self.loss(self.outputs(params, stage, batch.x)[0], batch)

    def init(self, key: PRNGKeyArray, batch: int) -> StagedState:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Initial weights, the optimiser's memory, and nothing of earlier stages."""
        params = self.initial(key)
        memory = self.made(jnp.zeros((), float)).init(params)
        kept = self.begin(params, jax.random.fold_in(key, 1))
        return StagedState(params, memory, kept, jnp.zeros((), jnp.int32))

    def told(self, state: StagedState, stage: Int[Array, ""]) -> StagedState:
        """In this stage."""
        return dataclasses.replace(state, stage=jnp.asarray(stage, jnp.int32))

    def step(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        state: StagedState,
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[StagedState, None]:
        """One update; the optimiser is given the gradient of the loss and of the penalty."""
        found = self.data_gradient(state, batch, key)
        held = jax.grad(self.penalty)(state.params, state, batch, key)
        whole = jax.tree.map(jnp.add, found, held)
        updates, memory = self.made(rate).update(whole, state.memory, state.params)
        params = self._fixed(jax.tree.map(jnp.add, state.params, updates), state.params)
        after = dataclasses.replace(state, params=params, memory=memory)
        kept = self.noted(state, after, found, batch, key)
        return dataclasses.replace(after, kept=kept), None

    def _fixed(self, new: Any, before: Any) -> Any:
        """What is learned, but for weights that are not plastic."""
        return with_fixed(self.network, new, before)

    def predict(self, state: StagedState, x: Array | Indexed) -> Float[Array, "q outputs"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The first output's values, or logits."""
        return self.outputs(state.params, state.stage, x)[0][self.network.outputs[0]]

    def predict_few(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, state: StagedState, x: Array | Indexed, batch: Array | Indexed
    ) -> Float[Array, "q outputs"]:
        """The same, normalised by the batch."""
        measured = self.outputs(state.params, state.stage, batch)[1]
        return self.outputs(state.params, state.stage, x, measured)[0][self.network.outputs[0]]

    def activations(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, state: StagedState, x: Array | Indexed, batch: Array | Indexed
    ) -> list[Float[Array, "q ..."]]:
        """By the weights that predict."""
        measured = self.outputs(state.params, state.stage, batch)[1]
        return self.outputs(state.params, state.stage, x, measured)[0]


class Anchored(StagedDescent):
    """A quadratic penalty: strength / 2 Σ_k Σ_i F_ki (θ_i - θ*_ki)², of all earlier stages k.

    Of a sum of quadratics two arrays are enough, however many stages there are: Σ_k F_k and
    Σ_k F_k θ*_k.
    """

    strength: Float[Array, ""] = eqx.field(kw_only=True)
    """λ, a finite number >= 0."""

    def __check_init__(self) -> None:
        check_strength(f"{type(self).__name__}.strength", self.strength)

    def begin(self, params: Any, key: PRNGKeyArray) -> Any:
        """No stage has been."""
        nothing = jax.tree.map(jnp.zeros_like, params)
        return {"weight": nothing, "pull": nothing}

    def penalty(
        self, params: Any, state: StagedState, batch: Batch, key: PRNGKeyArray
    ) -> Float[Array, ""]:
        """The quadratics, but for a constant."""

        def one(weight: Array, pull: Array, now: Array) -> Array:
            return jnp.sum(weight * now**2 / 2 - pull * now)

        parts = jax.tree.map(one, state.kept["weight"], state.kept["pull"], params)
        return self.strength * sum(jax.tree.leaves(parts), jnp.zeros((), float))

    def anchored(self, state: StagedState, weight: Any) -> dict[str, Any]:
        """What is kept, with one quadratic more around what is learned so far."""

        def pulled(pull: Array, weight: Array, now: Array) -> Array:
            return pull + weight * now

        return state.kept | {
            "weight": jax.tree.map(jnp.add, state.kept["weight"], weight),
            "pull": jax.tree.map(pulled, state.kept["pull"], weight, state.params),
        }


class Ewc(Anchored):
    """Elastic weight consolidation: F is the diagonal of the Fisher information at a stage's end.

    F_i is the mean, over the examples of the stage's last batch, of the squared slope of the log
    likelihood, expected over the labels as the network itself predicts them. Of other targets than
    classes the labels are those of the batch.

    Source: Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS 2017.
    """

    def fisher(self, params: Any, stage: Int[Array, ""], batch: Batch) -> Any:
        """F of a batch, of the structure of `params`."""
        groups, measured = self.outputs(params, stage, batch.x)
        chances = answers(self.target, groups[self.network.outputs[0]], batch.y)

        def loss(params: Any, x: Any, y: Array) -> Float[Array, ""]:
            found, _ = self.outputs(params, stage, jax.tree.map(lambda a: a[None], x), measured)
            return self.loss(found, Batch(None, y[None]))

        def one(example: tuple[Any, Array, Array]) -> Any:
            x, labels, odds = example
            slopes = jax.vmap(jax.grad(loss), (None, None, 0))(params, x, labels)
            return jax.tree.map(lambda slope: jnp.tensordot(odds, slope**2, 1), slopes)

        # One example after the other: all side by side would take their number of times the memory.
        def added(total: Any, example: Any) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, one(example)), None

        zero = jax.tree.map(jnp.zeros_like, params)
        total, _ = jax.lax.scan(added, zero, (batch.x, *chances))
        return jax.tree.map(lambda leaf: leaf / len(batch.y), total)

    def end_stage(self, state: StagedState, batch: Batch, key: PRNGKeyArray) -> StagedState:
        """From now on the penalty counts this stage too."""
        fisher = self.fisher(state.params, state.stage, batch)
        return dataclasses.replace(state, kept=self.anchored(state, fisher))

    @property
    def takes_masks(self) -> bool:
        """The Fisher information counts all examples."""
        return False


def answers(
    target: Target, outputs: Float[Array, "b outputs"], y: Array
) -> tuple[Array, Float[Array, "b answers"]]:
    """The labels that each example may have, `[b, answers, ...]`, and their odds by the outputs.

    Where these cannot be counted, that of the example alone.
    """
    if not isinstance(target, Classes):
        return y[:, None], jnp.ones((len(y), 1), float)
    labels = signed_one_hot(jnp.arange(target.classes), target.outputs)
    if target.outputs == 1:
        positive = jax.nn.sigmoid(outputs)
        odds = jnp.concatenate([1 - positive, positive], axis=1)
    else:
        odds = jax.nn.softmax(outputs)
    return jnp.broadcast_to(labels, (len(outputs), *labels.shape)), odds


class Si(Anchored):
    """Synaptic intelligence: F is by how much each weight brought the loss down, per square moved.

    ω_i = Σ over a stage's steps of -g_i Δθ_i, g the gradient of the loss without the penalty;
    F_i = 2 max(ω_i, 0) / ((θ_i - θ_i at the stage's start)² + ξ). Below 0, where a step raised the
    loss, ω would reward departing without a bound.

    Source: Zenke, Poole and Ganguli, "Continual learning through synaptic intelligence", ICML 2017;
    ξ = 0.1 is theirs, their c is `strength`.
    """

    damping: float = eqx.field(static=True, default=0.1)
    """ξ, above 0."""

    def __check_init__(self) -> None:
        check_positive("Si.damping", self.damping)

    def begin(self, params: Any, key: PRNGKeyArray) -> Any:
        """No stage has been, and the first one starts."""
        path = jax.tree.map(jnp.zeros_like, params)
        return super().begin(params, key) | {"path": path, "start": params}

    def noted(
        self,
        before: StagedState,
        after: StagedState,
        gradient: Any,
        batch: Batch,
        key: PRNGKeyArray,
    ) -> Any:
        """The sum so far."""

        def further(path: Array, slope: Array, old: Array, new: Array) -> Array:
            return path - slope * (new - old)

        path = jax.tree.map(further, after.kept["path"], gradient, before.params, after.params)
        return after.kept | {"path": path}

    def end_stage(self, state: StagedState, batch: Batch, key: PRNGKeyArray) -> StagedState:
        """The weights that brought the loss down are held from now on."""

        def important(path: Array, start: Array, now: Array) -> Array:
            return 2 * jnp.maximum(path, 0) / ((now - start) ** 2 + self.damping)

        kept = state.kept
        weight = jax.tree.map(important, kept["path"], kept["start"], state.params)
        fresh = jax.tree.map(jnp.zeros_like, kept["path"])
        kept = self.anchored(state, weight) | {"path": fresh, "start": state.params}
        return dataclasses.replace(state, kept=kept)


class Replay(StagedDescent):
    """Each step also learns from examples kept of all steps so far, as many as in its batch.

    What is kept is a uniform sample of all examples seen; its batches are drawn with replacement.
    The gradient is the mean of both batches'.

    Source: Chaudhry et al., "On tiny episodic memories in continual learning", 2019.

    Raises:
        BluraxError: for a target whose y may be of any shape.
    """

    size: int = eqx.field(static=True, kw_only=True)
    """How many examples are kept: m, a whole number >= 1."""

    def __check_init__(self) -> None:
        require(
            self.target.y_shape is not None,
            f"Replay keeps examples, but the targets of {self.target} may be of any shape.",
        )
        check_whole("Replay.size", self.size)

    @property
    def takes_masks(self) -> bool:
        """All examples are kept alike."""
        return False

    def begin(self, params: Any, key: PRNGKeyArray) -> Reservoir:
        """Nothing is kept."""
        one = jnp.zeros(self.network.groups[0], float), jnp.zeros(self.target.y_shape or (), float)
        return Reservoir.empty(self.size, one)

    def data_gradient(self, state: StagedState, batch: Batch, key: PRNGKeyArray) -> Any:
        """The mean of the gradients of the batch and of one that is kept, if any is."""
        new = super().data_gradient(state, batch, key)
        x, y = state.kept.draw(jax.random.fold_in(key, 2), len(batch.y))
        old = super().data_gradient(state, Batch(x, y), key)
        share = jnp.where(state.kept.seen > 0, 0.5, 0.0)
        return jax.tree.map(lambda a, b: (1 - share) * a + share * b, new, old)

    def noted(
        self,
        before: StagedState,
        after: StagedState,
        gradient: Any,
        batch: Batch,
        key: PRNGKeyArray,
    ) -> Reservoir:
        """The batch is offered."""
        return after.kept.offer(jax.random.fold_in(key, 3), (batch.x, batch.y))
