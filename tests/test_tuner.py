"""The tuner: a grid that grows until the best stands inside it, and never a look at test data."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.baselines import BASELINES, Arrangement, Tuning, record_baseline, tune
from blurax.baselines.search import HIGHEST, LOWEST, at_edge, rate_of, settle
from blurax.comparison import compare
from blurax.curves import Curve, Schedule
from blurax.errors import BluraxError
from blurax.frozen import from_json, to_json
from blurax.network import Network
from blurax.spec import Activation
from blurax.tasks import EpisodeSpec, Split, get
from blurax.tasks.base import sizes_of
from unchecked import unchecked

NETWORK, KEY = Network((4, 6, 3)), jax.random.key(0)
LITTLE = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=2, long_seeds=2)


@pytest.fixture(scope="module")
def iris():
    return get("iris")


@pytest.mark.parametrize("peak", [-19, -3, 0, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_search_walks_to_the_peak(peak, stride):
    asked = []

    def ask(place):
        asked.append(place)
        return (-abs(place - peak), 0.0)

    best, places = settle(ask, (-4, -2), stride)
    assert abs(best - peak) <= stride - 1
    assert {best - stride, best + stride} <= places == set(asked)
    assert not at_edge(best)


def test_the_search_ends_at_the_edge_of_what_is_ever_tried():
    for direction, edge in ((1, HIGHEST), (-1, LOWEST)):
        best, places = settle(lambda place, d=direction: (d * place, 0.0), (0,), 1)
        assert best == edge
        assert at_edge(best)
        assert LOWEST <= min(places) <= max(places) <= HIGHEST
    assert rate_of(LOWEST) == pytest.approx(1e-6)
    assert rate_of(HIGHEST) == pytest.approx(1e3)


def test_equal_accuracies_are_told_apart_by_the_loss():
    assert settle(lambda place: (1.0, -abs(place - 3.0)), (0,), 1)[0] == 3


class Made:
    """Episodes that never happen: the accuracy peaks at a learning rate that depends on the case.

    So does the height of the peak, if there is a function that gives it.
    """

    def __init__(self, monkeypatch, peak, height=lambda learner, schedule, stop: 1.0):
        self.peak, self.height, self.calls, self.sizes = peak, height, [], set()
        for module in ("trials", "record"):
            monkeypatch.setattr(f"blurax.baselines.{module}.learning_curve", self)

    def __call__(self, learner, task, keys, stops, split, *, rate, schedule, batch=None, sizes):
        self.sizes.add(sizes_of(batch, sizes))
        seeds = tuple(np.asarray(jax.random.key_data(keys)).reshape(len(keys), -1).tolist())
        self.calls.append((learner, schedule, rate, stops, split, seeds))
        far = [
            abs(math.log10(rate) - math.log10(self.peak(learner, schedule, stop))) for stop in stops
        ]
        height = jnp.asarray([self.height(learner, schedule, stop) for stop in stops])
        right = jnp.broadcast_to(height / (1 + jnp.asarray(far)), (len(keys), len(stops)))
        return None, Curve(right, 1 - right)


def test_each_budget_gets_its_own_rate_schedule_and_arrangement(monkeypatch, iris):
    """Here tanh is best at 20 steps, a cosine at 100, and the best rate is 10 / steps."""

    def height(learner, schedule, stop):
        tanh = learner.arrangement == Arrangement(Activation.TANH)
        fits = (tanh == (stop == 20), (schedule is Schedule.COSINE) == (stop == 100))
        return (1.0 if fits[0] else 0.5) * (1.0 if fits[1] else 0.9)

    made = Made(monkeypatch, lambda learner, schedule, stop: 10 / stop, height)
    tuning = Tuning(normalise=(False,), seeds=2)
    found = tune("sgd", NETWORK, iris, KEY, (10, 20, 100), tuning=tuning)
    assert [c.arrangement.activation.value for c in found] == ["relu", "tanh", "relu"]
    assert [c.schedule.value for c in found] == ["constant", "constant", "cosine"]
    np.testing.assert_allclose([c.rate for c in found], [1, 10**-0.25, 0.1], rtol=1e-6)
    assert not any(c.at_edge for c in found)
    asked = [call[:4] for call in made.calls]
    assert len(asked) == len(set(asked))  # nothing is run twice
    constant = {call[3] for call in made.calls if call[1] is Schedule.CONSTANT}
    assert constant == {(10, 20, 100)}  # and constant rates serve all budgets
    assert {call[4] for call in made.calls} == {Split.VALIDATE}


@pytest.mark.parametrize(("peak", "at_edge"), [(1e-5, False), (30.0, False), (1e9, True)])
def test_the_grid_grows_until_the_best_rate_stands_inside(monkeypatch, iris, peak, at_edge):
    Made(monkeypatch, lambda learner, schedule, stop: peak)
    (choice,) = tune("adam", NETWORK, iris, KEY, (10,), tuning=LITTLE)
    assert choice.at_edge == at_edge
    assert choice.rate == pytest.approx(1e3 if at_edge else peak, rel=0.4)


def test_long_budgets_are_tuned_for_the_finalists_only(monkeypatch, iris):
    def peak(learner, schedule, stop):
        return 1e-7 if learner.arrangement.activation is Activation.TANH else 1.0 / stop

    made = Made(monkeypatch, peak)
    tuning = Tuning(schedules=(Schedule.CONSTANT,), seeds=3, long_seeds=2, finalists=2)
    (choice,) = tune("sgd", NETWORK, iris, KEY, (1000,), tuning=tuning)
    assert choice.rate == pytest.approx(1e-3)
    short = {call[0].arrangement for call in made.calls if call[3] == (100,)}
    long = {call[0].arrangement for call in made.calls if call[3] == (1000,)}
    assert len(short) == 4
    assert long == {Arrangement(), Arrangement(normalise=True)}
    assert {len(call[5]) for call in made.calls if call[3] == (1000,)} == {2}


def test_reports_come_from_other_seeds_and_test_examples(monkeypatch, iris):
    made = Made(monkeypatch, lambda learner, schedule, stop: 1.0)
    found = record_baseline("sgd", NETWORK, iris, KEY, (5, 9), seeds=3, tuning=LITTLE)
    (*tuned, reported) = made.calls  # one episode serves both budgets: the same constant rate
    assert {call[4] for call in tuned} == {Split.VALIDATE}
    assert reported[2:5] == (1.0, (5, 9), Split.TEST)
    assert len(reported[5]) == 3
    used = {tuple(seed) for call in tuned for seed in call[5]}
    assert not used & {tuple(seed) for seed in reported[5]}
    assert np.shape(found.accuracy) == (2, 3)
    assert [choice.rate for choice in found.choices] == [1.0, 1.0]


def test_the_same_falling_rate_chosen_for_two_budgets_is_reported_at_both(monkeypatch, iris):
    """It fell to 0 over another number of steps, so each budget has an episode of its own."""

    def height(learner, schedule, stop):
        return 1.0 if schedule is Schedule.COSINE else 0.5

    made = Made(monkeypatch, lambda learner, schedule, stop: 1.0, height)
    found = record_baseline("sgd", NETWORK, iris, KEY, (5, 9), seeds=3, tuning=Tuning())
    assert found.choices[0] == found.choices[1]
    assert {call[3] for call in made.calls if call[4] is Split.TEST} == {(5,), (9,)}
    assert found.accuracy == ((1.0,) * 3,) * 2


def test_poisoned_test_examples_change_no_choice(iris):
    """Other labels and numbers in the test examples: the same choices, another report."""
    start = iris.bounds[1]
    poisoned = dataclasses.replace(
        iris,
        labels=iris.labels.at[start:].set((iris.labels[start:] + 1) % 3),
        x=iris.x.at[start:].multiply(-50.0),
    )
    tuning = dataclasses.replace(LITTLE, schedules=tuple(Schedule))
    clean, other = (
        record_baseline("sgd", NETWORK, task, KEY, (4, 8), seeds=2, batch=16, tuning=tuning)
        for task in (iris, poisoned)
    )
    assert clean.choices == other.choices
    assert clean.accuracy != other.accuracy


@pytest.mark.parametrize(
    "given", [{"batch": 16}, {"sizes": EpisodeSpec(batch=16, held_out=9)}], ids=["batch", "sizes"]
)
def test_tuning_and_report_see_episodes_of_the_size_that_is_asked_for(monkeypatch, iris, given):
    made = Made(monkeypatch, lambda learner, schedule, stop: 0.1)
    record_baseline("sgd", NETWORK, iris, KEY, (5, 9), seeds=3, tuning=LITTLE, **given)
    assert {call[4] for call in made.calls} == {Split.VALIDATE, Split.TEST}
    assert made.sizes == {given.get("sizes", EpisodeSpec(batch=16))}


def test_no_hidden_layer_leaves_nothing_to_arrange(monkeypatch, iris):
    made = Made(monkeypatch, lambda learner, schedule, stop: 0.1)
    tune("sgd", Network((4, 3)), iris, KEY, (10,))
    assert {call[0].arrangement for call in made.calls} == {Arrangement()}


def test_constants_are_tuned_where_more_is_asked_for(monkeypatch, iris):
    """Here momentum 0.95 is best after 20 steps, tanh at the usual one after 100."""

    def height(learner, schedule, stop):
        constants = {name: round(float(value), 4) for name, value in learner.constants}
        tanh = learner.arrangement.activation is Activation.TANH
        if stop == 100:
            return 1.0 if tanh and constants["momentum"] == 0.9 else 0.5
        return (0.9 if tanh else 0.8) + 0.1 * (constants["momentum"] == 0.95)

    def peak(learner, schedule, stop):
        return 1e-4 if dict(learner.constants)["momentum"] > 0.94 else 0.1

    made = Made(monkeypatch, peak, height)
    more = Tuning(normalise=(False,), seeds=2, long_seeds=2, more=True)
    short, long, longest = tune("momentum", NETWORK, iris, KEY, (20, 100, 200), tuning=more)
    assert [str(each.arrangement) for each in (short, long)] == [
        "tanh + momentum=0.95",
        "tanh + momentum=0.9",
    ]
    assert short.rate == pytest.approx(1e-4)  # the grid grew until the best stood inside
    tried = {
        (c[0].arrangement.activation, round(float(c[0].constants[0][1]), 4))
        for c in made.calls
        if c[3] == (200,)
    }
    assert len(tried) == 2  # the best two after 100 steps, whatever their constants
    assert longest.arrangement.activation is Activation.TANH


def test_constants_are_the_usual_ones_otherwise(iris):
    for name, baseline_ in BASELINES.items():
        plain, more = (Tuning(more=m).arrangements(baseline_, NETWORK)[0] for m in (False, True))
        assert len(more.settings) == len(plain.settings) + len(baseline_.more), name


def test_a_tuning_from_before_there_was_more_is_read_without():
    values = to_json(Tuning())
    assert values.pop("more") is False
    assert from_json(Tuning, values) == Tuning()


def test_mistakes_are_sentences(iris):
    for budgets in ((), (0,), (10, 5)):
        with pytest.raises(BluraxError, match="it takes growing numbers of steps"):
            tune("sgd", NETWORK, iris, KEY, budgets)
    with pytest.raises(BluraxError, match="no baseline 'best'"):
        tune("best", NETWORK, iris, KEY, (10,))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"activations": ()}, "Tuning.activations is .*takes one or more choices, each once"),
        ({"normalise": (True, True)}, "Tuning.normalise is"),
        ({"seeds": 0}, "Tuning.seeds is 0; it takes a whole number >= 1"),
        ({"finalists": 1.5}, "Tuning.finalists is 1.5; it takes a whole number"),
    ],
)
def test_a_tuning_that_makes_no_sense_is_refused(values, message):
    with pytest.raises(BluraxError, match=message):
        unchecked_tuning(values)


def unchecked_tuning(values):
    return unchecked("blurax.baselines.tuner").Tuning(**values)


NORMALISED = Tuning((Activation.RELU,), (True,))


@pytest.mark.parametrize("name", BASELINES)
def test_normalisation_alone_is_had_or_refused(name):
    """A baseline without it says so, and is not run as if nothing had been asked for."""
    found = BASELINES[name]
    if not found.can_normalise:
        says = rf"Tuning.normalise is \(True,\), but the baseline {name} takes no normalisation"
        with pytest.raises(BluraxError, match=says):
            NORMALISED.arrangements(found, NETWORK)
        assert not any(a.normalise for a in Tuning().arrangements(found, NETWORK))  # left out
        return
    assert all(arrangement.normalise for arrangement in NORMALISED.arrangements(found, NETWORK))


def test_a_comparison_finds_out_beforehand_that_a_baseline_takes_no_normalisation():
    how = {"tasks": ("iris",), "hidden": ("4",), "budgets": (3,), "seeds": 2}
    with pytest.raises(BluraxError, match="the baseline lxdg takes no normalisation"):
        compare(baselines=("adam", "lxdg"), tuning=NORMALISED, **how)
