"""Mistakes in the functions of a learner that may be anybody's, in a sentence that says where."""

import inspect
from pathlib import Path
from types import CodeType
from typing import Any

import jax

from blurax.errors import BluraxError, reason, require, returned
from blurax.learner import Learner

FUNCTIONS = ("init", "step", "predict", "predict_few", "told", "end_stage")
"""What is called of a learner while it learns."""
_LIBRARY = Path(__file__).resolve().parent.parent


def check_signatures(learner: Learner) -> None:
    """Raise `BluraxError` if a function of a learner cannot be called as `Learner` says."""
    for name in FUNCTIONS:
        wanted = inspect.signature(getattr(Learner, name))
        _, *parameters = wanted.parameters.values()  # without self
        named = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
        try:
            found = inspect.signature(getattr(learner, name))
        except (TypeError, ValueError):  # of something that Python cannot look into
            continue
        try:
            found.bind(*range(len(parameters) - len(named)), **dict.fromkeys(named))
        except TypeError as error:
            raise BluraxError(
                f"{type(learner).__name__}.{name} takes {_plain(found)}, which does not fit its "
                f"call ({error}); write def {name}{_plain(wanted)}{_where(learner, name)}."
            ) from error


def check_pair(learner: Learner, before: Any, result: Any) -> None:
    """Raise `BluraxError` if a step returned no pair of a state like that before, and of anything.

    A state that is a pair itself is known by the shapes of its arrays.
    """
    pair = isinstance(result, tuple | list) and len(result) == 2
    alone = _shapes(result) == _shapes(before)
    require(
        pair and not (alone and _shapes(result[0]) != _shapes(before)),
        f"{type(learner).__name__}.step returned {returned(result)}; it is to return a pair (state,"
        f" info), the new state and anything, such as None{_where(learner, 'step')}.",
    )


def misfit(learner: Learner, error: Exception) -> BluraxError:
    """What went wrong while a learner took a step, in a sentence.

    What the library says of itself stands alone: only in code of the user's own is it of use to
    know where it was.
    """
    code = _code(learner, "step")
    file = code.co_filename if code and not _is_ours(code) else None
    said = reason(error, file)
    if isinstance(error, BluraxError) and said == reason(error):
        return BluraxError(str(error))
    name = type(learner).__name__
    return BluraxError(f"{name} cannot learn with the network {learner.network}: {said}.")


def _plain(signature: inspect.Signature) -> str:
    """A signature without types and defaults, as a method is written."""
    parameters = [
        each.replace(annotation=each.empty, default=each.empty)
        for each in signature.parameters.values()
    ]
    if not parameters or parameters[0].name != "self":
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter("self", kind), *parameters]
    bare = signature.replace(parameters=parameters, return_annotation=signature.empty)
    return str(bare)


def _where(learner: Learner, name: str) -> str:
    """The file and line of a function of the user's own, in brackets."""
    code = _code(learner, name)
    if code is None or _is_ours(code):
        return ""
    return f" ({Path(code.co_filename).name}, line {code.co_firstlineno})"


def _code(learner: Learner, name: str) -> CodeType | None:
    return getattr(inspect.unwrap(getattr(type(learner), name)), "__code__", None)


def _is_ours(code: CodeType) -> bool:
    return Path(code.co_filename).resolve().is_relative_to(_LIBRARY)


def _shapes(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: getattr(leaf, "shape", ()), tree)
