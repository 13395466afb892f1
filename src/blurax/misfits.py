"""What does not fit together in an inner step: genome, state and batch."""

from collections.abc import Iterable
from typing import Any

from jaxtyping import Array

from blurax.errors import require
from blurax.network import Network, NetworkState
from blurax.spec import Rule, Signal
from blurax.targets import Target

_COUNTS = {True: "does not count", False: "counts"}


def check(rule: Rule, state: NetworkState, x: Array, y: Any, target: Target | None) -> None:
    """Refuse what would otherwise broadcast into a wrong result; costs nothing once compiled."""
    network, batch = state.network, x.shape[0]
    network.check(rule)
    for edge, between in zip(network.edges, state.synapses, strict=True):
        own = between.forward if edge.up else between.backward
        channels = rule.synapse_channels if own is None else own.shape[0]
        require(
            channels == rule.synapse_channels,
            f"The state has synapses of {channels} channels, but the genome takes "
            f"{rule.synapse_channels}.",
        )
        keepers = [term.name for term in rule.terms if term.keeps]
        require(
            sorted(between.kept) == sorted(keepers),
            f"The state keeps {_names(between.kept)} beside synapses, but the genome takes "
            f"{_names(keepers)}.",
        )
        require(
            (between.backward is not None) == network.has_own(edge, rule),
            f"The genome is {rule.symmetry.value}, but the state's synapses are not.",
        )
    _check_batch(rule, network, x, y, target)
    kept = batch if state.neurons is None else state.neurons[0].shape[1]
    require(kept == batch, f"x has {batch} examples, but the state keeps neurons for {kept}.")
    require(
        (state.neurons is not None) == (rule.keep_neurons or network.is_delayed),
        f"Rule.keep_neurons is {rule.keep_neurons}, but the state was made without them.",
    )
    require(
        (state.steps is not None) == (rule.steps is not None),
        f"Rule.steps is {rule.steps}, but the state {_COUNTS[state.steps is None]} its steps.",
    )


def _check_batch(rule: Rule, network: Network, x: Array, y: Any, target: Target | None) -> None:
    """Raise `BluraxError` for inputs or labels of a shape that the network does not take."""
    takes = (len(x), *network.groups[0])
    labels = y if isinstance(y, tuple) else (y,) * len(network.outputs)
    require(
        len(labels) == len(network.outputs),
        f"y holds {len(labels)} arrays; the network {network} has {len(network.outputs)} outputs.",
    )
    by_target = rule.states > 1 and rule.feedback.signal is not Signal.LABEL
    for group, own in zip(network.outputs, labels, strict=True):
        require(
            hasattr(own, "shape"),
            f"y is a {type(own).__name__}, but a genome's error signal comes from one array of "
            "targets; a task of others takes a learner of one's own.",
        )
        one = target.y_shape if target is not None and by_target else network.groups[group]
        wanted = own.shape if one is None else (len(x), *one)
        require(
            x.shape == takes and own.shape == wanted,
            f"x has shape {x.shape} and y {own.shape}; the network {network} takes {takes} "
            f"and {wanted}.",
        )


def _names(terms: Iterable[str]) -> str:
    return ", ".join(sorted(terms)) or "nothing"
