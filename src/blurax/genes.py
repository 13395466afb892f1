"""The learned numbers by name: of neurons, of synapses, and of what a rule's terms add to each.

Where the rule has genes for each layer every leaf has a leading axis `layers`, and before that,
with genes for each inner step, an axis `steps`: `*layers` stands for both.
"""

import dataclasses
from typing import Any

import jax
from jaxtyping import Array, Float


class _Genes:
    """A pytree of named arrays, in which the genes of terms stand beside the others."""

    terms: dict[str, Array]

    def __init_subclass__(cls) -> None:
        jax.tree_util.register_pytree_with_keys(cls, cls._with_keys, cls._restored)

    def __getattr__(self, name: str) -> Any:
        """A gene of a term, as if it were a field."""
        try:
            return vars(self)["terms"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no {name!r}", name=name) from None

    def _with_keys(self) -> tuple[list[tuple[Any, Any]], tuple[str, ...]]:
        own = {name: value for name, value in vars(self).items() if name != "terms"}
        key = jax.tree_util.GetAttrKey
        return [(key(name), v) for name, v in (own | self.terms).items()], tuple(self.terms)

    @classmethod
    def _restored(cls, terms: tuple[str, ...], children: Any) -> Any:
        restored, values = object.__new__(cls), list(children)
        own = len(values) - len(terms)
        names = [f.name for f in dataclasses.fields(cls) if f.name != "terms"]  # pyright: ignore
        vars(restored).update(zip(names, values[:own], strict=True))
        vars(restored)["terms"] = dict(zip(terms, values[own:], strict=True))
        return restored


@dataclasses.dataclass(frozen=True, eq=False)
class NeuronGenes(_Genes):
    """How neurons move, (5) and (6)."""

    nu: Float[Array, "*layers k k"]
    """ν, the forward transform."""
    mu: Float[Array, "*layers k k"]
    """μ, the backward transform."""
    f: Float[Array, "*layers"]
    """f, the forget gate."""
    eta: Float[Array, "*layers"]
    """η, the update gate."""
    terms: dict[str, Array] = dataclasses.field(default_factory=dict)
    """The genes that the rule's terms add, `Term.neuron_genes`; also at hand as attributes."""


@dataclasses.dataclass(frozen=True, eq=False)
class SynapseGenes(_Genes):
    """How synapses move, (7)."""

    nu_tilde: Float[Array, "*layers k channels"]
    """ν~, the pre-synaptic transform."""
    mu_tilde: Float[Array, "*layers channels k"]
    """μ~, the post-synaptic transform."""
    f_tilde: Float[Array, "*layers"]
    """f~, the forget gate."""
    eta_tilde: Float[Array, "*layers"]
    """η~, the update gate: a learning rate."""
    terms: dict[str, Array] = dataclasses.field(default_factory=dict)
    """The genes that the rule's terms add, `Term.synapse_genes`; also at hand as attributes."""
