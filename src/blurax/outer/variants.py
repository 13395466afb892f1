"""Variants of the rule that are good to start from."""

import dataclasses

from blurax.spec import (
    Activation,
    Backward,
    Channels,
    Feedback,
    Init,
    InitScale,
    Normalise,
    Reduction,
    Rule,
    Saturation,
    Sigma,
    Signal,
    Source,
    Stabilise,
    Symmetry,
    Update,
)

STABLE = Rule(
    states=4,
    symmetry=Symmetry.SYMMETRIC,
    sigma=Sigma(Activation.TANH, Activation.TANH, Activation.LINEAR),
    stabilise=Stabilise(
        normalise=Normalise.BOTH, normalise_synapses=True, saturation=Saturation.TANH
    ),
    update=Update(batch=Reduction.MEAN),
    init=Init(1.0, InitScale.FAN_IN),
)
"""A variant that learns from random numbers. Normalisation lets it work in networks of other sizes;
saturation bounds the synapses, without which a forget gate above 1 overflows after a few hundred
steps."""

SWIFT = Rule(
    states=4,
    backward=Backward.MULTIPLICATIVE_STATE_2,
    symmetry=Symmetry.SYMMETRIC,
    channels=Channels.SINGLE,
    sigma=Sigma(Activation.RELU, Activation.LINEAR, Activation.LINEAR, derivative=True),
    stabilise=Stabilise(
        normalise=Normalise.BOTH,
        normalise_synapses=True,
        saturation=Saturation.LENGTH,
        normalise_last=False,
    ),
    update=Update(batch=Reduction.MEAN, source=Source.FORWARD_SWEEP),
    feedback=Feedback(Signal.CROSS_ENTROPY),
    init=Init(1.0, InitScale.FAN_IN),
)
"""A variant that contains back-propagation and can be learned from there. Synapses are normalised
where they are used, so that f~ above 1 makes the learning rate fall. How it was found stands in
docs/notes/zoo-search.md."""


def with_tanh(rule: Rule) -> Rule:
    """The rule with tanh in its hidden layers' forward sweep."""
    sigma = dataclasses.replace(rule.sigma, forward=Activation.TANH)
    return dataclasses.replace(rule, sigma=sigma)


def slowing(rule: Rule) -> Rule:
    """The rule with learning that slows down as a power of the steps, in the place of a bound."""
    stabilise = dataclasses.replace(rule.stabilise, saturation=Saturation.SLOWING)
    return dataclasses.replace(rule, stabilise=stabilise)


APART = dataclasses.replace(SWIFT, update=dataclasses.replace(SWIFT.update, decorrelate=True))
"""The same, with the examples of a batch told apart from each other: `Update.decorrelate`."""


BEYOND = dataclasses.replace(
    slowing(APART),
    readout=True,
    update=dataclasses.replace(APART.update, input_size=True, trace=True),
)
"""The same, slowing, with rates by the size of the input, traces of synapses, and genes of the
readout's own (docs/explanation/decisions/0021-beyond-descent-on-neurons.md)."""


LASTING = dataclasses.replace(BEYOND, update=dataclasses.replace(BEYOND.update, decay=True))
"""The same, with rates that fall as a learned power of the steps: for long learning."""


CHEAP = dataclasses.replace(
    LASTING,
    states=2,
    sigma=dataclasses.replace(LASTING.sigma, forward=Activation.FOLDED_RELU, pass_through=True),
    stabilise=dataclasses.replace(LASTING.stabilise, normalise_power=True),
    update=dataclasses.replace(LASTING.update, decorrelate_within=32, error_size=True),
)
"""The same with two states, a relu that folds, and decorrelation within blocks: a cheaper step
(docs/explanation/decisions/0022-blocks-of-examples.md). Outputs become surer (decision 23), errors
pass through (24), and rates are relative to the size of errors (26)."""


WHOLE = dataclasses.replace(
    CHEAP, update=dataclasses.replace(CHEAP.update, decorrelate_within=None)
)
"""The same, with all examples of a batch acting on each other: a dearer step that does more."""


METAPLASTIC = dataclasses.replace(
    slowing(APART), update=dataclasses.replace(APART.update, metaplastic=True)
)
"""With decorrelation, slowing, and synapses that change less the more they have changed: for tasks
in sequence."""


CALIBRATED = Rule(
    states=2,
    backward=Backward.MULTIPLICATIVE_STATE_2,
    symmetry=Symmetry.SYMMETRIC,
    channels=Channels.SINGLE,
    sigma=Sigma(Activation.TANH, Activation.LINEAR, Activation.LINEAR, derivative=True),
    update=Update(Reduction.SUM, Source.FORWARD_SWEEP, decorrelate=True, width_free=True),
    feedback=Feedback(Signal.SQUARED_ERROR),
    init=Init(0.5, InitScale.FAN_IN),
)
"""A variant for regression: nothing is normalised, so that outputs take the scale of the target,
and errors that become small change little. Its start is descent on neurons; small initial synapses
and tanh keep smooth what lies between the examples. docs/notes/zoo-search.md has what else was
tried."""
