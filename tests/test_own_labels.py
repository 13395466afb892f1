"""Labels of whatever shape a target of one's own takes, from arrays and from functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax.errors import BluraxError
from blurax.tasks import Classes, EpisodeSpec, Regression, Split, Target, check_task

X = np.random.default_rng(0).normal(size=(30, 4))
SPEC = EpisodeSpec(2, 5, 3)


class Ranks(Target):
    """The right class as a number."""

    @property
    def y_shape(self):
        return ()

    def losses(self, outputs, y):
        return -jnp.take_along_axis(jax.nn.log_softmax(outputs), y[:, None].astype(int), 1)[:, 0]

    def score(self, outputs, y, mask=None):
        return jnp.mean(jnp.argmax(outputs, axis=1) == y)


class Boxes(Ranks):
    """Two corners for each output."""

    @property
    def y_shape(self):
        return (self.outputs, 2, 2)


class Anything(Ranks):
    """Of any shape."""

    y_shape = None


class Smooth(Classes):
    """Classes with another loss."""

    def losses(self, outputs, y):
        return jnp.sum((outputs - y) ** 2, axis=-1)


@pytest.mark.parametrize(
    ("kind", "shape", "target", "y"),
    [
        (Ranks(3), (30,), Ranks(3), ()),
        (Boxes, (30, 3, 2, 2), Boxes(3), (3, 2, 2)),
        (Boxes(3), (30, 3, 2, 2), Boxes(3), (3, 2, 2)),
        (Anything, (30,), Anything(1), (1,)),
        (Anything(5), (30, 2, 7), Anything(5), (2, 7)),
        (Regression, (30,), Regression(1), (1,)),
        (Regression(2), (30, 2), Regression(2), (2,)),
    ],
)
def test_labels_have_the_shape_that_the_target_says(kind, shape, target, y):
    labels = np.arange(np.prod(shape), dtype=float).reshape(shape) % 3
    task = blurax.from_arrays(X, labels, kind=kind)
    assert task.target == target
    check_task(task, SPEC, Split.TRAIN)
    assert task.sample(jax.random.key(0), SPEC, Split.TRAIN).y.shape == (2, 5, *y)
    if target.y_shape == ():
        assert set(np.unique(task.labels)) == {0, 1, 2}  # as they are


def test_classes_with_another_loss_take_whole_numbers():
    for kind in (Smooth, Smooth(3)):
        task = blurax.from_arrays(X, np.arange(30) % 3, kind=kind)
        assert task.target == Smooth(3)
        assert task.sample(jax.random.key(0), SPEC, Split.TRAIN).y.shape == (2, 5, 3)
    assert blurax.from_arrays(X, np.arange(30) % 3, kind=Classes(5)).outputs == 5


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [
        (
            Ranks,
            (30,),
            r"which does not say how many outputs it takes; give .* kind=Ranks\(outputs\)",
        ),
        (Ranks(3), (30, 2), r"gives labels of shape \(30, 2\); it takes \(30,\)"),
        (Boxes, (30, 3, 2), r"gives labels of shape \(30, 3, 2\); it takes \(30, 3, 2, 2\)"),
        (Regression(3), (30, 2), r"gives labels of shape \(30, 2\); it takes \(30, 3\)"),
        (Regression, (30, 2, 2), "numbers to predict take"),
        (Classes(2), (30,), r"labels go up to 2, but the target is Classes\(outputs=2\)"),
        (3, (30,), "kind is 3; it takes 'classes', 'regression' or a Target class"),
    ],
)
def test_labels_of_another_shape_are_refused(kind, shape, message):
    labels = np.arange(np.prod(shape)).reshape(shape) % 3
    with pytest.raises(BluraxError, match=message):
        blurax.from_arrays(X, labels, kind=kind)


def test_a_function_takes_a_target_too():
    def draw(key, n):
        x = jax.random.normal(key, (n, 3))
        return x, jnp.argmax(x, axis=1)

    assert blurax.from_function(draw, 3, 3, kind=Ranks(3)).target == Ranks(3)
    with pytest.raises(BluraxError, match=r"outputs is 4, but the target is Ranks\(outputs=3\)"):
        blurax.from_function(draw, 3, 4, kind=Ranks(3))
