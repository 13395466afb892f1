"""What foretells a network's accuracy: numbers of its synapses, and not the order of neurons."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import kendalltau

from blurax.experiments.figures.from_synapses import (
    Reader,
    Training,
    by_messages,
    by_trees,
    quantiles,
)
from blurax.experiments.figures.neural_graphs import TREES, NeuralGraphs, _tau
from blurax.findings import Findings, Table

SHAPES = {"w0": (3, 4), "b0": (4,), "w1": (4, 2), "b1": (2,)}
HOW = Training(epochs=20, width=6, batch=10, rate=0.02)


def networks(many, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=(many, *shape)) for name, shape in SHAPES.items()}


def test_quantiles_against_sorting():
    each = networks(3)
    found = quantiles(each)
    assert found.shape == (3, 28)
    for n, row in enumerate(found):
        numbers = sorted(each["w1"][n].ravel())  # 8 of them: the median is between two
        np.testing.assert_allclose(row[14], sum(numbers) / 8, rtol=1e-12)
        np.testing.assert_allclose(row[[16, 20]], [numbers[0], numbers[-1]], rtol=1e-12)
        np.testing.assert_allclose(row[18], (numbers[3] + numbers[4]) / 2, rtol=1e-12)


def test_the_order_of_hidden_neurons_is_not_read():
    each = networks(1)
    reader = Reader(jax.random.key(0), (3, 4, 2), HOW)
    out = jax.random.normal(jax.random.key(1), reader.out.shape)
    reader = eqx.tree_at(lambda r: r.out, reader, out)
    one = {name: jnp.asarray(values[0]) for name, values in each.items()}
    order = np.asarray([2, 0, 3, 1])
    other = {"w0": one["w0"][:, order], "b0": one["b0"][order], "w1": one["w1"][order]}
    said = float(reader(one))
    np.testing.assert_allclose(reader({**one, **other}), said, rtol=1e-12)
    inputs = {**one, "w0": one["w0"][np.asarray([1, 0, 2])]}  # each input is itself
    assert abs(float(reader(inputs)) - said) > 1e-4


def test_both_learn_a_rank_that_is_there():
    known, asked = networks(80), networks(60, seed=1)

    def accuracy(each):
        return 1 / (1 + np.exp(-(each["w1"] ** 2).mean(axis=(1, 2)) + 1))

    for said in (
        by_trees(known, accuracy(known), asked),
        by_messages(known, accuracy(known), asked, HOW, jax.random.key(0)),
    ):
        assert said.shape == (60,)
        assert kendalltau(said, accuracy(asked)).statistic > 0.3


def test_ranks_of_what_is_the_same_are_0():
    assert _tau(np.ones(4), np.arange(4.0)) == 0
    assert _tau(np.arange(4.0), np.arange(4.0) ** 2) == 1


def test_claims_are_judged_by_the_table():
    ranks = ((0.8, 0.9, 0.3), (0.7, 0.8, 0.1))
    both = ("messages on the graph", TREES)
    columns = ("Kendall's τ", "Spearman's ρ", "τ within a rule and length")
    tables = (
        Table("Ranks of held-out networks", "a", "b", both, columns, ranks, percent=False),
        Table("Rules left out", "a", "b", both, ("sgd",), ((0.4,), (0.1,)), percent=False),
    )
    found = Findings("neural-graphs", "a", "cpu", "0", "b", tables=tables)
    assert [claim.holds for claim in NeuralGraphs().claims(found)] == [True] * 4
    worse = dataclasses.replace(tables[0], mean=ranks[::-1])
    turned = dataclasses.replace(found, tables=(worse, tables[1]))
    assert [claim.holds for claim in NeuralGraphs().claims(turned)] == [True, False, False, True]
