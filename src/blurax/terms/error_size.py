"""Rates relative to the size of the errors of the upper neurons. Not in the paper."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from blurax import rules
from blurax.terms.protocol import Gene, Pair, Term

SIZE = 0.09
"""The size at which r means nothing, so that η~ and r can be learned side by side: that of an error
of softmax over ten classes before anything is learned. With `DAMPING` it makes .091."""
DAMPING = 1e-3
"""What is added to the size of an error, so that a rate does not grow without end as errors vanish.
"""


@dataclasses.dataclass(frozen=True)
class ErrorSize(Term):
    """η~ (.091 / (c_j + .001))^r, c_j the mean over the batch of (Σ_e μ~_e a_j^e)² / |μ~|².

    The sum is what (7) asks of upper neuron j, its error in back-propagation. It is taken before
    examples inhibit each other (`Decorrelation`); where synapses act in several places the mean is
    over these too, and all neurons that share their synapses count as one. For synapses of the way
    back the upper neurons are those of the lower group.

    A step moves outputs against their errors, and how far that is safe depends on the curvature of
    the loss: 1 for a squared error, p (1 - p) for softmax, which is .25 for two classes and .016
    for each of 62 before anything is learned. The mean of squared errors is near it (it is the
    diagonal of the empirical Fisher matrix), so that one η~ serves all. With r = 1/2 the size of
    the errors cancels. As they vanish the rate grows, by at most 91^r.

    Where errors are normalised (`Stabilise.normalise`) c_j is 1, and the term but multiplies η~ by
    .091^r. It is the upper side of what `InputSize` is for the lower; K-FAC has both (Martens and
    Grosse, ICML 2015).
    """

    name = "error-size"
    choice = "update.error_size"
    about = "update"
    words = "rates relative to the size of the errors"
    follows = True
    synapse_genes = (
        Gene("error_size", 0.5, 0.0, label="r (error size)", latex="r", without="rates: r = 0"),
    )

    @classmethod
    def chosen(cls, rule: Any) -> Term | None:
        """By `Update.error_size`."""
        return cls() if rule.update.error_size else None

    def change(self, changes: list[Array], pair: Pair) -> list[Array]:
        """At that rate."""
        size = _size(pair.g.mu_tilde, pair)
        rate = ((SIZE + DAMPING) / (size + DAMPING)) ** pair.g.terms["error_size"]
        return [rate[:, None, :] * change for change in changes]


def _size(mu_tilde: Float[Array, "channels e"], pair: Pair) -> Float[Array, "channels j"]:
    """The mean of squares of what moves each upper neuron, whatever the length of μ~."""
    square = jnp.sum(mu_tilde**2, axis=1)[:, None]
    moves = pair.link.events(rules.mix(mu_tilde, pair.a_j))
    # Without any μ~ nothing moves; 1 in the place of 0 keeps its gradient finite.
    return jnp.mean(moves**2, axis=1) / jnp.where(square > 0, square, 1.0)
