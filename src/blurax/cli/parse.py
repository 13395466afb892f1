"""The options of a command, read by tyro."""

import contextlib
import difflib
import functools
import importlib
import io
import itertools
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import tyro

from blurax.analysis.plain import lines
from blurax.cli.renamed import renamed
from blurax.errors import BluraxError

_MANY = 20
"""Options, of which a message does not name all."""

STYLE = (tyro.conf.EnumChoicesFromValues,)
"""How arguments are written: choices by their values, such as `random`."""


def parsed(name: str, args: list[str]) -> Callable[[], Any]:
    """What a command is to do: its function, bound to the arguments.

    Raises:
        BluraxError: for an option that the command does not have, naming those it has.
        SystemExit: for --help, and for a value that cannot be parsed, after it has been printed.
    """
    for before, word in itertools.pairwise([name, *args]):
        option = word.partition("=")[0] if word.endswith("=") else before
        if word in ("", f"{option}="):
            raise BluraxError(
                f"What follows {option} is empty; an unset variable of the shell, say?"
            )
    args = renamed(name, args)
    bind = _binder(_function(name, args))
    with _printable_errors(name, args):
        call, unknown = tyro.cli(
            bind,
            prog=f"blurax {name}",
            args=args,
            config=STYLE,
            return_unknown_args=True,
            registry=_registry(name),
        )
    if unknown:
        raise BluraxError(_unknown(name, unknown[0], options(name, args)))
    return call


@contextlib.contextmanager
def _printable_errors(name: str, args: list[str]) -> Iterator[None]:
    """In here what is written about an argument, which it quotes, steers no terminal, in short.

    Raises:
        BluraxError: in the place of another mistake that an unknown option led to: what follows it
            is then a word too many or too few.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            yield
    except SystemExit as end:
        unknown = _unknown_options(name, args) if end.code else []
        if unknown:
            raise BluraxError(_unknown(name, unknown[0], options(name, args))) from end
        _print_lines(said)
        raise
    _print_lines(said)


def _print_lines(said: io.StringIO) -> None:
    for line in lines(said.getvalue()):
        print(line, file=sys.stderr)


def _unknown_options(name: str, args: list[str]) -> list[str]:
    """The arguments that look like options, and are named nowhere in a command's help."""
    known = {word.replace("_", "-") for word in re.findall(r"--?[a-z][\w.-]*", _help(name, args))}
    asked = [word for word in args if re.match(r"--?(?!(?:inf|nan)$)[A-Za-z]", word)]
    return [word for word in asked if word.partition("=")[0].replace("_", "-") not in known]


def options(name: str, args: list[str] | None = None) -> list[str]:
    """The options of a command as its help lists them, the first spelling of each.

    Args:
        args: on which they may depend.
    """
    return re.findall(r"^(?:  |\S )(--[a-z][\w.-]*)", _help(name, args or []), re.MULTILINE)


def _help(name: str, args: list[str]) -> str:
    """What the help of a command prints."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        function = _binder(_function(name, args))
        tyro.cli(function, args=["--help"], config=STYLE, registry=_registry(name))
    return shown.getvalue()


def _function(name: str, args: list[str]) -> Callable[..., Any]:
    """The function of a command; the options of meta-train depend on what the arguments name."""
    module = _module(name)
    if name == "meta-train":
        return module.meta_train_from(module.default_in(args))
    return getattr(module, name)


def _registry(name: str) -> tyro.constructors.ConstructorRegistry | None:
    """How a command reads values of types of its own, if it has any."""
    return getattr(_module(name), "REGISTRY", None)


def _module(name: str) -> Any:
    return importlib.import_module(f"blurax.cli.{name.replace('-', '_')}")


def _binder(function: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """The same to tyro, but calling it only binds the arguments."""

    @functools.wraps(function)
    def bind(*args: Any, **named: Any) -> Callable[[], Any]:
        return functools.partial(function, *args, **named)

    return bind


def _unknown(name: str, word: str, known: list[str]) -> str:
    has = f"its options are {', '.join(known)}." if known else "it has no options."
    if len(known) > _MANY:
        has = f"its options stand in blurax {name} --help."
    if not word.startswith("-"):
        return f"blurax {name} has no place for the word {word!r}; {has}"
    option = word.partition("=")[0]
    near = difflib.get_close_matches(option, known, n=1)
    group = [one for one in known if one.startswith(f"{option.rpartition('.')[0]}.")]
    if group:
        has = f"there are {', '.join(group)}."
    elif option.startswith("--method."):
        near, has = [], "its method has no options."
    hint = f"did you mean {near[0]}? {has[0].upper()}" if near else has[0]
    return f"blurax {name} has no option {option}; {hint}{has[1:]}"
