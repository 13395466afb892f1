"""The inner loop: whole steps against the naive ones, and what `unroll` and `predict` promise."""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import naive_step
from blurax import activations, rules
from blurax.genome import random
from blurax.inner import Remat, predict, step, unroll
from blurax.network import NetworkState
from blurax.spec import Feedback, Rule
from closeness import assert_close, differs
from variants import BATCH, SIZES, STEPS, TABLE, batches, initial, jit, lively, run

LARGE = (
    *("default", "one-state", "multiplicative", "multiplicative-state-2", "symmetric", "single"),
    *("symmetric-single", "backprop", "per-layer", "keep-neurons", "after-forward"),
    *("forward-source", "trace-everywhere", "normalise-global"),
)
"""Of the table those that differ in their products and activations."""

one_step, prediction = jit(step), jit(predict)


def synapses_of(state: NetworkState) -> list[np.ndarray]:
    return [naive_step.matrix(s) for s in state.synapses]


@pytest.fixture
def as_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The networks here are so small that all states go together; as if they were not."""
    monkeypatch.setattr(rules, "SMALL", 0)
    monkeypatch.setattr(activations, "NARROW", 0)
    jax.clear_caches()
    yield
    jax.clear_caches()


@pytest.mark.parametrize("name", TABLE)
def test_whole_steps_are_the_naive_ones(name: str):
    assert_naive(TABLE[name])


@pytest.mark.usefixtures("as_large")
@pytest.mark.parametrize("name", LARGE)
def test_whole_steps_of_larger_networks_are_the_naive_ones(name: str):
    assert_naive(TABLE[name])


def assert_naive(rule: Rule) -> None:
    """Some steps of the rule are the naive ones."""
    genome, state, (x, y) = lively(rule), initial(rule), batches()
    _, (states, infos) = run(genome, state, x, y)
    net = naive_step.net_of(state, rule)
    for n in range(STEPS):
        net, prediction, neurons = naive_step.step(genome, net, np.array(x[n]), np.array(y[n]), n)
        got, info = jax.tree.map(lambda leaf, n=n: leaf[n], (states, infos))
        assert_close(synapses_of(got), net.up)
        assert_close(info.prediction, prediction)
        assert info.neurons[0].shape[0] == 1
        assert_close(naive_step.whole(info.neurons, rule), neurons)
        down = None if net.down is None else [s.backward for s in got.synapses[1:]]
        assert_close(down, None if net.down is None else net.down[1:])
        if rule.update.trace:
            traces = [s.kept["trace"] for s in got.synapses]
            assert_close([naive_step.matrix(m) for m in traces], net.up_traces)
            if down is not None:
                assert_close([m.backward for m in traces[1:]], net.down_traces[1:])
        if rule.update.metaplastic:
            sums = [s.kept["metaplasticity"] for s in got.synapses]
            assert_close([naive_step.matrix(s) for s in sums], net.up_sums)
            if down is not None:
                assert_close([s.backward for s in sums[1:]], net.down_sums[1:])
        kept = None if got.neurons is None else naive_step.whole(got.neurons, rule)
        assert_close(kept, net.neurons)


def test_unroll_is_step_after_step():
    rule = TABLE["everything"]
    genome, state, (x, y) = lively(rule), initial(rule), batches()
    last, (states, infos) = run(genome, state, x, y)
    for n in range(STEPS):
        state, info = one_step(genome, state, x[n], y[n], jnp.asarray(n))
        assert_close((state, info), jax.tree.map(lambda leaf, n=n: leaf[n], (states, infos)))
    assert_close(last, state)


def test_an_index_left_out_is_a_step_with_feedback():
    rule = TABLE["keep-neurons-every-2"]
    genome, state, (x, y) = lively(rule), initial(rule), batches()
    default = one_step(genome, state, x[0], y[0])
    assert_close(default, one_step(genome, state, x[0], y[0], 4))


def test_labels_are_heard_on_every_nth_step_only():
    rule = TABLE["after-forward-every-3"]
    genome, state, (x, y) = lively(rule), initial(rule), batches()
    other = y.at[1:].multiply(-1)
    assert_close(run(genome, state, x, other), run(genome, state, x, y), tolerance=0.0)
    other = y.at[0].multiply(-1)
    assert differs(run(genome, state, x, other), run(genome, state, x, y))


def test_a_continued_unroll_is_one_unroll():
    rule = TABLE["after-forward-every-3"]
    genome, state, (x, y) = lively(rule), initial(rule), batches()
    last, (states, _) = run(genome, state, x, y)
    after_one = jax.tree.map(lambda leaf: leaf[0], states)
    continued = jit(unroll)(genome, after_one, x[1:], y[1:], first=1)[0]
    assert_close(continued, last)
    assert differs(jit(unroll)(genome, after_one, x[1:], y[1:])[0], last)


def test_unroll_observes_nothing_unless_asked():
    rule = TABLE["smooth"]
    genome, state, (x, y) = lively(rule), initial(rule), batches()
    last, seen = jit(unroll)(genome, state, x, y)
    assert seen is None
    assert_close(last, run(genome, state, x, y)[0])


@pytest.mark.parametrize("remat", Remat)
@pytest.mark.parametrize("steps", [1, 5, 12])
def test_remat_changes_no_result(remat: Remat, steps: int):
    rule = TABLE["keep-neurons-every-2"]
    genome, state, (x, y) = lively(rule), initial(rule), batches(steps)
    see = functools.partial(unroll, observe=lambda _, info: info.prediction, remat=remat)
    state, seen = jit(see)(genome, state, x, y)
    plain, (_, infos) = run(genome, initial(rule), x, y)
    assert seen.shape == (steps, BATCH, SIZES[-1])
    assert_close((state, seen), (plain, infos.prediction))


def counted(function: Callable) -> tuple[Callable, list[int]]:
    """A jitted function, and a list that grows each time it is traced."""
    traces: list[int] = []

    def traced(*args: object) -> object:
        traces.append(1)
        return function(*args)

    return jit(traced), traces


@pytest.mark.parametrize("name", ["default", "everything"])
def test_one_trace_serves_every_call(name: str):
    rule = TABLE[name]
    unrolled, traces = counted(unroll)
    genome, state, (x, y) = (
        jit(random, static_argnums=1)(jax.random.key(0), rule),
        initial(rule),
        batches(),
    )
    for _ in range(3):
        # What comes out goes in again: a weak type or another dtype would trace anew.
        state, _ = unrolled(genome, state, x, y)
        x, genome = x + 1, jax.tree.map(lambda leaf: 0.9 * leaf, genome)
    assert len(traces) == 1


@pytest.mark.usefixtures("float32")
def test_one_trace_serves_every_call_in_float32():
    rule = TABLE["everything"]
    unrolled, traces = counted(unroll)
    genome, state, (x, y) = (
        jit(random, static_argnums=1)(jax.random.key(0), rule),
        initial(rule),
        batches(),
    )
    for _ in range(2):
        state, _ = unrolled(genome, state, x, y)
    assert len(traces) == 1
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(state))
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(state))


@pytest.mark.parametrize("remat", Remat)
def test_the_program_does_not_grow_with_the_unroll(remat: Remat):
    rule = TABLE["smooth"]
    genome, state = lively(rule), initial(rule)

    def length(steps: int) -> int:
        short = functools.partial(unroll, remat=remat)
        return str(jax.make_jaxpr(short)(genome, state, *batches(steps))).count("\n")

    assert length(64) == length(4)


class TestPredict:
    rule = dataclasses.replace(TABLE["everything"], feedback=Feedback())

    def test_is_the_prediction_of_a_step_from_rest(self):
        rule = TABLE["five-states"]
        genome, state, (x, y) = lively(rule), initial(rule), batches()
        _, info = one_step(genome, state, x[0], y[0])
        assert_close(prediction(genome, state, x[0]), info.prediction)

    def test_forgets_kept_neurons(self):
        genome, state, x = lively(self.rule), initial(self.rule), batches()[0][0]
        zeroed = NetworkState(state.synapses, jax.tree.map(jnp.zeros_like, state.neurons))
        assert differs(state, zeroed)
        want = prediction(genome, zeroed, x)
        assert_close(prediction(genome, state, x), want, tolerance=0.0)
        # A query batch may have another size than the batches the neurons were kept for.
        assert prediction(genome, state, jnp.tile(x, (2, 1))).shape == (2 * BATCH, SIZES[-1])

    def test_learns_nothing(self):
        genome, state, (x, y) = lively(self.rule), initial(self.rule), batches()
        before = jax.tree.map(np.array, state)
        first = prediction(genome, state, x[0])
        assert_close(prediction(genome, state, x[0]), first, tolerance=0.0)
        assert_close(state, jax.tree.map(jnp.asarray, before), tolerance=0.0)
        assert differs(prediction(genome, one_step(genome, state, x[0], y[0])[0], x[0]), first)
