"""Regularisers of gradient descent: what they add to a loss against loops, what they draw."""

import dataclasses
import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax import specialisation as special
from blurax.baselines import (
    REGULARISERS,
    Arrangement,
    RegularisedDescent,
    Setting,
    Tuning,
    baseline,
    is_built_in,
    named,
    tune,
)
from blurax.baselines.regularisers import Dropout, Lesson, Mixup, Noise, Tangos
from blurax.curves import Schedule
from blurax.errors import BluraxError
from blurax.network import Network
from blurax.spec import Activation
from blurax.tasks import Batch, get, signed_one_hot
from closeness import assert_close
from variants import jit

KEY, BATCH, CLASSES = jax.random.key(3), 6, 3
NETWORK = Network((4, 7, 5, CLASSES))
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(BATCH, 4)))
Y = signed_one_hot(jnp.asarray(RNG.integers(0, CLASSES, BATCH)), CLASSES)
DATA = Batch(X, Y)
STEP = {"rate": jnp.asarray(0.1), "key": KEY, "index": jnp.asarray(0)}
LITTLE = Tuning((Activation.TANH,), (False,), (Schedule.CONSTANT,), seeds=2, long_seeds=2)


def made(name, normalise=False, **strengths):
    """A baseline on the network of these tests."""
    settings = tuple(Setting(*each) for each in strengths.items())
    arrangement = Arrangement(Activation.TANH, normalise, settings)
    return baseline(name).make(arrangement, NETWORK, get("iris"))


def added(learner, index=0):
    """What the regularisers add to the loss."""
    weights, _ = learner.init(KEY, BATCH)
    plain = learner.loss(learner._forward(weights, X)[0], DATA)
    return float(learner.regularised(weights, DATA, KEY, jnp.asarray(index)) - plain)


def by_hand(learner):
    """Weights, what the last hidden layer says, and its slopes by the inputs, by NumPy."""
    weights, _ = learner.init(KEY, BATCH)
    w = [np.asarray(each) for each in weights.w]
    first = np.tanh(np.asarray(X) @ w[0])
    last = np.tanh(first @ w[1])
    slope = (1 - first**2)[:, :, None] * w[0].T[None]
    return w, last, (1 - last**2)[:, :, None] * (w[1].T[None] @ slope)


def test_weights_are_penalised_by_size_and_square():
    w, _, _ = by_hand(made("sgd"))
    sizes = sum(abs(v) for each in w for v in each.ravel())
    squares = sum(v * v for each in w for v in each.ravel())
    assert added(made("sgd+l1", l1=0.3)) == pytest.approx(0.3 * sizes, rel=1e-10)
    assert added(made("sgd+l2", l2=0.4)) == pytest.approx(0.2 * squares, rel=1e-10)
    both = added(made("sgd+l1+l2", l1=0.3, l2=0.4))
    assert both == pytest.approx(0.3 * sizes + 0.2 * squares, rel=1e-10)


def cosine(a, b):
    return sum(a * b) / math.sqrt(sum(a * a) * sum(b * b))


def test_tangos_is_what_loops_say():
    learner = made("adam+tangos", attribution=10.0, overlap=0.7)
    _, _, a = by_hand(learner)
    drawn = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
    pairs = np.asarray(special.drawn_pairs(drawn, 5)).tolist()
    assert len(pairs) == 50
    sparse = np.mean([sum(abs(v) for v in n) / 4 for example in a for n in example])
    over = np.mean([abs(cosine(example[i], example[j])) for example in a for i, j in pairs])
    assert added(learner) == pytest.approx(10 * sparse + 0.7 * over, rel=1e-10)


def test_the_gradient_of_tangos_is_that_of_finite_differences():
    learner = made("sgd+tangos", normalise=True, attribution=5.0, overlap=2.0)
    weights, _ = learner.init(KEY, BATCH)

    def total(weights):
        return learner.regularised(weights, DATA, KEY, jnp.asarray(0))

    slope, value, step = jit(jax.grad(total))(weights), jit(total), 1e-6
    for l in (0, 1, 2):
        up, down = (
            float(value(eqx.tree_at(lambda t, l=l: t.w[l], weights, weights.w[l].at[1, 2].add(s))))
            for s in (step, -step)
        )
        assert float(slope.w[l][1, 2]) == pytest.approx((up - down) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("form", ["direct", "det", "logdet"])
def test_diversity_is_what_loops_say(form):
    learner = made(f"sgd+wld-{form}", diversity=0.6)
    _, phi, _ = by_hand(learner)
    s = np.zeros((5, 5))
    for n, m in itertools.product(range(5), repeat=2):
        s[n, m] = np.mean([math.exp(-special.GAMMA * (row[n] - row[m]) ** 2) for row in phi])
    mixed = (s + special.JITTER * np.eye(5)) / (1 + special.JITTER)
    alike = {
        "direct": sum(s[n, m] for n in range(5) for m in range(5) if n != m),
        "det": -np.linalg.det(mixed),
        "logdet": -np.linalg.slogdet(mixed)[1],
    }
    want = 0.6 * alike[form] + 0.01 * np.mean(phi**2)
    assert added(learner) == pytest.approx(want, rel=1e-10)


def test_tangos_counts_from_its_first_step_on():
    plain = made("sgd")
    late = RegularisedDescent(
        plain.network,
        plain.optimiser,
        plain.arrangement,
        plain.target,
        regularisers=(Tangos(jnp.asarray(1.0), jnp.asarray(1.0), 3),),
    )
    assert [added(late, index) > 0 for index in (0, 2, 3, 9)] == [False, False, True, True]


def test_dropout_keeps_what_is_expected_and_is_drawn_by_the_key():
    drop, a = Dropout(jnp.asarray(0.25)), jnp.asarray(RNG.normal(size=(50, 8)))
    said = jax.vmap(lambda key: drop.said(a, key))(jax.random.split(KEY, 4000))
    scale = float(jnp.abs(a).max())
    assert float(jnp.abs(said.mean(0) - a).max()) < 5 * scale * math.sqrt(1 / 3 / 4000)
    assert float((said == 0).mean()) == pytest.approx(0.25, abs=0.005)
    values = set(np.round(np.asarray(said / a), 9).ravel().tolist())
    assert values == {0.0, round(1 / 0.75, 9)}
    assert_close(drop.said(a, KEY), drop.said(a, KEY), 0.0)
    assert (drop.said(a, KEY) != drop.said(a, jax.random.key(4))).any()


def stepped(learner, key=KEY):
    return eqx.filter_jit(learner.step)(learner.init(KEY, BATCH), DATA, **{**STEP, "key": key})[0]


def test_steps_that_draw_repeat_by_the_key_and_prediction_drops_nothing():
    learner = made("sgd+dropout", drop=0.5)
    one, same, other = (stepped(learner, key) for key in (KEY, KEY, jax.random.key(4)))
    assert_close(one, same, 0.0)
    assert any((a != b).any() for a, b in zip(one[0].w, other[0].w, strict=True))
    plain = made("sgd")
    assert_close(learner.predict(one, X), plain.predict(one, X), 0.0)
    groups = learner.activations(one, X, X)
    assert all((group != 0).all() for group in groups[1:])


@pytest.mark.parametrize("name", ["adam", "schedule-free", "muon"])
def test_without_strength_a_step_is_that_without_regulariser(name):
    want = stepped(made(name))
    assert_close(stepped(made(f"{name}+dropout", drop=0.0)), want, 0.0)
    for more, strengths in (("l1", {"l1": 0.0}), ("tangos", {"attribution": 0.0, "overlap": 0.0})):
        assert_close(stepped(made(f"{name}+{more}", **strengths)), want, 1e-12)


def test_inputs_get_noise_of_the_strength_asked_for():
    lesson = Lesson(jnp.zeros((200, 50)), ((1.0, None, None),))
    x = Noise(jnp.asarray(0.3)).lesson(lesson, KEY).x
    assert float(x.std()) == pytest.approx(0.3, abs=0.01)
    assert float(x.mean()) == pytest.approx(0.0, abs=0.01)


def test_mixtures_are_of_two_examples_and_their_losses():
    lesson = Mixup(jnp.asarray(1.0)).lesson(Lesson(X, ((1.0, Y, None),)), KEY)
    (own, y, _), (other, z, _) = lesson.parts
    assert float(own + other) == pytest.approx(1.0)
    assert 0 < float(own) < 1
    places = [int(np.argmin(np.abs((lesson.x - own * X)[b] / other - X).sum(1))) for b in range(6)]
    assert sorted(places) == [*range(6)]
    assert_close(lesson.x, own * X + other * X[jnp.asarray(places)], 1e-12)
    assert_close((y, z), (Y, Y[jnp.asarray(places)]), 0.0)
    learner = made("sgd+mixup", alpha=1.0)
    weights, _ = learner.init(KEY, BATCH)
    drawn = jax.random.fold_in(jax.random.fold_in(KEY, 0), 0)
    lesson = Mixup(jnp.asarray(1.0)).lesson(Lesson(X, ((1.0, Y, None),)), drawn)
    (own, y, _), (other, z, _) = lesson.parts
    logits = learner._forward(weights, lesson.x)[0][-1]
    each = [
        -float(own * jax.nn.log_softmax(row)[int(a.argmax())])
        - float(other * jax.nn.log_softmax(row)[int(b.argmax())])
        for row, a, b in zip(logits, y, z, strict=True)
    ]
    got = float(learner.regularised(weights, DATA, KEY, jnp.asarray(0)))
    assert got == pytest.approx(np.mean(each), rel=1e-10)


def test_masks_go_with_what_looks_at_single_examples():
    assert made("sgd+l2", l2=0.1).takes_masks
    assert made("sgd+dropout", drop=0.1).takes_masks
    assert not made("sgd+tangos", attribution=1.0, overlap=1.0).takes_masks
    assert not made("sgd+dropout", normalise=True, drop=0.1).takes_masks


def test_every_regulariser_learns_and_is_named():
    for name, kind in REGULARISERS.items():
        learner = made(f"adam+{name}", **{each: choices[0] for each, choices in kind.space.items()})
        assert all(np.isfinite(w).all() for w in stepped(learner)[0].w), name
        assert named([f"adam+{name}", "sgd"]) == (f"adam+{name}", "sgd")
        assert is_built_in(f"adam+{name}")


def test_strengths_are_tuned_as_settings_are():
    found = baseline("sgd+dropout+tangos")
    assert len(LITTLE.arrangements(found, NETWORK)) == 3 * 3 * 2
    (choice,) = tune("sgd+dropout", Network((4, 6, 3)), get("iris"), KEY, (4,), tuning=LITTLE)
    assert [s.name for s in choice.arrangement.settings] == ["drop"]
    assert choice.arrangement.settings[0].value in (0.1, 0.25, 0.5)
    more = dataclasses.replace(LITTLE, more=True)
    settings = more.arrangements(baseline("momentum+l2"), NETWORK)[0].settings
    assert [s.name for s in settings] == ["l2", "momentum"]
    learner = baseline("momentum+l2").make(Arrangement(settings=settings), NETWORK, get("iris"))
    assert [name for name, _ in learner.constants] == ["momentum"]


def test_a_comparison_takes_regularised_baselines(tmp_path):
    how = {"tasks": ("iris",), "hidden": ("6",), "budgets": (3,), "seeds": 2, "tuning": LITTLE}
    found = blurax.compare((), baselines=("sgd", "sgd+l2"), directory=tmp_path / "c", **how)
    assert {row["learner"] for row in found.rows} == {"sgd", "sgd+l2"}
    assert "l2=" in next(row["network"] for row in found.rows if row["learner"] == "sgd+l2")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("adam+best", r"'adam\+best' names the regulariser 'best'; there are l1, l2, dropout"),
        ("adam+", r"names the regulariser ''"),
        ("best+l2", r"no baseline 'best'; there are sgd"),
        ("fa+dropout", r"adds regularisers to fa, which takes none; those that do are sgd"),
        ("foof+l2", r"adds regularisers to foof"),
        ("sgd+l2+l2", r"names a regulariser twice"),
        ("sgd+wld-det+wld-logdet", r"has two settings called diversity"),
    ],
)
def test_names_that_make_no_sense_are_refused(name, message):
    with pytest.raises(BluraxError, match=message):
        named([name])


def test_a_network_without_hidden_neurons_is_told():
    with pytest.raises(BluraxError, match=r"dropout is about hidden neurons, and the network"):
        baseline("sgd+dropout").make(
            Arrangement(settings=(Setting("drop", 0.5),)), Network((4, 3)), get("iris")
        )


@pytest.mark.parametrize("name", REGULARISERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, "a", None, True])
def test_strengths_are_finite_numbers(name, value, unchecked):
    """Each strength of each regulariser, as a number of Python and as an array."""
    kind = REGULARISERS[name]
    usual = {each: choices[0] for each, choices in kind.space.items()}
    for each in kind.space:
        says = f"{kind.__name__}.{each} is {value!r}"
        with pytest.raises(BluraxError, match=says):
            kind(**{**usual, each: value})
        if isinstance(value, float):
            with pytest.raises(BluraxError, match=says):
                kind(**{**usual, each: jnp.asarray(value)})
    kind(**usual)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Dropout(1.0), "Dropout.drop is 1.0; it takes a number from 0 to below 1"),
        (lambda: Mixup(0.0), "Mixup.alpha is 0.0; it takes a number above 0"),
        (lambda: Tangos(1.0, 1.0, -1), "Tangos.first is -1; it takes a whole number >= 0"),
        (lambda: Tangos(1.0, 1.0, 1.5), "Tangos.first is 1.5"),
        (lambda: REGULARISERS["wld-det"](1.0, small=-0.1), "Det.small is -0.1"),
    ],
)
def test_what_else_is_out_of_range_is_refused(make, says, unchecked):
    with pytest.raises(BluraxError, match=says):
        make()


def test_a_strength_in_a_traced_function_passes():
    sizes = jax.vmap(lambda s: Dropout(s).said(jnp.ones((2, 3)), KEY))(jnp.asarray([0.0, 0.5]))
    assert (sizes[0] == 1).all()
