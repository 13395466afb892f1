"""Settings that differ between meta-steps: which are drawn, how often, and what they cost."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.learner import Blur
from blurax.network import Network
from blurax.outer.config import MetaTrain, Pairing
from blurax.outer.objective import Objective, episode_loss
from blurax.outer.vary import Draw, Vary
from blurax.spec import Reduction, Rule, Update
from blurax.tasks import EpisodeSpec, choice, get

RULE = Rule(update=Update(batch=Reduction.MEAN))
CONFIG = MetaTrain(
    tasks=("xor@3", "or"),
    hidden=("3", "2-2"),
    rule=RULE,
    episode=EpisodeSpec(2, 6, 8),
    population=2,
    vary=Vary(draw=Draw.ONE, batches=(4,)),
)


def test_one_setting_is_drawn_and_only_that_is_computed():
    problem = CONFIG.trainer().problem
    genome, key = genomes.random(jax.random.key(0), RULE), jax.random.key(1)
    xor, other = get("xor"), get("or")
    settings = [
        (task, Network((2, *hidden, 2)), EpisodeSpec(2, batch, 8))
        for task in (xor, other)
        for hidden in ((3,), (2, 2))
        for batch in (6, 4)
    ]
    loss = eqx.filter_jit(problem.loss)
    for which, (task, network, spec) in enumerate(settings):
        alone = eqx.filter_jit(episode_loss)(Blur(genome, network), task, spec, Objective(), key)
        found = loss(genome, key, jnp.asarray(which))
        np.testing.assert_allclose(found, alone, rtol=1e-10)
        np.testing.assert_allclose(loss(genome, key, which), alone, rtol=1e-10)
        program = jax.make_jaxpr(lambda key, which=which: problem.loss(genome, key, which))(key)
        assert "cond[" not in str(program)

    def step(trainer, state, key):
        return trainer.step(state, key)

    trainer = CONFIG.trainer()
    state = eqx.filter_eval_shape(trainer.init, key)
    program = str(
        jax.make_jaxpr(
            lambda key: step(
                trainer, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state), key
            )
        )(key)
    )
    assert "cond[" in program  # a branch that is taken, not eight results to select from


def test_a_meta_step_is_the_same_alone_and_inside_a_larger_program():
    trainer, key = CONFIG.trainer(), jax.random.key(4)
    state = trainer.init(key)
    alone, _ = trainer.step(state, key)
    inside, _ = eqx.filter_jit(lambda state, key: trainer.step(state, key))(state, key)
    for one, other in zip(jax.tree.leaves(alone), jax.tree.leaves(inside), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_settings_are_drawn_by_the_weight_of_their_task():
    problem = CONFIG.trainer().problem
    assert problem.weights == (3.0, 1.0)
    draws = jax.vmap(problem.draw)(jax.random.split(jax.random.key(0), 4000))
    share = np.bincount(np.asarray(draws), minlength=8) / 4000
    np.testing.assert_allclose(share, [3 / 16] * 4 + [1 / 16] * 4, atol=0.025)


def test_the_mean_over_all_settings_weighs_the_tasks():
    genome, key = genomes.random(jax.random.key(0), RULE), jax.random.key(1)
    problem = dataclasses.replace(CONFIG, vary=Vary(batches=(4,))).trainer().problem
    assert problem.draw(key) is None
    one = eqx.filter_jit(problem.loss)
    parts = [one(genome, jax.random.fold_in(key, s), jnp.asarray(s)) for s in range(8)]
    expected = np.average(parts, weights=[3] * 4 + [1] * 4)
    np.testing.assert_allclose(one(genome, key), expected, rtol=1e-10)


def test_initial_synapses_differ_in_size_by_one_factor():
    network, key = Network((2, 3, 2)), jax.random.key(0)
    learner, factors = Blur(genomes.random(key, RULE), network), []
    for seed in range(30):
        made = jax.random.fold_in(key, seed)
        plain = network.init(jax.random.split(made)[0], RULE, 4)
        varied = Vary(init=3.0).initial(learner, 4, made)
        ratios = np.concatenate(
            [
                np.ravel(v.forward / p.forward)
                for v, p in zip(varied.synapses, plain.synapses, strict=True)
            ]
        )
        np.testing.assert_allclose(ratios, ratios[0], rtol=1e-10)
        factors.append(ratios[0])
    assert 1 / 3 <= min(factors) < 0.6
    assert 1.6 < max(factors) <= 3
    same = Vary().initial(learner, 4, key)
    jax.tree.map(np.testing.assert_array_equal, same, network.init(key, RULE, 4))


def test_choices_follow_their_weights():
    draw = jax.jit(jax.vmap(lambda key: choice(key, (1.0, 0.5, 2.5))))
    found = np.asarray(draw(jax.random.split(jax.random.key(0), 4000)))
    np.testing.assert_allclose(np.bincount(found) / 4000, [0.25, 0.125, 0.625], atol=0.03)
    assert np.asarray(choice(jax.random.key(0), (1.0,))) == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"batches": (0,)}, r"Vary\.batches is \(0,\)"),
        ({"init": 0.5}, r"Vary\.init is 0\.5"),
        ({"init": float("inf")}, r"Vary\.init is inf"),
    ],
)
def test_bad_variation_is_refused(fields, message):
    with pytest.raises(BluraxError, match=message):
        Vary(**fields)


def test_bad_weights_are_refused():
    with pytest.raises(BluraxError, match=r"Problem\.weights is \(0\.0, 1\.0\)"):
        dataclasses.replace(CONFIG, tasks=("xor@0", "or")).trainer()


def test_tasks_and_networks_in_order_are_pairs():
    config = dataclasses.replace(CONFIG, tasks=("xor@3", "xor"), pairing=Pairing.IN_ORDER)
    assert config.pairs() == [("xor@3", ("3",)), ("xor", ("2-2",))]
    problem = config.problem()
    settings = [(network.sizes, spec.batch) for _, network, spec in problem.settings()]
    assert settings == [((2, 3, 2), 6), ((2, 3, 2), 4), ((2, 2, 2, 2), 6), ((2, 2, 2, 2), 4)]
    np.testing.assert_allclose(problem.setting_weights(), [3 / 8, 3 / 8, 1 / 8, 1 / 8])
    assert [n.sizes for _, n, _ in config.validation().settings()] == [(2, 3, 2), (2, 2, 2, 2)]
    # Tasks of their own to validate on have no order: each meets every network, once.
    apart = dataclasses.replace(config, hidden=("3", "3"), validate_on=("or", "and", "nand"))
    assert apart.validated_pairs() == [(name, ("3",)) for name in ("or", "and", "nand")]


def test_pairs_in_order_take_as_many_networks_as_tasks():
    with pytest.raises(BluraxError, match=r"takes a network for each task, but .* has 2 .* 1"):
        dataclasses.replace(CONFIG, hidden=("3",), pairing=Pairing.IN_ORDER)


def test_each_pair_may_have_a_batch_size_of_its_own():
    config = dataclasses.replace(
        CONFIG,
        tasks=("xor@3", "xor"),
        pairing=Pairing.IN_ORDER,
        vary=Vary(),
        batches=(4, 8),
        validation_episodes=2,
    )
    problem = config.problem()
    settings = [(network.sizes, spec.batch) for _, network, spec in problem.settings()]
    assert settings == [((2, 3, 2), 4), ((2, 2, 2, 2), 8)]
    np.testing.assert_allclose(problem.setting_weights(), [3 / 4, 1 / 4])
    alone = [
        dataclasses.replace(config, tasks=(task,), hidden=(hidden,), batches=(batch,)).problem()
        for task, hidden, batch in zip(config.tasks, config.hidden, config.batches, strict=True)
    ]
    genome, key = genomes.random(jax.random.key(0), RULE), jax.random.key(1)
    losses = [
        problem.loss(genome, key, which) - one.loss(genome, key, 0)
        for which, one in enumerate(alone)
    ]
    np.testing.assert_allclose(losses, 0, atol=1e-12)
    validated = [(n.sizes, spec.batch) for _, n, spec in config.validation().settings()]
    assert validated == settings
    apart = dataclasses.replace(config, validate_on=("or", "and", "nand"))
    assert apart.batches_validated() == (6, 6, 6)
    assert config.validation().validate(genome, key, 2).shape == (2,)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"batches": (4,)}, r"MetaTrain\.batches is \(4,\); it takes a size for each of the 2"),
        ({"batches": (4, 0)}, r"MetaTrain\.batches is \(4, 0\); a size"),
        ({"batches": (4, 8), "pairing": Pairing.ALL}, r"takes the pairing in-order"),
        ({"batches": (4, 8), "vary": Vary(batches=(2,))}, r"Vary\.batches \(2,\).*leave out one"),
    ],
)
def test_batch_sizes_that_fit_no_pairs_are_refused(fields, message):
    config = dataclasses.replace(CONFIG, vary=Vary(), pairing=Pairing.IN_ORDER)
    with pytest.raises(BluraxError, match=message):
        dataclasses.replace(config, **fields)
