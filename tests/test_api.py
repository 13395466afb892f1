"""The few calls of the public API: what they take and what they give."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import blurax
from blurax.errors import BluraxError
from blurax.tasks import Classes, Episode, EpisodeSpec, Target, Task

GENOME = blurax.backprop(blurax.Rule.backprop(), 0.3)
NETWORK = blurax.Network((4, 5, 3))


def test_learn_is_repeatable_and_a_seed_is_a_key():
    one = blurax.learn(GENOME, NETWORK, blurax.task("iris"), steps=3, batch=8, key=7)
    two = blurax.learn(
        GENOME, NETWORK, blurax.task("iris"), steps=3, batch=8, key=jax.random.key(7)
    )
    np.testing.assert_array_equal(one.curve.loss, two.curve.loss)
    assert one.curve.loss.shape == (3,)


def test_a_curve_has_the_stops_that_were_asked_for():
    def learned(steps, stops, start=None):
        return blurax.learn(
            GENOME, NETWORK, blurax.task("iris"), steps=steps, batch=8, start=start, stops=stops
        )

    every, some = learned(6, ()), learned(6, (2, 5))
    np.testing.assert_array_equal(some.curve.loss, every.curve.loss[np.array([1, 4])])
    np.testing.assert_array_equal(*(found.state.synapses[0].forward for found in (some, every)))
    later = learned(3, (3,), learned(3, (1,)))
    np.testing.assert_array_equal(later.curve.loss, every.curve.loss[-1:])
    for wrong in ((7,), (0,), (3, 2)):
        with pytest.raises(BluraxError, match="stops is"):
            learned(6, wrong)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"genome": "best.safetensors"}, "genome is of type str; it takes a Genome"),
        ({"network": (4, 5, 3)}, "network is of type tuple; it takes a Network"),
        ({"task": "iris"}, "task is of type str; it takes a Task"),
        ({"split": "tset"}, "split is of type str; it takes a Split"),
        ({"network": blurax.Network((5, 3))}, "has 5 inputs and 3 outputs"),
        ({"steps": 0}, "EpisodeSpec.steps is 0"),
    ],
)
def test_what_does_not_belong_is_told(changes, message):
    wanted = {"genome": GENOME, "network": NETWORK, "task": blurax.task("iris"), **changes}
    with pytest.raises(BluraxError, match=message):
        blurax.learn(**wanted)


def test_meta_train_makes_a_run_goes_on_with_it_and_refuses_another(tmp_path):
    config = blurax.MetaTrain(
        tasks=("iris",),
        hidden=("0",),
        episode=EpisodeSpec(2, 8, 8),
        population=1,
        meta_steps=2,
        validate_every=1,
        validation_episodes=1,
    )
    first = blurax.meta_train(config, tmp_path / "run")
    assert (tmp_path / "run" / "run.png").exists()
    again = blurax.meta_train(config, tmp_path / "run")
    assert again.score == first.score
    loaded = blurax.load(tmp_path / "run" / "best.safetensors")
    for one, other in zip(jax.tree.leaves(loaded), jax.tree.leaves(first.genome), strict=True):
        np.testing.assert_array_equal(one, other)
    other = blurax.MetaTrain(tasks=("iris",), episode=EpisodeSpec(2, 8, 8))
    with pytest.raises(BluraxError, match="a run of another configuration"):
        blurax.meta_train(other, tmp_path / "run")


class Odd(Task):
    """A task of one's own that keeps to the protocol but for what `draw` gives."""

    draw: object = eqx.field(static=True)
    name: str = "odd"
    input_shape: tuple[int, ...] = (2,)
    target: Target = Classes(2)

    def sample(self, key, spec, split, first=0):
        return self.draw(spec)


X, Y = jnp.zeros((100, 128, 2)), jnp.zeros((100, 128, 2))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda spec: (X, Y), "Task odd: its sample gives a tuple; it takes an Episode"),
        (lambda spec: Episode(X[:3], Y, X[0], Y[0]), r"episodes' x has shape \(3, 128, 2\), not"),
        (lambda spec: Episode(X, Y[..., :1], X[0], Y[0]), r"episodes' y has shape \(100, 128, 1\)"),
        (lambda spec: Episode(X, Y, X[0], Y[0, :5]), r"episodes' query_y has shape \(5, 2\), not"),
        (lambda spec: spec.nothing, "Task odd: its sample.*: .*no attribute 'nothing'"),
    ],
)
def test_a_task_of_ones_own_that_draws_wrongly_is_told(draw, message, unchecked):
    genome = blurax.backprop(blurax.Rule.backprop(), 0.1)
    with pytest.raises(blurax.BluraxError, match=message) as caught:
        blurax.learn(genome, blurax.Network((2, 3, 2)), Odd(draw))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["a", -1, True, jnp.zeros(2)])
def test_a_key_that_is_none_is_told(key, unchecked):
    genome = blurax.backprop(blurax.Rule.backprop(), 0.1)
    with pytest.raises(
        blurax.BluraxError, match="it takes a whole number from 0 to 4294967295, or keys"
    ):
        blurax.learn(genome, blurax.Network((2, 3, 2)), blurax.task("xor"), key=key)
