"""The baselines are what they are called: each against a loop that shares no code with it."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.baselines import Arrangement, baseline
from blurax.curves import AT_ONCE, Schedule, learning_curve
from blurax.errors import BluraxError
from blurax.inner import predict, step
from blurax.learner import Blur
from blurax.network import Network
from blurax.spec import Activation, Normalise, Rule, Sigma, Stabilise
from blurax.tasks import Batch, EpisodeSpec, Split, get

NETWORK = Network((4, 6, 5, 3))
STEPS = 4
SPEC = EpisodeSpec(steps=STEPS, batch=16)
KEYS = jax.random.split(jax.random.key(3), 2)
RATE = 0.05


@pytest.fixture(scope="module")
def iris():
    return get("iris")


def begun(learner, task, key):
    """The initial state and the episode that `learning_curve` gives this key."""
    episode = task.sample(jax.random.fold_in(key, 1), SPEC, Split.VALIDATE)
    return learner.init(jax.random.fold_in(key, 0), SPEC.batch), episode


def followed(learner, task, schedule=Schedule.CONSTANT, stops=(1, STEPS)):
    return learning_curve(
        learner, task, KEYS, stops, Split.VALIDATE, rate=RATE, schedule=schedule, batch=16
    )[1]


def perceptron(layers, x, arrangement):
    """Written out, with its own batch normalisation."""
    *hidden, (w_last, b_last, _) = layers
    for w, b, scale in hidden:
        z = x @ w
        if arrangement.normalise:
            z = scale * (z - z.mean(0)) / jnp.sqrt(z.var(0) + 1e-5)
        z = z + b
        x = jnp.tanh(z) if arrangement.activation is Activation.TANH else jnp.maximum(z, 0)
    return x @ w_last + b_last


@functools.cache
def descent(arrangement):
    """The gradient of the loss and what layers say, compiled once for all optimisers."""

    def loss(layers, x, y):
        logits = perceptron(layers, x, arrangement)
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(logits) * (y > 0), axis=1))

    return jax.jit(jax.grad(loss)), jax.jit(lambda layers, x: perceptron(layers, x, arrangement))


class Textbook:
    """The change of one array by each optimiser, as the books write it."""

    def __init__(self, name):
        self.name, self.m, self.v, self.t = name, 0.0, 0.0, 0

    def change(self, w, g):
        self.t += 1
        if self.name == "sgd":
            return g
        if self.name in ("momentum", "nesterov"):
            self.m = 0.9 * self.m + g
            return g + 0.9 * self.m if self.name == "nesterov" else self.m
        if self.name == "rmsprop":
            self.v = 0.9 * self.v + 0.1 * g**2
            return g / np.sqrt(self.v + 1e-8)
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        m, v = self.m / (1 - 0.9**self.t), self.v / (1 - 0.999**self.t)
        return m / (np.sqrt(v) + 1e-8) + (0.01 * w if self.name == "adamw" else 0.0)


def by_hand(name, arrangement, learner, task, key, cosine):
    """The loss on the query after the first and the last step."""
    (initial, _), episode = begun(learner, task, key)
    layers = jax.tree.map(
        np.asarray, list(zip(initial.w, initial.b, initial.scale[1:], strict=True))
    )
    gradient_of, says = descent(arrangement)
    books = [[Textbook(name) for _ in layer] for layer in layers]
    losses = []
    for t, (x, y) in enumerate(zip(episode.x, episode.y, strict=True)):
        rate = RATE * (0.5 * (1 + np.cos(np.pi * t / STEPS)) if cosine else 1.0)
        gradients = jax.tree.map(np.asarray, gradient_of(layers, x, y))
        layers = [
            tuple(
                None if w is None else w - rate * book.change(w, g)
                for w, g, book in zip(layer, gradient, own, strict=True)
            )
            for layer, gradient, own in zip(layers, gradients, books, strict=True)
        ]
        said = says(layers, episode.query_x)
        losses.append(float(task.target.loss(said, episode.query_y)))
    return [losses[0], losses[-1]]


BOOKS = ("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop")
PLAIN, NORMED = Arrangement(), Arrangement(Activation.TANH, normalise=True)


@pytest.mark.parametrize(
    ("name", "arrangement", "cosine"),
    [("adam", PLAIN, False), *((name, NORMED, True) for name in BOOKS)],
)
def test_each_optimiser_is_the_textbook_one(iris, name, arrangement, cosine):
    learner = baseline(name).make(arrangement, NETWORK, iris)
    curve = followed(learner, iris, Schedule.COSINE if cosine else Schedule.CONSTANT)
    want = by_hand(name, arrangement, learner, iris, KEYS[1], cosine)
    np.testing.assert_allclose(curve.loss[1], want, rtol=1e-8)


def test_a_query_smaller_than_a_batch_is_normalised_by_the_batch(iris):
    """Iris validates on 30 examples: by themselves after batches of 16, by the batch after 32."""
    learner = baseline("sgd").make(NORMED, NETWORK, iris)
    spec = EpisodeSpec(steps=1, batch=32)
    episode = iris.sample(jax.random.fold_in(KEYS[0], 1), spec, Split.VALIDATE)
    state = learner.init(jax.random.fold_in(KEYS[0], 0), 32)
    batch, rate = Batch(episode.x[0], episode.y[0]), jnp.asarray(RATE)
    step_once = eqx.filter_jit(learner.step)
    state, _ = step_once(state, batch, rate=rate, key=KEYS[0], index=jnp.asarray(0))
    x, batch = episode.query_x, episode.x[0]
    assert len(x) == 30
    weights = state[0]
    *hidden, (w_last, b_last, _) = zip(weights.w, weights.b, weights.scale[1:], strict=True)
    for w, b, scale in hidden:
        z, seen = x @ w, batch @ w
        x, batch = (
            jnp.tanh(scale * (a - seen.mean(0)) / jnp.sqrt(seen.var(0) + 1e-5) + b)
            for a in (z, seen)
        )
    said = x @ w_last + b_last
    _, curve = learning_curve(learner, iris, KEYS, (1,), Split.VALIDATE, rate=RATE, batch=32)
    want = iris.target.loss(said, episode.query_y)
    np.testing.assert_allclose(curve.loss[0, 0], want, rtol=1e-9)
    itself = iris.target.loss(learner.predict(state, episode.query_x), episode.query_y)
    assert abs(want - itself) > 1e-3


@pytest.mark.parametrize("arrangement", [PLAIN, NORMED])
def test_activations_keep_their_initial_size(iris, arrangement):
    wide = Network((400, 400, 400, 3))
    weights, _ = baseline("sgd").make(arrangement, wide, iris).init(jax.random.key(0), 16)
    variance = 400 * float(jnp.var(weights.w[1]))
    assert variance == pytest.approx(2 if arrangement is PLAIN else 1, rel=0.02)
    assert not any(b.any() for b in weights.b)


@pytest.mark.parametrize("batch", [16, 32])  # the query has 30 examples
def test_the_curve_of_a_genome_is_that_of_single_steps(iris, batch):
    normalised = Stabilise(Normalise.BOTH)
    rule = Rule(
        states=2, keep_neurons=True, sigma=Sigma(*3 * [Activation.TANH]), stabilise=normalised
    )
    genome, steps = genomes.random(jax.random.key(0), rule), 2 * AT_ONCE + 3
    learner, stops = Blur(genome, NETWORK), (2, 3, AT_ONCE, steps)
    states, got = learning_curve(learner, iris, KEYS, stops, Split.TEST, batch=batch)
    step_once, says = jax.jit(step), jax.jit(learner.predict_after)
    for seed, key in enumerate(KEYS):
        spec = EpisodeSpec(steps=steps, batch=batch)
        episode = iris.sample(jax.random.fold_in(key, 1), spec, Split.TEST)
        state, losses = NETWORK.init(jax.random.fold_in(key, 0), genome, batch), []
        for t, (x, y) in enumerate(zip(episode.x, episode.y, strict=True)):
            state, _ = step_once(genome, state, x, y, t)
            said = says(state, episode.query_x, x)
            losses.append(iris.target.loss(said, episode.query_y))
        np.testing.assert_allclose(got.loss[seed], [losses[s - 1] for s in stops], rtol=1e-9)
        for mine, theirs in zip(state.synapses, states.synapses, strict=True):
            np.testing.assert_allclose(theirs.forward[seed], mine.forward, rtol=1e-9)
    assert (batch == 16) == np.allclose(said, predict(genome, state, episode.query_x))


def test_an_episode_that_is_continued_is_the_same_episode(iris):
    learner = baseline("adam").make(PLAIN, NETWORK, iris)
    whole, curve = learning_curve(learner, iris, KEYS, range(1, 24), Split.TEST, rate=RATE)
    half, early = learning_curve(learner, iris, KEYS, range(1, 8), Split.TEST, rate=RATE)
    end, late = learning_curve(
        learner, iris, KEYS, range(8, 24), Split.TEST, rate=RATE, state=half, first=7
    )
    np.testing.assert_array_equal(np.hstack([early.loss, late.loss]), curve.loss)
    for mine, theirs in zip(jax.tree.leaves(end), jax.tree.leaves(whole), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def _size(before, after, info, batch):
    return jnp.linalg.norm(after[0].w[0] - before[0].w[0]), batch.x.sum()


def test_an_observer_sees_each_step_that_is_evaluated(iris):
    learner, stops = baseline("sgd").make(PLAIN, NETWORK, iris), (1, 12)
    _, curve = learning_curve(
        learner, iris, KEYS, stops, Split.TEST, rate=RATE, batch=16, observe=_size
    )
    moved, inputs = curve.seen
    assert moved.shape == inputs.shape == (2, 2)
    spec = EpisodeSpec(steps=12, batch=16)
    for seed, key in enumerate(KEYS):
        x = iris.sample(jax.random.fold_in(key, 1), spec, Split.TEST).x
        np.testing.assert_allclose(inputs[seed], [x[0].sum(), x[11].sum()], rtol=1e-9)
    assert (moved > 0).all()


def _off(prediction, y, mask):
    return jnp.sum(prediction - y, axis=0), jnp.abs(prediction).max()


def test_a_judge_sees_each_query_as_it_was_predicted(iris):
    """By a learner that goes on alone; the score and the loss are the same with and without."""
    learner = baseline("sgd").make(PLAIN, NETWORK, iris)
    given = learner, iris, KEYS, (1, STEPS), Split.VALIDATE
    state, curve = learning_curve(*given, rate=RATE, batch=16, judge=_off)
    _, alone = learning_curve(*given, rate=RATE, batch=16)
    np.testing.assert_array_equal(curve.loss, alone.loss)
    assert alone.judged is None
    sums, largest = curve.judged
    assert (sums.shape, largest.shape) == ((2, 2, 3), (2, 2))
    for seed, key in enumerate(KEYS):
        last = jax.tree.map(lambda leaf, seed=seed: leaf[seed], state)
        _, episode = begun(learner, iris, key)
        found = learner.predict(last, episode.query_x)
        np.testing.assert_allclose(largest[seed, 1], jnp.abs(found).max(), rtol=1e-9)
        np.testing.assert_allclose(sums[seed, 1], (found - episode.query_y).sum(0), atol=1e-9)


def test_a_judge_of_a_sequence_says_the_mean_over_its_stages():
    """As the score does: the mean of what is said of each stage's part."""
    task = get("sequence:iris:by=permute,stages=3,steps=2,repeat")
    learner = baseline("sgd").make(PLAIN, Network((4, 6, task.outputs)), task)
    target = task.target

    def score(prediction, y, mask):
        return target.finite_score(prediction, y, mask)

    given = learner, task, KEYS, (2, 6), Split.TEST
    _, curve = learning_curve(*given, rate=RATE, batch=8, judge=score)
    np.testing.assert_allclose(curve.judged, curve.accuracy, rtol=1e-9)
    np.testing.assert_allclose(curve.judged, curve.stages.mean(axis=-1), rtol=1e-9)


def test_stops_between_change_nothing_but_the_horizon_of_a_cosine(iris):
    learner = baseline("adam").make(PLAIN, NETWORK, iris)
    for schedule in Schedule:
        some, more = (
            followed(learner, iris, schedule, s).loss[:, -1] for s in ((21,), (3, 10, 21))
        )
        np.testing.assert_array_equal(some, more)
    short, long = (followed(learner, iris, Schedule.COSINE, s).loss[:, 0] for s in ((5,), (5, 9)))
    assert (short != long).all()


def test_what_diverges_scores_nothing(iris):
    learner = baseline("sgd").make(PLAIN, NETWORK, iris)
    _, curve = learning_curve(learner, iris, KEYS, (5,), Split.VALIDATE, rate=np.inf, batch=16)
    np.testing.assert_array_equal(curve.accuracy, 0)


def test_mistakes_are_sentences(iris):
    learner = baseline("sgd").make(PLAIN, NETWORK, iris)
    for stops in ((), (0, 1), (2, 2)):
        with pytest.raises(BluraxError, match="it takes growing numbers of steps"):
            followed(learner, iris, stops=stops)
    with pytest.raises(BluraxError, match="4 features"):
        followed(baseline("sgd").make(PLAIN, Network((5, 3)), iris), iris)
    with pytest.raises(BluraxError, match="no baseline 'best'; there are sgd, momentum"):
        baseline("best")
