"""Side branches: their names, and what outputs that mimic each other learn, by naive loops."""

import dataclasses
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from blurax import cli, graphs, zoo
from blurax.baselines import BASELINES, RIVALS, Arrangement, Mimicking, baseline, named
from blurax.baselines.descent import GradientDescent, forward
from blurax.baselines.optimisers import OPTIMISERS
from blurax.batch import Batch
from blurax.curves import learning_curve
from blurax.errors import BluraxError
from blurax.experiments.compare_entrants import entrant
from blurax.experiments.figures import Budget
from blurax.experiments.figures.branches import KINDS, SHALLOW, Branches
from blurax.findings import Findings, table
from blurax.genome import backprop
from blurax.learner import Blur
from blurax.links import After, Dense, Pool
from blurax.mimicry import MimickingBlur, SoftClasses, Told, soft_targets
from blurax.network import Edge, Network
from blurax.spec import Activation, Rule, Signal
from blurax.targets import Classes, Regression
from blurax.tasks import Split, get, signed_one_hot
from closeness import assert_close

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
NETWORK = graphs.network("6-5-4+b", (4,), 3)
X = jnp.asarray(RNG.normal(size=(7, 4)))
LABELS = RNG.integers(0, 3, 7)
Y = signed_one_hot(jnp.asarray(LABELS), 3)
BATCH = Batch(X, Y, None)
AT = {"rate": jnp.asarray(0.1), "key": KEY, "index": jnp.zeros((), int)}


def stepped(learner, state):
    """The state after a step."""
    return eqx.filter_jit(lambda state: learner.step(state, BATCH, **AT)[0])(state)


def test_a_branch_after_each_hidden_layer_but_the_last():
    edges = (*(Edge(l, l + 1) for l in range(4)), Edge(1, 5), Edge(2, 6))
    assert Network((4, 6, 5, 4, 3, 3, 3), edges, (4, 5, 6)) == NETWORK
    third = graphs.network("8-8-8-8-8-8-8+b3", (4,), 3)
    assert third.outputs == (8, 9, 10)
    assert third.edges[-2:] == (Edge(3, 9), Edge(6, 10))


def test_branches_of_maps_see_the_average_of_each_feature():
    found = graphs.network("c4-c4-5+b", (6, 6, 1), 3)
    assert found.edges[-2:] == tuple(Edge(l, 4 + l, After(Pool(None), Dense())) for l in (1, 2))
    assert graphs.network("lenet+b", (28, 28, 1), 10).outputs == (5, 6, 7, 8)
    assert graphs.reads_rows("8-8+b")


def test_without_branches_a_network_is_what_it_was():
    assert graphs.network("6-5-4", (4,), 3) == Network((4, 6, 5, 4, 3))
    assert graphs.network("6-5-4", (4,), 3).is_dense


@pytest.mark.parametrize("name", ["8+b", "0+b", "8-8+b2", "8-8-8+b9"])
def test_a_branch_needs_a_hidden_layer_below_the_last(name):
    with pytest.raises(BluraxError, match=r"\+b[0-9]' is a branch after every [0-9] hidden layers"):
        graphs.network(name, (4,), 3)


@pytest.mark.parametrize("name", ["8-8+b0", "8-8+bb", "8+b-8", "8-8+c"])
def test_what_is_no_branch_is_no_layer_either(name):
    with pytest.raises(BluraxError, match="is no layer"):
        graphs.network(name, (4,), 3)


def naive(said: list[np.ndarray]) -> float:
    """Σ_a CE + Σ_{a≠b} KL(p_b ‖ p_a), the mean over examples, divided by the number of outputs."""
    shares = [np.exp(a) / np.exp(a).sum(axis=1, keepdims=True) for a in said]
    total = 0.0
    for e, label in enumerate(LABELS):
        for a, p in enumerate(shares):
            total -= np.log(p[e, label])
            for b, q in enumerate(shares):
                if a != b:
                    total += sum(q[e, c] * np.log(q[e, c] / p[e, c]) for c in range(3))
    return total / len(LABELS) / len(said)


def slope(said: list[np.ndarray]) -> list[np.ndarray]:
    """Its gradient in each output by central differences, what others predict held fixed."""
    found = []
    for a, own in enumerate(said):
        grown = np.zeros_like(own)
        for place in np.ndindex(own.shape):
            e = 1e-5
            ends = []
            for way in (e, -e):
                moved = own.copy()
                moved[place] += way
                ends.append(_of_one(said, a, moved))
            grown[place] = (ends[0] - ends[1]) / (2 * e)
        found.append(grown)
    return found


def _of_one(said: list[np.ndarray], a: int, moved: np.ndarray) -> float:
    """The terms in which output a is the one that learns."""
    p = np.exp(moved) / np.exp(moved).sum(axis=1, keepdims=True)
    total = 0.0
    for e, label in enumerate(LABELS):
        total -= np.log(p[e, label])
        for b, other in enumerate(said):
            q = np.exp(other[e]) / np.exp(other[e]).sum()
            total += 0 if a == b else sum(q * np.log(q / p[e]))
    return total / len(LABELS) / len(said)


def test_soft_targets_are_the_gradient_of_the_loss_that_is_written_down():
    said = [RNG.normal(size=(7, 3)) for _ in range(3)]
    told = soft_targets([jnp.asarray(a) for a in said], Y)
    for a, (own, y) in enumerate(zip(said, told, strict=True)):
        ours = SoftClasses(3).feedback(Signal.CROSS_ENTROPY, jnp.asarray(own), y)
        np.testing.assert_allclose(ours / 7, slope(said)[a], rtol=0, atol=1e-9)
    one = sum(_of_one(said, a, own) for a, own in enumerate(said))
    assert one == pytest.approx(naive(said), rel=1e-12)


def others_mean(said: list[np.ndarray]) -> list[np.ndarray]:
    """What outputs are told by a loop: the first the label, each other the mean of the others."""
    told = [np.asarray(Y)]
    for a in range(1, len(said)):
        mean = np.zeros_like(said[a])
        for b, other in enumerate(said):
            for e, row in enumerate(other):
                if a != b:
                    mean[e] += np.exp(row) / np.exp(row).sum() / (len(said) - 1)
        told.append(2 * mean - 1)
    return told


@pytest.mark.parametrize("outputs", [2, 3, 4])
def test_branches_may_be_told_the_mean_of_what_the_others_predict_alone(outputs):
    said = [RNG.normal(size=(7, 3)) for _ in range(outputs)]
    found = soft_targets([jnp.asarray(a) for a in said], Y, Told.OTHERS)
    for ours, theirs in zip(found, others_mean(said), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_with_one_logit_they_are_told_it_too():
    said, y = [RNG.normal(size=(7, 1)) for _ in range(3)], Y[:, :1]
    found = soft_targets([jnp.asarray(a) for a in said], y, Told.OTHERS)
    np.testing.assert_array_equal(found[0], y)
    share = [1 / (1 + np.exp(-a)) for a in said]
    np.testing.assert_allclose(found[1], share[0] + share[2] - 1, rtol=0, atol=1e-12)


def test_the_gradient_where_branches_are_told_the_others_alone():
    learner = Mimicking(NETWORK, OPTIMISERS["sgd"], Arrangement(), Classes(3), branches=Told.OTHERS)
    weights, _ = learner.init(KEY, 7)

    def written_down(weights):
        groups, _ = forward(NETWORK, weights, X, Activation.RELU)
        first, *branches = logs = [jax.nn.log_softmax(groups[j]) for j in NETWORK.outputs]
        total = -jnp.sum(jnp.where(Y > 0, first, 0.0))
        for a in branches:
            for b in logs:
                if a is not b:
                    fixed = jax.lax.stop_gradient(b)
                    total += jnp.sum(jnp.exp(fixed) * (fixed - a)) / len(branches)
        return total / len(X)

    ours = jax.jit(lambda at: learner.gradient(at, BATCH))(weights)
    assert_close(ours, jax.jit(jax.grad(written_down))(weights), 1e-10)


def test_the_gradient_of_mimicking_descent_is_that_of_the_papers_loss():
    learner = Mimicking(NETWORK, OPTIMISERS["sgd"], Arrangement(), Classes(3))
    weights, _ = learner.init(KEY, 7)

    def papers(weights):
        groups, _ = forward(NETWORK, weights, X, Activation.RELU)
        logs = [jax.nn.log_softmax(groups[j]) for j in NETWORK.outputs]
        total = sum(-jnp.sum(jnp.where(Y > 0, a, 0.0)) for a in logs)
        for a in logs:
            for b in logs:
                if a is not b:
                    fixed = jax.lax.stop_gradient(b)
                    total += jnp.sum(jnp.exp(fixed) * (fixed - a))
        return total / len(X) / len(logs)

    ours = jax.jit(lambda at: learner.gradient(at, BATCH))(weights)
    theirs = jax.jit(jax.grad(papers))(weights)
    assert_close(ours, theirs, 1e-10)
    plain = GradientDescent(NETWORK, OPTIMISERS["sgd"], Arrangement(), Classes(3))
    other = jax.jit(lambda at: plain.gradient(at, BATCH))(weights)
    assert np.abs(ours.w[0] - other.w[0]).max() > 1e-3  # mimicking is another thing


def test_soft_classes_are_classes_where_labels_are_hard():
    said = jnp.asarray(RNG.normal(size=(7, 3)))
    for signal in Signal:
        hard, soft = (kind(3).feedback(signal, said, Y) for kind in (Classes, SoftClasses))
        assert_close(soft, hard)
    assert_close(SoftClasses(3).losses(said, Y), Classes(3).losses(said, Y))
    one, y = said[:, :1], Y[:, :1]
    assert_close(SoftClasses(1).losses(one, y), Classes(1).losses(one, y))
    hard, soft = (kind(1).feedback(Signal.CROSS_ENTROPY, one, y) for kind in (Classes, SoftClasses))
    assert_close(soft, hard)


@pytest.mark.parametrize("told", Told)
def test_a_genome_that_mimics_is_descent_that_does(told):
    network = NETWORK
    genome = backprop(Rule.backprop(Activation.RELU), 0.1)
    learner = MimickingBlur(genome, network, branches=told).for_target(Classes(3))
    state = learner.init(KEY, 7)
    after = stepped(learner, state)
    same = Mimicking(network, OPTIMISERS["sgd"], Arrangement(), Classes(3), branches=told)
    blank, memory = same.init(KEY, 7)
    weights = dataclasses.replace(
        blank,
        w=tuple(s.forward[0] for s in state.synapses),
        b=tuple(s.bias[0, 0] for s in state.synapses),
    )
    expected, _ = stepped(same, (weights, memory))
    for between, w in zip(after.synapses, expected.w, strict=True):
        assert_close(between.forward[0], w, 1e-10)


def test_what_cannot_mimic():
    several = graphs.network("5-5+b", (4,), 3)
    learner = Mimicking(several, OPTIMISERS["sgd"], Arrangement(), Regression(3))
    with pytest.raises(BluraxError, match="outputs that mimic each other take classes"):
        learner.step(learner.init(KEY, 7), BATCH, **AT)
    genome = MimickingBlur(backprop(Rule.backprop(), 0.1), several)
    with pytest.raises(BluraxError, match="outputs that mimic each other take classes"):
        genome.for_target(Regression(3)).step(genome.init(KEY, 7), BATCH, **AT)
    with pytest.raises(BluraxError, match="mimic each other without one"):
        genome.for_time(3)
    chain, said = Network((4, 5, 3)), "has one output; outputs that mimic each other take side bran"
    for make in (
        lambda: MimickingBlur(genome.genome, chain),
        lambda: Mimicking(chain, OPTIMISERS["sgd"], Arrangement(), Classes(3)),
        lambda: baseline("mimic").make(Arrangement(), chain, get("iris")),
    ):
        with pytest.raises(BluraxError, match=said):
            make()


def test_what_branches_are_told_is_one_of_the_choices():
    said = "branches is 'nothing'; it takes Told.BOTH or Told.OTHERS."
    for make in (
        lambda: MimickingBlur(backprop(Rule.backprop(), 0.1), NETWORK, branches="nothing"),
        lambda: Mimicking(
            NETWORK, OPTIMISERS["sgd"], Arrangement(), Classes(3), branches="nothing"
        ),
    ):
        with pytest.raises(BluraxError, match=said):
            make()


@pytest.mark.parametrize(("name", "told"), [("mimic", Told.BOTH), ("mimic-others", Told.OTHERS)])
def test_the_baseline(name, told):
    assert name not in RIVALS
    learner = baseline(name).make(Arrangement(), graphs.network("8-8+b", (4,), 3), get("iris"))
    assert isinstance(learner, Mimicking)
    assert learner.branches is told


def test_all_baselines_go_with_networks_without_branches():
    assert {"mimic", "mimic-others"} == set(BASELINES) - set(named(["all"]))


def test_a_comparison_keeps_what_outputs_are_told():
    genome = backprop(Rule.backprop(), 0.1)
    both, others = (entrant("a", MimickingBlur(genome, NETWORK, branches=each)) for each in Told)
    assert isinstance(others.learned, MimickingBlur)
    assert both.source != others.source != ""
    other = graphs.network("5-5+b", (4,), 3)
    assert others.learner(other, get("iris")) == MimickingBlur(genome, other, branches=Told.OTHERS)
    assert entrant("a", Blur(genome, NETWORK)).learned is genome


def test_the_command_line_lets_a_genome_mimic(tmp_path, capsys):
    where = ["--seeds", "2", "--directory", str(tmp_path)]
    words = ["train", "default", "--task", "iris", "--hidden", "5-5+b", "--steps", "3", *where]
    found = []
    for more in ([], ["--mimic", "both"], ["--mimic", "others"]):
        assert cli.main([*words, *more]) == 0
        name = "-".join(["curve-default-iris-5-5+b", *(word.strip("-") for word in more)])
        found.append(json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")))
    assert [each["mimic"] for each in found] == [None, "both", "others"]
    task, keys = get("iris"), jax.random.split(jax.random.key(0), 2)
    genome, network = zoo.genome("default")[0], graphs.network("5-5+b", (4,), 3)
    learner = MimickingBlur(genome, network, branches=Told.OTHERS)
    _, curve = learning_curve(learner, task, keys, (1, 2, 3), Split.TEST)
    np.testing.assert_allclose(found[2]["accuracy"], curve.accuracy, rtol=0, atol=1e-6)
    assert cli.main([*words[:5], "5-5", *words[6:], "--mimic", "both"]) == 2
    assert "has one output" in capsys.readouterr().err


def figure_of(none: float, supervised: float, mimicking: float) -> Findings:
    """A figure of one data set in which Adam has these accuracies at each of two depths."""
    adam = np.asarray([none, supervised, mimicking])[:, None, None] * np.ones((3, 2, 1))
    genomes = np.asarray([[0.9, 0.4], [0.9, 0.85]])[:, :, None]
    rows = [f"{SHALLOW}, {kind}" for kind in KINDS[:2]]
    tables = (
        table("Adam, set", ("", ""), KINDS, ["4", "10"], adam),
        table("Genomes, set", ("", ""), rows, ["2", "10"], genomes),
    )
    return Findings("branches", "", "cpu", "", "", tables=tables)


@pytest.mark.parametrize(
    ("adam", "holds"),
    [
        ((0.7, 0.8, 0.9), [True, True, False, True, True]),
        ((0.7, 0.9, 0.8), [True, False, False, True, True]),
        ((0.9, 0.7, 0.8), [False, True, False, True, True]),
    ],
)
def test_the_claims_of_the_figure_follow_its_tables(adam, holds):
    claims = Branches().claims(figure_of(*adam))
    assert [claim.holds for claim in claims] == holds
    assert claims[0].numbers.startswith(f"set {100 * (adam[1] - adam[0]):+.1f}")
    assert claims[4].numbers == "set 40.0 % without, 85.0 % with branches"


def test_the_networks_of_the_figure():
    setting = Branches.settings[Budget.CPU]
    names = [setting.hidden(depth, kind) for depth in (2, 4) for kind in KINDS[:2]]
    assert names == ["64-64", "64-64+b1", "64-64-64-64", "64-64-64-64+b2"]
    found = [graphs.network(name, (4,), 3) for name in names]
    assert [len(network.outputs) for network in found] == [1, 2, 1, 2]


def test_soft_targets_take_several_outputs_and_a_choice():
    said = [jnp.zeros((2, 3)), jnp.ones((2, 3))]
    with pytest.raises(BluraxError, match=r"told is 'foo'; it takes Told\.BOTH or Told\.OTHERS"):
        soft_targets(said, jnp.ones((2, 3)), "foo")
    with pytest.raises(BluraxError, match="said has 1 outputs; it takes two or more"):
        soft_targets(said[:1], jnp.ones((2, 3)), "others")
