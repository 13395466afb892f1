"""What a term is: something that a rule adds to (5), (6) and (7).

A term is a frozen dataclass with a name, the genes that it needs, and what it does at the hooks of
a step. Each hook takes what stands so far and returns what stands from then on; by default it
changes nothing. What it returns is checked while a program is traced (`checked.py`). Terms act in
the order in which `Rule.terms` has them.
"""

import dataclasses
import enum
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from blurax import frozen
from blurax.choices import Reduction
from blurax.genes import NeuronGenes, SynapseGenes
from blurax.links import Dense, Link
from blurax.terms.checked import check_hooks
from blurax.terms.vectors import squared_length

Axis = Literal["state", "channel"]


@dataclasses.dataclass(frozen=True)
class Gene:
    """A learned number of a term, or a small array of them."""

    name: str
    """Its name in a genome and in files."""
    start: Any
    """Where it starts: a number, or an array of its shape."""
    neutral: float | None = None
    """The value with which it does nothing, if there is one."""
    axes: tuple[Axis, ...] = ()
    """What its axes stand for: the states of a neuron or the channels of a synapse."""
    even: bool = False
    """Whether its sign means nothing."""
    label: str = ""
    """What readers see beside its value; the gene's name if empty."""
    latex: str = ""
    """The same as mathematical text."""
    without: str = ""
    """What an ablation calls its neutral value; "label = value" if empty."""
    scale: float = 1.0
    """How far a search such as CMA-ES moves it at first."""
    idle: float | None = None
    """The value with which a further update of a step does nothing; `neutral` if None."""

    def shape(self, states: int, channels: int) -> tuple[int, ...]:
        """The lengths of its axes."""
        return tuple({"state": states, "channel": channels}[axis] for axis in self.axes)

    def array(self, states: int, channels: int) -> Array:
        """Its start, a buffer of its own."""
        return jnp.full(self.shape(states, channels), self.start, float)


class Sweep(enum.StrEnum):
    """The direction of a sweep."""

    FORWARD = "forward"
    BACKWARD = "backward"


SHORT = {Sweep.FORWARD: "fwd", Sweep.BACKWARD: "bwd"}
"""What readers see of it."""


class Where(NamedTuple):
    """A place in a sweep."""

    sweep: Sweep
    last: bool
    """Whether it is the last layer, which only the forward sweep moves."""


class Gain(NamedTuple):
    """What multiplies and divides all that synapses bring to the neurons of a layer."""

    eta: Float[Array, ""]
    """η, the update gate."""
    length: Float[Array, "channels 1 j"] | None
    """What it is divided by, if by anything."""


@dataclasses.dataclass
class Pair:
    """Two groups and the synapses between them, while (7) changes these.

    For the synapses from the upper group to the lower the roles are exchanged.
    """

    g: SynapseGenes
    batch: Reduction
    a_i: Float[Array, "d b *i"]
    """The pre-synaptic neurons."""
    a_j: Float[Array, "e b *j"]
    """The post-synaptic neurons."""
    old: list[Array]
    """The synapses before: w_ij `[channels, i, j]`, and the bias unit's `[channels, 1, j]` if there
    are any. Whatever hooks return for synapses is such a list."""
    link: Link = Dense()
    """How the former lead to the latter; its `unfold` and `events` are the neurons by the places
    where synapses act, the examples of the batch where it is fully connected."""
    changes: list[Array] = dataclasses.field(default_factory=list)
    """The second term of (7) for each of them; empty before `Term.change`."""
    f_tilde: Any = None
    """The forget gate in force; None before `Term.forget`."""
    kept: dict[str, list[Array]] = dataclasses.field(default_factory=dict)
    """What terms keep for each of the synapses, by the term's name; see `Term.begin`."""

    square: Float[Array, "channels 1 j"] = dataclasses.field(init=False)
    """Σ_r w_rj² over all that leads into a neuron."""

    def __post_init__(self) -> None:
        self.square = squared_length(*self.old)  # compiled away where nobody reads it


@dataclasses.dataclass(frozen=True)
class Term:
    """Something added to (5), (6) and (7); a subclass overrides what it is about."""

    name: ClassVar[str] = ""
    """The name in files."""
    choice: ClassVar[str] = "extra"
    """The field of a rule that switches it on."""
    about: ClassVar[str] = "stabilised by"
    """Under which heading `words` stand."""
    fades: ClassVar[bool] = True
    """Whether the term does nothing where each of its genes is neutral."""
    follows: ClassVar[bool] = False
    """Whether `change` and `after` leave synapses alone that (7) does not move, whatever its genes;
    so they do where the term has neither."""
    takes_masks: ClassVar[bool] = False
    """Whether it looks at no example but through `Pair.changes`, so that some can be left out."""
    shares_length: ClassVar[bool] = False
    """Whether ν~ is only known up to one factor for all channels, in place of one for each."""
    words: ClassVar[str] = ""
    """The term in a few words; its name if empty."""
    neuron_genes: ClassVar[tuple[Gene, ...]] = ()
    """Genes of the sweeps."""
    synapse_genes: ClassVar[tuple[Gene, ...]] = ()
    """Genes of the synapse update; also of the one after the forward sweep."""

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        check_hooks(cls)

    @classmethod
    def chosen(cls, rule: Any) -> "Term | None":
        """The term as the choices of a `spec.Rule` call for it; None where they do not.

        Terms of one's own leave this alone: a rule has them by `Rule.extra`.

        Raises:
            BluraxError: where choices about this term do not go together.
        """
        return None

    def check(self, rule: Any) -> None:
        """Raise `BluraxError` if the term does not go with the rest of a `spec.Rule`."""

    def described(self) -> str:
        """The term in a few words, as it was chosen."""
        return self.words or self.name

    @property
    def keeps(self) -> bool:
        """Whether it keeps numbers of its own from step to step, see `begin`."""
        return type(self).begin is not Term.begin

    @property
    def couples(self) -> bool:
        """Whether it makes the examples of a batch act on each other, see `coupling`."""
        return type(self).coupling is not Term.coupling

    @property
    def can_idle(self) -> bool:
        """Whether there are genes with which it does nothing."""
        genes = (*self.neuron_genes, *self.synapse_genes)
        return self.fades and bool(genes) and all(gene.neutral is not None for gene in genes)

    @property
    def only_follows(self) -> bool:
        """Whether synapses that (7) does not move stay where they are, see `follows`."""
        own = type(self)
        acts = own.change is not Term.change or own.after is not Term.after
        return self.follows or not (acts or self.keeps)

    # Before learning, and before each step.

    def initial(self, w: Float[Array, "channels _ _"]) -> Float[Array, "channels _ _"]:
        """Synapses with which a network begins."""
        return w

    def stored(self, into: list[Array], g: NeuronGenes, sweep: Sweep) -> list[Array]:
        """All synapses into the neurons of a layer, as a step begins with them."""
        return into

    def at(self, g: SynapseGenes, index: Int[Array, ""]) -> SynapseGenes:
        """The genes of (7) in force in a step.

        Args:
            index: the number of the step, from 0.
        """
        return g

    # Numbers of the term's own beside each synapse, from step to step.

    def begin(self, into: list[Array]) -> list[Array]:
        """What it keeps for all synapses into a layer at first, an array for each of theirs."""
        return into

    def remember(self, new: list[Array], pair: Pair) -> list[Array]:
        """What it keeps after (7), where before it kept `pair.kept[self.name]`."""
        return pair.kept[self.name]

    def read(
        self, into: list[Array], kept: list[Array], g: SynapseGenes, predicting: bool
    ) -> list[Array]:
        """The synapses that sweeps go by.

        Args:
            predicting: whether it is for a prediction, and not for a step of learning.
        """
        return into

    # (5) and (6).

    def gain(self, gain: Gain, g: NeuronGenes, where: Where, into: Sequence[Array]) -> Gain:
        """What multiplies and divides what the synapses `into` a layer bring."""
        return gain

    def measure(
        self, z: Float[Array, "k b *n"], where: Where, weights: Float[Array, " b"] | None
    ) -> Any:
        """What `argument` goes by of this batch, where predictions are to go by another's.

        Args:
            weights: how much each example counts, with sum 1; the same each if None.
        """
        return None

    def moved(self, measured: Any, gain: Array, offset: Array | float) -> Any:
        """What `measure` would find of gain z + offset, by what it found of z.

        Optional. Where all states of a group are such multiples of one array, `[1, b, *n]`, that
        one alone is measured then.

        Args:
            gain: `[k, 1, ...]`, the same for all neurons.
            offset: `[k, 1, ...]`, the same for all examples.
        """
        raise NotImplementedError

    def argument(
        self, z: Float[Array, "k b *n"], g: NeuronGenes, where: Where, measured: Any
    ) -> Float[Array, "k b *n"]:
        """The argument of σ."""
        return z

    def lateral(
        self, given: Float[Array, "k b *n"], a: Float[Array, "k b *n"], g: NeuronGenes
    ) -> Float[Array, "k b *n"]:
        """What the neurons of a group give each other in the backward sweep.

        It is added to what arrives by synapses.

        Args:
            given: what the terms before say; 0 at first.
            a: the states of the neurons after the forward sweep.
        """
        return given

    def passed(self, a: Float[Array, "k b *n"], g: NeuronGenes) -> Float[Array, "k b *n"]:
        """The states of the neurons as errors meet them that go on to lower layers.

        The neurons themselves keep what (6) makes of their own.

        Args:
            a: their states after the forward sweep, as the terms before say.
        """
        return a

    # (7), in this order.

    def coupling(
        self, among: Float[Array, "channels events events"] | None, pair: Pair
    ) -> Float[Array, "channels ..."] | None:
        """How the examples of a batch act on each other between a_i and a_j; None: not at all.

        Where synapses act in several places, each place in each example is an event of its own.
        What is returned is `[channels, events, events]`; or `[channels, blocks, size, size]` where
        events act within blocks of so many, the last of which may be filled up.
        """
        return among

    def change(self, changes: list[Array], pair: Pair) -> list[Array]:
        """What is added to the synapses."""
        return changes

    def forget(self, f_tilde: Array, pair: Pair) -> Array:
        """The forget gate, one or `[channels, 1, j]`."""
        return f_tilde

    def after(self, new: list[Array], pair: Pair) -> list[Array]:
        """The synapses after (7)."""
        return new

    # Genomes that act alike, see `gauge.py`: for terms that see the scale of ν, μ, ν~ or μ~.

    def canonical_neuron(
        self, gain: dict[Sweep, Array], genes: dict[str, Array]
    ) -> tuple[dict[Sweep, Array], dict[str, Array]]:
        """What multiplies ν and μ, and what is left in the genes of terms."""
        return gain, genes

    def taken_over(self, scale: Array, genes: dict[str, Array]) -> Array:
        """What multiplies μ~ beside `scale`, `[..., 1, channels]`, where that divides ν~."""
        return jnp.ones_like(scale)

    def canonical_synapse(
        self, genes: dict[str, Array], eta_tilde: Array, moved: Array
    ) -> dict[str, Array]:
        """The genes of terms, where η~ and something of the size `moved` went into μ~."""
        return genes

    # Files.

    def as_json(self) -> dict[str, Any]:
        """The term as plain values; `terms.from_json` is the inverse."""
        fields = {f.name: frozen.to_json(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {"name": self.name} | fields

    @staticmethod
    def from_json(values: Any, where: str) -> "Term":
        """A term of the table from what `as_json` gave."""
        from blurax import terms  # the table is above the terms

        return terms.from_json(values, where)
