"""Synapses that grow without end: by how much, for how many steps, and that no genome has them."""

import dataclasses
import io
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import blurax
from blurax import endurance, zoo
from blurax import genome as genomes
from blurax.analysis.genome_view import genome_panel
from blurax.cli import main
from blurax.curves import learning_curve
from blurax.fit import blur_for, network_for
from blurax.genome import Genome
from blurax.inner import step
from blurax.io import Provenance, save_genome
from blurax.network import Network, NetworkState
from blurax.outer.variants import LASTING
from blurax.spec import Oja, Rule, Saturation
from blurax.tasks import Split, get
from variants import jit, labels

NETWORK = Network((6, 5, 3))
GROWING = {"trace_to_synapse": 0.02, "trace_of_synapse": 0.13, "trace_kept": 0.82}


def traced(rule: Rule = LASTING, f_tilde: float = 1.05, **traces: float) -> Genome:
    """Back-propagation with these genes of its traces."""
    genome = genomes.backprop(rule, 0.1)
    g = genome.synapse
    given = {name: jnp.full_like(g.terms[name], value) for name, value in traces.items()}
    full = dataclasses.replace(g, f_tilde=jnp.full_like(g.f_tilde, f_tilde), terms=g.terms | given)
    return dataclasses.replace(genome, synapse=full)


def lengths(state: NetworkState) -> np.ndarray:
    return np.array([float(jnp.linalg.norm(between.forward)) for between in state.synapses])


@pytest.mark.parametrize("saturation", [Saturation.SLOWING, Saturation.NONE])
def test_long_synapses_grow_by_what_is_said(saturation: Saturation):
    stable = dataclasses.replace(LASTING.stabilise, saturation=saturation)
    genome = traced(dataclasses.replace(LASTING, stabilise=stable), **GROWING)
    state = NETWORK.init(jax.random.key(0), genome, 8)
    long = [
        s.having([1e8 * w for w in s.up], s.down).keeping(s.kept_up(), s.kept_down())
        for s in state.synapses
    ]
    state = dataclasses.replace(state, synapses=tuple(long))
    x, y = jax.random.normal(jax.random.key(1), (8, 6)), labels(np.random.default_rng(0), 8, 3)
    found, stepped = [lengths(state)], jit(step)
    for index in range(200):
        state, _ = stepped(genome, state, x, jnp.asarray(y), index)
        found.append(lengths(state))
    growth = found[-1] / found[-2]
    assert growth.min() > 1.01
    np.testing.assert_allclose(growth, endurance.growth(genome), rtol=1e-6)


def test_the_steps_left_are_those_until_the_square_overflows():
    genome = traced(**GROWING)
    matrix = np.array([[1, 0.02], [0.13, 0.82 + 0.13 * 0.02]])
    pair, steps = np.array([1.0, 0.13 / 0.18]), 0
    while pair[0] ** 2 < np.finfo(np.float32).max:
        pair, steps = matrix @ pair, steps + 1
    assert abs(endurance.steps_left(genome) - steps) < 0.01 * steps


@pytest.mark.parametrize(
    "traces",
    [
        {"trace_to_synapse": 0.0},
        {"trace_to_synapse": -0.02},
        {"trace_to_synapse": 0.9, "trace_of_synapse": 0.0, "trace_kept": 0.9},  # momentum
    ],
)
def test_these_do_not_grow_where_slowing_holds_the_forget_gate(traces: dict[str, float]):
    assert endurance.steps_left(traced(**(GROWING | traces))) == math.inf


@pytest.mark.parametrize(
    "choice",
    [
        {"saturation": Saturation.TANH},
        {"saturation": Saturation.LENGTH},
        {"saturation": Saturation.EXPONENTIAL},
        {"oja": Oja.FULL},
        {"normalise_synapses": False, "normalise_stored": True, "saturation": Saturation.NONE},
    ],
)
def test_what_bounds_synapses_is_known(choice: dict):
    stable = dataclasses.replace(LASTING.stabilise, **choice)
    assert endurance.steps_left(traced(dataclasses.replace(LASTING, stabilise=stable))) == math.inf


def test_a_forget_gate_alone_can_grow():
    stable = dataclasses.replace(LASTING.stabilise, saturation=Saturation.NONE)
    update = dataclasses.replace(LASTING.update, trace=False)
    genome = traced(dataclasses.replace(LASTING, stabilise=stable, update=update), 1.1)
    np.testing.assert_allclose(endurance.growth(genome), 1.1, rtol=1e-6)
    assert 400 < endurance.steps_left(genome) < 500


GENOMES = [name for name in zoo.names() if isinstance(blurax.load(name), Genome)]


@pytest.mark.parametrize("name", GENOMES)
def test_no_genome_of_the_zoo_grows_without_end(name: str):
    assert endurance.steps_left(blurax.load(name)) == math.inf


@pytest.mark.long
@pytest.mark.parametrize("name", GENOMES)
def test_a_genome_of_the_zoo_still_knows_after_6000_steps(name: str):
    """Many times what any was learned in; the first `quick` was at chance after half of them."""
    task = get("digits")
    learner = blur_for(blurax.load(name), network_for(task, "32"), task)
    keys = jax.random.key(0)[None]
    _, curve = learning_curve(learner, task, keys, (100, 1000, 6000), Split.VALIDATE, batch=128)
    early, middle, late = np.asarray(curve.accuracy)[0]
    assert early > 0.85
    assert late > middle - 0.02


def test_the_panel_says_for_how_long_a_genome_lasts():
    console = Console(width=100, file=io.StringIO())
    console.print(genome_panel(traced(**GROWING)))
    console.print(genome_panel(traced(**(GROWING | {"trace_to_synapse": 0.0}))))
    shown = " ".join(console.file.getvalue().split())
    steps = endurance.steps_left(traced(**GROWING))
    assert shown.count(f"lasts about {steps:,.0f} steps; synapses grow by 1.4 % a step") == 1


def test_numbers_that_are_none_have_no_growth():
    genome = traced(**(GROWING | {"trace_kept": math.nan}))
    assert np.isnan(endurance.growth(genome)).all()
    assert endurance.steps_left(genome) == math.inf


def test_a_run_whose_genome_does_not_last_says_so(tmp_path, capsys):
    start = tmp_path / "start.safetensors"
    save_genome(start, traced(**GROWING), Provenance("-", "2000-01-01", 0, (), 0, None, {}))
    how = "meta-train --tasks clusters:rows=40 --hidden 4 --meta-steps 1 --population 1"
    how += " --episode.steps 2 --episode.batch 8 --episode.query 16 --validation-episodes 1"
    main([*how.split(), "--start", str(start), "--directory", str(tmp_path / "run")])
    said = " ".join(capsys.readouterr().out.split())
    wanted = r"Warning: it lasts about 3,\d{3} steps; synapses grow by 1\.\d % a step"
    assert re.search(wanted, said)
