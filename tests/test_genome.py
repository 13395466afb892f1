"""The genome: its making, its vector, and its shapes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.gauge import canonical, permute_states
from blurax.genome import Genome
from blurax.spec import (
    Channels,
    Normalise,
    Oja,
    Reduction,
    Rule,
    Saturation,
    Stabilise,
    Symmetry,
    Update,
)
from closeness import assert_close
from variants import LAYERS, TABLE, jit, lively

randomly = jit(genomes.random, static_argnums=1)
PER_LAYER = Rule(states=3, layers=LAYERS, update=Update(after_forward=True))


TRACE = (
    *(f"trace_{name}" for name in ("to_synapse", "of_synapse", "kept", "of_change", "in_sweeps")),
    *("predict_synapse", "predict_trace"),
)


def shapes(rule: Rule) -> dict[str, tuple[int, ...]]:
    """The shape of each number a genome for this rule should have, as the paper counts them."""
    k, channels = rule.states, 1 if rule.channels is Channels.SINGLE else rule.states
    stable, want = rule.stabilise, {}
    own = rule.symmetry is Symmetry.ASYMMETRIC or stable.normalise_synapses
    want |= {"neuron.nu": (k, k), "neuron.mu": (k, k), "neuron.f": (), "neuron.eta": ()}
    for sweep in (Normalise.FORWARD, Normalise.BACKWARD):
        if stable.normalise in (sweep, Normalise.BOTH):
            want |= {f"neuron.{sweep}_scale": (k,), f"neuron.{sweep}_shift": (k,)}
    want |= {"neuron.forward_rescale": ()} if stable.rescale else {}
    want |= {"neuron.length_power": ()} if stable.normalise_power else {}
    lateral = {"neuron.lateral": ()} if rule.lateral else {}
    want |= {"neuron.backward_rescale": ()} if stable.rescale and own else {}
    want |= lateral
    want |= {"neuron.pass_through": ()} if rule.sigma.pass_through else {}
    for update in ["synapse"] + ["forward_synapse"] * rule.update.after_forward:
        want |= {f"{update}.nu_tilde": (k, channels), f"{update}.mu_tilde": (channels, k)}
        want |= {f"{update}.f_tilde": (), f"{update}.eta_tilde": ()}
        want |= {f"{update}.oja": ()} if stable.oja in (Oja.MULTIPLIER, Oja.ACTIVATION) else {}
        want |= {f"{update}.saturation": ()} if stable.saturation is not Saturation.NONE else {}
        want |= {f"{update}.decorrelation": ()} if rule.update.decorrelate else {}
        want |= {f"{update}.{name}": () for name in ("fan_in", "places") * rule.update.fan_in}
        want |= {f"{update}.input_size": ()} if rule.update.input_size else {}
        want |= {f"{update}.error_size": ()} if rule.update.error_size else {}
        want |= {f"{update}.batch_size": ()} if rule.update.batch_size else {}
        want |= {f"{update}.layer_size": ()} if rule.update.layer_size else {}
        want |= {f"{update}.{name}": () for name in TRACE * rule.update.trace}
        want |= {f"{update}.decay_{name}": () for name in ("time", "power") * rule.update.decay}
        slower = ("scale", "power") * rule.update.metaplastic
        want |= {f"{update}.metaplastic_{name}": () for name in slower}
    layers = () if rule.layers is None else (rule.layers,)
    layers = (2,) if rule.readout else layers
    lead = layers if rule.steps is None else (rule.steps, *layers)
    found = {name: (*lead, *shape) for name, shape in want.items()}
    return found | ({"init_std": layers} if rule.init.learned else {})


@pytest.mark.parametrize("name", TABLE)
def test_a_genome_has_the_numbers_its_rule_calls_for(name: str):
    rule = TABLE[name]
    template = genomes.template(rule)
    got = genomes.leaves(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), template))
    assert {path: leaf.shape for path, leaf in got.items()} == shapes(rule)
    assert template.rule == rule


def test_a_template_has_leaves_by_name_too():
    rule = TABLE["everything"]
    got = genomes.leaves(genomes.template(rule))
    assert {path: leaf.shape for path, leaf in got.items()} == shapes(rule)


@pytest.mark.parametrize("name", ["default", "per-layer", "decorrelate", "everything"])
def test_random_gates_start_as_released(name: str):
    rule = TABLE[name]
    named = genomes.leaves(randomly(jax.random.key(0), rule))
    eta_tilde = -1e-3 if rule.update.batch is Reduction.SUM else -0.1
    starts = {"f": 1.0, "eta": 1.0, "f_tilde": 1.0, "eta_tilde": eta_tilde, "oja": 1e-3}
    starts |= {"saturation": 1.0, "forward_scale": 1.0, "backward_scale": 1.0}
    starts |= {"forward_shift": 0.0, "backward_shift": 0.0, "decorrelation": 0.0}
    for path, leaf in named.items():
        own = path.split(".")[-1]
        if own in starts:
            assert_close(leaf, np.full(leaf.shape, starts[own]), tolerance=1e-15)
    matrices = {path.split(".")[-1] for path in named} - set(starts)
    assert matrices == {"nu", "mu", "nu_tilde", "mu_tilde"}


def test_random_matrices_are_standard_normal_and_all_different():
    rule = Rule(states=40, layers=2, update=Update(after_forward=True))
    named = genomes.leaves(randomly(jax.random.key(0), rule))
    matrices = {path: leaf for path, leaf in named.items() if leaf.ndim == 3}
    assert len(matrices) == 6
    for leaf in matrices.values():
        # Five standard errors of the mean and of the deviation.
        assert abs(leaf.mean()) < 5 / leaf.size**0.5
        assert abs(leaf.std() - 1) < 5 / (2 * leaf.size) ** 0.5
    numbers = np.concatenate([np.ravel(leaf) for leaf in matrices.values()])
    assert len(np.unique(numbers)) == len(numbers)


def test_a_random_genome_depends_on_the_key_alone():
    one, same = (randomly(jax.random.key(7), Rule()) for _ in range(2))
    assert_close(one, same, tolerance=0.0)
    assert (one.neuron.nu != randomly(jax.random.key(8), Rule()).neuron.nu).all()


@pytest.mark.parametrize("channels", Channels)
@pytest.mark.parametrize("k", [2, 4])
def test_backprop_is_the_genome_of_equation_4(k: int, channels: Channels):
    genome = genomes.backprop(Rule(states=k, channels=channels), learning_rate=0.3)
    nu, mu, pre, post = (np.zeros((k, k)) for _ in range(4))
    nu[0, 0] = nu[1, 0] = 1
    mu[0, 0] = mu[1, 1] = 1
    pre[0, 0] = pre[1, 1] = 1
    post[0, 1] = post[1, 0] = 1
    own = 1 if channels is Channels.SINGLE else k
    assert_close(genome.neuron.nu, nu, tolerance=0.0)
    assert_close(genome.neuron.mu, mu, tolerance=0.0)
    assert_close(genome.synapse.nu_tilde, pre[:, :own], tolerance=0.0)
    assert_close(genome.synapse.mu_tilde, post[:own], tolerance=0.0)
    gates = genome.neuron.f, genome.neuron.eta, genome.synapse.f_tilde, genome.synapse.eta_tilde
    assert [float(gate) for gate in gates] == [1.0, 1.0, 1.0, -0.3]


def test_backprop_learns_nothing_after_the_forward_sweep():
    genome = genomes.backprop(PER_LAYER, learning_rate=0.3)
    assert_close(genome.forward_synapse.eta_tilde, np.zeros(LAYERS), tolerance=0.0)
    assert_close(genome.synapse.eta_tilde, np.full(LAYERS, -0.3), tolerance=0.0)


def test_backprop_with_one_state_is_refused():
    with pytest.raises(BluraxError, match=r"Rule\.states is 1"):
        genomes.backprop(Rule(states=1), learning_rate=0.1)


@pytest.mark.parametrize("name", TABLE)
def test_a_vector_is_the_genome(name: str):
    genome = lively(TABLE[name])
    vector = genomes.flatten(genome)
    assert vector.shape == (sum(leaf.size for leaf in jax.tree.leaves(genome)),)
    again = genomes.unflatten(vector, genome.rule)
    assert again.rule == genome.rule
    assert_close(again, genome, tolerance=0.0)
    assert len(np.unique(vector)) == vector.size


@pytest.mark.parametrize("length", [0, 19, 21])
def test_a_vector_of_another_length_is_refused(length: int):
    assert genomes.flatten(lively(Rule())).shape == (20,)
    with pytest.raises(BluraxError, match=rf"shape \({length},\)"):
        genomes.unflatten(jnp.zeros(length), Rule())


def test_leaves_are_the_arrays_in_the_order_of_the_vector():
    genome = lively(TABLE["everything"])
    named = genomes.leaves(genome)
    assert_close(named["neuron.f"], genome.neuron.f, tolerance=0.0)
    in_order = jnp.concatenate([jnp.ravel(leaf) for leaf in named.values()])
    assert_close(genomes.flatten(genome), in_order, tolerance=0.0)


def test_at_layer_takes_the_genes_of_that_layer():
    genome = lively(PER_LAYER)
    own = genomes.at_layer(genome.synapse, PER_LAYER, 1)
    assert_close(own.mu_tilde, genome.synapse.mu_tilde[1], tolerance=0.0)
    shared = lively(Rule())
    assert genomes.at_layer(shared.neuron, shared.rule, 1) is shared.neuron


def test_a_genome_per_layer_draws_each_layer_anew():
    nu = randomly(jax.random.key(0), PER_LAYER).neuron.nu
    assert nu.shape == (LAYERS, 3, 3)
    assert len(np.unique(nu)) == nu.size


def test_perturb_adds_normal_noise_to_every_number():
    genome = lively(Rule(states=40))
    noisy = genomes.perturb(jax.random.key(0), genome, 0.2)
    assert noisy.rule == genome.rule
    noise = np.array(genomes.flatten(noisy) - genomes.flatten(genome)) / 0.2
    assert len(np.unique(noise)) == noise.size
    # Five standard errors of the mean and of the deviation.
    assert abs(noise.mean()) < 5 / noise.size**0.5
    assert abs(noise.std() - 1) < 5 / (2 * noise.size) ** 0.5


def makers(rule: Rule) -> dict[str, Genome]:
    """A genome from every function that makes one."""
    one = genomes.random(jax.random.key(0), rule)
    return {
        "random": one,
        "backprop": genomes.backprop(rule, 0.1),
        "unflatten": genomes.unflatten(genomes.flatten(one), rule),
        "perturb": genomes.perturb(jax.random.key(1), one, 0.1),
        "canonical": canonical(one),
        "permute_states": permute_states(one, jnp.arange(rule.states)),
    }


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize("layers", [None, 2])
def test_genomes_are_float32_and_never_weak(layers: int | None):
    """A weak type would compile everything a second time after the first meta-step."""
    stable = Stabilise(Normalise.BOTH, Oja.MULTIPLIER, saturation=Saturation.TANH)
    rule = Rule(layers=layers, stabilise=stable, update=Update(after_forward=True))
    for maker, genome in makers(rule).items():
        for path, leaf in genomes.leaves(genome).items():
            assert leaf.dtype == jnp.float32, f"{maker}: {path}"
            assert not leaf.weak_type, f"{maker}: {path}"
        template = jax.tree.leaves(genomes.template(rule))
        assert all(leaf.dtype == jnp.float32 and not leaf.weak_type for leaf in template)


def test_genomes_follow_jax_into_float64():
    leaves = jax.tree.leaves(genomes.backprop(Rule(), 0.1))
    assert all(leaf.dtype == jnp.float64 for leaf in leaves)
