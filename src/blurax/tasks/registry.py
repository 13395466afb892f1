"""Tasks by name."""

import difflib
from collections.abc import Callable

from blurax.errors import BluraxError
from blurax.tasks import tabular
from blurax.tasks.base import Task

TASKS: dict[str, Callable[[], Task]] = {
    "digits": tabular.digits,
    "wine": tabular.wine,
    "breast-cancer": tabular.breast_cancer,
    "iris": tabular.iris,
}


def get(name: str) -> Task:
    """The task called `name`.

    Raises:
        BluraxError: if there is none, naming those there are.
    """
    if name not in TASKS:
        near = difflib.get_close_matches(name, TASKS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(TASKS))}."
        raise BluraxError(f"There is no task {name!r}; {hint}")
    return TASKS[name]()
