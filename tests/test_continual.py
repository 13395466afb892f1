"""Learners against forgetting: each penalty against loops, and when stages are told to end."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax.baselines import (
    SEQUENTIAL,
    Arrangement,
    Ewc,
    Lxdg,
    Replay,
    Reservoir,
    Si,
    Tuning,
    Xdg,
    baseline,
    named,
    tune,
)
from blurax.baselines.optimisers import OPTIMISERS
from blurax.curves import Schedule, learning_curve
from blurax.errors import BluraxError
from blurax.learner import Batch, Learner
from blurax.network import Network
from blurax.remat import Remat
from blurax.spec import Activation
from blurax.targets import Classes, Regression
from blurax.tasks import EpisodeSpec, Split, get
from blurax.unroll import unroll

NETWORK, TARGET = Network((4, 5, 3)), Classes(3)
TANH = Arrangement(Activation.TANH)
KEY = jax.random.key(1)
RATE = jnp.asarray(0.01)
GATES = {"strength": 0.0, "gate_strength": 1.0}
SEQUENCE = "sequence:iris:by=permute,stages=2,steps=3"


def made(kind, target=TARGET, **settings):
    numbers = {k: jnp.asarray(v) if isinstance(v, float) else v for k, v in settings.items()}
    return kind(NETWORK, OPTIMISERS["adam"], TANH, target, **numbers)


def batch(seed, count=6, target=TARGET):
    x, y = jax.random.split(jax.random.key(seed))
    inputs = jax.random.normal(x, (count, 4))
    if isinstance(target, Regression):
        return Batch(inputs, jax.random.normal(y, (count, target.outputs)))
    return Batch(inputs, target.encode(jax.random.randint(y, (count,), 0, 3)))


def logits(weights, x):
    """Written out, of one example."""
    return jnp.tanh(x @ weights.w[0] + weights.b[0]) @ weights.w[1] + weights.b[1]


def close(found, expected, tolerance=1e-10):
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def fisher_by_example(weights, many):
    total = jax.tree.map(jnp.zeros_like, weights)
    for x in many.x:
        chances = jax.nn.softmax(logits(weights, x))
        for c in range(3):
            slope = jax.grad(lambda w, x=x, c=c: jax.nn.log_softmax(logits(w, x))[c])(weights)
            total = jax.tree.map(lambda t, s, p=chances[c]: t + p * s**2, total, slope)
    return jax.tree.map(lambda t: t / len(many.x), total)


def test_fisher_is_the_mean_of_squared_slopes_of_single_examples():
    learner = made(Ewc, strength=1.0)
    weights, many = learner.init(KEY, 6).params, batch(0)
    close(learner.fisher(weights, jnp.zeros((), int), many), fisher_by_example(weights, many))


def test_fisher_of_numbers_takes_the_labels_as_they_are():
    target = Regression(3)
    learner, many = made(Ewc, target, strength=1.0), batch(0, target=target)
    weights = learner.init(KEY, 6).params
    total = jax.tree.map(jnp.zeros_like, weights)
    for x, y in zip(many.x, many.y, strict=True):
        slope = jax.grad(lambda w, x=x, y=y: jnp.mean((logits(w, x) - y) ** 2))(weights)
        total = jax.tree.map(lambda t, s: t + s**2 / 6, total, slope)
    close(learner.fisher(weights, jnp.zeros((), int), many), total)


def test_the_fisher_of_normalised_groups_is_finite_and_counts_scales():
    bare = Arrangement(Activation.RELU, normalise=True)
    learner = Ewc(NETWORK, OPTIMISERS["adam"], bare, TARGET, strength=jnp.ones(()))
    found = learner.fisher(learner.init(KEY, 6).params, jnp.zeros((), int), batch(0))
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    assert (found.scale[1] > 0).any()


def test_ewc_pulls_to_every_earlier_stage():
    learner = made(Ewc, strength=7.0)
    state, anchors = learner.init(KEY, 6), []
    for stage in range(2):
        state, _ = learner.step(state, batch(stage), rate=RATE, key=KEY, index=jnp.asarray(stage))
        anchors.append((fisher_by_example(state.params, batch(stage)), state.params))
        state = learner.end_stage(state, batch(stage), KEY)
    here = jax.tree.map(lambda w: w + 0.1, state.params)

    def naive(w):
        return sum(
            7.0 / 2 * jnp.sum(f * (a - b) ** 2)
            for fisher, centre in anchors
            for f, a, b in zip(*map(jax.tree.leaves, (fisher, w, centre)), strict=True)
        )

    close(jax.grad(learner.penalty)(here, state, batch(3), KEY), jax.grad(naive)(here))


def test_si_weighs_by_the_path():
    learner = made(Si, strength=3.0)
    state = learner.init(KEY, 6)
    start, path = state.params, jax.tree.map(jnp.zeros_like, state.params)
    for index in range(3):
        many, old = batch(index), state.params
        slope = jax.grad(
            lambda w, many=many: jnp.mean(
                jnp.stack(
                    [
                        -jax.nn.log_softmax(logits(w, x))[int(y.argmax())]
                        for x, y in zip(many.x, many.y, strict=True)
                    ]
                )
            )
        )(old)
        state, _ = learner.step(state, many, rate=RATE, key=KEY, index=jnp.asarray(index))
        path = jax.tree.map(lambda p, g, a, b: p - g * (a - b), path, slope, state.params, old)
    end = state.params
    state = learner.end_stage(state, batch(2), KEY)
    here = jax.tree.map(lambda w: w - 0.2, end)

    def naive(w):
        total = 0.0
        for p, s, e, now in zip(*map(jax.tree.leaves, (path, start, end, w)), strict=True):
            omega = 2 * jnp.where(p > 0, p, 0) / ((e - s) ** 2 + 0.1)
            total += 3.0 / 2 * jnp.sum(omega * (now - e) ** 2)
        return total

    close(jax.grad(learner.penalty)(here, state, batch(3), KEY), jax.grad(naive)(here))
    close(state.kept["start"], end)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(state.kept["path"]))


def test_the_three_penalties_of_lxdg():
    learner = made(Lxdg, strength=0.0, gate_strength=2.0, hidden=(6,), size=8)
    params, rng = learner.init(KEY, 6).params, np.random.default_rng(0)
    many, old = batch(0), batch(1)
    then = rng.uniform(size=(6, 5))
    (w1, b1), (w2, b2) = params.layers[0]

    def gate(x):
        return [1 / (1 + np.exp(-v)) for v in np.maximum(np.asarray(x) @ w1 + b1, 0) @ w2 + b2]

    def inner(g, h):
        return sum(a * b for a, b in zip(g, h, strict=True)) / 5

    expected = 0.0
    for x, earlier, before in zip(many.x, old.x, then, strict=True):
        g, h = gate(x), gate(earlier)
        expected += (inner(g, g) - 0.2) ** 2 + 3 * inner(g, h) ** 2
        expected += 3 * (inner(h, before) - 0.3) ** 2
    now, again = ([learner.gates(params, each.x)[1]] for each in (many, old))
    found = learner.gate_penalty(now, again, [jnp.asarray(then)], jnp.asarray(3.0))
    np.testing.assert_allclose(found, 2.0 * expected / 6, rtol=1e-10)


def test_lxdg_keeps_inputs_and_their_gates_at_the_end_of_a_stage():
    learner = made(Lxdg, strength=0.0, gate_strength=1.0, hidden=(6,), size=8)
    state = learner.end_stage(learner.init(KEY, 6), batch(0), KEY)
    earlier = state.kept["earlier"]
    assert (int(earlier.filled), float(state.kept["stages"])) == (6, 1.0)
    x, (gates,) = earlier.items
    close(gates[:6], learner.gates(state.params, x[:6])[1])
    assert {tuple(row.tolist()) for row in x[:6]} == {tuple(r.tolist()) for r in batch(0).x}
    alone = dataclasses.replace(state.params, layers=state.params.layers)
    outputs = learner.outputs(alone, jnp.zeros((), int), batch(0).x)[0]
    hidden = jnp.tanh(batch(0).x @ alone.weights.w[0] + alone.weights.b[0])
    close(outputs[1], hidden * learner.gates(alone, batch(0).x)[1])


def test_xdg_has_other_neurons_in_each_stage_and_is_told_it():
    learner = made(Xdg, strength=0.0, on=0.4)
    gates = [np.asarray(learner.gates(jnp.asarray(s))[1]) for s in range(6)]
    assert all(gate.sum() == 2 for gate in gates)
    assert len({gate.tobytes() for gate in gates}) > 1
    state, x = learner.init(KEY, 6), batch(0).x
    for stage, gate in enumerate(gates):
        hidden = gate * jnp.tanh(x @ state.params.w[0] + state.params.b[0])
        expected = hidden @ state.params.w[1] + state.params.b[1]
        close(learner.predict(learner.told(state, jnp.asarray(stage)), x), expected)
    after, _ = learner.step(
        learner.told(state, jnp.asarray(1)), batch(0), rate=RATE, key=KEY, index=jnp.asarray(0)
    )
    moved = np.abs(np.asarray(after.params.w[0] - state.params.w[0])).max(0) > 0
    assert not moved[gates[1] == 0].any()


def test_a_reservoir_is_a_uniform_sample_of_all_that_was_offered():
    def filled(key):
        found = Reservoir.empty(2, jnp.zeros((), int))
        for part, items in enumerate((jnp.arange(1, 4), jnp.arange(4, 6), jnp.arange(6, 7))):
            found = found.offer(jax.random.fold_in(key, part), items)
        return found.items, found.filled

    many, count = jax.jit(jax.vmap(filled))(jax.random.split(KEY, 6000))
    assert (count == 2).all()
    assert (many[:, 0] != many[:, 1]).all()
    pairs = [tuple(sorted(pair)) for pair in np.asarray(many).tolist()]
    shares = [pairs.count(pair) / 6000 for pair in itertools.combinations(range(1, 7), 2)]
    # 1/15 each; a share of 6,000 draws deviates by 0.0032.
    np.testing.assert_allclose(shares, 1 / 15, atol=5 * 0.0032)


def test_replay_learns_from_the_batch_and_from_what_is_kept():
    learner = made(Replay, size=4)
    state = learner.init(KEY, 6)

    def slope(many):
        return jax.grad(learner.cost)(state.params, state.stage, many)

    close(learner.data_gradient(state, batch(0), KEY), slope(batch(0)))
    kept = state.kept.offer(KEY, (batch(1).x, batch(1).y))
    full = dataclasses.replace(state, kept=kept)
    x, y = kept.draw(jax.random.fold_in(KEY, 2), 6)
    expected = jax.tree.map(lambda a, b: (a + b) / 2, slope(batch(0)), slope(Batch(x, y)))
    close(learner.data_gradient(full, batch(0), KEY), expected)
    stepped, _ = learner.step(state, batch(0), rate=RATE, key=KEY, index=jnp.asarray(0))
    known = {tuple(row) for row in np.asarray(batch(0).x).tolist()}
    assert {tuple(row) for row in np.asarray(stepped.kept.items[0]).tolist()} <= known


class Probe(Learner):
    """Counts what it is told."""

    network: Network = eqx.field(static=True)

    def init(self, key, batch):
        return {"steps": jnp.zeros(4, int), "ends": jnp.zeros((), int), "stage": jnp.asarray(0)}

    def told(self, state, stage):
        return state | {"stage": jnp.asarray(stage, int)}

    def step(self, state, batch, *, rate, key, index):
        return state | {"steps": state["steps"].at[state["stage"]].add(1)}, None

    def end_stage(self, state, batch, key):
        return state | {"ends": state["ends"] + 1}

    def predict(self, state, x):
        """The number of the stage, of ends, of steps in the first stage."""
        seen = jnp.stack([state["stage"], state["ends"], state["steps"][0]])
        return jnp.broadcast_to(seen.astype(float), (len(x), 3))


def test_loops_tell_of_stages_and_their_ends():
    task, learner = get(SEQUENCE), Probe(NETWORK)
    state, curve = learning_curve(learner, task, KEY[None], (2, 3, 6, 8), Split.VALIDATE, batch=4)
    assert state["steps"].tolist() == [[3, 5, 0, 0]]
    assert state["ends"].tolist() == [2]
    assert curve.stages.shape == (1, 4, 2)
    np.testing.assert_allclose(curve.accuracy, curve.stages.mean(-1))
    episode = task.sample(KEY, EpisodeSpec(steps=6, batch=4, query=8), Split.TRAIN)
    first = learner.init(KEY, 4)
    last, seen, _ = unroll(
        *(learner, first, episode.support, lambda s: s["ends"], Remat.STEP, 0, KEY),
        stages=task.stages,
    )
    assert seen.tolist() == [0, 0, 1, 1, 1, 2]
    assert last["steps"].tolist() == [3, 3, 0, 0]
    unstaged, *_ = unroll(learner, first, episode.support, lambda s: (), Remat.NONE, 0, KEY)
    assert int(unstaged["ends"]) == 0


def test_the_score_of_each_stage_is_that_of_its_part_of_the_query():
    task = get(SEQUENCE)
    learner = baseline("adam").make(TANH, NETWORK, task)
    state, curve = learning_curve(learner, task, KEY[None], (6,), Split.TEST, rate=0.1, batch=8)
    spec = EpisodeSpec(steps=1, batch=8)
    key = jax.random.fold_in(KEY, 1)
    query = jax.jit(lambda key: task.sample(key, spec, Split.TEST).query)(key)
    weights = jax.tree.map(lambda leaf: leaf[0], state)[0]
    right = [
        int(logits(weights, x).argmax()) == int(y.argmax())
        for x, y in zip(query.x, query.y, strict=True)
    ]
    expected = np.mean(np.reshape(right, (2, -1)), axis=1)
    np.testing.assert_allclose(curve.stages[0, 0], expected)


def test_without_stages_a_penalty_is_adam_to_the_bit():
    task = get("iris")
    stops, way = (1, 7), {"rate": 0.02, "batch": 8}
    _, adam = learning_curve(
        baseline("adam").make(TANH, NETWORK, task), task, KEY[None], stops, Split.VALIDATE, **way
    )
    for name in ("ewc", "si"):
        settings = tuple(each[-1] for each in baseline(name).settings)
        learner = baseline(name).make(
            Arrangement(Activation.TANH, settings=settings), NETWORK, task
        )
        _, found = learning_curve(learner, task, KEY[None], stops, Split.VALIDATE, **way)
        np.testing.assert_array_equal(found.loss, adam.loss)


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_every_one_learns_a_sequence_on_a_convolution_too(name):
    task = get("sequence:digits:by=classes,stages=2,steps=2")
    from blurax.fit import network_for

    settings = tuple(each[0] for each in baseline(name).settings)
    learner = baseline(name).make(
        Arrangement(Activation.RELU, settings=settings), network_for(task, "c2k3s2"), task
    )
    _, curve = learning_curve(learner, task, KEY[None], (4,), Split.VALIDATE, rate=0.01, batch=8)
    assert np.isfinite(curve.loss).all()


def test_their_group_has_a_name():
    assert named(("sequential",)) == SEQUENTIAL
    assert not set(SEQUENTIAL) & set(named(("rivals",)))


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        (Ewc, {"strength": -1.0}, "Ewc.strength is -1"),
        (Si, {"strength": float("nan")}, "Si.strength is nan"),
        (Xdg, {"strength": 0.0, "on": 0.0}, "Xdg.on is 0"),
        (Lxdg, {"strength": 0.0, "gate_strength": -2.0}, "Lxdg.gate_strength is -2"),
        (Replay, {"size": 0}, "Replay.size is 0"),
        (Replay, {"size": 2.5}, "Replay.size is 2.5; it takes a whole number >= 1"),
        (Replay, {"size": True}, "Replay.size is True"),
        (
            Ewc,
            {"strength": float("inf")},
            "Ewc.strength is inf; it takes a number >= 0 that is finite",
        ),
        (Ewc, {"strength": "a"}, "Ewc.strength is 'a'; it takes a number"),
        (Ewc, {"strength": None}, "Ewc.strength is None"),
        (Ewc, {"strength": jnp.ones(2)}, "Ewc.strength is Array"),
        (Si, {"strength": 1.0, "damping": 0.0}, "Si.damping is 0.0; it takes a number"),
        (Xdg, {"strength": 0.0, "on": float("nan")}, "Xdg.on is nan; it takes a number above 0"),
        (Xdg, {"strength": 0.0, "on": 0.2, "seed": -1}, "Xdg.seed is -1"),
        (Lxdg, {"strength": 0.0, "gate_strength": float("inf")}, "Lxdg.gate_strength is inf"),
        (Lxdg, {**GATES, "hidden": (0,)}, r"Lxdg.hidden\[0\] is 0; it takes a whole number >= 1"),
        (Lxdg, {**GATES, "hidden": (4, 2.5)}, r"Lxdg.hidden\[1\] is 2.5"),
        (Lxdg, {**GATES, "hidden": 4}, "Lxdg.hidden is 4; it takes a tuple"),
        (Lxdg, {**GATES, "size": 1.5}, "Lxdg.size is 1.5"),
        (Lxdg, {**GATES, "sparse": 1.5}, "Lxdg.sparse is 1.5; it takes a number from 0 to 1"),
        (Lxdg, {**GATES, "keep": float("nan")}, "Lxdg.keep is nan"),
    ],
)
def test_settings_out_of_range_are_refused(kind, settings, says, unchecked):
    with pytest.raises(BluraxError, match=says):
        kind(NETWORK, OPTIMISERS["adam"], TANH, TARGET, **settings)


def test_how_many_examples_replay_keeps_is_chosen_where_more_is_asked_for():
    found, task = baseline("replay"), get(SEQUENCE)
    (usual,) = Tuning((Activation.RELU,), (False,)).arrangements(found, NETWORK)
    assert found.make(usual, NETWORK, task).size == 200
    tuning = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=1, more=True)
    said = []
    how = {"batch": 8, "tuning": tuning, "log": said.append}
    (choice,) = tune("replay", NETWORK, task, KEY, (6,), **how)
    sizes = {line.split("size=")[1].split(",")[0] for line in said}
    assert sizes == {"200", "50", "500", "2000"}
    size = choice.arrangement.chosen["size"]
    assert found.make(choice.arrangement, NETWORK, task).size == size
