"""Gradient descent with regularisers, `regularisers.py`."""

import dataclasses
import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from blurax.baselines.descent import GradientDescent, forward
from blurax.baselines.regularisers import Lesson, Regulariser, Seen
from blurax.baselines.weights import Weights
from blurax.batch import leading
from blurax.errors import require
from blurax.learner import Batch
from blurax.specialisation import hidden_groups


class RegularisedDescent(GradientDescent):
    """`GradientDescent` of a loss to which regularisers add, in the order in which they stand.

    Raises:
        BluraxError: as `GradientDescent`, and for a regulariser of hidden neurons where there are
            none.
    """

    regularisers: tuple[Regulariser, ...] = eqx.field(kw_only=True)

    def __check_init__(self) -> None:
        about = [each.name for each in self.regularisers if each.of_hidden]
        require(
            not about or bool(hidden_groups(self.network)),
            f"{', '.join(about)} is about hidden neurons, and the network {self.network} has none.",
        )

    def begun(self, epoch: int) -> "RegularisedDescent":
        """With regularisers that begin as their papers do, where an epoch has so many steps."""
        own = tuple(each.begun(epoch) for each in self.regularisers)
        return dataclasses.replace(self, regularisers=own)

    @property
    def takes_masks(self) -> bool:
        """Unless a regulariser looks at examples beside others."""
        return super().takes_masks and all(each.takes_masks for each in self.regularisers)

    def step(
        self,
        state: tuple[Weights, Any],
        batch: Batch,
        *,
        rate: Float[Array, ""],
        key: PRNGKeyArray,
        index: Int[Array, ""],
    ) -> tuple[tuple[Weights, Any], None]:
        """One update."""
        gradient = jax.grad(self.regularised)(state[0], batch, key, index)
        return self.moved(state, gradient, rate), None

    def regularised(
        self, weights: Weights, batch: Batch, key: PRNGKeyArray, index: Int[Array, ""]
    ) -> Float[Array, ""]:
        """The loss of a step with all that is added to it."""
        own = [
            (each, functools.partial(jax.random.fold_in, jax.random.fold_in(key, r)))
            for r, each in enumerate(self.regularisers)
        ]
        lesson = Lesson(batch.x, ((1.0, batch.y, batch.mask),))
        for each, draw in own:
            lesson = each.lesson(lesson, draw(0))

        def said(j: int, a: Array) -> Array:
            for each, draw in own:
                a = each.said(a, draw(j))
            return a

        how = self.network, weights, lesson.x, self.arrangement.activation
        groups, _ = forward(*how, said=said, over=self.arrangement.over)
        total = sum(
            weight * self.loss(groups, Batch(lesson.x, y, mask)) for weight, y, mask in lesson.parts
        )
        added = [each.penalty(self._seen(weights, lesson.x, index), draw(0)) for each, draw in own]
        return jnp.asarray(total + sum(added))

    def _seen(self, weights: Weights, x: Any, index: Int[Array, ""]) -> Seen:
        """What penalties go by; the neurons say it all, whatever silences them in learning."""
        hidden = hidden_groups(self.network)
        last = hidden[-1] if hidden else 0
        groups, moments = self._forward(weights, x)

        def neurons(rows: Any) -> Float[Array, "_ n"]:
            return self._forward(weights, rows, moments)[0][last].reshape(leading(rows), -1)

        found = [w for w in weights.w if w is not None]
        return Seen(found, groups[last], neurons, x, index)
