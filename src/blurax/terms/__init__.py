"""What a rule adds to (5), (6) and (7): normalisation, Oja's term, bounds, and terms of one's own.

Each is a class behind the protocol `Term`, in a file of its own; the table below says which there
are. No other module knows them one by one.
"""

import re
from typing import Any, TypeVar

from blurax import frozen
from blurax.errors import BluraxError, require, shown, some
from blurax.terms.batch_size import BatchSize
from blurax.terms.decay import Decay
from blurax.terms.decorrelation import Decorrelation, WidthFree
from blurax.terms.error_size import ErrorSize
from blurax.terms.fan_in import FanIn
from blurax.terms.input_size import InputSize
from blurax.terms.lateral import LateralInhibition
from blurax.terms.layer_size import LayerSize
from blurax.terms.metaplasticity import Metaplasticity
from blurax.terms.normalise import (
    BatchNormalisation,
    CrossNormalisation,
    GlobalNormalisation,
    LayerNormalisation,
)
from blurax.terms.oja import OjaActivation, OjaFull, OjaMultiplier
from blurax.terms.pass_through import PassThrough
from blurax.terms.protocol import Gain, Gene, Pair, Sweep, Term, Where
from blurax.terms.rescale import Rescaling
from blurax.terms.saturation import Exponential, Length, Slowing, Tanh
from blurax.terms.trace import Trace
from blurax.terms.unit_synapses import LengthPower, NormalisedStored, NormalisedSynapses

__all__ = [
    "CHOSEN",
    "TERMS",
    "Gain",
    "Gene",
    "Pair",
    "Sweep",
    "Term",
    "Where",
    "add_term",
    "chosen",
    "from_json",
]

CHOSEN: tuple[type[Term], ...] = (
    BatchNormalisation,
    LayerNormalisation,
    GlobalNormalisation,
    CrossNormalisation,
    NormalisedSynapses,
    LengthPower,
    Rescaling,
    NormalisedStored,
    Trace,
    OjaMultiplier,
    OjaActivation,
    OjaFull,
    Tanh,
    Exponential,
    Length,
    Slowing,
    Decorrelation,
    WidthFree,
    FanIn,
    InputSize,
    ErrorSize,
    BatchSize,
    LayerSize,
    Decay,
    Metaplasticity,
    LateralInhibition,
    PassThrough,
)
"""The terms that the choices of a rule switch on, in the order in which they act and in which their
genes stand in a genome."""

TERMS: dict[str, type[Term]] = {term.name: term for term in CHOSEN}
"""All terms by name, those of one's own among them."""

Own = TypeVar("Own", bound=type[Term])


def add_term(term: Own) -> Own:
    """Give a term of one's own its name, for this process, so that files that name it can be read.

    It may stand above the class, as a decorator. Until then rules can have the term all the same.

    Args:
        term: a subclass of `Term`, a frozen dataclass.

    Raises:
        BluraxError: if it is no such class, or its name is taken or of another form.
    """
    require(
        isinstance(term, type) and issubclass(term, Term),
        f"term is {shown(term)}; it takes a subclass of blurax.terms.Term.",
    )
    check_own(term)
    TERMS[term.name] = term
    return term


def check_own(term: type[Term]) -> None:
    """Raise `BluraxError` if a term of one's own has no name, or another's."""
    require(
        re.fullmatch(r"[a-z0-9][a-z0-9-]*", term.name) is not None,
        f"{term.__name__}.name is {shown(term.name)}; it takes small letters, digits and hyphens.",
    )
    reads = term.remember is not Term.remember or term.read is not Term.read
    require(
        not reads or term.begin is not Term.begin,
        f"{term.__name__} has a hook remember or read, but none that is called begin: it keeps "
        "nothing.",
    )
    require(
        TERMS.get(term.name) not in CHOSEN,
        f"{term.__name__}.name is {term.name!r}, which names a term of blurax: that is switched on "
        "by the other fields of the rule; give yours another name.",
    )


def chosen(rule: Any, extra: tuple[Term, ...]) -> tuple[Term, ...]:
    """All terms of a `spec.Rule`.

    Raises:
        BluraxError: for terms that do not go together or with the rest of the rule.
    """
    terms = tuple(term for kind in CHOSEN if (term := kind.chosen(rule)) is not None)
    for term in extra:
        check_own(type(term))
    terms = (*terms, *extra)
    every = [term.name for term in terms]
    several = sorted({name for name in every if every.count(name) > 1})
    require(not several, f"Rule.extra has several terms of the name {some(several)}; rename one.")
    for which, update in (("neuron_genes", "sweeps"), ("synapse_genes", "synapse update")):
        names = [gene.name for term in terms for gene in getattr(term, which)]
        twice = sorted({name for name in names if names.count(name) > 1 or name in _TAKEN})
        require(
            not twice,
            f"The rule's terms take a name twice in the {update}: {some(twice)}; rename one.",
        )
    for term in terms:
        term.check(rule)
    return terms


_TAKEN = ("nu", "mu", "f", "eta", "nu_tilde", "mu_tilde", "f_tilde", "eta_tilde", "terms")


def from_json(values: Any, where: str) -> Term:
    """The term that `Term.as_json` described.

    Raises:
        BluraxError: for a term that is not in the table, or fields that it does not have.
    """
    name = values.get("name") if isinstance(values, dict) else None
    if not isinstance(name, str):
        raise BluraxError(f"{where} is {shown(values)}; it takes an object with a name.")
    require(
        name in TERMS,
        f"{where} names the term {shown(name)}, which is not known here: import its class and "
        "register it with blurax.add_term.",
    )
    return frozen.from_json(TERMS[name], {n: v for n, v in values.items() if n != "name"}, where)
