"""Disguises and mixtures: what they change, what they leave, what they refuse."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax.baselines.gin import Gin
from blurax.errors import BluraxError
from blurax.fit import network_for
from blurax.targets import Classes, Target
from blurax.tasks import (
    Augment,
    Augmented,
    Episode,
    EpisodeSpec,
    Split,
    Task,
    from_arrays,
    get,
)
from blurax.tasks.grammar import build, parse

SPEC = EpisodeSpec(steps=2, batch=20, query=10)
RNG = np.random.default_rng(0)
PLAIN = from_arrays(RNG.normal(size=(100, 6)), np.arange(100) % 3, "plain")


def draw(augment: Augment, seed: int = 0, task=PLAIN, split=Split.TRAIN):
    """A plain episode, and the same one disguised."""
    return _drawer(augment, split)(task, jax.random.key(seed))


@functools.cache
def _drawer(augment: Augment, split: Split):
    def both(task, key):
        plain = task.sample(jax.random.split(key, 4)[0], SPEC, split)
        return plain, Augmented(task, augment, "disguised").sample(key, SPEC, split)

    return eqx.filter_jit(both)


def flat(episode):
    """Inputs and labels of support and query together."""
    x = np.concatenate([np.asarray(episode.x).reshape(40, -1), episode.query_x])
    y = np.concatenate([np.asarray(episode.y).reshape(40, -1), episode.query_y])
    return x, y


def test_nothing_changes_nothing():
    plain, same = draw(Augment())
    jax.tree.map(np.testing.assert_array_equal, plain, same)


def test_a_projection_is_one_linear_map_of_support_and_query():
    plain, seen = draw(Augment(project=4))
    (x, y), (z, labels) = flat(plain), flat(seen)
    assert z.shape == (50, 4)
    matrix, _, rank, _ = np.linalg.lstsq(x, z, rcond=None)
    assert rank == 6
    np.testing.assert_allclose(x @ matrix, z, atol=1e-9)
    np.testing.assert_array_equal(y, labels)


def test_a_projected_input_varies_as_much_as_before():
    variances = [flat(draw(Augment(project=50), seed)[1])[0].var() for seed in range(30)]
    assert np.mean(variances) == pytest.approx(flat(draw(Augment())[0])[0].var(), rel=0.1)


def test_permutations_move_columns_only_and_differ_between_episodes():
    orders = set()
    for seed in range(8):
        plain, seen = draw(Augment(permute_inputs=True, permute_labels=True), seed)
        (x, y), (z, labels) = flat(plain), flat(seen)
        columns = [int(np.abs(x - z[:, [c]]).sum(0).argmin()) for c in range(6)]
        classes = [int(np.abs(y - labels[:, [c]]).sum(0).argmin()) for c in range(3)]
        np.testing.assert_array_equal(x[:, columns], z)
        np.testing.assert_array_equal(y[:, classes], labels)
        assert sorted(columns) == list(range(6))
        assert sorted(classes) == list(range(3))
        orders.add((*columns, *classes))
    assert len(orders) == 8


def test_more_outputs_are_always_wrong():
    plain, seen = draw(Augment(outputs=5))
    np.testing.assert_array_equal(flat(seen)[1][:, :3], flat(plain)[1])
    assert (flat(seen)[1][:, 3:] == -1).all()
    _, mixed = draw(Augment(outputs=5, permute_labels=True), seed=1)
    np.testing.assert_array_equal((flat(mixed)[1] > 0).sum(1), 1)
    assert len(np.unique(flat(mixed)[1].argmax(1))) == 3


def test_scale_is_one_factor_between_its_bounds():
    factors = []
    for seed in range(30):
        plain, seen = draw(Augment(scale=4.0), seed)
        ratio = flat(seen)[0] / flat(plain)[0]
        np.testing.assert_allclose(ratio, ratio.flat[0], rtol=1e-6)
        factors.append(float(ratio.flat[0]))
    assert 0.25 <= min(factors) < 0.6
    assert 1.7 < max(factors) <= 4
    assert abs(np.mean(np.log(factors))) < 0.5


def test_noise_has_its_deviation_and_is_fresh_for_each_example():
    plain, seen = draw(Augment(noise=0.3))
    difference = flat(seen)[0] - flat(plain)[0]
    assert difference.std() == pytest.approx(0.3, rel=0.15)
    assert len(np.unique(difference)) == difference.size


def test_a_pattern_is_one_direction_with_a_mean_and_a_strength_for_each_example():
    draws = [draw(Augment(pattern=0.7), seed) for seed in range(20)]
    differences = [flat(seen)[0] - flat(plain)[0] for plain, seen in draws]
    strengths, patterns = [], []
    for difference in differences:
        left, values, right = np.linalg.svd(difference)
        assert values[1] < 1e-9 * values[0]  # one pattern for support and query alike
        strength = left[:, 0] * values[0]
        strengths.append(strength / np.mean(strength))  # they are 1 on average
        patterns.append(right[0] * np.mean(strength))
        assert len(np.unique(strength.round(9))) == len(strength)
    assert np.mean([s.std() for s in strengths]) == pytest.approx(1.0, rel=0.25)
    assert np.std(patterns) == pytest.approx(0.7, rel=0.2)


def test_a_mixture_draws_its_tasks_by_weight():
    mixture = get("xor@3+or")
    draw = jax.jit(
        jax.vmap(
            lambda key: mixture.sample(key, EpisodeSpec(steps=1, batch=200, query=1), Split.TRAIN)
        )
    )
    episodes = draw(jax.random.split(jax.random.key(0), 200))
    share = (np.asarray(episodes.y[:, 0, :, 1]) > 0).mean(axis=1)  # xor 1/2, or 3/4
    assert ((share > 0.62).mean()) == pytest.approx(0.25, abs=0.08)


def test_a_mixture_asks_as_many_as_its_smallest_task_has():
    mixture = get("wine:project=4+iris")
    spec = EpisodeSpec(steps=1, batch=8, query=5)
    assert mixture.sample(jax.random.key(0), spec, Split.TEST).query_x.shape == (30, 4)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("xor+iris", "xor has 2 inputs and 2 outputs, iris has 4 and 3"),
        ("xor@0+and", r"weights of a mixture are \(0.0, 1.0\)"),
        ("xor@-1+and", r"weights of a mixture are \(-1.0, 1.0\)"),
        ("xor@nan+and", "a number above 0 for each"),
        ("iris:outputs=2", "outputs=2 cannot tell 3 classes apart"),
        ("sine:outputs=2", "The option outputs is for classes"),
        ("xor:outputs=1,permute-labels", "1 output has no labels to permute"),
        ("xor:project=0", "option project is 0; it takes a whole number from 1 to 100,000"),
        ("xor:scale=0.5", "option scale is 0.5; it takes a number >= 1"),
        ("xor:scale=inf", "option scale is inf"),
        ("xor:noise=-1", "option noise is -1.0; it takes a number >= 0"),
        ("xor:pattern=-1", "option pattern is -1.0; it takes a number >= 0"),
    ],
)
def test_what_makes_no_sense_is_refused(name, message):
    with pytest.raises(BluraxError, match=message) as caught:
        get(name)
    assert "\n" not in str(caught.value)


GRAPHS = "graphs:csl,count=30,labels=given"


@pytest.mark.parametrize(
    "option", ["noise=0.1", "permute-inputs", "project=3", "pattern=1", "scale=2"]
)
def test_options_that_change_inputs_are_refused_where_inputs_are_graphs(option):
    name = option.partition("=")[0]
    said = f"graphs takes no option {name}: .* it takes permute-labels and outputs"
    for text in (f"{GRAPHS},{option}", f"sequence:{GRAPHS},by=permute,stages=2,{option}"):
        with pytest.raises(BluraxError, match=said):
            get(text)
    (augment,) = build((Augment,), dict(parse(f"x:{option}")[0].options), "x")
    with pytest.raises(BluraxError, match=f"takes no option {name}"):
        Augmented(get(GRAPHS), augment, "changed")


def test_options_that_do_not_apply_are_not_offered():
    with pytest.raises(
        BluraxError, match=r"no option qqq; it takes .*, and has set, .*permute-labels, outputs\.$"
    ):
        get(f"{GRAPHS},qqq=1")
    with pytest.raises(BluraxError, match="are no array, whose order can be permuted"):
        get(f"sequence:{GRAPHS},by=permute,stages=2")


def test_labels_of_graphs_are_permuted_and_outputs_added():
    task, plain = get(f"{GRAPHS},outputs=12,permute-labels"), get(GRAPHS)
    spec = EpisodeSpec(steps=1, batch=4, query=4)
    key = jax.random.key(0)
    found = task.sample(key, spec, Split.TRAIN)
    same = plain.sample(jax.random.split(key, 4)[0], spec, Split.TRAIN)
    np.testing.assert_array_equal(found.x.index["label"], same.x.index["label"])
    np.testing.assert_array_equal(found.x.x, same.x.x)
    assert found.y.shape == (1, 4, 12)
    np.testing.assert_array_equal(np.sort(found.y)[..., 2:], np.sort(same.y))
    places = np.concatenate([found.y[0], found.query_y]).argmax(-1)
    classes = np.concatenate([same.y[0], same.query_y]).argmax(-1)
    assert len(set(zip(places, classes, strict=True))) == len(set(classes)) == len(set(places))
    assert places.tolist() != classes.tolist()
    network = network_for(task, "rules")
    assert network.groups == ((41,), (41,), (12,))
    accuracy = blurax.learn(blurax.load("default"), network, task, steps=2).curve.accuracy
    assert np.isfinite(accuracy).all()
    assert Gin(task, 2, 4).network.sizes == (41, 4, 12)
    with pytest.raises(BluraxError, match="mixtures and sequences of them have none"):
        network_for(get(f"{GRAPHS}+{GRAPHS},seed=1"), "rules")


def test_a_task_of_ones_own_whose_inputs_are_no_array_says_so_when_drawn():
    class Two(Task):
        name: str = "two"
        input_shape: tuple[int, ...] = (2,)
        target: Target = Classes(2)

        def sample(self, key, spec, split, first=0):
            x = {"a": jnp.zeros((spec.steps, spec.batch, 2))}
            query = {"a": jnp.zeros((spec.query, 2))}
            y = -jnp.ones((spec.steps, spec.batch, 2)).at[..., 0].set(-1.0)
            return Episode(x, y, query, -jnp.ones((spec.query, 2)).at[:, 0].set(-1.0))

    spec = EpisodeSpec(steps=1, batch=2, query=2)
    labels = Augmented(Two(), Augment(permute_labels=True), "fine")
    assert labels.sample(jax.random.key(0), spec, Split.TRAIN).x["a"].shape == (1, 2, 2)
    changed = Augmented(Two(), Augment(noise=1.0), "changed")
    with pytest.raises(BluraxError, match="Task two takes no option noise"):
        changed.sample(jax.random.key(0), spec, Split.TRAIN)
