"""Engines: they map jobs over workers, here or on other machines, and know nothing of BLUR."""

from blurax.engine.dispatch import Patience
from blurax.engine.local import LOCAL, Local
from blurax.engine.options import RayOptions, check_installed, open_ray
from blurax.engine.protocol import Evaluate, Evaluator, Job, NoWorkersError, PoisonedJobError, Work

__all__ = [
    "LOCAL",
    "Evaluate",
    "Evaluator",
    "Job",
    "Local",
    "NoWorkersError",
    "Patience",
    "PoisonedJobError",
    "RayOptions",
    "Work",
    "check_installed",
    "open_ray",
]
