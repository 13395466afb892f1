"""The files that users copy learn the same as blurax in networks of any graph."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ports
from blurax import BlurClassifier, zoo
from blurax.errors import BluraxError
from blurax.export import graph_of
from blurax.export.fitted import write_fitted
from blurax.frozen import to_json
from blurax.inner import observe_moments, predict, step
from blurax.links import After, Conv, Dense, Identity, Index, Masked, Placed, Pool
from blurax.network import Edge, Network
from blurax.spec import Normalise, Oja, Reduction, Rule, Stabilise, Symmetry, Update
from closeness import assert_close
from ports import LIBRARIES, Port, parts
from test_export_fitted import imported
from variants import SMOOTH, jit, labels, lively

BATCH, CLASSES, STEPS = 3, 3, 2
CONV = (
    Edge(0, 1, Conv(3)),
    Edge(1, 2, Conv(2, 2)),
    Edge(2, 3, Conv(3, 3, "valid")),
    Edge(3, 4),
)
NETWORKS = {
    "conv": Network(((5, 7, 2), (5, 7, 3), (3, 4, 2), (1, 1, 4), (CLASSES,)), CONV),
    "residual": Network(
        ((4, 5, 1), (4, 5, 2), (4, 5, 2), (2, 3, 3), (CLASSES,)),
        (
            Edge(0, 1, Conv(3)),
            Edge(1, 2, Conv(3)),
            Edge(1, 2, Identity()),
            Edge(2, 3, Conv(3, 2)),
            Edge(1, 3, Conv(1, 2), bias=False),
            Edge(3, 4, After(Pool(None), Dense())),
        ),
    ),
    "pooled": Network(
        ((6, 7, 1), (6, 7, 2), (3, 3, 4), (1, 1, 4), (CLASSES,)),
        (
            Edge(0, 1, Conv(3)),
            Edge(1, 2, After(Pool(2), Conv(3))),
            Edge(2, 3, Pool(2)),
            Edge(1, 4, After(Identity(), After(Pool(3), After(Pool(2), Dense())))),
            Edge(3, 4),
        ),
    ),
    "two outputs": Network(
        (4, 5, CLASSES, 6, 2),
        (Edge(0, 1), Edge(1, 2), Edge(1, 3), Edge(3, 4), Edge(0, 3, plastic=False)),
        outputs=(4, 2),
    ),
    "feedback alignment": Network(
        ((4, 4, 1), (4, 4, 2), (2, 2, 3), (CLASSES,)),
        (
            Edge(0, 1, Conv(3)),
            Edge(1, 2, After(Pool(2), Conv(3)), down=False),
            Edge(1, 2, After(Pool(2), Conv(3)), up=False, plastic=False),
            Edge(2, 3, down=False),
            Edge(1, 3, up=False),
        ),
    ),
}
RULES = {
    "backprop": Rule.backprop(),
    "asymmetric": Rule(
        states=3,
        sigma=SMOOTH,
        stabilise=Stabilise(
            Normalise.NONE, Oja.ACTIVATION, True, rescale=True, normalise_stored=True
        ),
        update=Update(after_forward=True, decorrelate=True),
    ),
    "symmetric": Rule(
        states=2,
        symmetry=Symmetry.SYMMETRIC,
        sigma=SMOOTH,
        stabilise=Stabilise(Normalise.BOTH, Oja.FULL, normalise_synapses=True),
        update=Update(Reduction.MEAN, fan_in=True, decorrelate=True, width_free=True),
    ),
    "sized": Rule(
        states=3,
        sigma=SMOOTH,
        update=Update(after_forward=True, decorrelate=True, input_size=True, error_size=True),
    ),
}


def genome_for(name: str):
    return zoo.genome(name)[0] if name in zoo.names() else lively(RULES[name])


def drawn(network: Network):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(STEPS, BATCH, *network.groups[0])))
    outputs = [network.groups[group] for group in network.outputs]
    return x, [jnp.asarray(labels(rng, STEPS, BATCH, *group)) for group in outputs]


@functools.cache
def here(name: str, of: str) -> tuple:
    """What blurax does: the states, the moments of the last batch, what is then predicted."""
    network, genome = NETWORKS[name], genome_for(of)
    state = network.init(jax.random.key(0), genome, BATCH)
    end, each, (x, ys) = state, [], drawn(network)
    once = jit(lambda *given: step(*given)[0])
    for number in range(STEPS):
        end = once(genome, end, x[number], tuple(y[number] for y in ys), number)
        each.append(end)
    moments = jit(observe_moments)(genome, end, x[-1])
    return genome, state, each, moments, jit(predict)(genome, end, x[0], moments)


@pytest.fixture(params=LIBRARIES, ids=str)
def port(request) -> Port:
    return ports.of(request.param)


@pytest.mark.parametrize("of", ["default", *RULES])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_graph_takes_the_same_steps(name: str, of: str, port: Port):
    genome, state, each, _, answer = here(name, of)
    x, ys = drawn(NETWORKS[name])
    rule, genes, network = to_json(genome.rule), port.genes(genome), port.network(state)
    assert network["graph"] == json.loads(json.dumps(network["graph"]))
    for number in range(STEPS):
        first, *others = (port.number(y[number]) for y in ys)
        own = [first, *others] if others else first
        network = port.file.step(rule, genes, network, port.number(x[number]), own)
        for mine, theirs in zip(each[number].synapses, network["synapses"], strict=True):
            for ours, copied in zip(parts(mine), theirs, strict=True):
                assert (ours is None) == (copied is None)
                if ours is not None:
                    assert_close(np.asarray(copied), ours, tolerance=1e-10)
    found = port.file.predict(rule, genes, network, port.number(x[0]))
    assert_close(np.asarray(found), answer, tolerance=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_initial_graph_has_the_same_shapes(name: str, port: Port):
    rule, network = RULES["asymmetric"], NETWORKS[name]
    made = port.file.init(to_json(rule), graph_of(network), port.source(0))
    like = network.init(jax.random.key(0), rule, BATCH)
    assert made["graph"] == graph_of(network)
    for mine, theirs in zip(like.synapses, made["synapses"], strict=True):
        shapes = [None if w is None else w.shape for w in parts(mine)]
        assert shapes == [None if w is None else tuple(w.shape) for w in theirs]


def test_a_graph_whose_links_do_not_meet_its_groups_is_refused(port: Port):
    rule, graph = to_json(RULES["asymmetric"]), graph_of(NETWORKS["conv"])
    graph["groups"][2] = [4, 4, 2]
    with pytest.raises(ValueError, match=r"\['conv', 2, 2, 'same'\]\] from \[5, 7, 3\] does not"):
        port.file.init(rule, graph, port.source(0))
    graph["edges"][0]["link"] = [["placed"]]
    with pytest.raises(ValueError, match="'placed' is none that this file knows"):
        port.file.init(rule, graph, port.source(0))


def test_labels_are_checked_output_by_output(port: Port):
    genome, state, *_ = here("two outputs", "backprop")
    network, (x, ys) = port.network(state), drawn(NETWORKS["two outputs"])
    x, ys = port.number(x[0]), [port.number(y[0]) for y in ys]
    step = functools.partial(port.file.step, to_json(genome.rule), port.genes(genome), network, x)
    with pytest.raises(ValueError, match="y holds 1 arrays; the network has 2 outputs"):
        step(ys[:1])
    with pytest.raises(ValueError, match=r"y has shape \(3, 3\); the network takes \[3, 2\]"):
        step(ys[::-1])


@pytest.mark.parametrize(
    "edge",
    [
        Edge(0, 1, Placed(Index.of([[0, 1], [1, 0]]))),
        Edge(0, 1, After(Identity(), Masked(0.5))),
    ],
)
def test_links_that_files_do_not_know_are_refused(edge: Edge):
    with pytest.raises(BluraxError, match=r"The link .* is one that exported files do not know"):
        graph_of(Network((2, 2), (edge,)))


def test_delays_are_refused():
    network = Network((2, 3, 2), (Edge(0, 1), Edge(1, 1, delay=1), Edge(1, 2)))
    with pytest.raises(BluraxError, match=r"Edge\(1, 1\) has a delay, which exported files do not"):
        graph_of(network)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fitted_graph_is_carried_over(name: str, tmp_path):
    genome, _, each, moments, answer = here(name, "symmetric")
    x = np.asarray(drawn(NETWORKS[name])[0][0]).reshape(BATCH, -1)
    write_fitted(tmp_path / "m.py", genome=genome, state=each[-1], moments=moments, flat=False)
    assert_close(imported(tmp_path / "m.py").predict(x), np.asarray(answer), tolerance=1e-10)


@pytest.mark.usefixtures("float32")
def test_a_classifier_of_images_answers_the_same_without_blurax(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=120)
    x = rng.normal(size=(120, 64)) + y[:, None] * (np.arange(64) < 20)
    model = BlurClassifier(
        network="c8k3s2-16", image_shape=(8, 8, 1), steps=10, batch_size=32, random_state=0
    ).fit(x, y)
    model.export(tmp_path / "model.py")
    file = imported(tmp_path / "model.py")
    np.testing.assert_array_equal(file.predict(x), model.predict(x))
    np.testing.assert_allclose(file.predict_proba(x), model.predict_proba(x), rtol=0, atol=1e-5)
    assert file.predict_proba(x[:0]).shape == (0, 3)
