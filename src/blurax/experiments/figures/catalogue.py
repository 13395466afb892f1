"""The figures by their numbers."""

from blurax.errors import require
from blurax.experiments.figures.curriculum import Rates, Stages, Unseen
from blurax.experiments.figures.depth import Depth
from blurax.experiments.figures.evolution import Evolution
from blurax.experiments.figures.figure import Figure
from blurax.experiments.figures.no_gradient import NoGradient
from blurax.experiments.figures.nonlinearity import Nonlinearity, States
from blurax.experiments.figures.normalisation import Normalisation
from blurax.experiments.figures.pictures import Pictures
from blurax.experiments.figures.stability import Long16, Oja15
from blurax.experiments.figures.toys import Toys
from blurax.experiments.figures.variants import Variants

FIGURES: dict[str, Figure] = {
    each.name: each
    for each in (
        NoGradient(),
        Toys(),
        Unseen(),
        Rates(),
        Evolution(),
        Normalisation(),
        Variants(),
        Depth(),
        Pictures(),
        Nonlinearity(),
        States(),
        Stages(),
        Oja15(),
        Long16(),
    )
}
"""Every figure by its number."""

TOGETHER = {"4": "3", "17": "9"}
"""Figures that are measured and drawn with another."""


def figure(number: str) -> Figure:
    """The figure of this number.

    Raises:
        BluraxError: if the paper has none of this number, naming those it has.
    """
    found = TOGETHER.get(number, number)
    known = sorted({*FIGURES, *TOGETHER}, key=int)
    require(
        found in FIGURES, f"There is no figure {number!r}; there are {', '.join(known)}, or all."
    )
    return FIGURES[found]
