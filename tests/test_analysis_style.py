"""One look: the same bytes for the same data, colours that can be read, nothing global touched."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from blurax.analysis import style
from blurax.errors import BluraxError


def _picture(path: Path) -> bytes:
    figure = style.new_figure(400, 300, "A title")
    axes = figure.subplots()
    axes.plot([1, 10, 100], [1.0, 2.0, 3.0])
    style.tidy(axes, "steps", "accuracy")
    style.log_steps(axes, (1, 10, 100))
    return style.save(figure, path).read_bytes()


def _chunks(png: bytes) -> list[bytes]:
    at, names = 8, []
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        names.append(png[at + 4 : at + 8])
        at += 12 + length
    return names


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    assert _picture(tmp_path / "a.png") == _picture(tmp_path / "b.png")


def test_a_picture_has_its_size_in_pixels_and_no_text_chunk(tmp_path: Path) -> None:
    png = _picture(tmp_path / "a.png")
    assert struct.unpack(">II", png[16:24]) == (400, 300)
    assert set(_chunks(png)) == {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


def test_a_picture_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BluraxError, match=r"cannot be (written|made a directory)"):
        _picture(tmp_path / "file" / "a.png")


def test_a_title_is_no_mathematics(tmp_path: Path) -> None:
    path = style.save(style.new_figure(400, 300, r"my $\nonsense$.safetensors"), tmp_path / "a.png")
    assert path.read_bytes() != _picture(tmp_path / "b.png")


def test_pyplot_stays_out() -> None:
    program = (
        "import sys, matplotlib\n"
        "def settings():\n"
        "    return {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'}\n"
        "before = settings()\n"
        "import blurax.analysis.demo_view, blurax.analysis.genome_view, blurax.analysis.run_view\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert settings() == before"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("share", np.linspace(-1, 1, 41).tolist())
def test_a_number_stands_out_from_its_colour(share: float) -> None:
    def luminance(colour: str) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
        ]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    low, high = sorted(luminance(colour) for colour in style.diverging(share))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_negative_is_blue_and_positive_is_orange() -> None:
    assert style.diverging(-1.0)[0] == style.BLUE.lower()
    assert style.diverging(1.0)[0] == style.VERMILLION.lower()
    assert style.diverging(-5.0) == style.diverging(-1.0)


@pytest.mark.parametrize(
    ("last", "steps"), [(1, (1,)), (9, (1, 2, 5)), (100, (1, 2, 5, 10, 20, 50, 100))]
)
def test_round_steps(last: int, steps: tuple[int, ...]) -> None:
    assert style.round_steps(last) == steps


def test_a_long_title_is_broken_into_lines_that_fit() -> None:
    lines = style.wrapped("word " * 60, 1500, style.TITLE).splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) * style.TITLE * 0.53 * style.DPI / 72 <= 1500


def test_no_two_of_many_look_alike():
    looks = [style.look(number) for number in range(len(style.PALETTE) ** 2)]
    assert len(set(looks)) == len(looks)
    assert [colour for colour, _ in looks[:6]] == list(style.PALETTE)
