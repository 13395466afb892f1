"""The gradient trainer: it descends, its members are independent, a divergence harms nobody."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.learner import Blur
from blurax.network import Network
from blurax.outer.config import MetaTrain
from blurax.outer.jobs import Scores
from blurax.outer.objective import Loss, Objective, When, episode_loss, prediction_loss
from blurax.outer.optimiser import MetaSchedule, Optimiser
from blurax.outer.problem import Problem, final_score
from blurax.outer.protocol import MetaTrainer
from blurax.outer.space import GenomeSpace
from blurax.outer.start import Start
from blurax.spec import Reduction, Rule, Update
from blurax.tasks import Classes, EpisodeSpec, Split, get

CONFIG = MetaTrain(
    tasks=("iris",),
    hidden=("0",),  # a trainer knows nothing of layers
    rule=Rule(update=Update(batch=Reduction.MEAN)),
    episode=EpisodeSpec(3, 16, 16),
    optimiser=Optimiser(learning_rate=1e-2),
    population=3,
    meta_steps=30,
    validation_episodes=2,
)


def change(**fields) -> MetaTrain:
    return dataclasses.replace(CONFIG, **fields)


@functools.cache
def begun(config: MetaTrain):
    """A trainer, its first state, and its step, compiled once for all tests of a configuration."""
    trainer = config.trainer()
    return trainer, trainer.init(jax.random.key(0)), eqx.filter_jit(trainer.step)


def trained(config: MetaTrain, steps: int):
    """A trainer's state after a few steps, and the losses on the way."""
    _, state, step = begun(config)
    losses = []
    for number in range(steps):
        state, info = step(state, jax.random.fold_in(jax.random.key(1), number))
        losses.append(info.loss)
    return state, np.stack(losses)


@pytest.mark.parametrize(
    ("loss", "when"),
    [*((Loss.CROSS_ENTROPY, when) for when in When), (Loss.SQUARED_ERROR, When.LAST)],
)
def test_it_descends(when, loss):
    horizons = (1, 3) if when is When.HORIZONS else ()
    _, losses = trained(change(objective=Objective(loss, when, horizons)), 60)
    early, late = losses[:10].mean(0), losses[-10:].mean(0)
    assert (late < early).sum() >= 2  # one unlucky random start may stay where it is
    assert late.min() < early.min()


def test_it_follows_the_protocol():
    assert isinstance(CONFIG.trainer(), MetaTrainer)


def test_a_member_does_not_depend_on_how_many_there_are():
    few, _ = trained(change(population=2), 4)
    many, _ = trained(CONFIG, 4)
    for one, other in zip(jax.tree.leaves(few), jax.tree.leaves(many), strict=True):
        np.testing.assert_allclose(one, other[:2], rtol=1e-9)


def test_first_step_is_adam_on_the_clipped_gradient():
    """Against the gradient of the loss itself: Adam's first step is the rate times its sign."""
    trainer, state, step = begun(CONFIG)
    key = jax.random.key(1)
    moved, info = step(state, key)
    genome = jax.tree.map(lambda leaf: leaf[0], state.genomes)
    gradient = eqx.filter_jit(jax.grad(trainer.problem.loss))(genome, jax.random.fold_in(key, 0))
    flat = np.asarray(genomes.flatten(gradient))
    np.testing.assert_allclose(info.gradient_norm[0], np.linalg.norm(flat))
    change_made = genomes.flatten(
        jax.tree.map(lambda a, b: (a - b)[0], moved.genomes, state.genomes)
    )
    large = np.abs(flat) > 1e-4
    np.testing.assert_allclose(change_made[large], -1e-2 * np.sign(flat[large]), rtol=1e-3)


def test_a_member_that_diverges_stays_where_it_was_and_is_counted():
    _, state, step = begun(CONFIG)
    wild = eqx.tree_at(
        lambda s: s.genomes.synapse.eta_tilde,
        state,
        state.genomes.synapse.eta_tilde.at[1].set(jnp.inf),
    )
    moved, info = step(wild, jax.random.key(1))
    assert info.diverged.tolist() == [False, True, False]
    for before, after in zip(jax.tree.leaves(wild), jax.tree.leaves(moved), strict=True):
        np.testing.assert_array_equal(before[1], after[1])
    assert all(np.isfinite(leaf[jnp.array([0, 2])]).all() for leaf in jax.tree.leaves(moved))
    assert not np.array_equal(wild.genomes.neuron.nu[0], moved.genomes.neuron.nu[0])
    seed, leaves = jax.random.key_data(jax.random.key(2)), jax.tree.leaves(wild.genomes)
    scores = Scores(CONFIG.validation(), 2)(leaves, seed)
    assert scores[1, 0] == 0


def test_start_from_back_propagation():
    trainer = change(start=Start.BACKPROP, start_rate=0.3).trainer()
    found = trainer.init(jax.random.key(0)).genomes
    exact = genomes.backprop(CONFIG.rule, 0.3)
    for name, leaf in genomes.leaves(found).items():
        np.testing.assert_allclose(leaf, np.stack([genomes.leaves(exact)[name]] * 3), atol=0.1)
    assert not np.allclose(found.neuron.nu[0], found.neuron.nu[1])


@pytest.mark.parametrize("start", Start)
def test_examples_inhibit_each_other_by_the_share_of_the_start(start):
    rule = dataclasses.replace(Rule(), update=Update(decorrelate=True))
    trainer = change(rule=rule, start=start, start_coupling=0.8).trainer()
    gene = trainer.init(jax.random.key(0)).genomes.synapse.decorrelation
    np.testing.assert_allclose(jax.nn.sigmoid(gene), 0.8, atol=0.02)


def test_back_propagation_without_noise_is_the_start_exactly():
    trainer = change(start=Start.BACKPROP, start_rate=0.3, start_noise=0.0).trainer()
    found = trainer.init(jax.random.key(0)).genomes
    exact = genomes.backprop(CONFIG.rule, 0.3)
    for name, leaf in genomes.leaves(found).items():
        np.testing.assert_array_equal(leaf, np.stack([genomes.leaves(exact)[name]] * 3))


@pytest.mark.parametrize("noise", [-0.1, float("nan"), float("inf")])
def test_noise_that_is_none_is_refused(noise):
    with pytest.raises(BluraxError, match=r"MetaTrain\.start_noise is .*takes a number >= 0"):
        change(start_noise=noise)


def test_noise_where_nothing_is_back_propagation_is_refused():
    with pytest.raises(BluraxError, match=r"MetaTrain\.start is random; it counts only"):
        change(start_noise=0.0)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(BluraxError, match=r"MetaTrain\.start_coupling is .*between 0 and 1"):
        change(start_coupling=share)


def test_cosine_schedule_ends_a_hundredth_of_its_start():
    gradient = jnp.ones(1)

    def size_of_step(optimiser: Optimiser, step: int) -> float:
        transform = optimiser.transformation(meta_steps=50)
        state = transform.init(gradient)
        for _ in range(step):
            _, state = transform.update(gradient, state)
        return float(-transform.update(gradient, state)[0][0])

    cosine, constant = (
        Optimiser(learning_rate=0.1, schedule=MetaSchedule.COSINE),
        Optimiser(learning_rate=0.1),
    )
    assert size_of_step(cosine, 0) == pytest.approx(0.1, rel=1e-4)
    assert size_of_step(cosine, 50) == pytest.approx(0.001, rel=1e-4)
    assert size_of_step(constant, 50) == pytest.approx(0.1, rel=1e-4)


def test_clip_bounds_the_gradient_by_its_norm():
    transform = Optimiser(learning_rate=1.0, clip=5.0).transformation(1)
    gradient = jnp.asarray([30.0, 40.0])
    _, state = transform.update(gradient, transform.init(gradient))
    np.testing.assert_allclose(jax.tree.leaves(state)[1], 0.1 * np.array([3.0, 4.0]))


def test_prediction_losses_by_hand():
    prediction, y = jnp.asarray([[1.0, -1.0], [0.0, 3.0]]), jnp.asarray([[1.0, -1.0], [1.0, -1.0]])
    assert prediction_loss(prediction, y, Loss.SQUARED_ERROR, Classes(y.shape[1])) == pytest.approx(
        (0 + 0 + 1 + 16) / 4
    )
    by_hand = (np.log(1 + np.exp(-2)) + np.log(1 + np.exp(3))) / 2
    assert prediction_loss(prediction, y, Loss.CROSS_ENTROPY, Classes(y.shape[1])) == pytest.approx(
        by_hand
    )


def test_mean_objective_is_the_mean_of_shorter_episodes():
    """A query after each step of one episode: the last-step losses of its first 1, 2, 3 steps."""
    task, network = get("iris"), Network((4, 3))
    genome, key = genomes.random(jax.random.key(3), CONFIG.rule), jax.random.key(4)
    fixed = EpisodeSpec(3, 16, 16, fixed_batch=True)  # so that shorter episodes see the same batch
    one_loss = eqx.filter_jit(episode_loss)
    last = [
        one_loss(Blur(genome, network), task, dataclasses.replace(fixed, steps=n), Objective(), key)
        for n in (1, 2, 3)
    ]
    mean = one_loss(Blur(genome, network), task, fixed, Objective(when=When.MEAN), key)
    assert mean == pytest.approx(float(np.mean(last)))


def test_a_problem_averages_over_its_tasks_and_networks():
    config = change(tasks=("iris", "wine"), hidden=("0", "2"))
    problem, key = config.trainer().problem, jax.random.key(5)
    genome = genomes.random(jax.random.key(6), config.rule)
    nets = [Network((4, 3)), Network((4, 2, 3)), Network((13, 3)), Network((13, 2, 3))]
    assert [n for networks in problem.networks for n in networks] == nets
    tasks = [problem.tasks[0]] * 2 + [problem.tasks[1]] * 2
    one_loss = eqx.filter_jit(episode_loss)
    losses = [
        one_loss(Blur(genome, net), task, config.episode, Objective(), jax.random.fold_in(key, p))
        for p, (task, net) in enumerate(zip(tasks, nets, strict=True))
    ]
    assert eqx.filter_jit(problem.loss)(genome, key) == pytest.approx(float(np.mean(losses)))
    drawn = jax.random.split(key, 2)
    scores = eqx.filter_jit(problem.validate)(genome, key, 2)
    final, rest = eqx.filter_jit(final_score), (config.episode, Split.VALIDATE)
    by_hand = [
        final(Blur(genome, nets[3]), tasks[3], jax.random.fold_in(k, 3), *rest) for k in drawn
    ]
    assert scores[3] == pytest.approx(float(np.mean(by_hand)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"population": 0}, "MetaTrain.population is 0"),
        ({"meta_steps": -1}, "MetaTrain.meta_steps is -1"),
        ({"tasks": ()}, "MetaTrain.tasks is empty"),
        ({"hidden": ()}, "MetaTrain.hidden is empty"),
        ({"hidden": ("x",)}, "The network 'x'"),
        ({"seed": -1}, "MetaTrain.seed is -1"),
        ({"seed": 1.5}, "MetaTrain.seed is 1.5; it takes a whole number"),
        (
            {"start": 3.5},
            "MetaTrain.start is 3.5; it takes random, backprop, a genome's name or file",
        ),
    ],
)
def test_bad_configurations_are_refused(fields, message):
    # the configuration's own check speaks, not the type checks that tests switch on
    from unchecked import unchecked

    config = unchecked("blurax.outer.config")
    with pytest.raises(BluraxError, match=message):
        config.MetaTrain(**fields)


def test_bad_optimisers_and_problems_are_refused():
    with pytest.raises(
        BluraxError, match=r"Optimiser.learning_rate is 0.0; it takes a number above 0"
    ):
        Optimiser(learning_rate=0.0)
    with pytest.raises(BluraxError, match="There is no task 'nothing'"):
        change(tasks=("nothing",)).trainer()
    with pytest.raises(BluraxError, match="genes for 3 synapse layers"):
        change(rule=Rule(layers=3)).trainer()
    with pytest.raises(BluraxError, match=r"Problem.tasks is empty"):
        Problem((), (), GenomeSpace(Rule()), EpisodeSpec(), Objective())


def test_a_program_for_each_setting_computes_what_one_of_them_all_does():
    objective = Objective(when=When.HORIZONS, horizons=(1, 3))
    trainer = change(tasks=("iris", "wine"), objective=objective).trainer()
    state, key = trainer.init(jax.random.key(0)), jax.random.key(1)
    apart, together = trainer.step(state, key), eqx.filter_jit(trainer.step)(state, key)
    for one, other in zip(jax.tree.leaves(apart), jax.tree.leaves(together), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_a_gradient_beyond_the_limit_moves_nothing():
    first = jax.random.fold_in(jax.random.key(1), 0)
    _, state, step = begun(CONFIG)
    norms = step(state, first)[1].gradient_norm
    limit = float(np.median(norms))
    trainer = change(optimiser=dataclasses.replace(CONFIG.optimiser, reject=limit)).trainer()
    state = trainer.init(jax.random.key(0))
    after, info = eqx.filter_jit(trainer.step)(state, first)
    np.testing.assert_array_equal(info.gradient_norm, norms)
    kept = np.asarray(info.gradient_norm) > limit
    assert kept.any()
    assert not kept.all()
    assert not info.diverged.any()  # it was finite, and is in the log
    pairs = zip(jax.tree.leaves(state.genomes), jax.tree.leaves(after.genomes), strict=True)
    moved = np.any([(old != new).reshape(3, -1).any(1) for old, new in pairs], axis=0)
    np.testing.assert_array_equal(moved, ~kept)
    counts = zip(jax.tree.leaves(state.optimiser), jax.tree.leaves(after.optimiser), strict=True)
    for old, new in counts:
        np.testing.assert_array_equal(np.asarray(old)[kept], np.asarray(new)[kept])


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_is_a_number_above_0(limit):
    with pytest.raises(BluraxError, match=r"Optimiser.reject is .*; it takes a number above 0"):
        Optimiser(reject=limit)
