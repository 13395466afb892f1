"""Fast weights: against a loop that writes one example after another in plain NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.learned import FastWeights
from blurax.learned import fast_weights as module
from blurax.learner import Batch
from blurax.network import Network
from blurax.tasks import EpisodeSpec, Split, get

NETWORK = Network((4, 7, 3))


def lively(seed=1, size=0.3):
    """A learner all of whose numbers do something."""
    start = FastWeights(NETWORK, width=5, code=3, layers=2)
    numbers, rest = eqx.partition(start, eqx.is_inexact_array)
    leaves, kind = jax.tree.flatten(numbers)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    moved = [l + size * jax.random.normal(k, l.shape) for k, l in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(kind, moved), rest)


def batch(many=16, seed=2):
    spec = EpisodeSpec(steps=1, batch=many, query=32)
    support = get("iris").sample(jax.random.key(seed), spec, Split.TRAIN).support
    return Batch(support.x[0], support.y[0])


def stepped(learner, state, given):
    """The state after a step."""
    zero = jnp.zeros((), int)
    return learner.step(state, given, rate=jnp.zeros(()), key=jax.random.key(0), index=zero)[0]


def unit(v):
    return v / np.sqrt(np.sum(v**2) + module.EPSILON)


def normalised(u):
    u = u - u.mean()
    return u / np.sqrt(np.mean(u**2) + module.EPSILON)


def naive(learner, state, x, y):
    """The memories after examples, and what is then said of them."""
    fast, readout = [np.array(m) for m in state.fast], np.array(state.readout)

    def read(layer, memory, u):
        asked = unit(u @ np.asarray(layer.query))
        both = np.concatenate([u, asked @ memory])
        hidden = np.maximum(both @ np.asarray(layer.inner) + np.asarray(layer.inner_bias), 0)
        return normalised(u + hidden @ np.asarray(layer.outer))

    def wide(u):
        return unit(np.maximum(u @ np.asarray(learner.wide) + np.asarray(learner.wide_bias), 0))

    def features(x):
        seen = x @ np.asarray(state.projection) + np.asarray(state.bias)
        return normalised(np.maximum(seen, 0))

    for one, label in zip(x, y, strict=True):
        u, code = features(one), label @ np.asarray(state.codes)
        for l, layer in enumerate(learner.layers):
            old = fast[l]
            key = unit(u @ np.asarray(layer.key))
            value = np.tanh(np.concatenate([u, code]) @ np.asarray(layer.value))
            beta = 1 / (1 + np.exp(-(u @ np.asarray(layer.gate) + layer.gate_bias)))
            fast[l] = old + beta * np.outer(key, value - key @ old)
            u = read(layer, old, u)
        h = wide(u)
        logits = h @ readout
        p = np.exp(logits - logits.max())
        error = p / p.sum() - (label > 0)
        kept = 1 / (1 + np.exp(-np.asarray(learner.keep)))
        readout = kept * readout - np.exp(np.asarray(learner.log_rate)) * np.outer(h, error)
    said = []
    for one in x:
        u = features(one)
        for layer, memory in zip(learner.layers, fast, strict=True):
            u = read(layer, memory, u)
        said.append(wide(u) @ readout)
    return fast, readout, np.stack(said)


def test_it_writes_and_reads_as_a_loop_does():
    learner, given = lively(), batch()
    state = stepped(learner, learner.init(jax.random.key(3), 16), batch(seed=4))
    after = stepped(learner, state, given)
    fast, readout, said = naive(learner, state, np.asarray(given.x), np.asarray(given.y))
    for ours, theirs in zip(after.fast, fast, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(after.readout, readout, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(learner.predict(after, given.x), said, rtol=1e-10, atol=1e-12)


def test_a_batch_is_its_examples_one_after_another():
    learner, given = lively(), batch(6)
    start = learner.init(jax.random.key(3), 16)
    one_by_one = start
    for n in range(6):
        one_by_one = stepped(learner, one_by_one, Batch(given.x[n : n + 1], given.y[n : n + 1]))
    together = stepped(learner, start, given)
    for a, b in zip(*map(jax.tree.leaves, (one_by_one, together)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_examples_that_a_mask_leaves_out_write_nothing():
    learner, given = lively(), batch(6)
    start = learner.init(jax.random.key(3), 16)
    mask = jnp.array([True, False, True, True, False, False])
    masked = stepped(learner, start, Batch(given.x, given.y, mask))
    alone = stepped(learner, start, Batch(given.x[mask], given.y[mask]))
    for a, b in zip(*map(jax.tree.leaves, (masked, alone)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_classes_in_another_order_are_told_in_that_order():
    learner, given, order = lively(), batch(), np.array([2, 0, 1])
    state = learner.init(jax.random.key(3), 16)
    other = eqx.tree_at(lambda s: s.codes, state, state.codes[order])
    said = learner.predict(stepped(learner, state, given), given.x)
    moved = stepped(learner, other, Batch(given.x, given.y[:, order]))
    np.testing.assert_allclose(learner.predict(moved, given.x), said[:, order], rtol=1e-9)


def test_the_gradient_through_all_that_is_written_is_that_of_finite_differences():
    start, first, second = lively(), batch(8, seed=2), batch(8, seed=4)
    numbers, rest = eqx.partition(start, eqx.is_inexact_array)
    state = start.init(jax.random.key(3), 8)

    @jax.jit
    def loss(numbers):
        learner = eqx.combine(numbers, rest)
        after = stepped(learner, stepped(learner, state, first), second)
        return learner.target.loss(learner.predict(after, first.x), first.y)

    leaves, kind = jax.tree.flatten(numbers)
    way = [jax.random.normal(jax.random.key(n), leaf.shape, float) for n, leaf in enumerate(leaves)]
    along = sum(
        jnp.vdot(g, v) for g, v in zip(jax.tree.leaves(jax.grad(loss)(numbers)), way, strict=True)
    )

    def at(t):
        return loss(jax.tree.unflatten(kind, [l + t * v for l, v in zip(leaves, way, strict=True)]))

    step = 1e-5
    np.testing.assert_allclose(along, (at(step) - at(-step)) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize("name", ["width", "code", "layers"])
def test_wrong_arguments_are_refused(name):
    with pytest.raises(BluraxError, match=f"{name} is 0"):
        FastWeights(NETWORK, **{name: 0})
