"""What learning must not depend on: the order of neurons, of examples, and of states; gauge."""

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.gauge import canonical as canonical_form
from blurax.gauge import permute_states
from blurax.genome import Genome, SynapseGenes
from blurax.inner import StepInfo
from blurax.network import NetworkState, Synapses
from blurax.spec import Oja
from closeness import assert_close, differs, error
from variants import BATCH, SIZES, TABLE, batches, initial, lively, run

TOLERANCE = 1e-11
"""A permuted sum rounds otherwise, and some rules magnify that over the steps."""
BATCH_ORDER = np.array([2, 0, 3, 1])
MANY_STATES = [name for name, rule in TABLE.items() if rule.states >= 4]

every_rule = pytest.mark.parametrize("name", TABLE)


def other_order(size: int, fixed: int = 0) -> np.ndarray:
    """A cycle: unlike a swap it differs from its inverse, so that neither passes for the other."""
    fixed = min(fixed, size)
    return np.concatenate([np.arange(fixed), np.roll(np.arange(fixed, size), 1)])


NEURON_ORDERS = [np.arange(SIZES[0]), *map(other_order, SIZES[1:-1]), np.arange(SIZES[-1])]
"""Hidden neurons change places, inputs and outputs stay."""


def taken(tree: Any, order: np.ndarray, axis: int) -> Any:
    """Every array of a tree with one axis, counted from the end, in another order."""
    return jax.tree.map(lambda a: np.take(np.asarray(a), order, axis), tree)


def permute_neurons(state: NetworkState) -> NetworkState:
    """The same network with its hidden neurons renamed; also for states stacked over steps."""

    def between(s: Synapses, low: np.ndarray, high: np.ndarray) -> Synapses:
        s = eqx.tree_at(lambda s: s.forward, s, taken(taken(s.forward, low, -2), high, -1))
        s = eqx.tree_at(lambda s: s.bias, s, taken(s.bias, high, -1))
        for name, kept in s.kept.items():
            s = eqx.tree_at(lambda s, name=name: s.kept[name], s, between(kept, low, high))
        if s.backward is None:
            return s
        return eqx.tree_at(lambda s: s.backward, s, taken(taken(s.backward, high, -2), low, -1))

    pairs = zip(state.synapses, NEURON_ORDERS, NEURON_ORDERS[1:], strict=False)
    state = eqx.tree_at(lambda s: s.synapses, state, tuple(between(*pair) for pair in pairs))
    if state.neurons is None:
        return state
    return eqx.tree_at(lambda s: s.neurons, state, permute_layers(state.neurons))


def permute_layers(neurons: tuple) -> tuple:
    return tuple(taken(a, order, -1) for a, order in zip(neurons, NEURON_ORDERS, strict=True))


@every_rule
def test_hidden_neurons_have_no_order(name: str):
    genome, state = lively(TABLE[name]), initial(TABLE[name])
    last, (states, infos) = run(genome, state, *batches())
    renamed = permute_neurons(state)
    assert differs(renamed, state)
    other_last, (other_states, other_infos) = run(genome, renamed, *batches())
    assert_close(other_infos.prediction, infos.prediction, TOLERANCE)
    assert_close(other_infos.neurons, permute_layers(infos.neurons), TOLERANCE)
    assert_close(other_states, permute_neurons(states), TOLERANCE)
    assert_close(other_last, permute_neurons(last), TOLERANCE)


def reorder_batch(state: NetworkState, order: np.ndarray) -> NetworkState:
    if state.neurons is None:
        return state
    return eqx.tree_at(lambda s: s.neurons, state, taken(state.neurons, order, -2))


@every_rule
def test_examples_have_no_order(name: str):
    genome, state, (x, y) = lively(TABLE[name]), initial(TABLE[name]), batches()
    _, (states, infos) = run(genome, state, x, y)
    # Of blocks, here of 2, only the order within them and that of the blocks is without meaning.
    blocks = TABLE[name].update.decorrelate_within
    order = np.arange(BATCH)[::-1] if blocks else BATCH_ORDER
    _, (other_states, other_infos) = run(
        genome, reorder_batch(state, order), x[:, order], y[:, order]
    )
    assert len(BATCH_ORDER) == BATCH
    assert_close(other_states, reorder_batch(states, order), TOLERANCE)
    assert_close(other_infos, taken(infos, order, -2), TOLERANCE)
    assert differs(other_infos, infos)


def permute_channels(state: NetworkState, order: np.ndarray) -> NetworkState:
    """The same network with its states renamed: its channels, where they are many, alike."""

    def renamed(a: jax.Array) -> np.ndarray:
        many = a.ndim >= 3 and a.shape[-3] > 1  # no channel, and no count of steps
        return taken(a, order, -3) if many else np.asarray(a)

    return jax.tree.map(renamed, state)


def permute_info(info: StepInfo, order: np.ndarray) -> StepInfo:
    below, *above = info.neurons  # the input layer has one state
    return eqx.tree_at(lambda i: i.neurons, info, (below, *taken(above, order, -3)))


@pytest.mark.parametrize("name", MANY_STATES)
def test_states_beyond_the_second_have_no_order(name: str):
    rule = TABLE[name]
    genome, state, order = lively(rule), initial(rule), other_order(rule.states, fixed=2)
    last, (states, infos) = run(genome, state, *batches())
    renamed = permute_states(genome, jnp.asarray(order))
    assert renamed.rule == rule
    assert differs(renamed, genome)
    other_last, (other_states, other_infos) = run(
        renamed, permute_channels(state, order), *batches()
    )
    assert_close(other_infos, permute_info(infos, order), TOLERANCE)
    assert_close(other_states, permute_channels(states, order), TOLERANCE)
    assert_close(other_last, permute_channels(last, order), TOLERANCE)


def test_the_first_two_states_are_no_others():
    rule = TABLE["five-states"]
    genome, state = lively(rule), initial(rule)
    order = np.array([1, 0, 2, 3, 4])
    swapped = permute_states(genome, jnp.asarray(order)), permute_channels(state, order)
    _, (_, infos) = run(genome, state, *batches())
    _, (_, other_infos) = run(*swapped, *batches())
    assert differs(other_infos, permute_info(infos, order))


def canonical_order(genome: Genome) -> np.ndarray:
    """The order of the states in the canonical genome, as its docstring has it."""
    gain, scale = genome.neuron.eta, genome.neuron.terms.get("forward_rescale")
    if scale is not None and genome.rule.stabilise.normalise_synapses:
        gain *= jnp.sign(scale) if genome.rule.stabilise.normalise_stored else scale
    nu = np.asarray(genome.neuron.nu * gain[..., None, None])
    heard = nu.reshape(-1, *nu.shape[-2:])[0]
    fixed = min(2, genome.rule.states)
    by_heard = sorted(range(fixed, genome.rule.states), key=lambda c: heard[c, 0])
    return np.array([*range(fixed), *by_heard])


@every_rule
def test_the_canonical_genome_acts_as_the_original(name: str):
    genome, state = lively(TABLE[name]), initial(TABLE[name])
    order = canonical_order(genome)
    last, (_, infos) = run(genome, state, *batches())
    other_last, (_, other_infos) = run(
        canonical_form(genome), permute_channels(state, order), *batches()
    )
    assert_close(other_infos, permute_info(infos, order), TOLERANCE)
    assert_close(other_last, permute_channels(last, order), TOLERANCE)


@every_rule
def test_canonical_is_idempotent(name: str):
    once = canonical_form(lively(TABLE[name]))
    assert_close(canonical_form(once), once)


def regauge(genome: Genome) -> Genome:
    """Another genome that acts alike: every redundancy that `canonical` names is used."""
    lead, stable = genome.neuron.f.shape, genome.rule.stabilise
    rng = np.random.default_rng(6)

    def synapse(genes: SynapseGenes) -> SynapseGenes:
        columns = genes.nu_tilde.shape[-1]
        size = rng.uniform(0.5, 2.0, (*lead, columns))
        if stable.oja is Oja.ACTIVATION:  # one m for all of them
            size[:] = size[..., :1]
        scale = size * rng.choice([-1, 1], (*lead, columns))
        rate = -rng.uniform(0.5, 2.0, lead)
        offered = 1 / scale if genome.rule.update.width_free else scale  # divides by its square
        if genome.rule.update.input_size:
            offered = offered * size ** (-2 * genes.terms["input_size"][..., None])
        mu_tilde = genes.mu_tilde / (offered * rate[..., None])[..., None]
        return replace(
            genes,
            nu_tilde=genes.nu_tilde * scale[..., None, :],
            mu_tilde=mu_tilde,
            eta_tilde=genes.eta_tilde * rate,
            terms=terms(genes.terms, size[..., 0], rate),
        )

    def terms(genes: dict, size: np.ndarray, rate: np.ndarray) -> dict:
        moved = size**2 * np.abs(rate) if stable.oja is Oja.ACTIVATION else 1.0
        return genes | ({"oja": -genes["oja"] * moved} if "oja" in genes else {})

    def rescaled(name: str, gain: np.ndarray) -> tuple[dict, Any]:
        """The factor of normalised synapses, and what then divides a transform of neurons."""
        scale = genome.neuron.terms.get(name)
        if scale is None:
            return {}, gain[..., None, None]
        own = -rng.uniform(0.5, 2.0, lead)
        if stable.normalise_stored:  # there it is their length
            own = np.sign(own)
        seen = own if stable.normalise_synapses else 1.0
        return {name: scale * own}, (gain * seen)[..., None, None]

    gain = -rng.uniform(0.5, 2.0, lead)
    n, std = genome.neuron, genome.init_std
    up, nu_gain = rescaled("forward_rescale", gain)
    down, mu_gain = rescaled("backward_rescale", gain)
    moved = n.terms | up | down
    neuron = replace(n, nu=n.nu / nu_gain, mu=n.mu / mu_gain, eta=n.eta * gain, terms=moved)
    std = None if std is None else -std
    forward = None if genome.forward_synapse is None else synapse(genome.forward_synapse)
    same = Genome(neuron, synapse(genome.synapse), forward, genome.rule, std)
    return permute_states(same, jnp.asarray(other_order(genome.rule.states, fixed=2)))


@every_rule
def test_genomes_that_act_alike_have_one_canonical_form(name: str):
    genome = lively(TABLE[name])
    other = regauge(genome)
    assert differs(other, genome)
    assert_close(canonical_form(other), canonical_form(genome))


@every_rule
def test_the_canonical_form_is_the_documented_one(name: str):
    canonical = canonical_form(lively(TABLE[name]))
    updates = [canonical.synapse, canonical.forward_synapse]
    assert_close(canonical.neuron.eta, jnp.ones_like(canonical.neuron.eta), 0.0)
    for genes in filter(None, updates):
        assert_close(genes.eta_tilde, jnp.ones_like(genes.eta_tilde), 0.0)
        lengths = jnp.linalg.norm(genes.nu_tilde, axis=-2)
        if canonical.rule.stabilise.oja is Oja.ACTIVATION:
            lengths = jnp.mean(lengths**2, axis=-1)
        assert_close(lengths, jnp.ones_like(lengths))
        columns = np.moveaxis(np.array(genes.nu_tilde), -2, -1)
        largest = np.take_along_axis(columns, np.abs(columns).argmax(-1)[..., None], -1)
        assert (largest > 0).all()


def test_a_column_of_zeros_is_left_alone():
    silent = lively(TABLE["smooth"])
    silent = eqx.tree_at(
        lambda g: g.synapse.nu_tilde, silent, jnp.asarray([[0.0, 1.0], [0.0, 2.0]])
    )
    canonical = canonical_form(silent)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(canonical))
    assert error(canonical.synapse.nu_tilde[:, 0], jnp.zeros(2)) == 0
    state = initial(TABLE["smooth"])
    assert_close(run(canonical, state, *batches()), run(silent, state, *batches()), TOLERANCE)
