"""What a `Rule` refuses, and its way to JSON and back."""

import dataclasses
import enum
import inspect
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blurax import choices as choices_of_spec
from blurax import spec
from blurax.errors import BluraxError, require
from blurax.frozen import from_json, to_json
from blurax.spec import (
    Activation,
    Backward,
    Channels,
    Feedback,
    Init,
    Over,
    Reduction,
    Rule,
    Saturation,
    Sigma,
    Signal,
    Stabilise,
    Symmetry,
    Update,
)
from unchecked import unchecked
from variants import TABLE

plain = unchecked("blurax.spec")


def choices(value: Any, where: str = "Rule") -> Iterator[tuple[str, object]]:
    """Every field of a rule, nested ones by their path, with its value."""
    for field in dataclasses.fields(value):
        own, path = getattr(value, field.name), f"{where}.{field.name}"
        if dataclasses.is_dataclass(own):
            yield from choices(own, path)
        else:
            yield path, own


def offered(kind: Any, where: str = "Rule") -> Iterator[tuple[str, object]]:
    """Every choice that the fields of a rule offer: values of enums, and both of a switch."""
    for field in dataclasses.fields(kind):
        path = f"{where}.{field.name}"
        if dataclasses.is_dataclass(field.type):
            yield from offered(field.type, path)
        elif field.type is bool:
            yield from [(path, False), (path, True)]
        elif isinstance(field.type, type) and issubclass(field.type, enum.Enum):
            yield from ((path, choice) for choice in field.type)


COVERED = {(path, value) for rule in TABLE.values() for path, value in choices(rule)}


@pytest.mark.parametrize(("path", "choice"), list(offered(Rule)))
def test_the_table_covers_every_choice(path: str, choice: object):
    assert (path, choice) in COVERED


def test_every_enum_is_a_choice_of_some_field():
    enums = {
        kind
        for _, kind in inspect.getmembers(choices_of_spec, inspect.isclass)
        if kind.__module__ == choices_of_spec.__name__
    }
    values = {choice for kind in enums if issubclass(kind, enum.Enum) for choice in kind}
    assert values <= {choice for _, choice in offered(Rule)}


def test_the_table_covers_the_numbers_of_interest():
    assert {rule.states for rule in TABLE.values()} >= {1, 2, 3, 4}
    assert {rule.feedback.every for rule in TABLE.values()} >= {1, 2, 3}
    assert any(rule.layers is None for rule in TABLE.values())
    assert any(rule.layers is not None for rule in TABLE.values())


def test_no_two_rules_of_the_table_are_alike():
    assert len(set(TABLE.values())) == len(TABLE)


REFUSED: list[tuple[str, Callable[[], Rule]]] = [
    ("Rule.states is 0", lambda: Rule(states=0)),
    ("Rule.states is -2", lambda: Rule(states=-2)),
    ("Rule.layers is 0", lambda: Rule(layers=0)),
    ("Rule.layers is -1", lambda: Rule(layers=-1)),
    ("Rule.steps is 0", lambda: Rule(steps=0)),
    ("Stabilise.rescale is on", lambda: Rule(stabilise=Stabilise(rescale=True))),
    (
        "Stabilise.normalise_over is 'layer', but nothing is normalised",
        lambda: Rule(stabilise=Stabilise(normalise_over=Over.LAYER)),
    ),
    (
        "Stabilise.saturation is 'length'",
        lambda: Rule(
            stabilise=Stabilise(saturation=Saturation.LENGTH, normalise_stored=True),
        ),
    ),
    (
        "Stabilise.saturation is 'slowing'",
        lambda: Rule(
            stabilise=Stabilise(saturation=Saturation.SLOWING, normalise_stored=True),
        ),
    ),
    (
        "Init.learned is on, but Stabilise.normalise_stored",
        lambda: Rule(init=Init(learned=True), stabilise=Stabilise(normalise_stored=True)),
    ),
    ("Init.std is 0 and Init.learned is on", lambda: Rule(init=Init(0.0, learned=True))),
    (
        "Init.std is 0 and Stabilise.normalise_stored",
        lambda: Rule(init=Init(0.0), stabilise=Stabilise(normalise_stored=True)),
    ),
    ("Feedback.every is 0", lambda: Rule(keep_neurons=True, feedback=Feedback(every=0))),
    ("Feedback.every is -1", lambda: Rule(keep_neurons=True, feedback=Feedback(every=-1))),
    ("Init.std is -0.1", lambda: Rule(init=Init(-0.1))),
    ("Init.std is nan", lambda: Rule(init=Init(float("nan")))),
    ("Init.std is inf", lambda: Rule(init=Init(float("inf")))),
    ("Rule.backward", lambda: Rule(states=1, backward=Backward.MULTIPLICATIVE_STATE_2)),
    ("Sigma.derivative", lambda: Rule(states=1, sigma=Sigma(derivative=True))),
    ("Feedback.signal", lambda: Rule(states=1, feedback=Feedback(Signal.SQUARED_ERROR))),
    ("Feedback.signal", lambda: Rule(states=1, feedback=Feedback(Signal.CROSS_ENTROPY))),
    ("Feedback.every is 2", lambda: Rule(feedback=Feedback(every=2))),
    (
        "Init.std is 0",
        lambda: Rule(init=Init(0.0), stabilise=Stabilise(normalise_synapses=True)),
    ),
    ("Stabilise.normalise_last", lambda: Rule(stabilise=Stabilise(normalise_last=False))),
    (
        "Stabilise.normalise_power is on, but synapses are not divided by their length",
        lambda: Rule(stabilise=Stabilise(normalise_power=True)),
    ),
    (
        "Sigma.pass_through is on, but no φ' multiplies an error on its way",
        lambda: Rule(sigma=Sigma(pass_through=True)),
    ),
    (
        "switch on Sigma.derivative and take a multiplicative Rule.backward",
        lambda: Rule(sigma=Sigma(derivative=True, pass_through=True)),
    ),
    ("Update.width_free is on", lambda: Rule(update=Update(width_free=True))),
]


@pytest.mark.parametrize(("names", "build"), REFUSED)
def test_senseless_rules_are_refused_by_the_name_of_the_field(names: str, build: Callable):
    with pytest.raises(BluraxError, match=re.escape(names)):
        build()


def test_what_is_next_to_the_refused_is_accepted():
    assert Rule(states=1, layers=1, init=Init(0.0)).synapse_channels == 1
    two = Rule(states=2, backward=Backward.MULTIPLICATIVE_STATE_2, sigma=Sigma(derivative=True))
    assert two.sigma.derivative
    told = Rule(states=2, feedback=Feedback(Signal.SQUARED_ERROR)).feedback
    assert told.signal is Signal.SQUARED_ERROR


def test_files_from_before_a_field_was_added_mean_what_they_meant():
    old = to_json(Rule())
    del old["stabilise"]["normalise_last"], old["update"]["decorrelate"]
    del old["stabilise"]["rescale"], old["stabilise"]["normalise_stored"]
    del old["steps"], old["init"]["learned"]
    del old["update"]["width_free"]
    assert from_json(Rule, old) == Rule()
    del old["stabilise"]["oja"]
    with pytest.raises(BluraxError, match="lacks the field oja"):
        from_json(Rule, old)


WRONG: list[tuple[str, str, Callable[[], object]]] = [
    ("Rule.states", "a whole number", lambda: plain.Rule(states=2.0)),
    ("Rule.states", "a whole number", lambda: plain.Rule(states="2")),
    ("Rule.states", "a whole number", lambda: plain.Rule(states=True)),
    ("Rule.layers", "a whole number or None", lambda: plain.Rule(layers=1.5)),
    ("Rule.layers", "a whole number or None", lambda: plain.Rule(layers=False)),
    ("Rule.backward", "Backward.ADDITIVE", lambda: plain.Rule(backward="additive")),
    ("Rule.symmetry", "Symmetry.SYMMETRIC", lambda: plain.Rule(symmetry=True)),
    ("Rule.keep_neurons", "True or False", lambda: plain.Rule(keep_neurons=1)),
    ("Rule.sigma", "a Sigma", lambda: plain.Rule(sigma="tanh")),
    ("Rule.update", "a Update", lambda: plain.Rule(update=plain.Feedback())),
    ("Sigma.last", "Activation.TANH", lambda: plain.Rule(sigma=plain.Sigma(last=None))),
    ("Feedback.every", "a whole number", lambda: plain.Rule(feedback=plain.Feedback(every=1.0))),
    ("Init.std", "a number", lambda: plain.Rule(init=plain.Init("0.1"))),
    ("Init.std", "a number", lambda: plain.Rule(init=plain.Init(True))),
]


@pytest.mark.parametrize(("name", "takes", "build"), WRONG)
def test_wrong_types_are_refused_with_what_the_field_takes(name: str, takes: str, build: Callable):
    with pytest.raises(BluraxError, match=f"{re.escape(name)} is .*{re.escape(takes)}"):
        build()


def test_a_whole_number_is_a_number():
    assert plain.Rule(init=plain.Init(1)).init.std == 1


@pytest.mark.parametrize("name", TABLE)
def test_json_gives_the_rule_back(name: str):
    rule = TABLE[name]
    again = from_json(Rule, json.loads(json.dumps(to_json(rule))))
    assert again == rule
    assert hash(again) == hash(rule)
    assert [type(v) for _, v in choices(again)] == [type(v) for _, v in choices(rule)]


def broken(change: Callable[[dict], object]) -> dict:
    """The JSON of a rule with something changed in it."""
    values = json.loads(json.dumps(to_json(Rule())))
    change(values)
    return values


BROKEN: list[tuple[str, Callable[[dict], object]]] = [
    ("Rule has no field speed", lambda v: v.update(speed=1)),
    ("Rule.sigma has no field middle", lambda v: v["sigma"].update(middle="tanh")),
    ("Rule lacks the field states", lambda v: v.pop("states")),
    ("Rule.update lacks the field source", lambda v: v["update"].pop("source")),
    ("Rule.backward is 'sideways'", lambda v: v.update(backward="sideways")),
    ("Rule.backward is ['additive']", lambda v: v.update(backward=["additive"])),
    ("Rule.sigma.last is 'softmax'", lambda v: v["sigma"].update(last="softmax")),
    ("Rule.sigma.last is None", lambda v: v["sigma"].update(last=None)),
    ("Rule.init is 0.1; it takes an object", lambda v: v.update(init=0.1)),
    ("Rule.states is 0", lambda v: v.update(states=0)),
]


@pytest.mark.parametrize(("message", "change"), BROKEN)
def test_json_of_no_rule_is_refused(message: str, change: Callable):
    with pytest.raises(BluraxError, match=re.escape(message)):
        from_json(Rule, broken(change))


def test_json_of_the_wrong_type_is_refused():
    with pytest.raises(BluraxError, match=r"Rule\.states is '2'"):
        from_json(plain.Rule, broken(lambda v: v.update(states="2")))
    with pytest.raises(BluraxError, match="it takes an object"):
        from_json(Rule, [])


def test_a_rule_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Rule().states = 3


def test_synapse_channels_follow_the_choice():
    assert Rule(states=3).synapse_channels == 3
    assert Rule(states=3, channels=Channels.SINGLE).synapse_channels == 1


def test_backprop_is_the_rule_of_section_3_1():
    rule = Rule.backprop(Activation.SIGMOID, Activation.TANH, Signal.SQUARED_ERROR, Init(0.2))
    assert rule.states == 2
    assert rule.backward is Backward.MULTIPLICATIVE_STATE_2
    assert (rule.symmetry, rule.channels) == (Symmetry.SYMMETRIC, Channels.SINGLE)
    sigma = Sigma(Activation.SIGMOID, Activation.LINEAR, Activation.TANH, derivative=True)
    assert rule.sigma == sigma
    assert rule.update.batch is Reduction.MEAN
    assert rule.feedback.signal is Signal.SQUARED_ERROR
    assert rule.init == Init(0.2)


def test_errors_say_what_they_are_told():
    require(True, "never said")
    with pytest.raises(ValueError, match=r"^just this$"):
        require(False, "just this")


def test_the_choices_are_where_the_rule_is():
    names = [name for name, kind in inspect.getmembers(choices_of_spec, inspect.isclass)]
    assert set(names) - {"StrEnum"} <= set(spec.__all__)
