"""A term of a user's own: learned, computed, saved, shown, taken away, refused where unknown."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
import naive
import naive_step
from blurax import export, inner, io, terms
from blurax import genome as genomes
from blurax.analysis.genome_parts import parts
from blurax.analysis.rule_words import rule_words
from blurax.errors import BluraxError
from blurax.export.fitted import write_fitted
from blurax.export.numpy_blur import load_genome as load_in_numpy
from blurax.frozen import from_json, to_json
from blurax.gauge import canonical
from blurax.network import Network
from blurax.outer.config import MetaTrain
from blurax.spec import Normalise, Oja, Reduction, Rule, Saturation, Stabilise, Update
from blurax.terms import Gain, Gene, Pair, Term
from closeness import assert_close
from own_terms import Decay, Mixing
from test_inside import assert_rests
from test_io_genome_file import PROVENANCE
from test_metagradient import H, query_loss
from variants import LAYERS, SMOOTH, STEPS, batches, initial, jit, lively, run

PLAIN = Rule(
    states=3,
    layers=LAYERS,
    sigma=SMOOTH,
    stabilise=Stabilise(Normalise.FORWARD, Oja.MULTIPLIER, saturation=Saturation.TANH),
    update=Update(Reduction.MEAN, after_forward=True),
)
RULE = dataclasses.replace(PLAIN, extra=(Decay(spare_bias=False),))
SMALL = Rule(states=3, sigma=SMOOTH, extra=(Decay(), Mixing()))


@pytest.fixture
def known(own_terms_forgotten):
    """The terms by name, for one test."""
    blurax.add_term(Decay)
    blurax.add_term(Mixing)


def test_its_genes_start_where_it_says_and_stand_last():
    genome = genomes.random(jax.random.key(0), RULE)
    leaves = genomes.leaves(genome)
    assert list(leaves)[-1] == "forward_synapse.decay"
    assert_close(leaves["synapse.decay"], np.full(LAYERS, 1e-3))
    assert_close(genome.synapse.decay, leaves["synapse.decay"])
    assert genomes.leaves(genomes.template(SMALL))["synapse.mixing"].shape == (3, 3)
    with pytest.raises(AttributeError, match="SynapseGenes has no 'speed'"):
        _ = genome.synapse.speed


def with_own_terms(updated):
    """The naive (7) with these terms, as loops over single numbers."""

    def wrapped(genes, rule, a_i, a_j, w, *_):
        if hasattr(genes, "mixing"):  # SMALL has nothing else that acts on the synapses
            still = w * genes.f_tilde
            change, new = updated(genes, rule, a_i, a_j, w)[0] - still, still.copy()
            for c, d, i, j in np.ndindex(len(w), *w.shape):
                new[c, i, j] += genes.mixing[c, d] * change[d, i, j]
        else:
            new = updated(genes, rule, a_i, a_j, w)[0]
        upwards = a_j is not None and w.shape[1] == a_i.shape[2] + 1
        for c, i, j in np.ndindex(*w.shape):
            spared = rule.extra[0].spare_bias and upwards and i == w.shape[1] - 1
            new[c, i, j] -= 0.0 if spared else abs(genes.decay) * w[c, i, j]
        return new, None, None

    return wrapped


@pytest.mark.parametrize("rule", [RULE, SMALL], ids=["all", "mixing"])
def test_steps_are_the_naive_ones(rule: Rule, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(naive, "updated", with_own_terms(naive.updated))
    genome, state, (x, y) = lively(rule), initial(rule), batches()
    _, (states, infos) = run(genome, state, x, y)
    net = naive_step.net_of(state, rule)
    for n in range(STEPS):
        net, prediction, _ = naive_step.step(genome, net, np.array(x[n]), np.array(y[n]), n)
        between = jax.tree.map(lambda leaf, n=n: leaf[n], states).synapses
        assert_close([naive_step.matrix(s) for s in between], net.up)
        assert_close([s.backward for s in between[1:]], net.down[1:])
        assert_close(infos.prediction[n], prediction)


def test_the_meta_gradient_is_the_slope():
    vector, loss = 0.6 * genomes.flatten(lively(SMALL)), query_loss(SMALL)
    moves = H * jnp.eye(vector.size)
    points = jnp.concatenate([vector + far * moves for far in (1, -1, 2, -2)])
    values = jit(jax.vmap(loss))(points).reshape(4, -1)
    want = np.array(8 * (values[0] - values[1]) - (values[2] - values[3])) / (12 * H)
    got = genomes.unflatten(jit(jax.grad(loss))(vector), SMALL)
    assert np.linalg.norm(genomes.flatten(got) - want) <= 1e-6 * np.linalg.norm(want)
    assert abs(got.synapse.decay) > 1e-6
    assert (jnp.abs(got.synapse.mixing) > 0).any()


def test_genomes_that_act_alike_are_one():
    genome, state = lively(RULE), initial(RULE)
    same = canonical(genome)
    assert (same.synapse.decay > 0).all()
    ends = [run(own, state, *batches())[1][1].prediction for own in (genome, same)]
    assert_close(*ends, tolerance=1e-11)
    assert canonical(lively(SMALL)).synapse.mixing.shape == (3, 3)


def test_at_rest_it_does_nothing_and_an_ablation_knows_it():
    assert_rests(Rule(extra=(Decay(),)), Rule())


def test_a_genome_file_names_it(tmp_path, known):
    genome = lively(SMALL)
    io.save_genome(tmp_path / "own.safetensors", genome, PROVENANCE)
    again, _ = io.load_genome(tmp_path / "own.safetensors")
    assert again.rule == SMALL
    assert again.rule.extra == (Decay(spare_bias=True), Mixing())
    assert_close(again, genome, tolerance=0.0)


def test_a_file_with_a_term_that_is_not_known_says_what_to_do(tmp_path):
    path = tmp_path / "own.safetensors"
    io.save_genome(path, lively(SMALL), PROVENANCE)
    with pytest.raises(BluraxError, match=r"names the term 'decay'.* register it with blurax.add_"):
        io.load_genome(path)


def test_what_a_file_says_of_it_is_checked(known):
    written = json.loads(json.dumps(to_json(SMALL)))
    assert written["extra"] == [{"name": "decay", "spare_bias": True}, {"name": "mixing"}]
    assert from_json(Rule, written) == SMALL
    for broken, words in (
        ("decay", "takes an object with a name"),
        ({"name": "decay"}, "lacks the field spare_bias"),
        ({"name": "mixing", "speed": 2}, "has no field speed"),
        ({"name": "oja-full"}, "names a term of blurax"),
    ):
        with pytest.raises(BluraxError, match=words):
            from_json(Rule, written | {"extra": [broken]})


def test_it_is_shown():
    assert rule_words(RULE)["stabilised by"].endswith("saturation (tanh), decay")
    shown = parts(genomes.random(jax.random.key(0), SMALL))[0]
    assert shown.gates[-1].name == "decay"
    assert shown.grids[-1].name == "mixing"


def test_exports_refuse_it(tmp_path):
    genome, path = lively(SMALL), tmp_path / "own.safetensors"
    with pytest.raises(BluraxError, match="term 'decay', which exported files do not know"):
        export.check(SMALL)
    state = Network((2, 3)).init(jax.random.key(0), genome, 4)
    with pytest.raises(BluraxError, match="term 'decay'"):
        write_fitted(tmp_path / "m.py", genome=genome, state=state, moments=({},))
    io.save_genome(path, genome, PROVENANCE)
    with pytest.raises(ValueError, match="term decay, mixing, which this file does not know"):
        load_in_numpy(path)


def test_exports_know_the_terms_of_blurax():
    refused = {f"{over}-normalisation" for over in ("layer", "global", "cross")}
    assert {term.name for term in terms.CHOSEN} == export._KNOWN | refused
    assert not export._KNOWN & refused
    assert len(terms.CHOSEN) == len(terms.TERMS)


def test_meta_training_learns_it(tmp_path, known):
    config = MetaTrain(
        tasks=("xor",), hidden=("0",), rule=SMALL, meta_steps=2, validate_every=1, population=2
    )
    result = blurax.meta_train(config, tmp_path / "run")
    assert result.genome.rule == SMALL
    assert blurax.load(tmp_path / "run" / "best.safetensors").rule == SMALL


class Nameless(Term):
    pass


@dataclasses.dataclass(frozen=True)
class Usurper(Term):
    name = "oja-full"


@dataclasses.dataclass(frozen=True)
class Twice(Term):
    name = "twice"
    neuron_genes = (Gene("nu", 1.0),)


@dataclasses.dataclass(frozen=True)
class Choosy(Term):
    name = "choosy"

    def check(self, rule: Rule) -> None:
        raise BluraxError(f"Rule.states is {rule.states}; this term takes others.")


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (Nameless(), "Nameless.name is ''; it takes small letters"),
        (Usurper(), "'oja-full', which names a term of blurax"),
        (Twice(), "take a name twice in the sweeps: nu"),
        (Choosy(), "Rule.states is 2; this term takes others"),
    ],
)
def test_terms_that_make_no_sense_are_refused(term: Term, words: str):
    with pytest.raises(BluraxError, match=words):
        Rule(extra=(term,))
    if term.name in ("", "oja-full"):
        with pytest.raises(BluraxError, match=words):
            blurax.add_term(type(term))


def test_one_term_twice_is_refused():
    with pytest.raises(BluraxError, match="several terms of the name decay; rename one"):
        Rule(extra=(Decay(), Decay()))


def test_only_terms_can_be_added(unchecked):
    with pytest.raises(BluraxError, match=r"it takes a subclass of blurax\.terms\.Term"):
        terms.add_term(Rule)


def wrong(hook: str, value):
    """A term one of whose hooks returns something."""
    return type("Wrong", (Term,), {"name": "wrong", hook: lambda self, *given: value})()


@pytest.mark.parametrize(
    ("hook", "value", "words"),
    [
        ("initial", None, r"it is to return an array of shape \(2, 5, 3\)"),
        ("stored", np.ones(3), r"it is to return a list of arrays of sh"),
        ("gain", 2.0, "it is to return a Gain whose eta is a number and whose length"),
        ("gain", Gain(np.ones(3), None), "a number and whose length is None, or an array of sh"),
        ("argument", np.ones((2, 6)), r"it is to return an array of shape \(2, 6, 3\)"),
        ("lateral", np.ones((2, 6)), r"it is to return an array of shape \(2, 6, 3\)"),
        ("passed", np.ones((2, 6)), r"it is to return an array of shape \(2, 6, 3\)"),
        ("coupling", np.ones((6, 5)), r"to return None, or an array of shape \(2, 6, 6\)"),
        ("change", [np.ones((1, 4, 3))], r"it is to return a list"),
        ("forget", np.ones((3, 1, 3)), r"to return a number, or an array of shape \(2, 1, 3\)"),
        ("after", None, r"of arrays of shapes \(2, 4, 3\), \(2, 1, 3\)"),
    ],
)
def test_what_a_hook_returns_is_checked(unchecked, hook, value, words):
    rule = Rule(extra=(wrong(hook, value),))
    x = jnp.ones((6, 4))

    def step():
        genome = genomes.random(jax.random.key(0), rule)
        state = Network((4, 3, 3)).init(jax.random.key(0), genome, 6)
        return inner.step(genome, state, x, jnp.ones((6, 3)))

    with pytest.raises(BluraxError, match=rf"Wrong\.{hook} returned .+{words}"):
        jax.eval_shape(step)


@pytest.mark.parametrize("value", [0.9, np.ones(()), np.ones((1, 1, 3)), np.ones((1, 1))])
def test_a_forget_gate_may_be_a_number_for_all(unchecked, value):
    pair = Pair(
        None, Reduction.SUM, jnp.ones((1, 6, 4)), jnp.ones((1, 6, 3)), [jnp.ones((1, 4, 3))]
    )
    assert wrong("forget", value).forget(jnp.ones(()), pair) is value
