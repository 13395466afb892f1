"""The forward-forward algorithm: each layer learns to tell right labels from wrong ones.

Source: Hinton, "The Forward-Forward Algorithm: Some Preliminary Investigations", arXiv 2212.13345,
sections 2 and 3.3.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.baselines.local import Layers, LocalRule, usual_layers
from blurax.baselines.ranges import check_positive
from blurax.errors import require
from blurax.learner import Batch
from blurax.network import Network
from blurax.spec import Activation
from blurax.targets import mean

TINY = 1e-8
"""Added to what activations are divided by, for layers that are silent."""


class ForwardForward(LocalRule):
    """Layers that learn one by one, without errors from above.

    The label is part of the input: a one-hot vector times `label`, after the features. The goodness
    of a layer is the mean square of its activations, relus. On an input with its own label a layer
    raises it above a threshold θ, with a wrong one it lowers it: it descends

        softplus(θ - g(right)) + softplus(g(wrong) - θ)

    by its own weights alone. The next layer gets the activations divided by the root of g, which
    hides from it how good they were.

    What is predicted for a class is the goodness with its label, summed over all hidden layers but
    the first, or of that one where it is alone. So a prediction takes a sweep for
    each class, and the output group of the network has no weights of its own.

    The paper replaces the first 10 pixels of an image by the label and names no optimiser; labels
    are appended here, so that tables lose no column.

    Raises:
        BluraxError: as `LocalRule`, for a target that is not about classes, a network without a
            hidden group, or a threshold or label that is not above 0.
    """

    threshold: Float[Array, ""] = eqx.field(kw_only=True)
    """θ, for the mean square."""
    label: Float[Array, ""] = eqx.field(kw_only=True)
    """The number that stands for the label in its one-hot vector."""

    def __check_init__(self) -> None:
        self.check_classes()  # labels go into the inputs
        require(
            len(self.network.groups) > 2,
            f"The network {self.network} has no hidden layer; ForwardForward takes one or more, "
            "such as --hidden 64.",
        )
        for name in ("threshold", "label"):
            check_positive(f"ForwardForward.{name}", getattr(self, name))

    def drawn(self, key: PRNGKeyArray) -> Layers:
        """Those of the hidden layers, with rows for the labels in the first."""
        first, *hidden, _ = self.network.sizes
        network = Network((first + self.target.classes, *hidden))
        return usual_layers(key, network, Activation.RELU)

    def changes(self, layers: Layers, batch: Batch, key: PRNGKeyArray) -> Layers:
        """The gradient of each layer's own loss, with wrong labels drawn for this step."""
        x, right = self.rows(batch.x), self.labels(batch.y)
        shift = jax.random.randint(key, right.shape, 1, self.target.classes)
        wrong = (right + shift) % self.target.classes

        def loss(layers: Layers) -> Float[Array, ""]:
            pairs = zip(*(self.goodness(layers, x, n) for n in (right, wrong)), strict=True)
            each = [
                jax.nn.softplus(self.threshold - good) + jax.nn.softplus(bad - self.threshold)
                for good, bad in pairs
            ]
            return mean(sum(each[1:], each[0]), batch.mask)

        return jax.grad(loss)(layers)

    def labels(self, y: Float[Array, "b outputs"]) -> Int[Array, " b"]:
        """The number of each right class."""
        if self.target.outputs == 1:
            return (y[:, 0] > 0).astype(int)
        return jnp.argmax(y, axis=-1)

    def goodness(
        self, layers: Layers, x: Float[Array, "b inputs"], labels: Int[Array, "..."]
    ) -> list[Float[Array, " b"]]:
        """That of each hidden layer, `[b]`; no gradient goes from one layer to another.

        Args:
            labels: one for each example, or one for all.
        """
        (w, b), *above = layers
        z = x @ w[: x.shape[1]] + b + self.label * w[x.shape[1] :][labels]
        a, found = jax.nn.relu(z), []
        for following in (*above, None):
            found.append(jnp.mean(a**2, axis=-1))
            if following is not None:
                a = jax.lax.stop_gradient(a / (jnp.sqrt(found[-1]) + TINY)[:, None])
                a = jax.nn.relu(a @ following[0] + following[1])
        return found

    def predict(
        self, state: tuple[Layers, object], x: Float[Array, "q inputs"]
    ) -> Float[Array, "q outputs"]:
        """What speaks for each class; for a single output, for class 1 against class 0."""
        layers, rows = state[0], self.rows(x)

        def score(label: Int[Array, ""]) -> Float[Array, " q"]:
            return _counted(self.goodness(layers, rows, label))

        # One class at a time: all at once would take the memory of as many queries.
        scores = jax.lax.map(score, jnp.arange(self.target.classes)).T
        return scores[:, 1:] - scores[:, :1] if self.target.outputs == 1 else scores


def _counted(goodness: Sequence[Float[Array, " q"]]) -> Float[Array, " q"]:
    """Without the first layer, which sees the label itself, unless there is no other."""
    first, *others = goodness
    return sum(others[1:], others[0]) if others else first
