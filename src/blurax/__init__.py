"""blurax: learn a learning rule. Bidirectional learned update rules (BLUR) in JAX.

What is named here is imported when it is used for the first time: `import blurax` takes no time.
"""

import importlib
import threading
from typing import TYPE_CHECKING, Any

from blurax.version import __version__

if TYPE_CHECKING:
    from blurax.api import Learned, learn, load, load_learner, meta_train
    from blurax.baselines import Tuning, add_baseline
    from blurax.batch import Batch
    from blurax.comparison import Comparison, compare
    from blurax.curves import Curve, Schedule, learning_curve
    from blurax.engine import Evaluator, Patience, RayOptions, open_ray
    from blurax.errors import BluraxError
    from blurax.estimator import BlurClassifier, BlurRegressor
    from blurax.experiments.compare_work import CellProgress
    from blurax.genes import NeuronGenes, SynapseGenes
    from blurax.genome import Genome, backprop, random
    from blurax.io import Provenance, save_genome
    from blurax.learner import Blur, Learner
    from blurax.links import Link
    from blurax.network import Edge, Network, NetworkState, Synapses
    from blurax.outer.config import MetaTrain, Pairing
    from blurax.outer.curriculum import Curriculum
    from blurax.outer.improve import improve
    from blurax.outer.methods import (
        Cma,
        Es,
        Forward,
        Gradient,
        Method,
        Nres,
        Pes,
        RandomSearch,
        Truncated,
    )
    from blurax.outer.objective import Loss, Objective, When
    from blurax.outer.optimiser import MetaSchedule, Optax, Optimiser
    from blurax.outer.run import Progress, Result
    from blurax.outer.start import Given, Start
    from blurax.outer.vary import Draw, Vary
    from blurax.remat import Remat
    from blurax.spec import (
        Activation,
        Backward,
        Channels,
        Feedback,
        Init,
        InitScale,
        Normalise,
        Oja,
        Over,
        Reduction,
        Rule,
        Saturation,
        Sigma,
        Signal,
        Source,
        Stabilise,
        Symmetry,
        Update,
    )
    from blurax.targets import Classes, Regression, Signals, Target
    from blurax.tasks import (
        ArrayTask,
        EpisodeSpec,
        FunctionTask,
        GraphTask,
        Kind,
        Split,
        StagesBy,
        Task,
        add_task,
        from_arrays,
        from_csv,
        from_function,
        from_graphs,
        from_sequence,
    )
    from blurax.tasks import get as task
    from blurax.tasks.tabular import Missing, Words
    from blurax.terms import Term, add_term


__all__ = [
    "Activation",
    "ArrayTask",
    "Backward",
    "Batch",
    "Blur",
    "BlurClassifier",
    "BlurRegressor",
    "BluraxError",
    "CellProgress",
    "Channels",
    "Classes",
    "Cma",
    "Comparison",
    "Curriculum",
    "Curve",
    "Draw",
    "Edge",
    "EpisodeSpec",
    "Es",
    "Evaluator",
    "Feedback",
    "Forward",
    "FunctionTask",
    "Genome",
    "Given",
    "Gradient",
    "GraphTask",
    "Init",
    "InitScale",
    "Kind",
    "Learned",
    "Learner",
    "Link",
    "Loss",
    "MetaSchedule",
    "MetaTrain",
    "Method",
    "Missing",
    "Network",
    "NetworkState",
    "NeuronGenes",
    "Normalise",
    "Nres",
    "Objective",
    "Oja",
    "Optax",
    "Optimiser",
    "Over",
    "Pairing",
    "Patience",
    "Pes",
    "Progress",
    "Provenance",
    "RandomSearch",
    "RayOptions",
    "Reduction",
    "Regression",
    "Remat",
    "Result",
    "Rule",
    "Saturation",
    "Schedule",
    "Sigma",
    "Signal",
    "Signals",
    "Source",
    "Split",
    "Stabilise",
    "StagesBy",
    "Start",
    "Symmetry",
    "SynapseGenes",
    "Synapses",
    "Target",
    "Task",
    "Term",
    "Truncated",
    "Tuning",
    "Update",
    "Vary",
    "When",
    "Words",
    "__version__",
    "add_baseline",
    "add_task",
    "add_term",
    "backprop",
    "compare",
    "from_arrays",
    "from_csv",
    "from_function",
    "from_graphs",
    "from_sequence",
    "improve",
    "learn",
    "learning_curve",
    "load",
    "load_learner",
    "meta_train",
    "open_ray",
    "random",
    "save_genome",
    "task",
]

_HOMES = {
    "api": ("Learned", "learn", "load", "load_learner", "meta_train"),
    "baselines": ("Tuning", "add_baseline"),
    "comparison": ("Comparison", "compare"),
    "curves": ("Curve", "Schedule", "learning_curve"),
    "engine": ("Evaluator", "Patience", "RayOptions", "open_ray"),
    "errors": ("BluraxError",),
    "estimator": ("BlurClassifier", "BlurRegressor"),
    "experiments.compare_work": ("CellProgress",),
    "genes": ("NeuronGenes", "SynapseGenes"),
    "genome": ("Genome", "backprop", "random"),
    "io": ("Provenance", "save_genome"),
    "learner": ("Blur", "Learner"),
    "links": ("Link",),
    "network": ("Edge", "Network", "NetworkState", "Synapses"),
    "outer.config": ("MetaTrain", "Pairing"),
    "outer.curriculum": ("Curriculum",),
    "outer.improve": ("improve",),
    "outer.methods": (
        *("Cma", "Es", "Forward", "Gradient", "Method", "Nres", "Pes", "RandomSearch"),
        "Truncated",
    ),
    "outer.objective": ("Loss", "Objective", "When"),
    "outer.optimiser": ("MetaSchedule", "Optax", "Optimiser"),
    "outer.run": ("Progress", "Result"),
    "outer.start": ("Given", "Start"),
    "outer.vary": ("Draw", "Vary"),
    "remat": ("Remat",),
    "spec": (
        *("Activation", "Backward", "Channels", "Feedback", "Init", "InitScale", "Normalise"),
        *(
            "Oja",
            "Over",
            "Reduction",
            "Rule",
            "Saturation",
            "Sigma",
            "Signal",
            "Source",
            "Stabilise",
        ),
        *("Symmetry", "Update"),
    ),
    "tasks": (
        *(
            "ArrayTask",
            "EpisodeSpec",
            "FunctionTask",
            "GraphTask",
            "Kind",
            "Split",
            "StagesBy",
            "Task",
            "add_task",
        ),
        *("from_arrays", "from_csv", "from_function", "from_graphs", "from_sequence", "get"),
    ),
    "tasks.tabular": ("Missing", "Words"),
    "batch": ("Batch",),
    "targets": ("Classes", "Regression", "Signals", "Target"),
    "terms": ("Term", "add_term"),
}
"""The names by the module they come from; `task` is `tasks.get`."""

_HOME = {name: (home, name) for home, names in _HOMES.items() for name in names}
_HOME["task"] = _HOME.pop("get")

_ROOMS = (
    *("activations", "analysis", "api", "average", "baselines", "batch", "choices", "comparison"),
    *(
        "curves",
        "engine",
        "errors",
        "estimator",
        "experiments",
        "export",
        "findings",
        "fit",
        "forgetting",
    ),
    *("frozen", "gauge", "genes", "genome", "graphs", "initial", "inner", "io", "learner", "links"),
    *(
        "network",
        "outer",
        "over_time",
        "plasticity",
        "rules",
        "spec",
        "stages",
        "sweeps",
        "targets",
    ),
    *("tasks", "terms", "unroll", "widen", "zoo"),
)
"""Modules that are at hand as attributes, such as `blurax.tasks`."""


_ONE_AT_A_TIME = threading.RLock()
"""Two threads that begin to import JAX by two of its modules may wait for each other."""


def _room(name: str) -> Any:
    with _ONE_AT_A_TIME:
        return importlib.import_module(f"blurax.{name}")


def __getattr__(name: str) -> Any:
    """Import a name, or a module, where it is used for the first time."""
    if name in _ROOMS:
        return _room(name)
    if name not in _HOME:
        raise AttributeError(f"module 'blurax' has no attribute {name!r}", name=name)
    home, its_name = _HOME[name]
    value = getattr(_room(home), its_name)
    globals()[name] = value  # from now on found without coming here
    return value


def __dir__() -> list[str]:
    """All names, used or not."""
    return sorted({*globals(), *__all__, *_ROOMS})
