"""A rule in a few words, for people who choose between genomes."""

from blurax.spec import Channels, InitScale, Reduction, Rule, Signal, Source, Symmetry


def rule_words(rule: Rule) -> dict[str, str]:
    """The rule in a few words, by what they are about."""
    return {
        "neurons": _neuron_words(rule),
        "synapses": _synapse_words(rule),
        "σ": _sigma_words(rule),
        "stabilised by": _term_words(rule, "stabilised by") or "nothing",
        "update": _update_words(rule),
    }


def _neuron_words(rule: Rule) -> str:
    states = f"{rule.states} state" + "s" * (rule.states > 1)
    kept = ", kept from step to step" if rule.keep_neurons else ""
    steps = "" if rule.steps is None else f", {rule.steps} steps with genes of their own"
    readout = ", readouts with genes of their own" if rule.readout else ""
    return f"{states}{kept}, {rule.backward.value} backward sweep{steps}{readout}"


def _synapse_words(rule: Rule) -> str:
    back = "symmetric" if rule.symmetry is Symmetry.SYMMETRIC else "asymmetric"
    held = (
        "one number for each state"
        if rule.channels is Channels.MULTI
        else "one number for all states"
    )
    fan_in = " / √inputs" if rule.init.scale is InitScale.FAN_IN else ""
    std = f"a learned std from {rule.init.std:g}" if rule.init.learned else f"std {rule.init.std:g}"
    return f"{back}, {held}, normal init with {std}{fan_in}"


def _sigma_words(rule: Rule) -> str:
    sigma = rule.sigma
    derivative = "; its derivative for state 2" if sigma.derivative else ""
    terms = _term_words(rule, "σ")
    terms = f"; {terms}" if terms else ""
    return (
        f"{sigma.forward.value} forward{derivative}, {sigma.backward.value} backward, "
        f"{sigma.last.value} in the last layer{terms}"
    )


def _term_words(rule: Rule, about: str) -> str:
    """The terms that stand under a heading."""
    return ", ".join(term.described() for term in rule.terms if term.about == about)


def _update_words(rule: Rule) -> str:
    update, feedback = rule.update, rule.feedback
    batch = "mean" if update.batch is Reduction.MEAN else "sum"
    source = " from the forward sweep" if update.source is Source.FORWARD_SWEEP else ""
    terms = _term_words(rule, "update")
    terms = f", {terms}" if terms else ""
    after = ", also after the forward sweep" if update.after_forward else ""
    every = "" if feedback.every == 1 else f" every {feedback.every} steps"
    signal = f"error signal: the {_SIGNAL[feedback.signal]}{every}"
    return f"{batch} over the batch{source}{terms}{after}; {signal}"


_SIGNAL = {
    Signal.LABEL: "label",
    Signal.SQUARED_ERROR: "gradient of the squared error",
    Signal.CROSS_ENTROPY: "gradient of the cross-entropy",
}
