"""What kind of rule a genome parameterises: every variant of the paper as a typed choice.

A `Rule` says which equations are in force; the numbers in them are the `Genome`'s. Combinations
that make no sense are refused when the `Rule` is built, with a sentence that says why.

Paper: sections 3 and 4, figures 9, 12 and 17; entries marked "release" are variants of the
authors' partial code.
"""

import dataclasses
import enum

from blurax.errors import require
from blurax.frozen import added, check_types

LARGEST_STD = 1e6


class Backward(enum.StrEnum):
    """How (6) moves a neuron's states in the backward sweep (Fig. 9)."""

    ADDITIVE = "additive"
    """a_i^c <- σ(f a_i^c + η Σ w_ji^c μ^cd a_j^d), equation (6) as printed."""
    MULTIPLICATIVE = "multiplicative"
    """a_i^c <- σ(f a_i^c · η Σ w_ji^c μ^cd a_j^d)."""
    MULTIPLICATIVE_STATE_2 = "multiplicative-state-2"
    """Multiplicative on states 2 and up; state 1 only passes the forget gate."""


class Symmetry(enum.StrEnum):
    """Whether the synapse from j to i is a number of its own."""

    ASYMMETRIC = "asymmetric"
    SYMMETRIC = "symmetric"


class Channels(enum.StrEnum):
    """Whether a synapse holds one number for each state or one for all."""

    MULTI = "multi"
    SINGLE = "single"


class Activation(enum.StrEnum):
    """The scalar non-linearity φ inside σ (Fig. 12)."""

    TANH = "tanh"
    RELU = "relu"
    SIGMOID = "sigmoid"
    LINEAR = "linear"
    RELU_TANH = "relu-tanh"


class Normalise(enum.StrEnum):
    """In which sweeps the argument of σ is normalised over the batch (sec. 3.4, Fig. 8)."""

    NONE = "none"
    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


class Oja(enum.StrEnum):
    """The inhibitory term (8) of the synapse update (App. B)."""

    NONE = "none"
    MULTIPLIER = "multiplier"
    """Its first term with a learnable multiplier m: -m w_ij^c Σ_r (w_rj^c)²."""
    FULL = "full"
    """Both terms of (8), with the gates of (7)."""


class Saturation(enum.StrEnum):
    """How a synapse is kept from growing without bound."""

    NONE = "none"
    TANH = "tanh"
    """w <- α tanh(w / α) after each update, α learnable."""
    EXPONENTIAL = "exponential"
    """The change of w is multiplied by exp(-|s| |w|), s learnable (release)."""
    LENGTH = "length"
    """The synapses into a neuron, a vector, are shortened to exp(α) where they are longer, α
    learnable. Where synapses are normalised in the sweeps, their length divides the learning rate:
    with f~ above 1 the rate falls as they grow, down to where this bound holds it."""
    SLOWING = "slowing"
    """The forget gate acts the less the longer the vector of the synapses into a neuron, by
    |w|^-exp(α), α learnable. Where synapses are normalised in the sweeps, the learning rate then
    falls as a power of the step number in the place of exponentially: fast at first, and never
    to a standstill."""


class Source(enum.StrEnum):
    """Which activations of the lower layer feed the synapse update (7)."""

    BACKWARD_SWEEP = "backward-sweep"
    """Both layers as the backward sweep left them."""
    FORWARD_SWEEP = "forward-sweep"
    """The lower layer as the forward sweep left it, the upper one after the backward sweep."""


class Reduction(enum.StrEnum):
    """How (7) reduces over the batch; a mean makes a genome independent of the batch size."""

    SUM = "sum"
    MEAN = "mean"


class Signal(enum.StrEnum):
    """What the feedback writes into state 2 of the last layer."""

    LABEL = "label"
    """The label, +1 or -1 for each class (with a single state it replaces the prediction)."""
    SQUARED_ERROR = "squared-error"
    """The gradient of ½ Σ (a - y)²: back-propagation's teacher."""
    CROSS_ENTROPY = "cross-entropy"
    """The gradient of softmax cross-entropy: back-propagation's teacher."""


class InitScale(enum.StrEnum):
    """What the standard deviation of the initial synapses refers to."""

    FIXED = "fixed"
    FAN_IN = "fan-in"
    """Divided by the square root of the number of inputs, the bias unit among them."""


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


@dataclasses.dataclass(frozen=True)
class Stabilise:
    """The stabilisers of section 3.4 and appendix B."""

    normalise: Normalise = Normalise.NONE
    """Batch normalisation of the argument of σ."""
    oja: Oja = Oja.NONE
    """The inhibitory term (8)."""
    normalise_synapses: bool = False
    """Use w_ij / sqrt(Σ_i' w_i'j²) in both sweeps; the stored values are untouched."""
    saturation: Saturation = Saturation.NONE
    """A bound on the synapses."""
    normalise_last: bool = added(True)
    """Normalise the last layer like the others. Where its outputs always have variance 1 an error
    can become only so small, and learning comes to rest early."""


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
    share: `stabilise.decorrelation`. Not in the paper; there each example counts alone."""
    width_free: bool = added(False)
    """With `decorrelate`: divide the change by the mean squared length of what the lower layer
    offers, so that η~ says how far the upper neurons' arguments move, whatever the number of
    neurons below and the size of their states. Not in the paper."""


@dataclasses.dataclass(frozen=True)
class Feedback:
    """What the last layer is told, and how often."""

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

    def __post_init__(self) -> None:
        check_types(self)
        _check_ranges(self)
        _check_combinations(self)

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
        rule.feedback.every >= 1,
        f"Feedback.every is {rule.feedback.every}; feedback on every n-th step needs n >= 1.",
    )
    require(
        0 <= rule.init.std <= LARGEST_STD,
        f"Init.std is {rule.init.std}; it takes a number from 0 to {LARGEST_STD:g}.",
    )


def _check_combinations(rule: Rule) -> None:
    one_state = rule.states == 1
    require(
        not (one_state and rule.backward is Backward.MULTIPLICATIVE_STATE_2),
        "Rule.backward is multiplicative on state 2 and up, but Rule.states is 1: "
        "no state would ever hear from the layer above.",
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
        rule.init.std > 0 or not rule.stabilise.normalise_synapses,
        "Init.std is 0 and Stabilise.normalise_synapses is on: "
        "a synapse vector of length 0 has no direction to normalise.",
    )
    require(
        rule.update.decorrelate or not rule.update.width_free,
        "Update.width_free is on, but Update.decorrelate is off: it is a form of the latter.",
    )
    stabilise = rule.stabilise
    require(
        stabilise.normalise_last or stabilise.normalise in (Normalise.FORWARD, Normalise.BOTH),
        "Stabilise.normalise_last is off, but no layer is normalised in the forward sweep: "
        f"Stabilise.normalise is {stabilise.normalise.value!r}.",
    )
