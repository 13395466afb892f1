"""Two genomes side by side: renamed states and moved scales are no difference, all else is."""

import dataclasses
import io

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import blurax.cli.commands as cli
from blurax.analysis.genome_compare import comparison_panel, draw_comparison, matched
from blurax.errors import BluraxError
from blurax.gauge import permute_states
from blurax.genome import flatten, random
from blurax.spec import Normalise, Oja, Rule, Stabilise, Symmetry
from blurax.widen import widen
from closeness import assert_close
from variants import lively

RULE = Rule(states=5, stabilise=Stabilise(Normalise.BOTH))
GENOME = random(jax.random.key(0), RULE)


def disguised(genome):
    """The same rule in other numbers."""
    genome = permute_states(genome, jnp.array([0, 1, 4, 2, 3]))
    synapse, neuron = genome.synapse, genome.neuron
    scale = jnp.array([2.0, -0.5, 1.0, 3.0, -1.0])
    return eqx.tree_at(
        lambda g: (g.synapse.nu_tilde, g.synapse.mu_tilde, g.neuron.nu, g.neuron.mu, g.neuron.eta),
        genome,
        (
            synapse.nu_tilde * scale,
            synapse.mu_tilde / scale[:, None],
            2 * neuron.nu,
            2 * neuron.mu,
            neuron.eta / 2,
        ),
    )


def rows(genomes, width=120):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(comparison_panel(("one", "two"), genomes))
    lines = console.export_text().splitlines()
    return {line.split("  ")[0].strip(): line.split() for line in lines}


def test_a_rule_in_disguise_is_the_same_rule():
    other = disguised(GENOME)
    assert np.abs(flatten(other) - flatten(GENOME)).max() > 1
    one, two = matched(GENOME, other)
    np.testing.assert_allclose(flatten(one), flatten(two), atol=1e-12)
    shown = rows((one, two))
    assert shown["ν forward"][-1] == shown["μ~ post-synaptic"][-1] == "1.00"


def test_a_gate_that_only_one_has_is_shown_too():
    with_oja = random(jax.random.key(0), Rule(states=5, stabilise=Stabilise(oja=Oja.MULTIPLIER)))
    plain = random(jax.random.key(0), Rule(states=5))
    shown = rows((plain, with_oja))["m (Oja)"]
    assert shown[2] == "none"
    assert float(shown[3]) == pytest.approx(0.001, rel=0.01)
    assert rows((with_oja, plain))["m (Oja)"][3] == "none"


def test_states_find_their_like_where_the_canonical_order_differs():
    # The states are sorted by what they hear from state 1; a small change there swaps two of them.
    near = eqx.tree_at(
        lambda g: g.neuron.nu,
        GENOME,
        GENOME.neuron.nu.at[2:, 0].set(jnp.array([0.1, 0.2, 0.3])),
    )
    swapped = eqx.tree_at(
        lambda g: g.neuron.nu, near, near.neuron.nu.at[2:, 0].set(jnp.array([0.1, 0.3, 0.2]))
    )
    one, two = matched(near, swapped)
    difference = np.abs(flatten(one) - flatten(two))
    np.testing.assert_allclose(np.sort(difference)[-2:], 0.1)
    assert np.sort(difference)[-3] < 1e-12


def test_the_table_says_what_differs():
    oja = dataclasses.replace(RULE, symmetry=Symmetry.SYMMETRIC, stabilise=Stabilise(oja=Oja.FULL))
    other = random(jax.random.key(1), oja)
    shown = rows(matched(GENOME, other))
    nu = np.linalg.norm(GENOME.neuron.nu), np.linalg.norm(other.neuron.nu)
    assert shown["ν forward"][2:4] == [f"{n:.3g}" for n in nu]
    assert "normalisation" not in shown  # only one has it
    assert {"synapses", "stabilised by"} <= set(shown)


@pytest.mark.parametrize(
    ("rule", "other", "message"),
    [
        (RULE, Rule(states=4), "have 5 and 4 states"),
        (Rule(layers=2), Rule(layers=3), "have 2 and 3 layers"),
        (Rule(layers=2), Rule(readout=True), "have 2 and 0 layers"),
    ],
)
def test_genomes_of_other_shapes_are_refused(rule, other, message):
    with pytest.raises(BluraxError, match=message):
        matched(*(random(jax.random.key(0), each) for each in (rule, other)))


@pytest.mark.parametrize("more", [{"layers": 3}, {"steps": 2}, {"readout": True}], ids=str)
@pytest.mark.parametrize("turned", [False, True])
def test_one_set_of_numbers_is_every_set(more, turned):
    same = widen(GENOME, dataclasses.replace(RULE, **more))
    pair = (disguised(GENOME), same) if turned else (same, disguised(GENOME))
    one, two = matched(*pair)
    assert one.rule == two.rule == same.rule
    assert_close(one, two, tolerance=1e-6)


def test_the_picture_holds_both_and_the_difference(tmp_path):
    pair = matched(GENOME, disguised(GENOME))
    one = draw_comparison(("one", "two"), pair, tmp_path / "a.png").read_bytes()
    other = matched(GENOME, lively(RULE))
    assert draw_comparison(("one", "two"), other, tmp_path / "b.png").read_bytes() != one


@pytest.mark.usefixtures("unchecked")
def test_the_command_compares_two(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["show", "default", "smooth"]) == 0
    assert "cosine" in capsys.readouterr().out
    assert (tmp_path / "default-and-smooth.png").stat().st_size > 10_000
    assert cli.main(["show", "default", "smooth", "--task", "iris"]) == 2
    assert "name one alone" in capsys.readouterr().err


def test_genomes_for_other_numbers_of_steps_are_refused():
    pair = random(jax.random.key(0), Rule(steps=2)), random(jax.random.key(0), Rule(steps=3))
    with pytest.raises(BluraxError, match="2 and 3 inner steps with genes of their own"):
        matched(*pair)
