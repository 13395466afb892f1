"""What the authors' release has beyond the paper, each by what it promises."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.genome import SynapseGenes
from blurax.inner import predict, step, unroll
from blurax.learner import Blur
from blurax.links import Dense
from blurax.network import Network
from blurax.outer.config import MetaTrain
from blurax.outer.methods.gradient import TruncatedGradient
from blurax.outer.objective import Objective, When, episode_loss
from blurax.outer.space import GenomeSpace
from blurax.plasticity import updated
from blurax.spec import Init, Oja, Reduction, Rule, Sigma, Stabilise, Update
from blurax.tasks import EpisodeSpec, get
from closeness import assert_close, differs
from variants import LINEAR, TABLE, TANH, batches, initial, jit, lively, run

SMOOTH = Sigma(TANH, TANH, TANH)
rng = np.random.default_rng(8)


def one_neuron(oja: Oja, m: float, eta: float = 0.02) -> tuple[SynapseGenes, Rule]:
    """Genes of a linear neuron with one state that learns by correlation."""
    one = jnp.ones((1, 1))
    genes = SynapseGenes(one, one, jnp.ones(()), jnp.asarray(eta), {"oja": jnp.asarray(m)})
    rule = Rule(
        states=1, sigma=Sigma(LINEAR, LINEAR, LINEAR), stabilise=Stabilise(oja=oja), update=MEAN
    )
    return genes, rule


MEAN = Update(Reduction.MEAN)


@pytest.mark.parametrize("m", [1.0, -1.0, 4.0])
def test_with_ojas_term_a_neuron_finds_the_first_principal_component(m: float):
    # Oja, "A simplified neuron model as a principal component analyzer", 1982: of length 1/√m.
    genes, rule = one_neuron(Oja.ACTIVATION, m)
    x = rng.normal(size=(1, 200, 4)) * np.array([3.0, 1.5, 1.0, 0.5])
    mixed = jnp.asarray(x @ np.linalg.qr(rng.normal(size=(4, 4)))[0])

    def learn(w: jax.Array, _: None) -> tuple[jax.Array, None]:
        return updated(genes, rule, Dense(), mixed, mixed @ w, [w], {})[0][0], None

    w, _ = jax.lax.scan(learn, jnp.asarray(0.1 * rng.normal(size=(1, 4, 1))), length=2000)
    main = np.linalg.eigh(np.array(mixed[0].T @ mixed[0]))[1][:, -1:]
    found = np.array(w[0]) * np.sign(np.sum(w[0] * main))
    assert_close(found, main / abs(m) ** 0.5, tolerance=1e-9)


@pytest.mark.parametrize("eta", [0.02, -0.02])
@pytest.mark.parametrize("m", [0.3, -0.3])
@pytest.mark.parametrize("oja", [Oja.MULTIPLIER, Oja.ACTIVATION])
def test_the_term_shortens_whatever_the_signs(oja: Oja, m: float, eta: float):
    genes, rule = one_neuron(oja, m, eta)
    w = jnp.asarray(rng.normal(size=(1, 4, 1)))
    silent = jnp.zeros((1, 5, 4)), jnp.ones((1, 5, 1))  # nothing comes from below
    after = updated(genes, rule, Dense(), *silent, [w], {})[0][0]
    assert jnp.linalg.norm(after) < jnp.linalg.norm(w)
    other, _ = one_neuron(oja, -m, eta)
    assert_close(updated(other, rule, Dense(), *silent, [w], {})[0][0], after, tolerance=0.0)


@pytest.mark.parametrize("name", ["rescale", "stored-rescale", "stored-both"])
def test_what_rescales_by_1_does_nothing(name: str):
    rule = TABLE[name]
    stable = dataclasses.replace(rule.stabilise, rescale=False)
    plain = dataclasses.replace(rule, stabilise=stable)
    genome = lively(rule)
    neuron = dataclasses.replace(genome.neuron, terms={})
    without = genomes.Genome(neuron, genome.synapse, genome.forward_synapse, plain)
    ones = eqx.tree_at(
        lambda g: (g.neuron.forward_rescale, g.neuron.backward_rescale), genome, replace_fn=one
    )
    args = initial(rule), *batches()
    assert_close(run(ones, *args), run(without, *args))
    assert differs(run(genome, *args), run(without, *args))


def one(leaf: jax.Array) -> jax.Array:
    return jnp.ones_like(leaf)


def test_stored_synapses_are_normalised_before_a_step():
    rule = TABLE["stored"]
    genome, state, (x, y) = lively(rule), initial(rule), batches()
    longer = eqx.tree_at(lambda s: s.synapses, state, jax.tree.map(lambda w: 7 * w, state.synapses))
    # ε under the root is all that can tell them apart.
    assert_close(run(genome, longer, x, y), run(genome, state, x, y), tolerance=1e-7)
    answers = [jit(predict)(genome, start, x[0]) for start in (longer, state)]
    assert_close(*answers, tolerance=1e-7)
    assert_close(answers[1], run(genome, state, x, y)[1][1].prediction[0])


def test_stored_synapses_have_the_length_of_the_gene():
    rule = dataclasses.replace(TABLE["stored-rescale"], update=Update(), stabilise=STORED)
    genome, state, (x, y) = lively(rule), initial(rule), batches()
    still = eqx.tree_at(lambda g: g.synapse.eta_tilde, genome, jnp.zeros(()))
    still = eqx.tree_at(lambda g: g.synapse.f_tilde, still, jnp.ones(()))
    after = jit(step)(still, state, x[0], y[0])[0]
    for between in after.synapses:
        into = jnp.concatenate([between.forward, between.bias], axis=1)
        lengths = jnp.linalg.norm(into, axis=1)
        want = jnp.abs(genome.neuron.forward_rescale)
        assert_close(lengths, jnp.broadcast_to(want, lengths.shape), tolerance=1e-7)
        if between.backward is not None:
            lengths = jnp.linalg.norm(between.backward, axis=1)
            want = jnp.abs(genome.neuron.backward_rescale)
            assert_close(lengths, jnp.broadcast_to(want, lengths.shape), tolerance=1e-7)


STORED = Stabilise(rescale=True, normalise_stored=True)


class TestSteps:
    rule = Rule(steps=3, sigma=SMOOTH)
    single = Rule(sigma=SMOOTH)

    def alike(self) -> tuple[genomes.Genome, genomes.Genome]:
        """A genome, and the same for each of three steps."""
        own = lively(self.single)
        moving = own.neuron, own.synapse
        return own, genomes.Genome(*jax.tree.map(repeated, moving), None, self.rule)

    def test_steps_that_are_alike_are_one_genome(self):
        own, many = self.alike()
        x, y = batches(5)
        one, same = run(own, initial(self.single), x, y), run(many, initial(self.rule), x, y)
        # Not to the bit: constants are folded into products, genes that are read are not.
        assert_close(same[0].synapses, one[0].synapses, tolerance=1e-14)
        assert_close(same[1][1], one[1][1], tolerance=1e-14)
        assert int(same[0].steps) == 5

    @pytest.mark.parametrize("changed", [0, 1, 2])
    def test_a_step_reads_its_own_genes_and_the_last_ones_hold(self, changed: int):
        many, (x, y) = self.alike()[1], batches(5)
        other = jax.tree.map(lambda leaf: leaf.at[changed].mul(0.9), many)
        one, two = (run(g, initial(self.rule), x, y)[1][1].prediction for g in (many, other))
        first = [bool(differs(a, b)) for a, b in zip(one, two, strict=True)].index(True)
        assert first == changed
        # Where only the last ones are others, every step from there reads them.
        late = genomes.at_step(other, 4)
        assert_close(late, genomes.at_step(other, None), tolerance=0.0)
        assert_close(late.neuron.nu, other.neuron.nu[2], tolerance=0.0)

    def test_the_answer_is_that_of_the_next_step(self):
        rule = TABLE["per-step"]
        genome, state, (x, y) = lively(rule), initial(rule), batches()
        for index in range(3):
            moved, info = jit(step)(genome, state, x[index], y[index], index)
            assert_close(jit(predict)(genome, state, x[index]), info.prediction)
            state = moved

    def test_a_continued_unroll_is_one_unroll(self):
        rule = TABLE["per-step-and-layer"]
        genome, state, (x, y) = lively(rule), initial(rule), batches()
        last, (states, _) = run(genome, state, x, y)
        after_one = jax.tree.map(lambda leaf: leaf[0], states)
        assert_close(jit(unroll)(genome, after_one, x[1:], y[1:], first=1)[0], last)

    def test_a_random_genome_starts_with_steps_alike(self):
        rule = dataclasses.replace(self.rule, layers=2)
        nu = genomes.random(jax.random.key(0), rule).neuron.nu
        assert nu.shape == (3, 2, 2, 2)
        assert_close(nu, jnp.broadcast_to(nu[0], nu.shape), tolerance=0.0)

    def test_a_state_that_does_not_count_is_refused(self):
        x, y = batches()
        with pytest.raises(BluraxError, match=r"Rule\.steps is 3, but the state does not count"):
            step(lively(self.rule), initial(self.single), x[0], y[0])
        with pytest.raises(BluraxError, match=r"Rule\.steps is None, but the state counts"):
            step(lively(self.single), initial(self.rule), x[0], y[0])


def repeated(leaf: jax.Array) -> jax.Array:
    return jnp.repeat(leaf[None], 3, axis=0)


LEARNED = Rule(update=MEAN, init=Init(0.5, learned=True), steps=2)
SPEC = EpisodeSpec(4, 16, 16)


def test_the_meta_gradient_reaches_the_initial_deviation():
    network, own = Network((4, 3, 3)), genomes.random(jax.random.key(0), LEARNED)

    def loss(std: jax.Array) -> jax.Array:
        changed = dataclasses.replace(own, init_std=std)
        return episode_loss(
            Blur(changed, network), get("iris"), SPEC, Objective(), jax.random.key(1)
        )

    at, h = jnp.asarray(0.5), 1e-5
    slope = jit(jax.grad(loss))(at)
    assert abs(slope) > 1e-4
    up, down = (float(jit(loss)(at + move)) for move in (h, -h))
    assert float(slope) == pytest.approx((up - down) / (2 * h), rel=1e-6)


def test_meta_training_moves_all_of_it():
    config = MetaTrain(
        tasks=("iris",), hidden=("4",), rule=LEARNED, episode=SPEC, population=2, meta_steps=2
    )
    trainer = config.trainer()
    start = trainer.init(jax.random.key(0))
    moved, _ = eqx.filter_jit(trainer.step)(start, jax.random.key(1))
    for name, leaf in genomes.leaves(moved.genomes).items():
        before = genomes.leaves(start.genomes)[name]
        assert np.any(np.asarray(leaf) != np.asarray(before)), name
    assert "init_std" in genomes.leaves(moved.genomes)


def test_a_window_does_not_see_how_a_network_began():
    config = MetaTrain(
        tasks=("iris",),
        hidden=("4",),
        rule=LEARNED,
        episode=SPEC,
        objective=Objective(when=When.MEAN),
    )
    with pytest.raises(BluraxError, match=r"Init\.learned is on; a window"):
        TruncatedGradient(config.trainer().problem, 2)


def test_scales_are_the_sizes_at_the_start():
    def scales(rule: Rule) -> dict[str, np.ndarray]:
        genome = genomes.unflatten(GenomeSpace(rule).scales(), rule)
        return {name: np.unique(leaf) for name, leaf in genomes.leaves(genome).items()}

    assert scales(LEARNED)["init_std"] == [0.5]
    assert scales(Rule(stabilise=Stabilise(oja=Oja.ACTIVATION)))["synapse.oja"] == [1.0]
    assert scales(Rule(stabilise=Stabilise(oja=Oja.MULTIPLIER)))["synapse.oja"] == [1e-3]
