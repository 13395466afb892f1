"""The methods by name, and how a configuration names one."""

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from blurax.engine import Evaluator
from blurax.errors import BluraxError, require, shown
from blurax.frozen import from_json
from blurax.outer.methods.base import Config, Method
from blurax.outer.methods.cma_es import Cma
from blurax.outer.methods.es import Es, Nres, Pes
from blurax.outer.methods.gradient import Forward, Gradient, Truncated
from blurax.outer.methods.random_search import RandomSearch
from blurax.outer.problem import Problem
from blurax.outer.protocol import MetaTrainer

METHODS: dict[str, type[Method]] = {
    kind.name: kind for kind in (Gradient, Forward, Truncated, Es, Pes, Nres, Cma, RandomSearch)
}
"""Every method of the library by name."""

MethodName = Literal[
    "gradient", "forward", "truncated", "es", "pes", "nres", "cma-es", "random-search"
]

if TYPE_CHECKING:

    class AnyMethod:
        """A field that takes a method or the name of one, and holds a method."""

        def __get__(self, instance: object, owner: Any = None) -> Method: ...

        def __set__(self, instance: object, value: Method | MethodName) -> None: ...

else:
    AnyMethod = Method


def named(name: str) -> type[Method]:
    """The method called `name`.

    Raises:
        BluraxError: if there is none, naming those there are.
    """
    if name not in METHODS:
        raise BluraxError(
            f"MetaTrain.method is {shown(name)}; it takes one of {', '.join(METHODS)}, or a "
            "method of one's own."
        )
    return METHODS[name]


@dataclasses.dataclass(frozen=True)
class Absent(Method):
    """A method of the user's own in a run that is read without its class."""

    name: str
    fields: dict

    def trainer(self, config: Config, problem: Problem, evaluator: Evaluator) -> MetaTrainer:
        """There is none.

        Raises:
            BluraxError: always.
        """
        raise BluraxError(self.words)

    @property
    def words(self) -> str:
        """Why nothing can be computed."""
        return (
            f"MetaTrain.method is {self.name}, which is none of the library's; its run goes on "
            "with the class that it was started with."
        )

    def found(self, kind: type[Method] | None) -> Method:
        """The method of which this was read, given its class.

        Raises:
            BluraxError: if it is not that class, or takes other fields.
        """
        if kind is None:
            raise BluraxError(self.words)
        require(
            kind.name == self.name,
            f"MetaTrain.method is {self.name}, but the class given is {kind.name}; a run takes the "
            "one that it was started with.",
        )
        return from_json(kind, self.fields, "MetaTrain.method")


_OLD = ("window", "forward_chunk", "es", "cma")
"""Fields of a configuration that stood beside `method` while that was a name."""


def upgraded(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a configuration as JSON holds them, an older one's too, with its method built.

    Raises:
        BluraxError: for fields that the method does not have.
    """
    method = values.get("method")
    if isinstance(method, str):
        kind, values = named(method), dict(values)
        old = {name: values.pop(name) for name in _OLD if name in values}
        method = {"name": method, **_of_old(kind, old)}
    if not isinstance(method, dict):
        return values
    name, fields = method.get("name"), {k: v for k, v in method.items() if k != "name"}
    if not isinstance(name, str):
        raise BluraxError("MetaTrain.method lacks the field name.")
    if name not in METHODS:
        return {**values, "method": Absent(name, fields)}
    return {**values, "method": from_json(METHODS[name], fields, "MetaTrain.method")}


def _of_old(kind: Any, old: dict[str, Any]) -> dict[str, Any]:
    """What older fields say of a method, by its fields."""
    group = old.get("cma" if kind in (Cma, RandomSearch) else "es")
    known = {**group} if isinstance(group, dict) else {}
    known |= {"window": old.get("window")}
    if kind is Forward:
        known["chunk"] = old.get("forward_chunk")
    return {f.name: known[f.name] for f in dataclasses.fields(kind) if f.name in known}
