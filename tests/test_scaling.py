"""Scaling knows no absolute size, no order of arrival, and no constant but a constant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from blurax.errors import BluraxError
from blurax.scaling import EPSILON, LARGEST
from blurax.tasks import ColumnMoments

SEEDS = st.integers(0, 10**6)
EXPONENTS = st.floats(-150, 150)
NUMBERS = st.floats(-1e300, 1e300, allow_nan=False)


def table(seed: int, n: int = 40, features: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(rng.normal(0, 3, features), rng.uniform(0.1, 3, features), (n, features))


def assert_same(one: ColumnMoments, other: ColumnMoments, rtol: float = 1e-9) -> None:
    assert one.count == pytest.approx(other.count)
    size = np.maximum(np.abs(other.mean), other.std)
    np.testing.assert_allclose(one.mean / size, other.mean / size, rtol=0, atol=rtol)
    np.testing.assert_allclose(one.std, other.std, rtol=rtol)


@given(SEEDS, EXPONENTS)
def test_the_size_of_a_column_is_nothing(seed, exponent):
    x = table(seed)
    np.testing.assert_allclose(
        ColumnMoments.of(x * 10**exponent).standardise(x * 10**exponent),
        ColumnMoments.of(x).standardise(x),
        rtol=1e-8,
        atol=1e-10,
    )


@given(SEEDS, st.integers(-900, 900))
def test_powers_of_two_change_no_bit(seed, power):
    x = table(seed)
    np.testing.assert_array_equal(
        ColumnMoments.of(np.ldexp(x, power)).standardise(np.ldexp(x, power)),
        ColumnMoments.of(x).standardise(x),
    )


@given(SEEDS, st.lists(st.integers(0, 40), max_size=5), EXPONENTS)
def test_parts_make_the_whole(seed, cuts, exponent):
    x = table(seed) * 10**exponent
    found = ColumnMoments.none(3)
    for part in np.split(x, sorted(cuts)):
        found = found.update(part)
    assert_same(found, ColumnMoments.of(x))


def test_many_rows_are_as_few(monkeypatch):
    x, weights = table(3, 1000) + 100, np.random.default_rng(3).uniform(size=1000)
    whole = ColumnMoments.of(x, weights)
    monkeypatch.setattr("blurax.scaling.BLOCK", 100)
    assert_same(ColumnMoments.of(x, weights), whole)
    assert ColumnMoments.of(np.full((1000, 3), 0.1)).constant.all()


def test_row_by_row_is_scikit_learns_scaler():
    x = table(0, 1000) + 1e6
    found, theirs = ColumnMoments.none(3), StandardScaler()
    for row in x:
        found = found.update(row[None])
        theirs.partial_fit(row[None])
    np.testing.assert_allclose(found.mean, theirs.mean_, rtol=1e-12)
    np.testing.assert_allclose(found.std**2, theirs.var_, rtol=1e-6)
    np.testing.assert_allclose(found.standardise(x), theirs.transform(x), atol=1e-6)
    assert_same(found, ColumnMoments.of(x), 1e-8)


@given(NUMBERS, st.integers(1, 50), st.integers(1, 50))
def test_a_constant_is_constant_whatever_its_size(value, first, then):
    x = np.full((first, 2), value)
    for found in (ColumnMoments.of(x), ColumnMoments.of(x).update(np.full((then, 2), value))):
        assert found.constant.all()
        np.testing.assert_array_equal(found.mean, value)
        np.testing.assert_array_equal(found.scale, 0)
        np.testing.assert_array_equal(found.standardise(x + 1), 0)  # a row that differs, too


@pytest.mark.parametrize("value", [0.1, 1e15 + 0.1, 1e-320, LARGEST, -LARGEST, 0.0])
def test_constants_of_note(value):
    found = ColumnMoments.of(np.full((1797, 1), value))
    assert found.constant.all()
    assert found.standardise(np.array([[value], [0.5]])).tolist() == [[0], [0]]


@given(st.floats(0.1, 10), EXPONENTS, st.integers(5, 200))
def test_roundings_are_constant_and_the_least_variation_above_is_not(value, exponent, n):
    value *= 10**exponent
    rounded = np.where(np.arange(n) % 2, value, value * (1 + EPSILON))[:, None]
    assert ColumnMoments.of(rounded).constant.all()
    varied = value * (1 + 1e-12 * np.random.default_rng(n).normal(size=(n, 1)))
    varied[:2] = value * np.array([[1 - 1e-12], [1 + 1e-12]])
    found = ColumnMoments.of(varied)
    assert not found.constant.any()
    np.testing.assert_allclose(found.standardise(varied).std(), 1, rtol=1e-3)


def test_a_stream_of_any_length_keeps_a_feature():
    seconds = 1.7e9 + np.random.default_rng(0).normal(0, 0.1, (100, 1))
    once = ColumnMoments.of(seconds)
    assert not once.constant.any()
    assert not ColumnMoments(1e9, once.mean, once.std).constant.any()


def test_a_column_that_was_constant_begins_to_vary():
    found = ColumnMoments.of(np.full((1280, 1), 0.1)).update(np.array([[0.1], [0.4]]))
    assert not found.constant.any()
    assert_same(found, ColumnMoments.of(np.append(np.full(1281, 0.1), 0.4)[:, None]))


@given(SEEDS, EXPONENTS)
def test_weights_0_and_2_leave_out_and_repeat(seed, exponent):
    x = table(seed) * 10**exponent
    weights = np.random.default_rng(seed).integers(0, 3, len(x))
    x[weights == 0] *= 1e100 if exponent < 0 else 1e-100
    assert_same(ColumnMoments.of(x, weights), ColumnMoments.of(np.repeat(x, weights, axis=0)))
    halves = ColumnMoments.of(x[:20], weights[:20]).update(x[20:], weights[20:])
    assert_same(halves, ColumnMoments.of(x, weights))


def test_weights_of_any_size_are_shares(unchecked):
    x, weights = table(1), np.random.default_rng(1).uniform(size=40)
    one, other = (ColumnMoments.of(x, weights * size) for size in (1e-200, 1e200))
    np.testing.assert_allclose(one.standardise(x), other.standardise(x))
    for bad in (-weights, weights * np.nan):
        with pytest.raises(BluraxError, match="weights hold negative or non-finite numbers"):
            ColumnMoments.of(x, bad)
    with pytest.raises(BluraxError, match=r"weights have shape \(39,\); there are 40 rows"):
        ColumnMoments.of(x, weights[1:])


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float16, np.float32, object])
def test_columns_of_any_type_of_number(kind):
    x = np.random.default_rng(0).integers(0, 2, (30, 2))
    np.testing.assert_array_equal(
        ColumnMoments.of(x.astype(kind)).standardise(x.astype(kind)),
        ColumnMoments.of(x.astype(float)).standardise(x),
    )


@pytest.mark.parametrize("ends", [(-LARGEST, LARGEST), (0.0, 5e-324), (5e-324, 1e-323)])
def test_the_ends_of_the_numbers_stay_finite(ends):
    x = np.array(ends)[:, None]
    found = ColumnMoments.of(x[:1]).update(x[1:])
    for value in (found.mean, found.std, found.scale, found.standardise(x)):
        assert np.isfinite(value).all()


def test_another_number_of_columns_is_refused(unchecked):
    with pytest.raises(BluraxError, match="There are 2 columns where there were 3 before"):
        ColumnMoments.of(table(0)).update(table(0, features=2))
