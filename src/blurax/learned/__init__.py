"""Rules of other papers whose numbers are learned: each a learner, known by its class's name."""

from typing import Any

from blurax.errors import require
from blurax.learned.by_messages import ByMessages
from blurax.learned.fast_weights import FastWeights
from blurax.learned.per_parameter import PerParameter
from blurax.learned.ten_terms import TenTerms
from blurax.learned.vsml import Vsml
from blurax.learner import Learner
from blurax.network import Network

_KINDS: tuple[Any, ...] = (ByMessages, FastWeights, PerParameter, TenTerms, Vsml)
LEARNED: dict[str, Any] = {kind.__qualname__: kind for kind in _KINDS}
"""Classes that are made of a network alone. A file that names one is read without its class."""

_ANY = Network((2, 2))
"""Their numbers do not depend on the network."""


def learned(name: str, network: Network = _ANY) -> Learner | None:
    """The library's learner of this name, with the numbers that it starts from; None if none is.

    Raises:
        BluraxError: if it cannot learn with the network.
    """
    return LEARNED[name](network) if name in LEARNED else None


def check_name(learner: Learner) -> None:
    """Raise `BluraxError` if a class of the user's own has the name of one of the library's."""
    name, kind = type(learner).__qualname__, type(learner)
    require(
        LEARNED.get(name, kind) is kind,
        f"The learner is a {name} of your own, but blurax has a learner of this name, by which "
        "files and runs go; call yours otherwise.",
    )
