"""blurax: learn a learning rule. Bidirectional learned update rules (BLUR) in JAX.

What is named here is imported when it is used for the first time: `import blurax` takes no time.
"""

import importlib
from typing import TYPE_CHECKING, Any

from blurax.version import __version__

if TYPE_CHECKING:
    from blurax.api import Learned, learn, load, load_learner, meta_train
    from blurax.curves import learning_curve
    from blurax.errors import BluraxError
    from blurax.estimator import BlurClassifier, BlurRegressor
    from blurax.genome import Genome, backprop, random
    from blurax.io import Provenance, save_genome
    from blurax.learner import Blur, Learner
    from blurax.network import Network
    from blurax.outer.config import MetaTrain
    from blurax.outer.improve import improve
    from blurax.spec import Rule
    from blurax.tasks import Split, add_task, from_arrays, from_csv, from_function
    from blurax.tasks import get as task


__all__ = [
    "Blur",
    "BlurClassifier",
    "BlurRegressor",
    "BluraxError",
    "Genome",
    "Learned",
    "Learner",
    "MetaTrain",
    "Network",
    "Provenance",
    "Rule",
    "Split",
    "__version__",
    "add_task",
    "backprop",
    "from_arrays",
    "from_csv",
    "from_function",
    "improve",
    "learn",
    "learning_curve",
    "load",
    "load_learner",
    "meta_train",
    "random",
    "save_genome",
    "task",
]

_HOMES = {
    "api": ("Learned", "learn", "load", "load_learner", "meta_train"),
    "curves": ("learning_curve",),
    "errors": ("BluraxError",),
    "estimator": ("BlurClassifier", "BlurRegressor"),
    "genome": ("Genome", "backprop", "random"),
    "io": ("Provenance", "save_genome"),
    "learner": ("Blur", "Learner"),
    "network": ("Network",),
    "outer.config": ("MetaTrain",),
    "outer.improve": ("improve",),
    "spec": ("Rule",),
    "tasks": ("Split", "add_task", "from_arrays", "from_csv", "from_function", "get"),
}
"""The names by the module they come from; `task` is `tasks.get`."""

_HOME = {name: (home, name) for home, names in _HOMES.items() for name in names}
_HOME["task"] = _HOME.pop("get")

_ROOMS = (
    *("activations", "analysis", "api", "average", "baselines", "choices", "curves", "engine"),
    *("errors", "estimator", "experiments", "export", "findings", "fit", "frozen", "gauge"),
    *("genes", "genome", "initial", "inner", "io", "learner", "network", "outer", "plasticity"),
    *("rules", "spec", "stabilise", "tasks", "widen", "zoo"),
)
"""Modules that are at hand as attributes, such as `blurax.tasks`."""


def __getattr__(name: str) -> Any:
    """Import a name, or a module, where it is used for the first time."""
    if name in _ROOMS:
        return importlib.import_module(f"blurax.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'blurax' has no attribute {name!r}", name=name)
    home, its_name = _HOME[name]
    value = getattr(importlib.import_module(f"blurax.{home}"), its_name)
    globals()[name] = value  # from now on found without coming here
    return value


def __dir__() -> list[str]:
    """All names, used or not."""
    return sorted({*globals(), *__all__, *_ROOMS})
