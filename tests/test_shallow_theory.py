"""The kernels of two-layer networks, against Jacobians and naive loops; what is made of them."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from blurax import zoo
from blurax.baselines import Arrangement
from blurax.baselines.descent import GradientDescent, Weights
from blurax.baselines.optimisers import OPTIMISERS
from blurax.batch import Batch
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.experiments.figures import FIGURES, Budget
from blurax.experiments.figures.fitting import (
    KeptOfGenome,
    descended,
    first_stop,
    layers,
    stops_to,
    taught,
)
from blurax.experiments.figures.gradient_field import with_forward_synapses
from blurax.experiments.figures.kernels_shallow import (
    frozen_decay,
    layer_kernels,
    smallest_singular_value,
    split_kernels,
)
from blurax.experiments.figures.memorise import RandomLabels, Signs, descent, shallow
from blurax.experiments.figures.turning import OfDescent, OfGenome, parts_of_change
from blurax.experiments.figures.weight_norm import Normalised, WeightNorm, falls
from blurax.experiments.figures.work import keyed
from blurax.fit import blur_for
from blurax.genome import backprop
from blurax.learner import Blur
from blurax.network import Network
from blurax.spec import Activation, Rule
from blurax.targets import Classes
from blurax.tasks import EpisodeSpec, Split, signed_one_hot
from closeness import assert_close

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 4))
XJ = jnp.asarray(X)
Y = np.sign(RNG.normal(size=(7, 1)))
D, M = 4, 9


def normalised() -> Normalised:
    """A network with weight normalisation that has learned something already."""
    v, g = RNG.normal(size=(D, M)), RNG.normal(size=M)
    return Normalised(*map(jnp.asarray, (v, g, np.sign(RNG.normal(size=M)))))


def parts(net: Normalised) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.asarray(net.v), np.asarray(net.g), np.asarray(net.c)


def gram(function, at) -> np.ndarray:
    """J Jᵀ of a function of one array."""
    found = jax.jacobian(function)(at).reshape(len(X), -1)
    return np.asarray(found @ found.T)


def test_the_kernel_of_each_layer_is_that_of_its_jacobian():
    w, c = jnp.asarray(RNG.normal(size=(D, M))), jnp.asarray(RNG.normal(size=(M, 1)))

    def said(w, c):
        return (jax.nn.relu(X @ w) @ c)[:, 0]

    first, second = layer_kernels(X, np.asarray(w), np.asarray(c))
    np.testing.assert_allclose(first, gram(lambda w: said(w, c), w), rtol=0, atol=1e-10)
    np.testing.assert_allclose(second, gram(lambda c: said(w, c), c), rtol=0, atol=1e-10)
    jacobian = jax.jacobian(lambda w: said(w, c))(w).reshape(len(X), -1)
    sizes = np.linalg.svd(np.asarray(jacobian), compute_uv=False)
    np.testing.assert_allclose(smallest_singular_value(first), sizes[-1], rtol=1e-8)
    assert smallest_singular_value(first + np.inf) == np.inf  # of a network that diverged


def test_v_and_g_are_the_kernels_of_the_jacobians():
    net = normalised()
    turning, length = split_kernels(X, *parts(net))
    by_v = gram(lambda v: dataclasses.replace(net, v=v)(XJ), net.v)
    by_g = gram(lambda g: dataclasses.replace(net, g=g)(XJ), net.g)
    np.testing.assert_allclose(turning, by_v, rtol=0, atol=1e-10)
    np.testing.assert_allclose(length, by_g, rtol=0, atol=1e-10)


def test_v_and_g_are_the_sums_that_are_written_down():
    v, g, c = parts(normalised())
    turning, length = np.zeros((2, len(X), len(X)))
    for p, x in enumerate(X):
        for q, z in enumerate(X):
            for k in range(M):
                u = v[:, k] / np.linalg.norm(v[:, k])
                if u @ x > 0 and u @ z > 0:
                    across = (x - u * (u @ x)) @ (z - u * (u @ z))
                    turning[p, q] += (c[k] * g[k] / np.linalg.norm(v[:, k])) ** 2 * across / M
                    length[p, q] += c[k] ** 2 * (u @ x) * (u @ z) / M
    for ours, theirs in zip(split_kernels(X, v, g, c), (turning, length), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_at_the_start_with_alpha_1_both_make_up_the_kernel_without_normalisation():
    learner = WeightNorm(shallow(D, M), jnp.ones(()))
    v, g, c = parts(learner.init(KEY, 7))
    whole = layer_kernels(X, v, c[:, None] / M**0.5)[0]
    np.testing.assert_allclose(sum(split_kernels(X, v, g, c)), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha", [0.1, 10.0])
def test_alpha_changes_the_kernel_of_turning_alone(alpha):
    at = [WeightNorm(shallow(D, M), jnp.asarray(a)).init(KEY, 7) for a in (1.0, alpha)]
    one, other = (split_kernels(X, *parts(net)) for net in at)
    np.testing.assert_allclose(other[0] * alpha**2, one[0], rtol=1e-10)
    np.testing.assert_allclose(other[1], one[1], rtol=1e-10)
    assert_close(at[0](XJ), at[1](XJ))


def test_a_step_is_the_kernels_to_first_order():
    net, batch = normalised(), Batch(XJ, jnp.asarray(Y), None)
    learner = WeightNorm(shallow(D, M), jnp.ones(()))
    residual = np.asarray(net(XJ)) - Y[:, 0]
    kernel = sum(split_kernels(X, *parts(net)))
    errors = []
    for rate in (1e-4, 5e-5):
        after, _ = learner.step(
            net, batch, rate=jnp.asarray(rate), key=KEY, index=jnp.zeros((), int)
        )
        foretold = frozen_decay(kernel, residual, rate, 1)[1]
        errors.append(np.linalg.norm(np.asarray(after(XJ)) - Y[:, 0] - foretold))
    assert errors[0] < 1e-4 * np.linalg.norm(residual)
    assert errors[1] / errors[0] == pytest.approx(0.25, rel=0.02)  # second order
    turning, length = split_kernels(X, *parts(net))
    by_turning, by_length = falls(net, net, None, batch)
    assert_close(by_turning, residual @ turning @ residual)
    assert_close(by_length, residual @ length @ residual)


def test_the_frozen_decay_is_gradient_descent_by_hand():
    root = RNG.normal(size=(5, 5))
    kernel, residual = root @ root.T, RNG.normal(size=5)
    by_hand = [residual]
    for _ in range(6):
        by_hand.append(by_hand[-1] - 0.03 * kernel @ by_hand[-1])
    found = frozen_decay(kernel, residual, 0.03, 6)
    np.testing.assert_allclose(found, by_hand, rtol=0, atol=1e-12)


def test_random_labels_are_the_same_in_every_step_split_and_query():
    task, spec = RandomLabels(4), EpisodeSpec(steps=3, batch=6)
    one, other = (task.sample(KEY, spec, split, 5) for split in (Split.TEST, Split.TRAIN))
    assert one.x.shape == (3, 6, 4)
    for x, y in zip(one.x, one.y, strict=True):
        np.testing.assert_array_equal(x, other.query_x)
        np.testing.assert_array_equal(y, other.query_y)
    assert {*np.asarray(one.y).ravel().tolist()} == {-1.0, 1.0}
    assert not np.array_equal(one.x, task.sample(jax.random.key(1), spec, Split.TEST).x)


def test_signs_have_a_squared_error_and_the_score_of_classes():
    said, y = jnp.asarray([[0.5], [-2.0], [0.1]]), jnp.asarray([[1.0], [-1.0], [-1.0]])
    assert Signs(1).loss(said, y) == pytest.approx((0.25 + 1 + 1.21) / 3)
    assert Signs(1).score(said, y) == pytest.approx(2 / 3)


def moved(learner, weights: Weights) -> Weights:
    batch = Batch(XJ, jnp.asarray(Y), None)
    state = weights, learner.made(jnp.zeros(())).init(weights)
    for index in range(3):
        rate, at = jnp.asarray(0.1), jnp.asarray(index)
        state, _ = learner.step(state, batch, rate=rate, key=KEY, index=at)
    return state[0]


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_two_rates(name):
    network = shallow(4, 5)
    weights, _ = descent(name, network, 1.0).init(KEY, 7)
    plain = moved(GradientDescent(network, OPTIMISERS[name], Arrangement(), Signs(1)), weights)
    for ours, theirs in zip(moved(descent(name, network, 1.0), weights).w, plain.w, strict=True):
        assert_close(ours, theirs)
    alone = moved(descent(name, network, 0.0), weights)
    np.testing.assert_array_equal(alone.w[1], weights.w[1])
    assert not np.array_equal(alone.w[0], weights.w[0])
    batch = Batch(XJ, jnp.asarray(Y), None)
    state = descent(name, network, 3.0).init(KEY, 7)
    at = {"rate": jnp.asarray(0.1), "key": KEY, "index": jnp.zeros((), int)}
    (three, _), _ = descent(name, network, 3.0).step(state, batch, **at)
    (one, _), _ = descent(name, network, 1.0).step(state, batch, **at)
    assert_close(three.w[1] - weights.w[1], 3 * (one.w[1] - weights.w[1]))
    assert_close(three.w[0], one.w[0])


def test_the_first_stop():
    reached = np.asarray([[False, True, False], [False, False, False], [True, True, True]])
    np.testing.assert_array_equal(first_stop((1, 5, 9), reached), [5, np.inf, 1])
    stops = stops_to(2000)
    assert stops[0] == 1
    assert stops[-1] == 2000
    assert max(b / a for a, b in itertools.pairwise(stops[8:])) < 1.25


def test_a_wide_network_fits_what_one_neuron_cannot():
    wide, narrow = (descended("sgd", 6, 8, m, 1.0, 300, 2) for m in (64, 1))
    assert np.all(wide["steps"] < 300)
    assert np.all(wide["right"] == 1)
    assert np.all(np.isinf(narrow["steps"]))
    assert np.all(wide["singular_start"] > 0)
    assert np.all(wide["drift"] < narrow["drift"])
    genome = taught("backprop", 6, 8, 64, 20, 2)
    assert genome["right"].shape == (2,)
    assert np.all((genome["singular_start"] > 0) & np.isfinite(genome["singular_end"]))
    assert np.all((genome["drift"] > 0) & (genome["drift"] < 1))


@pytest.mark.parametrize("width", [5, 1])
@pytest.mark.parametrize("name", ["default", "backprop", "regressor"])
def test_the_jacobian_of_a_genomes_network_is_by_its_forward_synapses(name, width):
    learner = Blur(zoo.genome(name)[0], shallow(4, width), Signs(1))
    state, batch = learner.init(KEY, 7), Batch(XJ, jnp.asarray(Y), None)
    rate, index = jnp.asarray(0.1), jnp.zeros((), int)
    after, info = learner.step(state, batch, rate=rate, key=KEY, index=index)
    kept = eqx.filter_jit(KeptOfGenome(learner))(state, after, info, batch)
    vector, back = ravel_pytree(after.forward_parts)
    said = eqx.filter_jit(
        lambda vector: learner.predict(with_forward_synapses(after, back(vector)), XJ)[:, 0]
    )
    columns = []
    for place in range(vector.size):
        moved = jnp.zeros_like(vector).at[place].set(1e-6)
        columns.append((said(vector + moved) - said(vector - moved)) / 2e-6)
    jacobian = np.stack(columns, axis=1)
    least = np.linalg.svd(jacobian, compute_uv=False)[-1] if vector.size >= 7 else 0.0
    np.testing.assert_allclose(kept["singular"], least, rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(kept["first"], after.forward_parts[0][0])
    np.testing.assert_array_equal(kept["first_before"], state.forward_parts[0][0])


def test_how_far_a_genome_takes_the_first_layer():
    found = taught("default", 6, 4, 8, 5, 2)
    task = RandomLabels(4)
    learner = blur_for(zoo.genome("default")[0], shallow(4, 8), task)
    for seed, key in enumerate(jax.random.split(keyed("convergence"), 2)):
        state, _ = learning_curve(learner, task, key[None], (5,), Split.TEST, batch=6)
        start = learner.init(jax.random.fold_in(key, 0), 6)
        was, became = start.forward_parts[0][0], state.forward_parts[0][0][0]
        way = np.linalg.norm((became - was).ravel()) / np.linalg.norm(was.ravel())
        np.testing.assert_allclose(found["drift"][seed], way, rtol=1e-6)


def test_what_is_kept_of_a_step():
    learner = descent("sgd", shallow(4, 5), 1.0)
    state, batch = learner.init(KEY, 7), Batch(XJ, jnp.asarray(Y), None)
    rate, index = jnp.asarray(0.1), jnp.zeros((), int)
    after, info = learner.step(state, batch, rate=rate, key=KEY, index=index)
    kept = layers(state, after, info, batch)
    for ours, theirs in zip(kept.before + kept.after, state[0].w + after[0].w, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_turning_and_length_add_up_and_are_perpendicular(seed, biased):
    draw = np.random.default_rng(seed)
    shapes = [(2, 5, 3), *([(2, 1, 3)] if biased else [])]
    old, new = (tuple(jnp.asarray(draw.normal(size=s)) for s in shapes) for _ in range(2))
    turning, along = (np.concatenate(part[0], axis=1) for part in parts_of_change([old], [new]))
    was, became = (np.concatenate(part, axis=1) for part in (old, new))
    np.testing.assert_allclose(turning + along, became - was, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.sum(turning * was, axis=1), 0, atol=1e-12)
    for c in range(2):
        for j in range(3):
            u = was[c, :, j] / np.linalg.norm(was[c, :, j])
            by_hand = u * (u @ (became - was)[c, :, j])
            np.testing.assert_allclose(along[c, :, j], by_hand, rtol=0, atol=1e-12)


NETWORK = Network((4, 5, 3))
BATCH = Batch(XJ, signed_one_hot(jnp.asarray(RNG.integers(0, 3, 7)), 3), None)
AT = {"rate": jnp.asarray(1e-4), "key": KEY, "index": jnp.zeros((), int)}


def taken_apart(learner, observer):
    @eqx.filter_jit
    def one(state):
        after, info = learner.step(state, BATCH, **AT)
        return observer(state, after, info, BATCH), after

    state = learner.init(KEY, 7)
    return one(state)[0], state, one(state)[1]


def test_what_a_step_of_descent_teaches_is_what_the_loss_falls_by():
    learner = GradientDescent(NETWORK, OPTIMISERS["sgd"], Arrangement(), Classes(3))
    found, state, after = taken_apart(learner, OfDescent(learner))
    before, now = (
        Classes(3).loss(learner.predict(each, BATCH.x), BATCH.y) for each in (state, after)
    )
    assert found.turning + found.length == pytest.approx(float(before - now), rel=1e-3)
    gradient = learner.gradient(state[0], BATCH)
    assert_close(
        found.turning + found.length,
        1e-4 * sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves((gradient.w, gradient.b))),
    )


def test_a_genome_and_the_optimiser_that_it_is_are_taken_apart_alike():
    genome = backprop(Rule.backprop(Activation.RELU), 1e-4)
    learner = Blur(genome, NETWORK, Classes(3))
    found, state, _ = taken_apart(learner, OfGenome(learner))
    same = GradientDescent(NETWORK, OPTIMISERS["sgd"], Arrangement(), Classes(3))
    w = tuple(s.forward[0] for s in state.synapses)
    b = tuple(s.bias[0, 0] for s in state.synapses)
    weights = Weights(w, b, (None,) * 3)
    twin = weights, same.made(jnp.zeros(())).init(weights)
    theirs = jax.jit(lambda at: OfDescent(same)(at, same.step(at, BATCH, **AT)[0], None, BATCH))(
        twin
    )
    for ours, other in zip(jax.tree.leaves(found), jax.tree.leaves(theirs), strict=True):
        assert_close(ours, other)


def test_where_synapses_are_normalised_length_teaches_nothing():
    genome = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), zoo.genome("default")[0])
    assert genome.rule.stabilise.normalise_synapses
    learner = Blur(genome, NETWORK, Classes(3))
    found, state, after = taken_apart(learner, OfGenome(learner))
    assert abs(found.length) < 1e-7 * abs(found.turning)
    assert found.along > 1e-3  # though synapses do grow
    assert after.synapses[0].kept.keys() == state.synapses[0].kept.keys()


@pytest.mark.parametrize("name", ["convergence", "length"])
@pytest.mark.parametrize("budget", [Budget.SMOKE, Budget.CPU, Budget.PAPER])
def test_settings_are_what_the_figures_need(name, budget):
    setting = FIGURES[name].settings[budget]
    if name == "length":
        assert list(setting.alphas) == sorted(setting.alphas)
    else:
        assert list(setting.loads) == sorted(setting.loads)
        assert 1.0 in setting.ratios


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_kernels_take_neurons_with_a_direction(bad):
    v = RNG.normal(size=(4, 3))
    v[:, 1] = bad
    with pytest.raises(BluraxError, match=r"at neuron \[1\]; it takes vectors of a finite length"):
        split_kernels(X, v, np.ones(3), np.ones(3))


@pytest.mark.parametrize(
    ("x", "v", "said"),
    [
        (X[:, :2], np.ones((X.shape[1], 3)), "x, v, g and c have shapes"),
        (X[0], np.ones((X.shape[1], 3)), "x, v, g and c have shapes"),
        (X * np.nan, np.ones((X.shape[1], 3)), "x holds what is not finite"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_kernels_take_arrays_that_fit(x, v, said):
    with pytest.raises(BluraxError, match=said):
        split_kernels(x, v, np.ones(3), np.ones(3))
