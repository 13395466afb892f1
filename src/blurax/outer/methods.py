"""The ways to find a genome, by name, and what each may be told."""

import dataclasses
import enum
import math

from blurax.bounds import check_counts
from blurax.errors import require
from blurax.frozen import check_types


class Method(enum.StrEnum):
    """How genomes are found."""

    GRADIENT = "gradient"
    """Reverse mode through the whole lesson (paper, sec. 3.3)."""
    FORWARD = "forward"
    """The same gradient by forward mode: slower, but memory is flat in the lesson's length."""
    TRUNCATED = "truncated"
    """Reverse mode through a window of an ongoing lesson."""
    ES = "es"
    """Evolution strategies with antithetic pairs."""
    PES = "pes"
    """Persistent evolution strategies: windows, unbiased."""
    NRES = "nres"
    """Noise-reuse evolution strategies: windows, unbiased, less variance."""
    CMA_ES = "cma-es"
    """CMA-ES (paper, Fig. 7)."""
    RANDOM_SEARCH = "random-search"
    """Newborn genomes only; what all else has to beat."""

    @property
    def needs_gradient(self) -> bool:
        """Whether the objective must have a gradient."""
        return self in (Method.GRADIENT, Method.FORWARD, Method.TRUNCATED)

    @property
    def needs_candidates(self) -> bool:
        """Whether it asks for the losses of candidates, and for no gradient of any kind."""
        return self in (Method.CMA_ES, Method.RANDOM_SEARCH)

    @property
    def has_windows(self) -> bool:
        """Whether it cuts lessons into windows."""
        return self in (Method.TRUNCATED, Method.PES, Method.NRES)


@dataclasses.dataclass(frozen=True)
class Es:
    """For es, pes and nres.

    Raises:
        BluraxError: for a value out of range.
    """

    pairs: int = 8
    """Antithetic pairs of each member."""
    sigma: float = 0.05
    """The deviation of the noise, in units of each number's scale."""
    scale: tuple[str, ...] = ()
    """Other scales than the usual ones, such as eta_tilde=0.01."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "pairs")
        _check_sigma("Es", self.sigma)


@dataclasses.dataclass(frozen=True)
class Cma:
    """For cma-es, and `chunk` also for random-search.

    Raises:
        BluraxError: for a value out of range.
    """

    sigma: float = 0.3
    """The deviation at the start, in units of each number's scale."""
    scale: tuple[str, ...] = ()
    """Other scales than the usual ones, such as eta_tilde=0.01."""
    bound: float | None = None
    """Keep every number within so many scales of 0."""
    restarts: int = 0
    """Begin anew, from another start, so many times when the search has come to rest."""
    chunk: int = 0
    """Candidates computed side by side, to fit memory; 0: all."""

    def __post_init__(self) -> None:
        check_types(self)
        _check_sigma("Cma", self.sigma)
        require(
            self.bound is None or 0 < self.bound < math.inf,
            f"Cma.bound is {self.bound}; it takes a number above 0.",
        )
        check_counts(self, "restarts", "chunk", least=0)


def _check_sigma(kind: str, sigma: float) -> None:
    require(0 < sigma < math.inf, f"{kind}.sigma is {sigma}; it takes a number above 0.")
