"""Made tables with classes: shares, rows that repeat, and what there is to learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import blurax
from blurax.errors import BluraxError
from blurax.tasks import EpisodeSpec, Split
from blurax.tasks.class_tables import CLASS_FAMILIES, ClassTableOptions, shares_of
from blurax.tasks.toys import CheckerboardOptions, SpiralOptions

SPEC = EpisodeSpec(steps=4, batch=50, query=4000)


def episode(name: str, seed: int = 0):
    return blurax.task(name).sample(jax.random.key(seed), SPEC, Split.TRAIN)


@pytest.mark.parametrize(
    ("classes", "rarest", "want"),
    [
        (2, 0.0, (0.5, 0.5)),
        (2, 0.01, (0.99, 0.01)),
        (3, 1 / 7, (4 / 7, 2 / 7, 1 / 7)),
        (4, 0.25, (0.25,) * 4),
        (300, 0.0, (1 / 300,) * 300),
        (300, 1e-6, None),
        (60, 0.001, None),
    ],
)
def test_shares_fall_by_the_same_factor_to_the_rarest(classes: int, rarest: float, want):
    shares = shares_of(ClassTableOptions(classes=classes, rarest=rarest))
    assert len(shares) == classes
    assert sum(shares) == pytest.approx(1)
    assert shares[-1] == pytest.approx(rarest or 1 / classes)
    factors = np.divide(shares[:-1], shares[1:])
    assert factors == pytest.approx(factors[0])
    if want is not None:
        assert shares == pytest.approx(want)


@pytest.mark.parametrize("name", CLASS_FAMILIES)
def test_labels_come_in_their_shares(name: str):
    options = "features=6,classes=3,rows=4000,rarest=0.06"
    y = episode(f"{name}:{options}").query_y
    found = np.asarray(jnp.mean(y > 0, axis=0))
    want = np.array(shares_of(ClassTableOptions(6, 3, 4000, 0.06)))
    want = 0.99 * want + 0.01 / 3  # the wrong ones
    assert found == pytest.approx(want, abs=0.025)


def test_rows_repeat_and_the_query_is_fresh():
    drawn = episode("clusters:features=5,rows=100")
    x = np.asarray(drawn.x).reshape(-1, 5)
    assert len(np.unique(x, axis=0)) == 100
    rows = {row.tobytes() for row in x}
    assert not rows & {row.tobytes() for row in np.asarray(drawn.query_x)}
    assert np.abs(x).max() <= 5


@pytest.mark.parametrize(("name", "least"), [("clusters", 0.8), ("teacher-levels", 0.75)])
def test_there_is_something_to_learn_that_no_line_says(name: str, least: float):
    spec = EpisodeSpec(steps=40, batch=100, query=1000)
    task, near, linear = blurax.task(f"{name}:features=5,rows=4000"), [], []
    for seed in range(3):
        drawn = task.sample(jax.random.key(seed), spec, Split.TRAIN)
        x, y = np.asarray(drawn.x).reshape(-1, 5), np.asarray(drawn.y).reshape(-1, 2).argmax(1)
        query, wanted = np.asarray(drawn.query_x), np.asarray(drawn.query_y).argmax(1)
        near.append(KNeighborsClassifier(15).fit(x, y).score(query, wanted))
        linear.append(LogisticRegression().fit(x, y).score(query, wanted))
    assert np.mean(near) > least
    assert np.mean(linear) < np.mean(near)


def test_columns_beyond_the_fifth_say_nothing_of_clusters():
    drawn = episode("clusters:features=8,rows=4000")
    label = drawn.query_y[:, 0]
    for column in (5, 6, 7):
        assert abs(np.corrcoef(drawn.query_x[:, column], label)[0, 1]) < 0.06


@pytest.mark.parametrize("name", ["clusters", "steps-levels"])
def test_coarse_columns_are_2_to_5_whole_numbers(name: str):
    """Standardised whole numbers are evenly spaced; the first column holds marks beside."""
    drawn = episode(f"{name}:features=6,rows=500,coarse=1")
    for column in np.asarray(drawn.query_x, np.float64).T:
        values = np.unique(column.round(4))
        assert 2 <= len(values) <= 5
        gaps = np.diff(values)
        np.testing.assert_allclose(gaps / gaps.min(), np.round(gaps / gaps.min()), atol=1e-2)
    for column in np.asarray(episode(f"{name}:features=6,rows=500").query_x).T:
        assert len(np.unique(column)) > 1000


def test_half_of_the_columns_are_coarse_where_half_are_to_be():
    counts = [
        len(np.unique(column)) <= 5
        for seed in range(5)
        for column in np.asarray(episode("rings:features=40,rows=200,coarse=0.5", seed).query_x).T
    ]
    assert 0.4 < np.mean(counts) < 0.6


def test_wrong_labels_are_drawn_by_chance():
    """A clean line, of whose labels a half is drawn anew: a quarter is wrong."""
    spec = EpisodeSpec(steps=40, batch=100, query=4000)
    for wrong, right in ((0.0, 1.0), (0.5, 0.75)):
        task = blurax.task(f"linear-levels:features=3,rows=4000,wrong={wrong}")
        drawn = task.sample(jax.random.key(0), spec, Split.TRAIN)
        x, y = np.asarray(drawn.x).reshape(-1, 3), np.asarray(drawn.y).reshape(-1, 2).argmax(1)
        model = LogisticRegression(C=1e4).fit(x, y)
        found = model.score(drawn.query_x, np.asarray(drawn.query_y).argmax(1))
        assert found == pytest.approx(right, abs=0.03)


def test_rings_are_told_by_a_distance_and_by_no_line():
    drawn = episode("rings:features=4,rows=4000,wrong=0")
    x, y = np.asarray(drawn.query_x), np.asarray(drawn.query_y).argmax(1)
    quadratic = np.hstack([x, x**2])
    assert LogisticRegression(C=1e4, max_iter=2000).fit(quadratic, y).score(quadratic, y) > 0.9
    assert LogisticRegression().fit(x, y).score(x, y) < 0.85


def test_a_spiral_has_its_arms_and_a_checkerboard_its_squares():
    drawn = episode("spiral:arms=4,turns=1")
    x, labels = np.asarray(drawn.query_x), np.asarray(drawn.query_y).argmax(1)
    radius, angle = np.hypot(*x.T), np.arctan2(x[:, 1], x[:, 0])
    own = 2 * np.pi * (radius + labels / 4)
    off = np.angle(np.exp(1j * (angle - own)))
    assert np.mean(np.abs(off) < 0.3) > 0.95
    assert set(labels) == set(range(4))
    drawn = episode("checkerboard:squares=3")
    x, labels = np.asarray(drawn.query_x), np.asarray(drawn.query_y).argmax(1)
    place = np.floor((x + 1) * 1.5).astype(int)
    assert np.mean(place.sum(1) % 2 == labels) > 0.999


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ClassTableOptions(classes=1), "classes is 1"),
        (lambda: ClassTableOptions(classes=11, rows=10), "classes is 11; .* rows, 10"),
        (lambda: ClassTableOptions(rarest=1e-300), "rarest is 1e-300; it takes 0"),
        (lambda: ClassTableOptions(classes=4, rarest=0.3), "rarest is 0.3; it takes 0, .* to 0.25"),
        (lambda: ClassTableOptions(rarest=-0.1), "rarest is -0.1"),
        (lambda: ClassTableOptions(rows=1), "rows is 1"),
        (lambda: ClassTableOptions(wrong=1.5), "wrong is 1.5; it takes a share from 0 to 1"),
        (lambda: ClassTableOptions(coarse=-0.5), "coarse is -0.5; it takes a share"),
        (lambda: SpiralOptions(arms=1), "arms is 1"),
        (lambda: SpiralOptions(turns=0.0), "turns is 0.0"),
        (lambda: CheckerboardOptions(squares=1), "squares is 1"),
    ],
)
def test_what_cannot_be_is_refused(make, message: str):
    with pytest.raises(BluraxError, match=message):
        make()
