"""Descent on neurons: the gradient of each edge by the kernel of what it sees."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax.baselines.descent import GradientDescent, forward
from blurax.baselines.ranges import check_within
from blurax.baselines.weights import Weights
from blurax.bounds import check_count
from blurax.learner import Batch
from blurax.network import Network
from blurax.products import product, summed
from blurax.rules import acted
from blurax.terms.decorrelation import decorrelation, uncorrelated, within_blocks


class NeuronDescent(GradientDescent):
    """Descends a gradient that is multiplied by (d I + (1 - d) Σ p pᵀ / m)^-1, edge by edge.

    Here p is what an event, an example or position of one, sees through the edge, the bias unit
    included, and m is the mean of |p|². Where a group is normalised the gradient is that through
    the normalisation. Its shift and scale come after that and no longer mix with what arrives: each
    is taken as a bias unit by itself, whose gradient is divided by d + (1 - d) n / m for n events.

    Source: Benzing, "Gradient Descent on Neurons and its Link to Approximate Second-Order
    Optimization", ICML 2022.

    Raises:
        BluraxError: as `GradientDescent`, and for a damping or a block out of its range.
    """

    damping: Float[Array, ""] = eqx.field(kw_only=True)
    """d, above 0 and below 1."""
    within: int | None = eqx.field(kw_only=True, static=True, default=None)
    """Events are taken in blocks of at most so many, each as if it were by itself: not in the
    paper, but a cheaper step (`terms.decorrelation.within_blocks`). None: all together."""

    def __check_init__(self) -> None:
        check_within("NeuronDescent.damping", self.damping)
        if self.within is not None:
            check_count("NeuronDescent.within", self.within)

    @property
    def takes_masks(self) -> bool:
        """Events act on each other."""
        return False

    def gradient(self, weights: Weights, batch: Batch) -> Weights:
        """The gradient of each edge, multiplied."""
        network, size = self.network, len(batch.y)
        nudges = [jnp.zeros((size, *group), float) for group in network.groups[1:]]

        def loss(weights: Weights, nudges: list[Array]) -> tuple[Float[Array, ""], list[Array]]:
            chosen = self.arrangement
            how = network, weights, batch.x, chosen.activation
            groups, _ = forward(*how, nudges=nudges, over=chosen.over)
            return self.loss(groups, batch), groups

        (found, errors), groups = jax.grad(loss, (0, 1), has_aux=True)(weights, nudges)
        bound = network.on(batch.x)[0]
        w, b, scale = list(found.w), list(found.b), list(found.scale)
        for l, edge in enumerate(bound.edges):
            if w[l] is not None:
                apart = scale[edge.post] is not None
                pair = groups[edge.pre][None], errors[edge.post - 1][None]
                w[l], bias = self._multiplied(bound, l, pair, w[l], None if apart else b[l])
                b[l] = b[l] if apart else bias
        for j, one in enumerate(scale):
            if one is not None:
                factor = self._alone(bound, j, groups)
                scale[j] = one / factor
                for l in bound.into(j):
                    b[l] = None if b[l] is None else b[l] / factor
        return Weights(tuple(w), tuple(b), tuple(scale), found.before)

    def _alone(self, network: Network, j: int, groups: list[Array]) -> Float[Array, ""]:
        """What divides the gradient of a bias unit that is by itself."""
        post, square, events = network.groups[j], jnp.ones(()), 1
        for edge in (network.edges[l] for l in network.into(j)):
            if edge.link.has_synapses:
                seen = edge.link.unfold(groups[edge.pre][None], post)
                square = square + jnp.sum(seen**2) / seen.shape[1]
                events = seen.shape[1]
        return self.damping + (1 - self.damping) * events / square

    def _multiplied(
        self,
        network: Network,
        l: int,
        pair: tuple[Float[Array, "1 b *pre"], Float[Array, "1 b *post"]],
        w: Float[Array, "i j"],
        b: Float[Array, " j"] | None,
    ) -> tuple[Float[Array, "i j"], Float[Array, " j"] | None]:
        """The gradient of one edge from whichever side has the smaller matrix.

        With P what the events see and C their errors, so that P' C is the gradient,
        (d I + P' P)^-1 P' C = P' (d I + P P')^-1 C.

        Args:
            pair: the lower neurons, and the errors of the upper ones.
        """
        (a, errors), edge, share = pair, network.edges[l], 1 - self.damping
        pre, post = network.groups[edge.pre], network.groups[edge.post]
        seen, unit = edge.link.unfold(a, post), None if b is None else jnp.ones(1)
        if self.within is not None or seen.shape[1] <= seen.shape[2]:
            caused = edge.link.events(errors)
            if self.within is None:
                among = decorrelation(seen, unit, share)
            else:
                among = within_blocks(seen, unit, share, False, self.within)
            errors = acted(among, caused).reshape(errors.shape)
            whole = edge.link.hebbian(a, errors), edge.link.hebbian_bias(errors)
        else:
            if b is not None:
                seen = jnp.concatenate([seen, jnp.ones((*seen.shape[:2], 1))], axis=2)
            inverse = uncorrelated(summed(seen, seen), share, seen.shape[1], False)
            gradient: Any = w if b is None else jnp.concatenate([w, b[None]])
            whole = jnp.split(product(inverse, gradient[None]), [len(w)], axis=1)
        found = edge.link.held(whole[0], pre, post)[0]
        return found, None if b is None else whole[1][0, 0]
