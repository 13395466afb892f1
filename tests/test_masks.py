"""Batches with a mask, pytrees, several queries, targets of one's own: through all that learns."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax.baselines.catalogue import BASELINES
from blurax.baselines.descent import Arrangement
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.fit import blur_for
from blurax.outer.objective import Loss, Objective, When
from blurax.outer.problem import Problem
from blurax.outer.space import GenomeSpace
from blurax.spec import Normalise, Reduction, Rule, Signal, Stabilise, Update
from blurax.tasks import Batch, Classes, Episode, EpisodeSpec, Split, Target, Task, signed_one_hot

NETWORK = blurax.Network((3, 5, 2))
KEYS = jax.random.split(jax.random.key(0), 2)
EVERY = EpisodeSpec(steps=3, batch=6, query=8, held_out=8)


class Cloud(Task):
    """Points; with `padded` more rows of nonsense in each batch, and a mask that hides them."""

    padded: int = 0
    name: str = "cloud"
    input_shape: tuple[int, ...] = (3,)
    target: Target = Classes(2)

    def sample(self, key, spec, split, first=0):
        real = spec.batch - self.padded

        def examples(key, n):
            x = jax.random.normal(key, (n, 3))
            return x, signed_one_hot((x[:, 0] > x[:, 1]).astype(int), 2)

        def padded(x, y):
            rows = ((0, self.padded), (0, 0))
            return jnp.pad(x, rows, constant_values=7.0), jnp.pad(y, rows, constant_values=1.0)

        steps = first + jnp.arange(spec.steps)
        x, y = jax.vmap(lambda s: padded(*examples(jax.random.fold_in(key, s), real)))(steps)
        query = padded(*examples(jax.random.fold_in(key, 999), 8))
        first_stage = {"first stage": Batch(*examples(jax.random.fold_in(key, 998), 4))}
        if not self.padded:
            return Episode(x, y, *query, others=first_stage)
        mask = jnp.broadcast_to(jnp.arange(spec.batch) < real, (spec.steps, spec.batch))
        hides = jnp.arange(8 + self.padded) < 8
        return Episode(x, y, *query, mask, hides, others=first_stage)


def learners():
    for batch in Reduction:
        rule = Rule(states=3, update=Update(batch, after_forward=True))
        yield blurax.Blur(blurax.random(jax.random.key(5), rule), NETWORK)
    yield blurax.Blur(blurax.backprop(Rule.backprop(), 0.5), NETWORK)
    for name in ("adam", "fa", "dfa"):
        yield BASELINES[name].make(Arrangement(), NETWORK, Cloud())


@pytest.mark.parametrize("learner", list(learners()))
def test_a_padded_batch_teaches_what_the_unpadded_one_does(learner):
    curves = []
    for padded in (0, 3):
        task, batch = Cloud(padded), 6 + padded
        _, curve = learning_curve(learner, task, KEYS, (1, 3), Split.TEST, rate=0.1, batch=batch)
        curves.append(curve)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), *curves)
    assert curves[0].others["first stage"].loss.shape == curves[0].loss.shape == (2, 2)
    assert (curves[0].others["first stage"].loss != curves[0].loss).all()


def test_a_meta_loss_does_not_see_what_is_hidden():
    genome = blurax.backprop(Rule.backprop(), 0.5)
    for loss in Loss:
        found = []
        for padded in (0, 3):
            problem = Problem(
                (Cloud(padded),),
                ((NETWORK,),),
                GenomeSpace(genome.rule),
                EpisodeSpec(3, 6 + padded, 8, 8),
                Objective(loss, When.MEAN),
            )
            key = jax.random.key(1)
            found.append((problem.loss(genome, key), problem.validate(genome, key, 2)))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), *found)


def test_who_lets_examples_act_on_each_other_takes_no_mask():
    rule = Rule(stabilise=Stabilise(Normalise.BOTH))
    normalised = blurax.Blur(blurax.random(jax.random.key(0), rule), NETWORK)
    descent = BASELINES["sgd"].make(Arrangement(normalise=True), NETWORK, Cloud())
    for learner in (normalised, descent):
        with pytest.raises(BluraxError, match="lets examples of a batch act on each other"):
            learning_curve(learner, Cloud(3), KEYS, (1,), Split.TEST, batch=9)
    with pytest.raises(BluraxError, match="as x, y = batch, which would learn from what the mask"):
        tuple(Batch(jnp.zeros((2, 3)), jnp.zeros((2, 2)), jnp.array([True, False])))


class Pair(Task):
    """Inputs in two arrays, and targets as whole numbers."""

    name: str = "pair"
    input_shape: tuple[int, ...] = (3,)
    target: Target = Classes(2)

    def sample(self, key, spec, split, first=0):
        plain = Cloud().sample(key, spec, split, first)

        def two(x):
            return {"left": x[..., :1], "right": x[..., 1:]}

        return Episode(two(plain.x), plain.y, two(plain.query_x), plain.query_y)


class Linear(blurax.Learner):
    """Least squares on inputs in two arrays."""

    network: blurax.Network = eqx.field(static=True)

    def inputs(self, x):
        return x

    def init(self, key, batch):
        return jnp.zeros((3, 2))

    def step(self, state, batch, *, rate, key, index):
        x, y = batch
        joined = jnp.concatenate([x["left"], x["right"]], axis=1)
        return state - 0.1 * joined.T @ (joined @ state - y) / len(y), None

    def predict(self, state, x):
        return jnp.concatenate([x["left"], x["right"]], axis=1) @ state


def test_inputs_may_be_a_pytree_for_a_learner_that_takes_it():
    _, curve = learning_curve(Linear(NETWORK), Pair(), KEYS, (1, 30), Split.TEST, batch=64)
    assert (curve.loss[:, 1] < curve.loss[:, 0]).all()
    learner = blur_for(blurax.backprop(Rule.backprop(), 0.5), NETWORK, Pair())
    with pytest.raises(BluraxError, match="Blur learns from rows, but the task's inputs are a d"):
        learning_curve(learner, Pair(), KEYS, (1,), Split.TEST)


class Parts(Target):
    """What is asked for stands in two arrays."""

    def losses(self, outputs, y):
        return (outputs - jnp.concatenate([y["first"], y["second"]], axis=-1)) ** 2

    def score(self, outputs, y, mask=None):
        return jnp.exp(-self.loss(outputs, y, mask))


class Halves(Task):
    """Targets in two arrays."""

    name: str = "halves"
    input_shape: tuple[int, ...] = (3,)
    target: Target = Parts(2)

    def sample(self, key, spec, split, first=0):
        plain = Cloud().sample(key, spec, split, first)

        def two(y):
            return {"first": y[..., :1], "second": y[..., 1:]}

        return Episode(plain.x, two(plain.y), plain.query_x, two(plain.query_y))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("signal", Signal)
def test_targets_may_be_a_pytree_for_all_but_genomes(signal):
    sgd = BASELINES["sgd"].make(Arrangement(), NETWORK, Halves())
    _, curve = learning_curve(sgd, Halves(), KEYS, (1, 30), Split.TEST, rate=0.1, batch=64)
    assert (curve.loss[:, 1] < curve.loss[:, 0]).all()
    genome = blur_for(blurax.backprop(Rule.backprop(signal=signal), 0.5), NETWORK, Halves())
    for learner in (genome, BASELINES["fa"].make(Arrangement(), NETWORK, Halves())):
        with pytest.raises(BluraxError, match="y is a dict, but a genome's error signal"):
            learning_curve(learner, Halves(), KEYS, (1,), Split.TEST)


class Total(Classes):
    """Its losses are one number, that of the whole batch."""

    def losses(self, outputs, y):
        return jnp.mean((outputs - y) ** 2)


class Summed(Cloud):
    """A task with it."""

    target: Target = Total(2)


@pytest.mark.usefixtures("unchecked")
def test_losses_of_a_target_of_ones_own_are_for_each_example():
    words = (
        r"Total\.losses returned an array of shape \(\); it is to return a loss for each example"
    )
    genome = blur_for(blurax.backprop(Rule.backprop(), 0.5), NETWORK, Summed())
    for learner in (genome, BASELINES["sgd"].make(Arrangement(), NETWORK, Summed())):
        with pytest.raises(BluraxError, match=words):
            learning_curve(learner, Summed(), KEYS, (1,), Split.TEST)
