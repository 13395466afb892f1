"""Engines by name, as commands take them."""

import contextlib
import enum
from collections.abc import Iterator
from typing import Annotated

import tyro

from blurax.engine import LOCAL, Evaluator, RayOptions, check_installed, open_ray
from blurax.errors import require


class Engine(enum.StrEnum):
    """Who does the work."""

    LOCAL = "local"
    RAY = "ray"


Cluster = Annotated[RayOptions, tyro.conf.arg(name="")]
"""Options of the engine ray."""
ALONE = RayOptions()
"""As they are if nothing is said."""


def check_engine(engine: Engine, cluster: RayOptions) -> None:
    """Raise `BluraxError` for options of a cluster without one, or without the extra `ray`."""
    require(cluster == ALONE or engine is Engine.RAY, "Options of a cluster take --engine ray.")
    if engine is Engine.RAY:
        check_installed()


@contextlib.contextmanager
def opened(engine: Engine, cluster: RayOptions) -> Iterator[Evaluator]:
    """An engine, closed at the end."""
    evaluator = open_ray(cluster) if engine is Engine.RAY else LOCAL
    try:
        yield evaluator
    finally:
        evaluator.close()
