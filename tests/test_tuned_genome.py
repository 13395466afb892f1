"""A genome among the baselines: its rates and hidden layers are chosen as an optimiser's are."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax import Activation, Blur, BluraxError, Network, Rule, zoo
from blurax.baselines import (
    Arrangement,
    Setting,
    TunedBlur,
    Tuning,
    baseline,
    is_built_in,
    named,
    record_baseline,
)
from blurax.curves import learning_curve
from blurax.tasks import Split, get

NET = Network((4, 8, 3))


def chosen(activation):
    return Arrangement(settings=(Setting("activation", activation),), own=True)


def curve(learner, rate):
    keys = jax.random.split(jax.random.key(0), 2)
    return learning_curve(learner, get("iris"), keys, (1, 5), Split.VALIDATE, rate=rate)[1]


@pytest.mark.parametrize("name", ["quick", "default", "steady"])
def test_at_a_rate_of_one_it_is_the_genome_itself(name):
    genome = zoo.genome(name)[0]
    own = genome.rule.sigma.forward.value
    learner = baseline(f"tuned-{name}").make(chosen(own), NET, get("iris"))
    found, plain = curve(learner, 1.0), curve(Blur(genome, NET), 1.0)
    np.testing.assert_array_equal(found.accuracy, plain.accuracy)
    np.testing.assert_allclose(found.loss, plain.loss, rtol=1e-6)
    assert not np.allclose(curve(learner, 0.3).loss, plain.loss, rtol=1e-3)


def test_the_genome_of_back_propagation_at_a_rate_is_gradient_descent_at_it():
    """At whatever rate the genome itself has: all that changes is multiplied."""
    genome = blurax.backprop(Rule.backprop(Activation.TANH), 0.5)
    x = jax.random.normal(jax.random.key(1), (6, 4))
    y = jax.nn.one_hot(jnp.arange(6) % 3, 3)
    learner = TunedBlur(genome, NET, get("iris").target)
    state = learner.init(jax.random.key(0), 6)
    given = {"rate": jnp.asarray(0.2), "key": jax.random.key(2), "index": jnp.asarray(0)}
    batch = blurax.Batch(x, y)
    after, _ = learner.step(state, batch, **given)
    weights = [(s.forward[0], s.bias[0]) for s in state.synapses]

    def loss(weights):
        a = x
        for l, (w, b) in enumerate(weights):
            a = a @ w + b
            a = jnp.tanh(a) if l == 0 else a
        return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(a), axis=-1))

    for (w, b), (dw, db), new in zip(weights, jax.grad(loss)(weights), after.synapses, strict=True):
        np.testing.assert_allclose(new.forward[0], w - 0.1 * dw, rtol=1e-10)
        np.testing.assert_allclose(new.bias[0], b - 0.1 * db, rtol=1e-10)


FEW = Tuning((Activation.RELU,), (False,), seeds=2)


MINE = "tuned-mine"


def slower(genome):
    return eqx.tree_at(lambda g: g.synapse.eta_tilde, genome, genome.synapse.eta_tilde / 10)


@pytest.mark.usefixtures("own_baselines_forgotten")
def test_the_tuner_finds_the_rate_that_a_genome_lacks():
    """Ten times slower rates, ten times the rate: the same validation and test."""
    quick, task, key = zoo.genome("quick")[0], get("iris"), jax.random.key(3)
    found = record_baseline("tuned-quick", NET, task, key, (5, 10), seeds=2, tuning=FEW)
    blurax.add_baseline(MINE, slower(quick), scale=10.0)
    again = record_baseline(MINE, NET, task, key, (5, 10), seeds=2, tuning=FEW)
    for one, other in zip(found.choices, again.choices, strict=True):
        assert other.arrangement == one.arrangement
        assert other.rate == pytest.approx(10 * one.rate)
        assert other.validation == pytest.approx(one.validation)
    np.testing.assert_allclose(again.accuracy, found.accuracy)


def test_what_is_chosen_from():
    """Its own non-linearity and those that baselines may have, whatever else a tuner may choose."""
    found = baseline("tuned-default")
    options = FEW.arrangements(found, NET)
    assert [str(each) for each in options] == ["activation=relu", "activation=tanh"]
    assert [str(each) for each in FEW.arrangements(baseline("tuned-quick"), NET)] == [
        "activation=folded-relu",
        "activation=relu",
        "activation=tanh",
    ]


def test_a_genome_of_the_zoo_is_there_by_its_name():
    assert named(["sgd", "tuned-quick", "tuned-quick"]) == ("sgd", "tuned-quick")
    assert is_built_in("tuned-quick")
    assert not is_built_in("tuned-mine")
    assert baseline("tuned-quick").source != baseline("tuned-thorough").source
    assert "tuned-quick" not in named(["all"])


@pytest.mark.usefixtures("own_baselines_forgotten")
def test_other_numbers_are_another_source():
    quick = zoo.genome("quick")[0]
    blurax.add_baseline(MINE, quick, scale=1.0)
    assert baseline(MINE).source == baseline("tuned-quick").source
    blurax.add_baseline(MINE, slower(quick), scale=1.0)
    assert baseline(MINE).source != baseline("tuned-quick").source


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: baseline("tuned-quik"), "no genome or learner 'quik' in the zoo; did you mean"),
        (lambda g: named(["tuned-/etc/passwd"]), "no genome or learner '/etc/passwd' in the zoo"),
        (lambda g: baseline("tuned-vsml"), "vsml is a learner, and this takes a genome"),
        (lambda g: named(["tuned-quick+l2"]), "adds regularisers to tuned-quick, which takes none"),
        (lambda g: baseline("quick"), "no baseline 'quick'.*tuned-NAME for a genome of the zoo"),
        (
            lambda g: blurax.add_baseline("tuned-quick", g, scale=1.0),
            "a baseline 'tuned-quick' already",
        ),
        (
            lambda g: blurax.add_baseline("a", g, scale=1.0, space={"b": (1,)}),
            "a is a genome, and space is given",
        ),
        (lambda g: blurax.add_baseline("a", g, scale=None), "a is a genome, and scale is None"),
    ],
)
def test_mistakes_are_sentences(call, message):
    with pytest.raises(BluraxError, match=message):
        call(zoo.genome("quick")[0])


def test_a_comparison_takes_it_and_names_it(tmp_path):
    found = blurax.compare(
        {"quick": "quick"},
        tasks=("iris",),
        hidden=("8",),
        baselines=("tuned-quick",),
        budgets=(5,),
        seeds=2,
        tuning=FEW,
        directory=tmp_path / "kept",
    )
    rows = {row["learner"]: row for row in found.rows}
    assert rows["tuned-quick"]["rate"] > 0
    assert "activation=" in rows["tuned-quick"]["network"]
    plan = (tmp_path / "kept" / "plan.json").read_text(encoding="utf-8")
    assert baseline("tuned-quick").source in plan
