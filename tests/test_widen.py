"""A wider genome learns as the narrow one does, until its new numbers move."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.inner import predict, step
from blurax.network import Network, NetworkState, Synapses
from blurax.spec import (
    Activation,
    Backward,
    Channels,
    Init,
    Normalise,
    Oja,
    Reduction,
    Rule,
    Saturation,
    Sigma,
    Stabilise,
    Symmetry,
    Update,
)
from blurax.widen import widen
from own_terms import Decay, Mixing

pytestmark = pytest.mark.long

NETWORK = Network((3, 4, 3, 2))
SINGLE = Rule(
    states=2,
    channels=Channels.SINGLE,
    backward=Backward.MULTIPLICATIVE_STATE_2,
    sigma=Sigma(Activation.TANH, Activation.LINEAR, Activation.LINEAR, derivative=True),
    stabilise=Stabilise(Normalise.BOTH, normalise_synapses=True),
    update=Update(batch=Reduction.MEAN),
    init=Init(0.5),
)
MULTI = Rule(states=2, sigma=Sigma(Activation.SIGMOID, Activation.SIGMOID, Activation.TANH))


def changed(rule, **parts):
    """The rule with other fields; `stabilise` and such are given as dicts."""
    nested = {
        name: dataclasses.replace(getattr(rule, name), **value)
        if isinstance(value, dict)
        else value
        for name, value in parts.items()
    }
    return dataclasses.replace(rule, **nested)


WIDER = {
    "states": {"states": 4},
    "many states": {"states": 7},
    "layers": {"layers": 3},
    "steps": {"steps": 2},
    "multiplier": {"stabilise": {"oja": Oja.MULTIPLIER}},
    "activation": {"stabilise": {"oja": Oja.ACTIVATION}},
    "exponential": {"stabilise": {"saturation": Saturation.EXPONENTIAL}},
    "length": {"stabilise": {"saturation": Saturation.LENGTH}},
    "slowing": {"stabilise": {"saturation": Saturation.SLOWING}},
    "decorrelate": {"update": {"decorrelate": True}},
    "after forward": {"update": {"after_forward": True}},
    "learned init": {"init": {"learned": True}},
    "own term": {"extra": (Decay(),)},
    "own term, twice an update": {"extra": (Decay(),), "update": {"after_forward": True}},
    "all": {
        "states": 3,
        "layers": 3,
        "steps": 2,
        "stabilise": {"oja": Oja.MULTIPLIER, "saturation": Saturation.SLOWING},
        "update": {"after_forward": True, "decorrelate": True},
        "init": {"learned": True},
        "extra": (Decay(),),
    },
}


def grown(state: NetworkState, wide: NetworkState) -> NetworkState:
    """The wide state with the narrow one's numbers in the channels that both have."""

    def joined(before, after):
        return after if before is None else after.at[: len(before)].set(before)

    pairs = zip(state.synapses, wide.synapses, strict=True)
    synapses = tuple(
        Synapses(
            joined(one.forward, other.forward),
            joined(one.bias, other.bias),
            joined(one.backward, other.backward),
        )
        for one, other in pairs
    )
    return NetworkState(synapses, wide.neurons, wide.steps)


def learned(genome, state):
    """What a network predicts after three steps."""
    x = jax.random.normal(jax.random.key(1), (3, 8, 3), float)
    y = jnp.where(jax.random.bernoulli(jax.random.key(2), 0.5, (3, 8, 2)), 1.0, -1.0)
    for n in range(3):
        state, _ = step(genome, state, x[n], y[n], n)
    return predict(genome, state, x[0])


@pytest.mark.parametrize("base", [SINGLE, MULTI], ids=["single", "multi"])
@pytest.mark.parametrize("name", WIDER)
def test_a_wider_genome_learns_the_same(name, base):
    narrow = genomes.random(jax.random.key(3), base)
    wide = widen(narrow, changed(base, **WIDER[name]))
    genomes_of = genomes.template(wide.rule)
    assert jax.tree.map(jnp.shape, wide) == jax.tree.map(lambda leaf: leaf.shape, genomes_of)
    first = NETWORK.init(jax.random.key(4), narrow, 8)
    state = grown(first, NETWORK.init(jax.random.key(4), wide, 8))
    if base is SINGLE:  # the same key draws the same synapses
        for one, other in zip(first.synapses, state.synapses, strict=True):
            np.testing.assert_array_equal(one.forward, other.forward)
    run = jax.jit(learned)
    np.testing.assert_allclose(run(wide, state), run(narrow, first), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("base", [SINGLE, MULTI], ids=["single", "multi"])
def test_a_gradient_leads_to_the_new_states_and_terms(base):
    more = {"states": 4, "stabilise": {"oja": Oja.MULTIPLIER}}
    wide = widen(genomes.random(jax.random.key(3), base), changed(base, **more))
    state = NETWORK.init(jax.random.key(4), wide, 8)
    slope = jax.jit(jax.grad(lambda genome: jnp.sum(learned(genome, state) ** 2)))(wide)
    assert bool(jnp.any(slope.neuron.nu[:2, 2:] != 0))
    assert float(slope.synapse.oja) != 0


def test_added_terms_may_begin_at_once():
    narrow = genomes.random(jax.random.key(3), SINGLE)
    rule = changed(SINGLE, update={"trace": True, "input_size": True})
    neutral, active = (genomes.leaves(widen(narrow, rule, at_once)) for at_once in (False, True))
    begun = genomes.leaves(genomes.backprop(rule, 0.1))
    for name, value in active.items():
        like = begun if name not in genomes.leaves(narrow) else genomes.leaves(narrow)
        np.testing.assert_array_equal(value, like[name], err_msg=name)
    assert float(neutral["synapse.predict_trace"]) == 0
    assert float(active["synapse.predict_trace"]) == 1
    assert float(active["synapse.input_size"]) == 0.75


def test_what_a_term_has_for_each_state_grows_with_them():
    plain = changed(SINGLE, extra=(Mixing(),), channels=Channels.MULTI)
    wide = widen(genomes.random(jax.random.key(3), plain), changed(plain, states=3))
    np.testing.assert_array_equal(wide.synapse.mixing, [[1, 1, 0], [1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(wide.neuron.forward_scale[2], 1)
    np.testing.assert_array_equal(wide.neuron.forward_shift[2], 0)


def test_more_steps_begin_as_the_last_one():
    narrow = genomes.random(jax.random.key(3), changed(SINGLE, steps=2))
    narrow = jax.tree.map(lambda leaf: leaf + jnp.arange(leaf.size).reshape(leaf.shape), narrow)
    wide = widen(narrow, changed(SINGLE, steps=4))
    np.testing.assert_array_equal(wide.neuron.nu[2:], jnp.stack(2 * [narrow.neuron.nu[1]]))
    np.testing.assert_array_equal(wide.neuron.nu[:2], narrow.neuron.nu)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ({"states": 4}, {"states": 2}, r"rule\.states 4, but the rule of the run has 2"),
        ({}, {"symmetry": Symmetry.SYMMETRIC}, r"rule\.symmetry asymmetric, but .* symmetric"),
        ({}, {"init": {"std": 0.2}}, r"rule\.init\.std 0\.5, but the rule of the run has 0\.2"),
        ({"layers": 3}, {"layers": None}, r"rule\.layers 3, but the rule of the run has None"),
        ({"layers": 3}, {"layers": 2}, r"rule\.layers 3, but the rule of the run has 2"),
        ({"steps": 3}, {"steps": 2}, r"rule\.steps 3, but the rule of the run has 2"),
        ({}, {"stabilise": {"oja": Oja.FULL}}, r"rule\.stabilise\.oja none, but .* full"),
        (
            {},
            {"stabilise": {"saturation": Saturation.TANH}},
            r"rule\.stabilise\.saturation none, but the rule of the run has tanh",
        ),
        ({}, {"extra": (Mixing(),)}, r"rule\.extra none, but the rule of the run has mixing"),
        ({"extra": (Decay(),)}, {"extra": ()}, r"rule\.extra decay, but the rule .* has none"),
        (
            {"extra": (Mixing(),)},
            {"extra": (Mixing(),), "update": {"after_forward": True}},
            r"after_forward False, but .* True: with rule\.extra mixing no further update leaves",
        ),
        (
            {"update": {"decorrelate": True}},
            {"update": {"decorrelate": False}},
            r"rule\.update\.decorrelate True, but the rule of the run has False",
        ),
        (
            {"stabilise": {"saturation": Saturation.TANH}},
            {"stabilise": {"saturation": Saturation.TANH}, "update": {"after_forward": True}},
            r"rule\.update\.after_forward False, but .* True: with rule\.stabilise\.saturation",
        ),
    ],
)
def test_what_cannot_be_widened_is_refused(old, new, message):
    genome = genomes.random(jax.random.key(0), changed(SINGLE, **old))
    with pytest.raises(BluraxError, match=message):
        widen(genome, changed(SINGLE, **new))
