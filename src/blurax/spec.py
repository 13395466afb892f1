"""What kind of rule a genome parameterises: every variant of the paper as a typed choice.

Choices about what is added to (5), (6) and (7) switch on terms, `Rule.terms`; what these are and
do stands in `terms/`.

A `Rule` says which equations are in force; the numbers in them are the `Genome`'s. Combinations
that make no sense are refused when the `Rule` is built, with a sentence that says why.

Paper: sections 3 and 4, figures 9, 12 and 17; entries marked "release" are variants of the
authors' partial code.
"""

import dataclasses
import functools

from blurax import terms
from blurax.bounds import check_counts
from blurax.choices import (
    Activation,
    Backward,
    Channels,
    InitScale,
    Normalise,
    Oja,
    Over,
    Reduction,
    Saturation,
    Signal,
    Source,
    Symmetry,
)
from blurax.errors import require
from blurax.frozen import added, check_types
from blurax.terms import Gene, Term

__all__ = [
    "LARGEST_STD",
    "Activation",
    "Backward",
    "Channels",
    "Feedback",
    "Init",
    "InitScale",
    "Normalise",
    "Oja",
    "Over",
    "Reduction",
    "Rule",
    "Saturation",
    "Sigma",
    "Signal",
    "Source",
    "Stabilise",
    "Symmetry",
    "Update",
]

LARGEST_STD = 1e6


@dataclasses.dataclass(frozen=True)
class Sigma:
    """σ of (5) and (6): one non-linearity for each direction."""

    forward: Activation = Activation.RELU_TANH
    """Hidden layers in the forward sweep."""
    backward: Activation = Activation.RELU_TANH
    """Hidden layers in the backward sweep."""
    last: Activation = Activation.TANH
    """The last layer, which only the forward sweep updates."""
    derivative: bool = False
    """In the forward sweep state 2 receives φ' in place of φ, as back-propagation needs."""
    pass_through: bool = added(False)
    """Errors go on to lower layers by a slope between φ' and 1, by a learned share:
    `terms.pass_through`. Not in the paper."""


@dataclasses.dataclass(frozen=True)
class Stabilise:
    """The stabilisers of section 3.4 and appendix B."""

    normalise: Normalise = Normalise.NONE
    """Normalisation of the argument of σ."""
    oja: Oja = Oja.NONE
    """The inhibitory term (8)."""
    normalise_synapses: bool = False
    """Use w_ij / sqrt(Σ_i' w_i'j²) in both sweeps; the stored values are untouched."""
    saturation: Saturation = Saturation.NONE
    """A bound on the synapses."""
    normalise_last: bool = added(True)
    """Normalise the last layer like the others. Where its outputs always have variance 1 an error
    can become only so small, and learning comes to rest early."""
    rescale: bool = added(False)
    """Multiply normalised synapses by a learnable number for each direction (release): in the
    sweeps, and where stored synapses are normalised their length."""
    normalise_stored: bool = added(False)
    """Before each step divide the stored synapses into a neuron by their length (release)."""
    normalise_over: Over = added(Over.BATCH)
    """Over what `normalise` takes means and variances. Others than the batch are not in the
    paper."""
    normalise_power: bool = added(False)
    """Divide synapses by a learned power of their length, in place of the length: outputs may grow
    with it. Not in the paper."""


@dataclasses.dataclass(frozen=True)
class Update:
    """When and from what the synapses change, (7)."""

    batch: Reduction = Reduction.SUM
    """Sum (the release) or mean over the batch."""
    source: Source = Source.BACKWARD_SWEEP
    """Which activations of the lower layer enter (release)."""
    after_forward: bool = False
    """Also update after the forward sweep, with a genome of its own (release; future work)."""
    decorrelate: bool = added(False)
    """Examples of a batch that excite the lower layer alike inhibit each other in (7), by a learned
    share: `terms.decorrelation`. Not in the paper; there each example counts alone."""
    decorrelate_within: int | None = added(None)
    """With `decorrelate`: examples inhibit only those of their own block of at most so many, in the
    order of the batch; None: all of the batch. A step costs less, and its cost grows with the batch
    and not with its square. Not in the paper."""
    width_free: bool = added(False)
    """With `decorrelate`: divide the change by the mean squared length of what the lower layer
    offers, so that η~ says how far the upper neurons' arguments move, whatever the number of
    neurons below and the size of their states. Not in the paper."""
    fan_in: bool = added(False)
    """Learned powers by which η~ falls with the number of neurons into one, and with the number of
    places in which synapses act: `terms.fan_in`. Not in the paper."""
    input_size: bool = added(False)
    """A learned power by which η~ falls with the mean squared length of what the lower layer
    offers: `terms.input_size`. Not in the paper."""
    error_size: bool = added(False)
    """A learned power by which η~ falls with the mean of an upper neuron's squared errors:
    `terms.error_size`. Not in the paper."""
    batch_size: bool = added(False)
    """A learned power by which η~ grows with the number of examples in a batch: `terms.batch_size`.
    Not in the paper."""
    layer_size: bool = added(False)
    """A learned power by which η~ falls with the number of neurons that synapses lead to:
    `terms.layer_size`. Not in the paper."""
    trace: bool = added(False)
    """A second number beside each synapse, for momentum and averages: `terms.trace`. Not in the
    paper."""
    decay: bool = added(False)
    """η~ falls as a learned power of the steps: `terms.decay`. Not in the paper."""
    metaplastic: bool = added(False)
    """Synapses that changed much change less: `terms.metaplasticity`. Not in the paper."""


@dataclasses.dataclass(frozen=True)
class Feedback:
    """The error signal of the last layer, and how often it comes."""

    signal: Signal = Signal.LABEL
    """What is written into state 2."""
    every: int = 1
    """Feedback, backward sweep and update happen on every n-th step only (release)."""


@dataclasses.dataclass(frozen=True)
class Init:
    """The initial synapses: normal with mean 0."""

    std: float = 0.1
    """Standard deviation."""
    scale: InitScale = InitScale.FIXED
    """Whether `std` is taken as it is or divided by sqrt(inputs)."""
    learned: bool = added(False)
    """The standard deviation is a gene, which starts at `std` (release)."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """The variant of the BLUR rule: everything about it that is not a learned number.

    Raises:
        BluraxError: for a combination that makes no sense, or a value of the wrong type.
    """

    states: int = 2
    """k, the number of states of a neuron."""
    backward: Backward = Backward.ADDITIVE
    """How the backward sweep moves the states."""
    symmetry: Symmetry = Symmetry.ASYMMETRIC
    """Whether backward synapses are numbers of their own."""
    channels: Channels = Channels.MULTI
    """Whether a synapse holds one number for each state."""
    layers: int | None = None
    """A genome for each of this many synapse layers; None: one genome for all."""
    keep_neurons: bool = False
    """Keep the neurons' states from one inner step to the next instead of zeroing them."""
    sigma: Sigma = dataclasses.field(default_factory=Sigma)
    """The non-linearities."""
    stabilise: Stabilise = dataclasses.field(default_factory=Stabilise)
    """The stabilisers."""
    update: Update = dataclasses.field(default_factory=Update)
    """The synapse update."""
    feedback: Feedback = dataclasses.field(default_factory=Feedback)
    """The feedback."""
    init: Init = dataclasses.field(default_factory=Init)
    """The initial synapses."""
    steps: int | None = added(None)
    """A genome for each of this many inner steps, the last one for those that follow (release);
    None: one genome for all."""
    extra: tuple[Term, ...] = added(())
    """Terms of one's own."""
    readout: bool = added(False)
    """The synapse layers that lead to outputs have a genome of their own. Not in the paper."""
    lateral: bool = added(False)
    """In the backward sweep neurons of a layer that say the same inhibit each other, by a learned
    strength: `terms.lateral`. Not in the paper."""

    def __post_init__(self) -> None:
        check_types(self)
        _check_ranges(self)
        _check_combinations(self)
        _ = self.terms

    @functools.cached_property
    def terms(self) -> tuple[Term, ...]:
        """All that the rule adds to (5), (6) and (7), in the order in which it acts."""
        return terms.chosen(self, self.extra)

    @functools.cached_property
    def neuron_genes(self) -> dict[str, Gene]:
        """The genes that the terms add to those of neurons, by name."""
        return {gene.name: gene for term in self.terms for gene in term.neuron_genes}

    @functools.cached_property
    def synapse_genes(self) -> dict[str, Gene]:
        """The genes that the terms add to those of synapses, by name."""
        return {gene.name: gene for term in self.terms for gene in term.synapse_genes}

    def gene(self, leaf: str) -> Gene | None:
        """The gene of a term by its path in a genome, such as `synapse.oja`; None for others."""
        group, _, name = leaf.rpartition(".")
        return (self.neuron_genes if group == "neuron" else self.synapse_genes).get(name)

    @property
    def gene_sets(self) -> int | None:
        """How many genomes in one: for each layer, or for readouts and the rest; None: one."""
        return 2 if self.readout else self.layers

    @property
    def synapse_channels(self) -> int:
        """The number of channels of a synapse: k, or 1 where they are shared."""
        return self.states if self.channels is Channels.MULTI else 1

    @classmethod
    def backprop(
        cls,
        activation: Activation = Activation.TANH,
        last: Activation = Activation.LINEAR,
        signal: Signal = Signal.CROSS_ENTROPY,
        init: Init | None = None,
    ) -> "Rule":
        """The rule under which `genome.backprop` *is* gradient descent (sec. 3.1, eq. (4))."""
        return cls(
            states=2,
            backward=Backward.MULTIPLICATIVE_STATE_2,
            symmetry=Symmetry.SYMMETRIC,
            channels=Channels.SINGLE,
            sigma=Sigma(activation, Activation.LINEAR, last, derivative=True),
            update=Update(batch=Reduction.MEAN),
            feedback=Feedback(signal=signal),
            init=init or Init(1.0, InitScale.FAN_IN),
        )


def _check_ranges(rule: Rule) -> None:
    require(rule.states >= 1, f"Rule.states is {rule.states}; a neuron has at least 1 state.")
    require(
        rule.layers is None or rule.layers >= 1,
        f"Rule.layers is {rule.layers}; give the number of synapse layers, at least 1, or None.",
    )
    require(
        rule.steps is None or rule.steps >= 1,
        f"Rule.steps is {rule.steps}; give the number of steps with genes of their own, at least "
        "1, or None.",
    )
    require(
        rule.feedback.every >= 1,
        f"Feedback.every is {rule.feedback.every}; feedback on every n-th step needs n >= 1.",
    )
    check_counts(rule, "states", "layers", "steps")
    check_counts(rule.feedback, "every")
    require(
        0 <= rule.init.std <= LARGEST_STD,
        f"Init.std is {rule.init.std}; it takes a number from 0 to {LARGEST_STD:g}.",
    )


def _check_combinations(rule: Rule) -> None:
    one_state = rule.states == 1
    require(
        not (one_state and rule.backward is Backward.MULTIPLICATIVE_STATE_2),
        "Rule.backward is multiplicative on state 2 and up, but Rule.states is 1: "
        "no state would ever get anything from the layer above.",
    )
    require(
        not (one_state and rule.sigma.derivative),
        "Sigma.derivative puts φ' into state 2, but Rule.states is 1.",
    )
    require(
        not (one_state and rule.feedback.signal is not Signal.LABEL),
        f"Feedback.signal {rule.feedback.signal.value!r} writes a gradient into state 2, "
        "but Rule.states is 1.",
    )
    require(
        rule.feedback.every == 1 or rule.update.after_forward or rule.keep_neurons,
        f"Feedback.every is {rule.feedback.every}, but the steps without feedback would change "
        "nothing: switch on Update.after_forward or Rule.keep_neurons.",
    )
    require(
        not (rule.readout and rule.layers is not None),
        f"Rule.readout is on and Rule.layers is {rule.layers}: genes for each layer are the "
        "readout's own already; choose one of the two.",
    )
    require(
        rule.init.std > 0 or not rule.init.learned,
        "Init.std is 0 and Init.learned is on: a standard deviation of 0 has no slope to follow.",
    )
