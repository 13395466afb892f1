"""blurax: learn a learning rule. Bidirectional learned update rules (BLUR) in JAX."""

from blurax.api import Lesson, learn, load, meta_train
from blurax.baselines import Learner, follow, improve
from blurax.errors import BluraxError
from blurax.estimator import BlurClassifier, BlurRegressor
from blurax.genome import Genome, backprop, random
from blurax.io import Provenance, save_genome
from blurax.network import Network
from blurax.outer.config import MetaTrain
from blurax.spec import Rule
from blurax.tasks import Split, add_task, from_arrays, from_csv, from_function
from blurax.tasks import get as task

__all__ = [
    "BlurClassifier",
    "BlurRegressor",
    "BluraxError",
    "Genome",
    "Learner",
    "Lesson",
    "MetaTrain",
    "Network",
    "Provenance",
    "Rule",
    "Split",
    "add_task",
    "backprop",
    "follow",
    "from_arrays",
    "from_csv",
    "from_function",
    "improve",
    "learn",
    "load",
    "meta_train",
    "random",
    "save_genome",
    "task",
]
