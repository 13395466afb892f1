"""The names of tasks: what can be said, and what is refused in one sentence."""

import numpy as np
import pytest

from blurax.errors import BluraxError
from blurax.tasks import get, grammar, weight
from blurax.tasks.augment import Augment
from blurax.tasks.grammar import Item, build, parse
from blurax.tasks.images import ImageOptions, Standardise


def test_names_are_taken_apart():
    assert parse("xor") == (Item("xor", ()),)
    assert parse("mnist:size=10,classes=0-4,permute-labels") == (
        Item("mnist", (("size", "10"), ("classes", "0-4"), ("permute_labels", "true"))),
    )
    assert parse("xor@2+and") == (Item("xor", (), 2.0), Item("and", (), 1.0))
    assert (weight("mnist@3"), weight("mnist"), weight("xor@2+and")) == (3.0, 1.0, 1.0)


def test_options_get_their_types():
    values = dict(
        parse("x:size=10,classes=0-2/7,standardise=pixel,noise=0.5,permute-inputs")[0].options
    )
    image, augment = build((ImageOptions, Augment), values, "mnist")
    assert image == ImageOptions(classes=(0, 1, 2, 7), size=10, standardise=Standardise.PIXEL)
    assert augment == Augment(noise=0.5, permute_inputs=True)


def test_options_from_python_are_those_of_the_name():
    said, called = get("iris:project=3,permute-labels"), get("iris", project=3, permute_labels=True)
    assert said.augment == called.augment
    assert said.name == called.name == "iris:project=3,permute-labels"
    assert get("blobs", classes=3).name == "blobs:classes=3"
    assert get("iris", **{"permute-labels": True, "project": None}).name == "iris:permute-labels"
    lists = [[0, 1, 2], range(3), np.arange(3), (0, 1, 2)]
    found = [build((ImageOptions,), {"classes": c, "size": np.int64(7)}, "x")[0] for c in lists]
    assert found == [ImageOptions(classes=(0, 1, 2), size=7)] * 4


def test_options_said_twice_and_names_that_are_none_are_refused(unchecked):
    with pytest.raises(BluraxError, match="has the option project twice"):
        get("iris:project=3", project=4)
    with pytest.raises(BluraxError, match="name of a task is a text; it got NoneType"):
        get(None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "not of the form"),
        ("xor+", "not of the form"),
        ("mnist:", "not of the form"),
        (":size=3", "not of the form"),
        ("mnits", "did you mean mnist"),
        ("xor@two", "has the weight 'two'; it takes a number"),
        ("mnist:siz=3", "no option siz; did you mean size"),
        ("mnist:qqq=3", "no option qqq; it has classes, crop"),
        ("mnist:size=3,size=4", "names the option size twice"),
        ("mnist:size=big", "option size is 'big'; it takes a whole number"),
        ("mnist:size=0", "option size is 0; it takes a whole number >= 1"),
        ("mnist:noise=much", "option noise is 'much'; it takes a number"),
        ("mnist:classes=4-0", "option classes is '4-0'; it takes whole numbers such as"),
        ("mnist:classes=a", "option classes is 'a'"),
        ("mnist:classes=0-999999999", "option classes is '0-999999999'"),
        ("mnist:classes=3", r"option classes is \(3,\); it takes two or more different labels"),
        ("mnist:classes=3/3", "two or more different labels"),
        ("mnist:classes=5-12", r"classes holds \[10, 11, 12\]; the labels of mnist are 0 to 9"),
        ("mnist:standardise=some", "takes global, pixel, none"),
        ("mnist:grey", "mnist is grey already"),
        ("mnist:grey=maybe", "takes true or false, yes or no"),
        ("mnist:crop=29", "images of mnist have 28 pixels a side"),
        ("mnist:train=60001", "option train is 60001; mnist has 60,000 of them"),
        ("mnist:test=-1", "option test is -1"),
        ("mnist:train=0,test=0", "both 0; there is nothing to learn from"),
        ("omniglot:ways=1", "option ways is 1; it takes a whole number from 2 to 100"),
        ("omniglot:shots=20", "option shots is 20; it takes a whole number from 1 to 19"),
        ("omniglot:size=200", "option size is 200"),
        ("csv", "takes an option path"),
        ("MNIST", "did you mean mnist"),
        (
            "xor:project=100000000000",
            "option project is 100000000000; it takes a whole number from",
        ),
        ("sine:permute-labels", "1 output has no labels to permute"),
        (
            "xor+sine",
            r"xor asks for Classes\(outputs=2\), sine for Regression\(outputs=1\)",
        ),
    ],
)
def test_what_cannot_be_said_is_refused_in_one_sentence(name, message):
    with pytest.raises(BluraxError, match=message) as caught:
        get(name)
    assert "\n" not in str(caught.value)


def test_an_option_of_the_wrong_type_is_named(unchecked):
    with pytest.raises(BluraxError, match=r"ImageOptions\.size is 2\.5"):
        get("mnist", size=2.5)


@pytest.mark.parametrize(
    "value",
    ["height, cm", "a=b", "a+b@2", 'so "called"', '"', "", " x ", "a:b", "plain", "a\\b", "true,"],
)
def test_any_value_can_be_said_in_quotes(value):
    said = 'csv:label="' + value.replace('"', '""') + '",path=a"b@2+xor'
    assert parse(said) == (
        Item("csv", (("label", value), ("path", 'a"b')), 2.0),
        Item("xor", ()),
    )
    spelled = grammar.spelled("csv", {"label": value, "permute_labels": True, "header": False})
    assert parse(spelled) == (
        Item("csv", (("label", value), ("permute_labels", "true"), ("header", "false"))),
    )


@pytest.mark.parametrize(
    "name", ['csv:label="a', 'csv:label="a"b', 'csv:label="a""', 'csv:label="']
)
def test_quotes_that_do_not_close_are_refused(name):
    with pytest.raises(BluraxError, match="begins with a double quote and does not end with one"):
        parse(name)


def test_switches_from_python_can_be_typed_again():
    name = get("iris", permute_labels=False).name
    assert name == "iris:permute-labels=false"
    assert get(name).name == get("iris:permute-labels=no").name.replace("=no", "=false")


def test_ranges_stay_small():
    assert grammar.parse("x:classes=0-9999")[0].options
