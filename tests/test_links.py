"""Links against loops over single neurons, and their transposes against the definition."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.links import After, Conv, Dense, Identity, Index, Masked, Placed, Pool
from closeness import assert_close

BATCH = 2
rng = np.random.default_rng(0)
PLACES = rng.integers(-1, 4, size=(6, 5))


def conv_matrix(link: Conv, pre: tuple[int, ...], post: tuple[int, ...], w: np.ndarray):
    """The synapse between each two neurons, by loops over positions."""
    kernels = w.reshape(link.kernel, link.kernel, pre[2], post[2])
    matrix = np.zeros((*pre, *post))
    before = [0, 0]
    if link.padding == "same":
        for axis in (0, 1):
            zeros = max((post[axis] - 1) * link.stride + link.kernel - pre[axis], 0)
            before[axis] = zeros // 2
    for y, x, ky, kx in itertools.product(
        range(post[0]), range(post[1]), range(link.kernel), range(link.kernel)
    ):
        row, column = y * link.stride + ky - before[0], x * link.stride + kx - before[1]
        if 0 <= row < pre[0] and 0 <= column < pre[1]:
            matrix[row, column, :, y, x, :] += kernels[ky, kx]
    return matrix.reshape(math.prod(pre), math.prod(post))


def pool_matrix(size: int | None, pre: tuple[int, ...]):
    """What each window has of each neuron."""
    h, w = (size, size) if size else pre[:2]
    post = pre[0] // h, pre[1] // w, pre[2]
    matrix = np.zeros((*pre, *post))
    for y, x, c in itertools.product(*map(range, post)):
        matrix[y * h : (y + 1) * h, x * w : (x + 1) * w, c, y, x, c] = 1 / (h * w)
    return matrix.reshape(math.prod(pre), math.prod(post))


def matrix_of(link, pre, post, w):
    """[i, j]: the synapse between each two neurons of the groups in a row."""
    match link:
        case Dense():
            return w
        case Conv():
            return conv_matrix(link, pre, post, w)
        case Pool():
            return pool_matrix(link.size, pre)
        case Identity():
            return np.eye(math.prod(pre))
        case After():
            middle = link.middle(pre)
            first = matrix_of(link.first, pre, middle, w)
            return first @ matrix_of(link.link, middle, post, w)
        case Placed():
            return np.where(PLACES < 0, 0.0, w[PLACES, 0])
        case Masked():
            kept = np.asarray(link.mask(pre, post))
            return matrix_of(link.link, pre, post, w * kept)


CASES = {
    "dense": (Dense(), (4,), (3,)),
    "dense of images": (Dense(), (3, 2, 2), (2, 2, 3)),
    "conv": (Conv(3), (5, 4, 2), (5, 4, 3)),
    "conv, stride 2": (Conv(3, 2), (5, 6, 2), (3, 3, 3)),
    "conv, even kernel": (Conv(2, 2), (5, 5, 1), (3, 3, 2)),
    "conv, valid": (Conv(3, 1, "valid"), (5, 4, 2), (3, 2, 3)),
    "conv, valid, stride 2": (Conv(2, 2, "valid"), (5, 5, 2), (2, 2, 3)),
    "conv, stride beyond the kernel": (Conv(1, 2), (5, 4, 2), (3, 2, 3)),
    "pool": (Pool(2), (5, 4, 2), (2, 2, 2)),
    "pool of everything": (Pool(None), (3, 4, 2), (1, 1, 2)),
    "identity": (Identity(), (3, 2), (3, 2)),
    "dense after pool": (After(Pool(2), Dense()), (5, 4, 2), (3,)),
    "conv after pool": (After(Pool(2), Conv(2)), (6, 4, 2), (3, 2, 3)),
    "placed": (Placed(Index.of(PLACES)), (6,), (5,)),
    "placed in images": (Placed(Index.of(PLACES)), (3, 2), (5, 1)),
    "masked": (Masked(0.5), (6,), (5,)),
    "placed, masked": (Masked(0.5, 2, Placed(Index.of(PLACES))), (6,), (5,)),
    "masked conv": (Masked(0.5, 1, Conv(3)), (4, 4, 2), (4, 4, 2)),
}
cases = pytest.mark.parametrize("case", CASES)
states_and_channels = pytest.mark.parametrize(("d", "c"), [(1, 1), (3, 1), (1, 3), (3, 3)])


def drawn(case: str, c: int):
    """The link, its groups, synapses that are there, and the matrix of each channel."""
    link, pre, post = CASES[case]
    link.check(pre, post)
    if not link.has_synapses:
        return link, pre, post, None, np.stack([matrix_of(link, pre, post, None)])
    w = rng.normal(size=(c, link.count(pre, post), link.features(post)))
    held = link.held(jnp.asarray(w), pre, post)
    return link, pre, post, held, np.stack([matrix_of(link, pre, post, one) for one in w])


@cases
@states_and_channels
def test_transmit_is_the_sum_over_all_synapses(case: str, d: int, c: int):
    link, pre, post, w, matrix = drawn(case, c)
    a = rng.normal(size=(d, BATCH, *pre))
    want = a.reshape(d, BATCH, -1) @ matrix
    got = link.transmit(w, jnp.asarray(a), post)
    assert_close(got, want.reshape(-1, BATCH, *post))


@cases
@pytest.mark.parametrize("c", [1, 3])
def test_back_is_the_transposed_matrix(case: str, c: int):
    link, pre, post, w, matrix = drawn(case, c)
    a = rng.normal(size=(3, BATCH, *post))
    want = (a.reshape(3, BATCH, -1) @ np.swapaxes(matrix, 1, 2)).reshape(3, BATCH, *pre)
    turned = link.turned(w, pre, post)
    assert_close(link.back.transmit(turned, jnp.asarray(a), pre), want)
    if w is not None:
        np.testing.assert_array_equal(link.back.turned(turned, post, pre), w)
        assert turned.shape[1:] == (link.back.count(post, pre), link.back.features(pre))
        np.testing.assert_array_equal(link.back.held(turned, post, pre), turned)


@cases
@pytest.mark.parametrize(("d", "c"), [(1, 1), (1, 3), (3, 3)])
def test_hebbian_is_the_transpose_in_the_synapses(case: str, d: int, c: int):
    link, pre, post, w, _ = drawn(case, c)
    if w is None:
        return
    a_i, a_j = (jnp.asarray(rng.normal(size=(n, BATCH, *s))) for n, s in ((d, pre), (c, post)))
    (want,) = jax.vjp(lambda w: link.transmit(link.held(w, pre, post), a_i, post), w)[1](a_j)
    assert_close(link.held(link.hebbian(a_i, a_j), pre, post), want)
    events = jnp.matmul(jnp.swapaxes(link.unfold(a_i, post), 1, 2), link.events(a_j))
    assert_close(link.held(events, pre, post), want)
    if d == c:
        back = link.back.hebbian(a_j, a_i)
        assert_close(link.back.held(back, post, pre), link.turned(want, pre, post))


@cases
def test_unfold_back_says_what_the_way_back_sees(case: str):
    link, pre, post, w, _ = drawn(case, 2)
    if w is None:
        return
    a, a_i = (jnp.asarray(rng.normal(size=(2, BATCH, *shape))) for shape in (post, pre))
    if case == "placed, masked":
        with pytest.raises(BluraxError, match="take symmetric synapses, or no decorrelation"):
            link.back.unfold(a, pre)
        return
    seen = link.back.unfold(a, pre)
    product = jnp.matmul(jnp.swapaxes(seen, 1, 2), link.back.events(a_i))
    got = link.back.held(product, post, pre)
    assert_close(got, link.back.held(link.back.hebbian(a, a_i), post, pre))


@cases
def test_the_bias_unit_leads_to_all_places_of_a_feature(case: str):
    link, _, post, w, _ = drawn(case, 2)
    if w is None:
        return
    b, a_j = (jnp.asarray(rng.normal(size=s)) for s in ((2, 1, link.features(post)), (2, 3, *post)))
    (want,) = jax.vjp(lambda b: link.bias(b, post) + jnp.zeros_like(a_j), b)[1](a_j)
    assert_close(link.hebbian_bias(a_j), want)


def test_placed_is_conv_and_dense_on_their_common_ground():
    pre, post, conv = (4, 4, 2), (4, 4, 1), Conv(3)
    numbers = conv_matrix(conv, pre, post, np.arange(1, 19.0)[:, None])
    placed = Placed(Index.of(np.round(numbers).astype(int) - 1))
    w, a = jnp.asarray(rng.normal(size=(1, 18, 1))), jnp.asarray(rng.normal(size=(1, 3, *pre)))
    e = jnp.asarray(rng.normal(size=(1, 3, *post)))
    for name, given in (("transmit", (w, a, post)), ("hebbian", (a, e)), ("unfold", (a, post))):
        assert_close(getattr(placed, name)(*given), getattr(conv, name)(*given))
    whole = Placed(Index.of(np.arange(12).reshape(4, 3)))
    w, a = jnp.asarray(rng.normal(size=(2, 4, 3))), jnp.asarray(rng.normal(size=(2, 5, 4)))
    assert_close(whole.transmit(w.reshape(2, 12, 1), a, (3,)), Dense().transmit(w, a, (3,)))


def test_lengths_below_a_pool_are_those_of_the_synapse_vectors():
    pre, post, link = (4, 4, 2), (3,), After(Pool(2), Dense())
    w = rng.normal(size=(1, 8, 3))
    matrix = matrix_of(link, pre, post, w[0])
    turned = link.turned(jnp.asarray(w), pre, post)
    length = jnp.sqrt(jnp.sum(turned**2, axis=1, keepdims=True))
    assert_close(link.back.at(length, pre)[0, 0].ravel(), np.linalg.norm(matrix, axis=1))


@pytest.mark.parametrize(("density", "least", "most"), [(1.0, 1, 1), (0.3, 0.25, 0.35)])
def test_a_mask_is_the_same_in_single_precision(density, least, most):
    link, pre, post = Masked(density, 3), (50,), (40,)
    mask = np.asarray(link.mask(pre, post))
    assert least <= mask.mean() <= most
    jax.config.update("jax_enable_x64", False)
    try:
        np.testing.assert_array_equal(link.mask(pre, post), mask)
    finally:
        jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: Conv(0), "Conv.kernel is 0"),
        (lambda: Index.of([[0.9, 1.2]]), "takes an array of whole numbers"),
        (lambda: Index.of([[0, 1], [2]]), "takes an array of whole numbers"),
        (lambda: After(Pool(), Identity()), "After.link is .* a link with synapses"),
        (lambda: Masked(0.5, 0, After(Pool(), Identity())), "After.link is"),
        (lambda: Conv(3, padding="full"), "Conv.padding is 'full'"),
        (lambda: Pool(0), "Pool.size is 0"),
        (lambda: Masked(0.0), "Masked.density is 0.0"),
        (lambda: Masked(0.5, 0, Identity()), "a link with synapses"),
        (lambda: Placed(Index.of([[-1, -1]])), "no number >= 0"),
        (lambda: Conv(3).check((8,), (8,)), "height, width, features"),
        (lambda: Conv(9, padding="valid").check((8, 8, 1), (1, 1, 1)), "larger than its neurons"),
        (lambda: Conv(3, 2).check((8, 8, 1), (8, 8, 2)), r"leads to \(4, 4, 2\), not to"),
        (lambda: Placed(Index.of([[0, 1]])).check((2,), (2,)), r"Placed.index has shape \(1, 2\)"),
    ],
)
def test_what_makes_no_link_is_refused(make, names: str):
    with pytest.raises(BluraxError, match=names):
        make()
