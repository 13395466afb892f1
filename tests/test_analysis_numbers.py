"""The numbers of a rule of one's own as a picture, whatever their shapes and names."""

import numpy as np
import pytest
from rich.console import Console

import blurax.cli.commands as cli
from blurax import io
from blurax.analysis import style
from blurax.analysis.numbers_view import draw_numbers, numbers_panel

FOUND = io.Provenance("0.1.0", "2026-01-31", 0, ("iris",), 0, None, {})
TENSORS = {
    "rate": np.array(0.25),
    "$a$": np.array([-1.5, 2.0]),
    "mix": np.arange(9.0).reshape(3, 3),
    "long": np.zeros(100),
    "deep": np.ones((2, 3, 4)),
    "none": np.zeros((0, 3)),
}


def drawn(tensors):
    """All words of a picture, and the shapes of its heat maps."""
    figure = style.new_figure(1200, 600)
    draw_numbers(figure, tensors, "Numbers")
    figure.draw_without_rendering()
    words = [figure.get_suptitle()]
    for axes in figure.axes:
        words += [axes.get_title(), *(label.get_text() for label in axes.get_yticklabels())]
        words += [text.get_text() for text in axes.texts]
    return words, [image.get_array().shape for axes in figure.axes for image in axes.images]


def test_single_numbers_are_bars_and_arrays_heat_maps():
    words, maps = drawn(TENSORS)
    assert {"rate", r"\$a\$[0]", "mix  3x3", "long  100", "deep  2x3x4", "0.25", "-1.5"} <= {*words}
    assert maps == [(3, 3), (1, 100), (6, 4)]
    assert "7.00" in words  # of the mix, whose numbers are written out


def test_a_picture_says_what_it_leaves_out():
    words, maps = drawn({f"w{n}": np.ones((2, 2)) for n in range(20)})
    assert len(maps) == 12
    assert words[0] == "Numbers, without the last 8 arrays"
    assert drawn({})[1] == []


def test_a_table_of_very_many_arrays_ends():
    console = Console(width=100)
    with console.capture() as shown:
        console.print(numbers_panel("Many", {f"w{n}": np.ones(1) for n in range(20_000)}, FOUND))
    lines = shown.get().splitlines()
    assert len(lines) < 215
    assert any("w199 " in line for line in lines)
    assert any("and 19,800 more" in line for line in lines)


@pytest.mark.parametrize("png", [None, "mine.png"])
def test_a_learner_file_is_drawn(tmp_path, monkeypatch, capsys, png):
    monkeypatch.chdir(tmp_path)
    io.save_learner(tmp_path / "rule.safetensors", "Mine", TENSORS, FOUND)
    assert cli.main(["show", "rule.safetensors", *(["--png", png] if png else [])]) == 0
    picture = png or "rule.png"
    assert f"Picture: {picture}" in capsys.readouterr().out
    assert (tmp_path / picture).stat().st_size > 10_000
