"""Objectives: what is asked when, what growth costs, what is refused."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import genome as genomes
from blurax.errors import BluraxError
from blurax.inner import predict, step
from blurax.learner import Blur
from blurax.network import Network, NetworkState
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Pes
from blurax.outer.objective import Loss, Objective, When, episode_loss
from blurax.outer.plastic import log_size
from blurax.remat import Remat
from blurax.spec import Reduction, Rule, Update
from blurax.tasks import EpisodeSpec, Split, get

RULE = Rule(update=Update(batch=Reduction.MEAN))
SPEC = EpisodeSpec(5, 16, 24)
NETWORK = Network((4, 3))  # what is asked when does not depend on the layers
KEY = jax.random.key(4)
GENOME = genomes.random(jax.random.key(3), RULE)


@eqx.filter_jit
def seen(state: NetworkState, query) -> tuple:
    """Loss, score and size of the synapses of one state."""
    prediction, target = predict(GENOME, state, query[0]), get("iris").target
    loss, score = target.loss(prediction, query[1]), target.score(prediction, query[1])
    return loss, score, log_size(state)


@pytest.fixture(scope="module")
def states() -> tuple[list[NetworkState], tuple]:
    """The state after each step (0: initial), one step at a time, and the query."""
    made, drawn = jax.random.split(KEY)
    episode = get("iris").sample(drawn, SPEC, Split.TRAIN)
    found, one = [NETWORK.init(made, RULE, SPEC.batch)], eqx.filter_jit(step)
    for n in range(5):
        # as an array: a plain number would be a program of its own
        found.append(one(GENOME, found[-1], episode.x[n], episode.y[n], jnp.asarray(n))[0])
    return found, (episode.query_x, episode.query_y)


@pytest.fixture(scope="module")
def by_hand(states):
    """What is seen after each step."""
    return np.array([[float(value) for value in seen(state, states[1])] for state in states[0]])


@functools.cache
def loss_of(objective: Objective) -> float:
    return float(
        eqx.filter_jit(episode_loss)(Blur(GENOME, NETWORK), get("iris"), SPEC, objective, KEY)
    )


@pytest.mark.parametrize(
    ("objective", "weights"),  # when it is asked does not depend on what is: once for accuracy
    [
        (Objective(), [0, 0, 0, 0, 1]),
        (Objective(Loss.ACCURACY, When.HORIZONS, (2, 5)), [0, 0.5, 0, 0, 0.5]),
        (Objective(when=When.MEAN), [0.2] * 5),
        (Objective(when=When.MEAN, early=1.0), np.array([60, 30, 20, 15, 12]) / 137),
        (Objective(when=When.HORIZONS, horizons=(2, 5)), [0, 0.5, 0, 0, 0.5]),
        (Objective(when=When.HORIZONS, horizons=(4, 1), weights=(3.0, 1.0)), [0.25, 0, 0, 0.75, 0]),
    ],
)
def test_the_query_is_asked_when_it_should_be(objective, weights, by_hand):
    crossed = objective.loss is Loss.CROSS_ENTROPY
    values = by_hand[1:, 0] if crossed else 1 - by_hand[1:, 1]
    assert loss_of(objective) == pytest.approx(float(values @ weights), rel=1e-9)


@functools.cache
def slope(objective: Objective) -> np.ndarray:
    def loss(genome):
        return episode_loss(Blur(genome, NETWORK), get("iris"), SPEC, objective, KEY)

    return np.asarray(genomes.flatten(eqx.filter_jit(jax.grad(loss))(GENOME)))


@pytest.mark.parametrize("remat", Remat)
def test_horizons_at_every_step_have_the_gradient_of_the_mean(remat):
    want = slope(Objective(when=When.MEAN, remat=Remat.NONE))
    every = Objective(when=When.HORIZONS, horizons=(1, 2, 3, 4, 5), remat=remat)
    assert np.linalg.norm(want) > 1e-3
    np.testing.assert_allclose(slope(every), want, rtol=1e-7, atol=1e-9)
    some = dataclasses.replace(every, horizons=(2, 3))
    parts = [slope(Objective(when=When.HORIZONS, horizons=(n,), remat=Remat.NONE)) for n in (2, 3)]
    np.testing.assert_allclose(slope(some), sum(parts) / 2, rtol=1e-7, atol=1e-9)


def test_an_average_of_the_synapses_is_asked_and_the_logarithm_of_its_loss_taken(states, by_hand):
    most, losses = 0.4, []
    (first, *later), query = states
    average = first.synapses
    for n, state in enumerate(later):
        kept = min(most, n / (n + 3))
        average = jax.tree.map(
            lambda old, new, kept=kept: kept * old + (1 - kept) * new, average, state.synapses
        )
        losses.append(float(seen(NetworkState(average, state.neurons), query)[0]))
    asked = Objective(when=When.HORIZONS, horizons=(2, 5), average=most)
    assert loss_of(asked) == pytest.approx((losses[1] + losses[4]) / 2, rel=1e-9)
    logarithm = loss_of(dataclasses.replace(asked, logarithm=True, floor=0.3))
    want = np.log(np.add([losses[1], losses[4]], 0.3)).mean()
    assert logarithm == pytest.approx(want, rel=1e-9)
    assert loss_of(Objective(average=most)) == pytest.approx(losses[4], rel=1e-9)
    assert losses[4] != by_hand[5, 0]


@pytest.mark.parametrize("when", [When.LAST, When.MEAN, When.HORIZONS])
def test_growth_in_the_last_step_costs_what_it_would_grow_to(when, by_hand):
    horizons = (2, 5) if when is When.HORIZONS else ()
    plain = Objective(when=when, horizons=horizons)
    growth = 5 * max(0.0, by_hand[5, 2] - by_hand[4, 2])
    assert growth > 0.01  # the test would see nothing else
    paid = loss_of(dataclasses.replace(plain, growth=0.7)) - loss_of(plain)
    assert paid == pytest.approx(0.7 * growth, rel=1e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"horizons": (3,)}, r"Objective\.horizons is \(3,\), but Objective\.when is last"),
        ({"when": When.HORIZONS}, r"Objective\.horizons is empty"),
        ({"when": When.HORIZONS, "horizons": (0,)}, r"horizons is \(0,\)"),
        ({"when": When.HORIZONS, "horizons": (1, 2), "weights": (1.0,)}, r"weights is \(1\.0,\)"),
        ({"when": When.HORIZONS, "horizons": (1,), "weights": (-1.0,)}, r"weights is \(-1\.0,\)"),
        ({"early": 1.0}, r"Objective\.early is 1\.0 and Objective\.when last"),
        ({"when": When.MEAN, "early": -1.0}, r"Objective\.early is -1\.0"),
        ({"growth": -1.0}, r"Objective\.growth is -1\.0"),
        ({"floor": 0.1}, r"Objective\.floor is 0\.1 and Objective\.logarithm False"),
        ({"floor": 0.0, "logarithm": True}, r"Objective\.floor is 0\.0"),
    ],
)
def test_objectives_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(BluraxError, match=message):
        Objective(**fields)


def test_a_horizon_beyond_the_episode_is_refused():
    with pytest.raises(BluraxError, match="but an episode has 5 steps"):
        Objective(when=When.HORIZONS, horizons=(6,)).check(5)


def test_early_steps_cannot_weigh_more_in_windows():
    objective = Objective(when=When.MEAN, early=0.5)
    with pytest.raises(BluraxError, match=r"MetaTrain\.method is pes, which sees windows"):
        MetaTrain(method=Pes(), objective=objective)
