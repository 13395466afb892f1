"""The meta-gradient: through all inner steps to the genome, against central differences."""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from blurax import genome
from blurax.inner import Remat, predict, unroll
from blurax.spec import Rule
from closeness import assert_close
from variants import SIZES, TABLE, batches, initial, jit, lively

STEPS, QUERY = 4, 6
H = 3e-6
"""The step of the differences: they are off by the order of H⁴, and of 1e-16 / H."""

FAMILIES = [
    "one-state",
    "one-state-multiplicative",
    "multiplicative",
    "multiplicative-state-2",
    "symmetric",
    "single",
    "backprop",
    "backprop-squared",
    "cross-entropy",
    "per-layer",
    "keep-neurons-every-2",
    "after-forward-every-3",
    "forward-source",
    "decorrelate",
    "decorrelate-asymmetric",
    "decorrelate-backprop",
    "normalise-derivative",
    "oja",
    "oja-full",
    "normalise-synapses",
    "length-power",
    "length-power-readout",
    "pass-through",
    "pass-through-readout",
    "error-size",
    "error-size-everywhere",
    "oja-activation",
    "oja-activation-single",
    "rescale",
    "rescale-multiplicative",
    "stored",
    "stored-rescale",
    "stored-symmetric",
    "stored-both",
    "per-step",
    "per-step-and-layer",
    "saturation",
    "saturation-exponential",
    "saturation-length",
    "saturation-slowing",
    "everything",
]
KINKED = ["default", "linear-relu", "backprop-relu", "derivative-asymmetric"]
"""Rules with a relu: their seeds are such that no difference steps over a kink."""


def query_loss(rule: Rule, remat: Remat = Remat.PRODUCTS) -> Callable[[jax.Array], jax.Array]:
    """Softmax cross-entropy on an unseen batch after some inner steps, as a function of genes."""
    initial_state, (x, y) = initial(rule), batches(STEPS)
    rng = np.random.default_rng(9)
    query = jnp.asarray(rng.normal(size=(QUERY, SIZES[0])))
    labels = jnp.asarray(rng.integers(SIZES[-1], size=QUERY))

    def loss(vector: jax.Array) -> jax.Array:
        own = genome.unflatten(vector, rule)
        state, _ = unroll(own, initial_state, x, y, remat=remat)
        logits = predict(own, state, query)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    return loss


def genes(name: str) -> jax.Array:
    """The point at which the slope is taken; at the full size Oja's term saturates the network."""
    return 0.6 * genome.flatten(lively(TABLE[name]))


@cache
def gradient(name: str, remat: Remat = Remat.PRODUCTS) -> jax.Array:
    return jit(jax.grad(query_loss(TABLE[name], remat)))(genes(name))


def differences(name: str) -> np.ndarray:
    """The gradient by central differences of the fourth order, number by number."""
    vector, size = genes(name), genes(name).size
    moves = H * jnp.eye(size)
    points = jnp.concatenate([vector + far * moves for far in (1, -1, 2, -2)])
    one, minus_one, two, minus_two = jit(jax.vmap(query_loss(TABLE[name])))(points).reshape(4, size)
    return np.array(8 * (one - minus_one) - (two - minus_two)) / (12 * H)


@pytest.mark.parametrize("name", FAMILIES + KINKED)
def test_the_meta_gradient_is_the_slope(name: str):
    want, got = differences(name), gradient(name)
    assert np.linalg.norm(want) > 1e-3
    assert np.linalg.norm(got - want) <= 1e-6 * np.linalg.norm(want)


@pytest.mark.parametrize("steps", [1, 2, 5, 7, 8])
def test_sqrt_has_the_gradient_for_any_number_of_steps(steps: int):
    rule = TABLE["smooth"]
    initial_state, (x, y) = initial(rule), batches(steps)

    def loss(vector: jax.Array, remat: Remat) -> jax.Array:
        own = genome.unflatten(vector, rule)
        state, seen = unroll(own, initial_state, x, y, lambda s, i: i.prediction, remat)
        assert len(seen) == steps
        return jnp.sum(predict(own, state, x[0]) ** 2) + jnp.sum(seen**2)

    (value, slope), (want, wanted) = (
        jit(jax.value_and_grad(partial(loss, remat=remat)))(genes("smooth"))
        for remat in (Remat.SQRT, Remat.NONE)
    )
    assert jnp.linalg.norm(wanted) > 1e-3
    assert_close(value, want)
    assert_close(slope, wanted)


@pytest.mark.parametrize("name", ["smooth", "after-forward-every-3"])
@pytest.mark.long
def test_remat_changes_no_gradient(name: str):
    assert jnp.linalg.norm(gradient(name)) > 0
    for remat in Remat:
        assert_close(gradient(name, remat), gradient(name))


@pytest.mark.parametrize("name", ["per-layer", "rescale", "stored-rescale", "everything"])
def test_every_gene_has_a_slope(name: str):
    slopes = genome.unflatten(gradient(name), TABLE[name])
    assert all(jnp.abs(leaf).max() > 0 for leaf in genome.leaves(slopes).values())
