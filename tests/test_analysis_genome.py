"""A genome shown: every number of it, by the paper's names, in the terminal and as a picture."""

import dataclasses
import io
import re
import struct
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from blurax import load
from blurax.analysis import genome_parts, style
from blurax.analysis.genome_picture import draw_part, part_size
from blurax.analysis.genome_view import draw_genome, genome_panel, short
from blurax.analysis.rule_words import rule_words
from blurax.genome import Genome, leaves, random
from blurax.io import Provenance
from blurax.spec import Channels, Init, Normalise, Rule, Stabilise, Update
from variants import TABLE, lively

PROVENANCE = Provenance("1.2.3", "2024-01-31", 7, ("digits", "wine"), 1500, 0.9143, {}, "a note")


def _text(shown: RenderableType, width: int = 100, colour: bool = False) -> str:
    console = Console(
        width=width,
        file=io.StringIO(),
        force_terminal=colour,
        color_system="truecolor" if colour else None,
    )
    console.print(shown)
    return console.file.getvalue()


def _numbers(genome: Genome) -> list[float]:
    return [float(x) for leaf in jax.tree.leaves(genome) for x in np.ravel(leaf)]


@pytest.mark.parametrize("name", TABLE)
def test_the_parts_hold_every_number(name: str) -> None:
    genome = lively(TABLE[name])
    parts = genome_parts.parts(genome)
    shown = [x for p in parts for grid in p.grids for x in grid.values.ravel()]
    shown += [gate.value for part in parts for gate in part.gates]
    assert sorted(shown) == pytest.approx(sorted(_numbers(genome)))
    assert len(shown) == genome_parts.size(genome)


def test_the_parts_have_the_papers_names() -> None:
    genome = lively(Rule(states=3))
    (part,) = genome_parts.parts(genome)
    named = {grid.name: grid.values for grid in part.grids}
    assert list(named) == ["ν", "μ", "ν~", "μ~"]
    np.testing.assert_array_equal(named["μ~"], leaves(genome)["synapse.mu_tilde"])
    assert {g.name: g.value for g in part.gates} == {
        "f": float(genome.neuron.f),
        "η": float(genome.neuron.eta),
        "f~": float(genome.synapse.f_tilde),
        "η~": float(genome.synapse.eta_tilde),
    }


def test_the_panel_shows_every_number_without_colour() -> None:
    genome = lively(Rule(stabilise=Stabilise(normalise=Normalise.BOTH)))
    text = _text(genome_panel(genome))
    assert "k = 2" in text
    assert "28 numbers" in text
    for number in _numbers(genome):
        assert re.search(rf"(?<![\d.]){number:.3f}", text) or f"{number:.4g}" in text


def test_the_panel_shows_rows_and_columns_as_they_are() -> None:
    genome = lively(Rule())
    genome = eqx.tree_at(lambda g: g.neuron.nu, genome, jnp.array([[0.1, -0.2], [3.0, -40.5]]))
    lines = _text(genome_panel(genome)).splitlines()
    first = next(n for n, line in enumerate(lines) if "ν forward" in line)
    assert lines[first + 1].split()[1:3] == ["1", "2"]
    assert lines[first + 2].split()[1:4] == ["1", "0.100", "-0.200"]
    assert lines[first + 3].split()[1:4] == ["2", "3.000", "-40.500"]


def test_the_panel_colours_by_sign() -> None:
    genome = jax.tree.map(jnp.ones_like, random(jax.random.key(0), Rule()))
    orange, blue = "48;2;213;94;0", "48;2;0;114;178"
    assert orange in _text(genome_panel(genome), colour=True)
    assert blue not in _text(genome_panel(genome), colour=True)
    assert blue in _text(genome_panel(jax.tree.map(jnp.negative, genome)), colour=True)


@pytest.mark.parametrize("states", range(1, 17))
def test_every_k_fits_a_narrow_terminal(states: int) -> None:
    rule = Rule(states=states, stabilise=Stabilise(normalise=Normalise.FORWARD))
    text = _text(genome_panel(lively(rule)), width=80)
    assert max(map(cell_len, text.splitlines())) == 80
    assert "…" not in text
    assert len(re.findall(r"-?0\.\d+", text)) >= 4 * states**2


def test_the_panel_of_a_genome_for_each_layer() -> None:
    rule = Rule(layers=3, update=Update(after_forward=True))
    text = _text(genome_panel(lively(rule)))
    for layer in (1, 2, 3):
        assert text.count(f"synapse layer {layer} of 3") == 2
    assert text.count("synapse update after the forward sweep") == 3
    assert text.count("ν forward") == 3
    assert text.count("ν~ pre-synaptic") == 6


def test_the_panel_says_where_a_genome_comes_from() -> None:
    text = _text(genome_panel(lively(Rule()), PROVENANCE))
    for words in ("digits, wine", "1,500 meta-steps", "seed 7", "91.4 %", "2024-01-31", "1.2.3"):
        assert words in text
    assert "a note" in text
    without = dataclasses.replace(PROVENANCE, score=None, note="")
    assert "score" not in _text(genome_panel(lively(Rule()), without))


def test_a_note_steers_no_terminal_and_is_no_markup() -> None:
    nasty = dataclasses.replace(PROVENANCE, note="\x1b[2J\x9b[bold]hello\x07")
    text = _text(genome_panel(lively(Rule()), nasty))
    assert "\x1b" not in text
    assert "[bold]hello" in text
    assert r"\x1b[2J\x9b[bold]hello\x07" in text


@pytest.mark.parametrize("name", TABLE)
def test_every_rule_has_words(name: str) -> None:
    words = rule_words(TABLE[name])
    assert all(words.values())
    assert f"{TABLE[name].states} state" in words["neurons"]


def test_the_words_of_a_rule_differ_with_it() -> None:
    single = rule_words(Rule(channels=Channels.SINGLE))
    assert single["synapses"] != rule_words(Rule())["synapses"]
    assert rule_words(Rule())["stabilised by"] == "nothing"
    assert "every 2 steps" in rule_words(TABLE["keep-neurons-every-2"])["update"]
    assert "gradient of the cross-entropy" in rule_words(Rule.backprop())["update"]


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [(0.1234, 7, "0.123"), (-0.0001, 7, "0.000"), (-12.34, 5, "-12.3"), (-123456.0, 5, "-1e5")],
)
def test_short_numbers(value: float, width: int, text: str) -> None:
    assert short(value, width, 3) == text


def test_the_picture_shows_the_numbers_and_the_gates() -> None:
    genome = lively(Rule())
    figure = style.new_figure(1200, 300)
    (part,) = genome_parts.parts(genome)
    draw_part(figure, part, 5)
    nu, *_, gates = figure.axes
    assert len(figure.axes) == 5
    assert [t.get_text() for t in nu.texts] == [f"{x:.2f}" for x in np.ravel(genome.neuron.nu)]
    assert [bar.get_width() for bar in gates.patches] == [gate.value for gate in part.gates]


def test_the_picture_is_the_same_each_time(tmp_path: Path) -> None:
    genome = lively(Rule())
    first = draw_genome(genome, tmp_path / "a.png", "A rule").read_bytes()
    assert first.startswith(b"\x89PNG")
    assert draw_genome(genome, tmp_path / "b.png", "A rule").read_bytes() == first
    assert draw_genome(genome, tmp_path / "c.png").read_bytes() != first


def test_the_picture_has_room_for_every_part(tmp_path: Path) -> None:
    def shape(rule: Rule) -> tuple[int, int]:
        png = draw_genome(lively(rule), tmp_path / "a.png").read_bytes()
        return struct.unpack(">II", png[16:24])

    (width, one), (same, four) = (
        shape(Rule()),
        shape(Rule(layers=2, update=Update(after_forward=True))),
    )
    assert four >= 4 * (one - 70)
    assert same == width
    assert shape(Rule(states=6))[1] > one


def test_a_picture_of_a_genome_of_zeros(tmp_path: Path) -> None:
    genome = jax.tree.map(jnp.zeros_like, lively(Rule()))
    assert draw_genome(genome, tmp_path / "a.png").stat().st_size > 0
    assert "0.0" in _text(genome_panel(genome))


def test_steps_with_genes_of_their_own_are_named() -> None:
    genome = lively(Rule(steps=2, init=Init(learned=True)))
    titles = [part.title for part in genome_parts.parts(genome)]
    assert titles == ["inner step 1, all layers", "inner step 2 and later, all layers"]
    text = _text(genome_panel(genome))
    assert "initial std" in text
    assert "2 steps with genes of their own" in text
    assert "a learned std from 0.1" in text


def test_gates_of_a_rule_with_many_terms_do_not_lie_on_each_other():
    part = genome_parts.parts(load("thorough"))[0]
    width, height, across = part_size(part, 2)
    figure = style.new_figure(width, round(height) + 70, "many")
    draw_part(figure, part, across)
    figure.draw_without_rendering()
    gates = figure.axes[len(part.grids)]
    rows = gates.transData.transform([(0, n) for n in range(len(part.gates))])[:, 1]
    assert len(part.gates) == 19
    assert np.min(np.abs(np.diff(rows))) > 15  # pixels; a line of the small font has 14
