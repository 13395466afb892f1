"""Prediction with known moments: an example's does not depend on the others beside it."""

import jax
import jax.numpy as jnp
import pytest

from blurax import genome, graphs
from blurax.inner import observe_moments, predict, predict_few
from blurax.learner import Blur
from blurax.network import Network, NetworkState
from blurax.spec import Channels, Normalise, Rule, Stabilise
from blurax.terms import Term
from blurax.terms.normalise import BatchNormalisation
from closeness import assert_close
from variants import BATCH, TABLE, batches, initial, jit, lively

NORMALISED = [
    *("normalise-forward", "normalise-hidden", "normalise-derivative", "five-states"),
    *("normalise-global", "normalise-cross"),
]


def case(name: str):
    rule = TABLE[name]
    state = NetworkState(initial(rule).synapses, None)
    return lively(rule), state, batches()[0][0]


@pytest.mark.parametrize("name", [*NORMALISED, "normalise-layer", "default", "everything"])
def test_the_batch_s_own_moments_change_nothing(name: str):
    genome, state, x = case(name)
    known = observe_moments(genome, state, x)
    assert_close(predict(genome, state, x, known), predict(genome, state, x), tolerance=1e-14)


@pytest.mark.parametrize("name", NORMALISED)
def test_with_known_moments_each_example_stands_alone(name: str):
    genome, state, x = case(name)
    known = observe_moments(genome, state, x)
    whole = predict(genome, state, x, known)
    alone = jnp.concatenate([predict(genome, state, x[b : b + 1], known) for b in range(BATCH)])
    assert_close(alone, whole, tolerance=1e-12)
    assert jnp.abs(predict(genome, state, x[:1]) - whole[:1]).max() > 1e-3  # without, it does not


def test_only_normalised_layers_have_moments():
    genome, state, x = case("normalise-hidden")
    *hidden, last = observe_moments(genome, state, x)
    assert last == {}
    assert all(set(measured) == {"normalisation"} for measured in hidden)
    for name in ("default", "normalise-layer"):
        genome, state, x = case(name)
        assert jax.tree.leaves(observe_moments(genome, state, x)) == []


def test_normalised_over_the_layer_each_example_stands_alone_as_it_is():
    genome, state, x = case("normalise-layer")
    alone = jnp.concatenate([predict(genome, state, x[b : b + 1]) for b in range(BATCH)])
    assert_close(alone, predict(genome, state, x), tolerance=1e-12)
    assert Blur(genome, Network(state.sizes)).takes_masks


@pytest.mark.parametrize("name", NORMALISED)
def test_few_examples_are_normalised_by_the_batch_and_many_by_themselves(name: str):
    genome, state, x = case(name)
    batch = batches(2)[0][1]
    few = predict_few(genome, state, x[:-1], batch)
    each = [predict_few(genome, state, x[b : b + 1], batch) for b in range(BATCH - 1)]
    assert_close(few, jnp.concatenate(each), tolerance=1e-12)
    assert_close(few, predict(genome, state, x[:-1], observe_moments(genome, state, batch)))
    assert jnp.abs(few - predict(genome, state, x[:-1])).max() > 1e-3
    learner = Blur(genome, Network(state.sizes))
    assert_close(learner.predict_after(state, x, batch), predict(genome, state, x))
    assert_close(learner.predict_after(state, x[:-1], batch), few)


@pytest.mark.parametrize("name", NORMALISED)
def test_the_size_of_a_query_is_looked_at_in_predict_after_alone(name: str):
    genome, state, x = case(name)
    batch = batches(2)[0][1][:2]
    by_batch = predict(genome, state, x, observe_moments(genome, state, batch))
    assert_close(predict_few(genome, state, x, batch), by_batch)


@pytest.mark.parametrize(("hidden", "shape"), [("5", (7,)), ("c4k3", (5, 5, 2))])
def test_of_multiples_one_state_is_measured(
    hidden: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
):
    """Behind the input all states are multiples of one, and so are their moments."""
    stabilise = Stabilise(normalise=Normalise.BOTH, normalise_synapses=True)
    rule = Rule(states=3, channels=Channels.SINGLE, stabilise=stabilise)
    given = genome.random(jax.random.key(0), rule)
    x = jax.random.normal(jax.random.key(1), (6, *shape))
    state = graphs.network(hidden, shape, 3).init(jax.random.key(2), given, len(x))

    def found():
        def slope(g):
            return jax.grad(lambda g: jnp.sum(jnp.sin(predict(g, state, x))))(g)

        def moments(g):
            weighed = observe_moments(g, state, x, jnp.arange(6.0) / 15)
            return observe_moments(g, state, x), weighed

        return jit(lambda g: (slope(g), *moments(g)))(given)  # traced anew each time

    short = found()
    monkeypatch.setattr(BatchNormalisation, "moved", Term.moved)
    assert_close(short, found(), tolerance=1e-8)  # of η, which they nearly cancel
