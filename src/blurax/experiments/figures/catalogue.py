"""The figures by their numbers; those of related papers by a name."""

from blurax.errors import require
from blurax.experiments.figures.branches import Branches
from blurax.experiments.figures.convergence import Convergence
from blurax.experiments.figures.coordinates import Coordinates
from blurax.experiments.figures.curriculum import Rates, Stages, Unseen
from blurax.experiments.figures.depth import Depth
from blurax.experiments.figures.evolution import Evolution
from blurax.experiments.figures.figure import Figure
from blurax.experiments.figures.graphs import Graphs
from blurax.experiments.figures.length import Length
from blurax.experiments.figures.neural_graphs import NeuralGraphs
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
        Branches(),
        Convergence(),
        Coordinates(),
        Graphs(),
        Length(),
        NeuralGraphs(),
    )
}
"""Every figure by its number or name."""

TOGETHER = {"4": "3", "17": "9"}
"""Figures that are measured and drawn with another."""


def known() -> list[str]:
    """What figures are called: the numbers, then the names."""
    return sorted({*FIGURES, *TOGETHER}, key=lambda name: (not name.isdigit(), len(name), name))


def figure(number: str) -> Figure:
    """The figure of this number or name.

    Raises:
        BluraxError: if there is none, naming those there are.
    """
    found = TOGETHER.get(number, number)
    require(
        found in FIGURES,
        f"There is no figure {number!r}; there are {', '.join(known())}, or all.",
    )
    return FIGURES[found]
