"""What `import blurax` gives is complete: whatever a public function takes stands beside it."""

import dataclasses
import enum
import inspect
import typing
from pathlib import Path

import pytest

import blurax
from blurax.outer.methods import METHODS, Method, MethodName

PUBLIC = {name: getattr(blurax, name) for name in blurax.__all__ if name != "__version__"}


def types_in(hint):
    """The types of blurax in an annotation."""
    if isinstance(hint, list | tuple):
        for each in hint:
            yield from types_in(each)
    elif isinstance(hint, type) and hint.__module__.startswith("blurax"):
        yield hint
    else:
        yield from types_in(typing.get_args(hint))


def asked(value) -> dict:
    """The annotations of what a function, or the constructor of a class, takes."""
    if inspect.isclass(value) and issubclass(value, enum.Enum):
        return {}
    if dataclasses.is_dataclass(value):
        fields = {field.name for field in dataclasses.fields(value) if field.init}
        return {n: hint for n, hint in typing.get_type_hints(value).items() if n in fields}
    made = value.__init__ if inspect.isclass(value) else value
    return typing.get_type_hints(made) if inspect.isfunction(made) else {}


def given(value) -> object:
    return typing.get_type_hints(value).get("return") if inspect.isfunction(value) else None


TAKEN = {
    kind
    for value in PUBLIC.values()
    if inspect.isfunction(value)
    for name, hint in asked(value).items()
    if name != "return"
    for kind in types_in(hint)
}
RESULTS = {kind for value in PUBLIC.values() for kind in types_in(given(value))} - TAKEN
"""What functions give and none takes: nobody makes them, so what they are made of may be hidden."""


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_what_a_public_function_takes_is_public(name):
    value = PUBLIC[name]
    if value in RESULTS:
        return
    wanted = {kind for hint in asked(value).values() for kind in types_in(hint)}
    missing = {kind.__qualname__ for kind in wanted if kind not in PUBLIC.values()}
    assert not missing, f"blurax.{name} takes what blurax does not give"


def test_the_walk_sees_types():
    hints = asked(blurax.meta_train)
    assert blurax.MetaTrain in types_in(hints["config"])
    assert blurax.Learner in types_in(hints["learner"])
    assert blurax.Progress in types_in(hints["callback"])
    assert blurax.Objective in types_in(asked(blurax.MetaTrain)["objective"])
    assert blurax.Comparison in RESULTS
    assert blurax.Genome not in RESULTS


def test_public_names_are_told_apart():
    kinds = [value for value in PUBLIC.values() if inspect.isclass(value)]
    assert len(kinds) == len({id(kind) for kind in kinds})
    for name, value in PUBLIC.items():
        assert inspect.getdoc(value), name


def test_the_reference_has_a_page_of_all_names():
    pages = list((Path(__file__).parent.parent / "docs").rglob("index.md"))
    assert any("\n::: blurax\n" in page.read_text(encoding="utf-8") for page in pages)


@pytest.mark.usefixtures("unchecked")
def test_a_type_checker_knows_every_name_of_a_method():
    assert typing.get_args(MethodName) == tuple(METHODS)
    assert typing.get_type_hints(blurax.MetaTrain)["method"] is Method
    for name in METHODS:
        assert blurax.MetaTrain(method=name).method == METHODS[name]()
