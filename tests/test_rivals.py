"""Baselines of optax against plain loops, their constants, and descent on neurons by NumPy."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from blurax.baselines import (
    BASELINES,
    BRANCHED,
    FEEDBACK,
    OPTIMISERS,
    RIVALS,
    Arrangement,
    NeuronDescent,
    Setting,
    baseline,
    named,
)
from blurax.errors import BluraxError
from blurax.links import Conv
from blurax.network import Edge, Network
from blurax.spec import Activation
from blurax.targets import Classes
from blurax.tasks import Batch, get, signed_one_hot

STEPS, BATCH, CLASSES = 5, 16, 3
NETWORK = Network((4, 6, 5, CLASSES))
KEY = jax.random.key(0)
RATES = [0.05 * (1 + np.cos(np.pi * t / STEPS)) for t in range(STEPS)]
OPTAX = {
    "nadam": optax.nadam,
    "lion": optax.lion,
    "schedule-free": optax.contrib.schedule_free_adamw,
    "muon": optax.contrib.muon,
}
OTHERS = {
    "momentum": (lambda rate, **c: optax.sgd(rate, **c), {"momentum": 0.8}),
    "nesterov": (lambda rate, **c: optax.sgd(rate, nesterov=True, **c), {"momentum": 0.99}),
    "adam": (optax.adam, {"b1": 0.8, "b2": 0.95}),
    "adamw": (optax.adamw, {"weight_decay": 1.0}),
    "nadam": (optax.nadam, {"b1": 0.95, "b2": 0.99}),
    "rmsprop": (optax.rmsprop, {"decay": 0.99, "momentum": 0.9}),
    "lion": (optax.lion, {"b1": 0.8, "b2": 0.95}),
    "schedule-free": (optax.contrib.schedule_free_adamw, {"b1": 0.98, "b2": 0.99}),
    "muon": (optax.contrib.muon, {"beta": 0.8}),
}


@pytest.fixture(scope="module")
def batches():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(STEPS, BATCH, 4)), rng.integers(0, CLASSES, (STEPS, BATCH))
    y = jax.vmap(lambda row: signed_one_hot(row, CLASSES))(jnp.asarray(labels))
    return [Batch(*each) for each in zip(jnp.asarray(x), y, strict=True)]


def made(name, arrangement):
    return baseline(name).make(arrangement, NETWORK, get("iris"))


def learned(learner, batches):
    """The state after all batches, and what it predicts for the first."""
    state, step = learner.init(KEY, BATCH), eqx.filter_jit(learner.step)
    for t, batch in enumerate(batches):
        how = {"rate": jnp.asarray(RATES[t]), "key": KEY, "index": jnp.asarray(t)}
        state, _ = step(state, batch, **how)
    return state, learner.predict(state, batches[0].x)


def layers_of(weights):
    """As lists of plain dictionaries."""
    rows = zip(weights.w, weights.b, weights.scale[1:], strict=True)
    return [
        {name: v for name, v in zip(("w", "b", "scale"), row, strict=True) if v is not None}
        for row in rows
    ]


def said(layers, x):
    *hidden, last = layers
    for layer in hidden:
        z = x @ layer["w"]
        if "scale" in layer:
            z = layer["scale"] * (z - z.mean(0)) / jnp.sqrt(z.var(0) + 1e-5)
        x = jnp.tanh(z + layer["b"])
    return x @ last["w"] + last["b"]


def cross_entropy(layers, batch):
    chosen = jax.nn.log_softmax(said(layers, batch.x)) * (batch.y > 0)
    return -jnp.mean(jnp.sum(chosen, axis=1))


def by_optax(make, layers, batches, **constants):
    """The layers after all batches, and what they predict for the first."""

    @jax.jit
    def one(rate, batch, memory, layers):
        gradient = jax.grad(cross_entropy)(layers, batch)
        updates, memory = make(rate, **constants).update(gradient, memory, layers)
        return optax.apply_updates(layers, updates), memory

    memory = make(0.0, **constants).init(layers)
    for rate, batch in zip(RATES, batches, strict=True):
        layers, memory = one(rate, batch, memory, layers)
    read = layers
    if make is optax.contrib.schedule_free_adamw:
        read = optax.contrib.schedule_free_eval_params(memory, layers)
    return layers, said(read, batches[0].x)


def assert_same(state, layers):
    for got, want in zip(layers_of(state[0]), layers, strict=True):
        for name, value in want.items():
            np.testing.assert_allclose(got[name], value, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("name", OPTAX)
def test_each_is_a_plain_loop_of_optax(name, normalise, batches):
    """The rate falls from step to step, so none can have kept it."""
    learner = made(name, Arrangement(Activation.TANH, normalise))
    start, _ = learner.init(KEY, BATCH)
    state, got = learned(learner, batches)
    layers, want = by_optax(OPTAX[name], layers_of(start), batches)
    assert_same(state, layers)
    np.testing.assert_allclose(got, want, rtol=1e-10)


def test_a_schedule_free_optimiser_predicts_by_its_average(batches):
    learner = made("schedule-free", Arrangement(Activation.TANH, normalise=True))
    state, got = learned(learner, batches)
    x = batches[1].x
    np.testing.assert_allclose(learner.predict_few(state, x, x), learner.predict(state, x))
    assert np.abs(got - said(layers_of(state[0]), batches[0].x)).max() > 0.01


@pytest.mark.parametrize("name", ["schedule-free", "muon"])
def test_what_is_not_plastic_stays_and_predicts_as_it_is(name, batches):
    network = Network((4, 6, CLASSES), (Edge(0, 1, plastic=False), Edge(1, 2)))
    learner = baseline(name).make(Arrangement(), network, get("iris"))
    start, _ = learner.init(KEY, BATCH)
    state, got = learned(learner, batches)
    np.testing.assert_array_equal(state[0].w[0], start.w[0])
    read = learner._predicting(state)
    np.testing.assert_array_equal(read.w[0], start.w[0])
    a = jnp.maximum(batches[0].x @ start.w[0] + start.b[0], 0)
    np.testing.assert_allclose(got, a @ read.w[1] + read.b[1], rtol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_constants_are_those_of_optax(name, batches):
    make, constants = OTHERS[name]
    settings = tuple(Setting(*each) for each in constants.items())
    assert {s.name for s in settings} == {choices[0].name for choices in baseline(name).more}
    learner = made(name, Arrangement(Activation.TANH, settings=settings))
    start, _ = learner.init(KEY, BATCH)
    state, _ = learned(learner, batches)
    layers, _ = by_optax(make, layers_of(start), batches, **constants)
    assert_same(state, layers)


@pytest.mark.parametrize("name", [name for name in OPTIMISERS if BASELINES[name].more])
def test_the_first_of_the_constants_are_the_usual_ones(name, batches):
    usual = tuple(choices[0] for choices in baseline(name).more)
    (alone, _), (named_ones, _) = (
        learned(made(name, Arrangement(settings=settings)), batches) for settings in ((), usual)
    )
    assert_same(named_ones, layers_of(alone[0]))


def kernel_free(gradient, seen, damping):
    """(d I + (1 - d) Σ p pᵀ / m)^-1 times a gradient, by loops."""
    alike = sum(np.outer(p, p) for p in seen)
    mean = np.mean([p @ p for p in seen])
    whole = damping * np.eye(len(alike)) + (1 - damping) * alike / mean
    return np.linalg.solve(whole, gradient)


@pytest.mark.parametrize("size", [4, 16])  # examples, more or fewer than synapses into a neuron
@pytest.mark.parametrize("normalise", [False, True])
def test_descent_on_neurons_multiplies_each_gradient(size, normalise, batches):
    settings = (Setting("damping", 0.1),)
    learner = made("foof", Arrangement(Activation.TANH, normalise, settings))
    (weights, _), batch = learner.init(KEY, size), Batch(batches[0].x[:size], batches[0].y[:size])
    layers, got = layers_of(weights), layers_of(eqx.filter_jit(learner.gradient)(weights, batch))
    plain, x = jax.jit(jax.grad(cross_entropy))(layers, batch), batch.x
    for l, (layer, gradient) in enumerate(zip(layers, plain, strict=True)):
        if "scale" in layer:  # what comes after normalisation is a bias unit by itself
            mean = 1 + np.mean([p @ p for p in np.asarray(x)])
            alone = 0.1 + 0.9 * size / mean
            for name in ("scale", "b"):
                np.testing.assert_allclose(got[l][name], gradient[name] / alone, rtol=1e-9)
            want = kernel_free(gradient["w"], np.asarray(x), 0.1)
        else:
            both = np.concatenate([gradient["w"], gradient["b"][None]])
            seen = np.concatenate([x, np.ones((size, 1))], axis=1)
            *want, b = kernel_free(both, seen, 0.1)
            np.testing.assert_allclose(got[l]["b"], b, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(got[l]["w"], want, rtol=1e-9, atol=1e-12)
        z = x @ layer["w"]
        if "scale" in layer:
            z = (z - z.mean(0)) / jnp.sqrt(z.var(0) + 1e-5)
        x = jnp.tanh(z + layer["b"])


def test_without_its_kernel_descent_on_neurons_is_gradient_descent():
    """Through convolutions and normalised maps too; a damping near 1 leaves the kernel no part."""
    network = Network(((6, 6, 1), (3, 3, 2), (CLASSES,)), (Edge(0, 1, Conv(3, 2)), Edge(1, 2)))
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(8, 6, 6, 1)), rng.integers(0, CLASSES, 8)
    batch = Batch(jnp.asarray(x), signed_one_hot(jnp.asarray(y), CLASSES))
    arrangement = Arrangement(Activation.TANH, normalise=True)
    sgd = baseline("sgd").make(arrangement, network, get("iris"))
    free = NeuronDescent(
        network, optax.sgd, arrangement, Classes(CLASSES), damping=jnp.asarray(1 - 1e-12)
    )
    weights, _ = sgd.init(KEY, 8)
    want, got = (eqx.filter_jit(learner.gradient)(weights, batch) for learner in (sgd, free))
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-12)


def test_without_its_kernel_descent_on_neurons_has_the_momentum_of_gradient_descent(batches):
    settings = (Setting("damping", 1 - 1e-12), Setting("momentum", 0.9))
    free = made("foof", Arrangement(Activation.TANH, False, settings))
    heavy = made("momentum", Arrangement(Activation.TANH, False, (Setting("momentum", 0.9),)))
    how = {"rate": jnp.asarray(0.1), "key": KEY}
    ends = []
    for learner in (free, heavy):
        state = learner.init(KEY, 8)
        for n, batch in enumerate(batches[:3]):
            some = Batch(batch.x[:8], batch.y[:8])
            state, _ = learner.step(state, some, index=jnp.asarray(n), **how)
        ends.append(jax.tree.leaves(state[0]))
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-12)


def test_descent_on_neurons_within_blocks_is_the_mean_over_blocks(batches):
    """Without normalisation, which would look at all examples at once."""
    settings = (Setting("damping", 0.1),)
    whole, blocks = (made(n, Arrangement(settings=settings)) for n in ("foof", "foof-blocks"))
    assert (whole.within, blocks.within) == (None, 32)
    blocks = dataclasses.replace(blocks, within=4)
    (weights, _), (x, y) = whole.init(KEY, 8), (batches[0].x[:8], batches[0].y[:8])
    halves = [whole.gradient(weights, Batch(x[n : n + 4], y[n : n + 4])) for n in (0, 4)]
    want = jax.tree.map(lambda a, b: (a + b) / 2, *halves)
    got = blocks.gradient(weights, Batch(x, y))
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    with pytest.raises(BluraxError, match=r"NeuronDescent.within is 0; it takes a whole number"):
        dataclasses.replace(blocks, within=0)


def test_a_damping_out_of_range_is_told():
    with pytest.raises(BluraxError, match=r"NeuronDescent.damping is 1.0; it takes a number betw"):
        made("foof", Arrangement(settings=(Setting("damping", 1.0),)))


def test_groups_name_several():
    assert named(["rivals"]) == RIVALS
    assert len(RIVALS) == 12
    assert not {*RIVALS} & {*FEEDBACK}
    assert named(["fa", "feedback", "sgd"]) == (*FEEDBACK, "sgd")
    assert named(["all"]) == tuple(name for name in BASELINES if name not in BRANCHED)
    with pytest.raises(BluraxError, match=r"no baseline 'best'; .* and the groups rivals"):
        named(["best"])
