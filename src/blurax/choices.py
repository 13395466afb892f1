"""The choices that a rule offers, by name: what `spec.Rule` is made of.

Paper: sections 3 and 4, figures 9, 12 and 17; entries marked "release" are variants of the
authors' partial code.
"""

import enum


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
    SINE = "sine"
    """sin(z). Not in the paper."""
    FOLDED_RELU = "folded-relu"
    """max(z, -z / 2): a leaky relu (He et al., ICCV 2015) whose slope below 0 is -1/2. Not in the
    paper."""


class Normalise(enum.StrEnum):
    """In which sweeps the argument of σ is normalised (sec. 3.4, Fig. 8)."""

    NONE = "none"
    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


class Over(enum.StrEnum):
    """Over what a mean and a variance are taken, of each state by itself: `terms.statistics`.

    The paper has the batch; the others are those of Cai et al., arXiv 2407.17834.
    """

    BATCH = "batch"
    """Over the examples, for each neuron."""
    LAYER = "layer"
    """Over the neurons of a group, for each example: it says the same beside any others."""
    GLOBAL = "global"
    """One over all examples and neurons."""
    CROSS = "cross"
    """Over the row and the column of each number: its example's neurons, its neuron's examples."""


class Oja(enum.StrEnum):
    """The inhibitory term (8) of the synapse update (App. B)."""

    NONE = "none"
    MULTIPLIER = "multiplier"
    """Its first term with a learnable multiplier m: -|m| w_ij^c Σ_r (w_rj^c)²."""
    ACTIVATION = "activation"
    """In place of the synapses what (7) reads of the upper neuron, as in Oja's own rule (release,
    its default): -|η~| |m| w_ij^c (Σ_d μ~^{cd} a_j^d)², over the batch as in (7)."""
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
