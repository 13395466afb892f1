"""How much the first batches of an episode can teach at all: batch learners fitted to convergence.

A rule sees 128 new examples in each step: 1,280 after 10. Here scikit-learn's classifiers may go
over the same examples as often as they like, and so may networks of the very layers that rules and
optimisers teach, with Adam. Of each kind the best on validation examples is reported on test
examples: what a learner can hardly be expected to pass that sees each example once.

    BLURAX_DATA=... python benchmarks/ceiling.py --tasks mnist fashion-mnist
"""

import dataclasses
import warnings

import jax
import numpy as np
import tyro
from sklearn.base import ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from blurax.experiments.figures.work import keyed
from blurax.fit import network_for
from blurax.tasks import EpisodeSpec, Split, Task, get

CLASSIFIERS = {
    "logistic regression, C = 0.01": LogisticRegression(C=0.01, max_iter=300),
    "SVM, RBF kernel, C = 1": SVC(C=1.0),
    "SVM, RBF kernel, C = 10": SVC(C=10.0),
    "3 nearest neighbours": KNeighborsClassifier(3),
    "random forest of 300": RandomForestClassifier(300, random_state=0),
}


def networks(hidden: tuple[int, ...]) -> dict[str, ClassifierMixin]:
    """Networks taught by Adam in 100 passes, by how much their synapses decay."""
    return {
        f"network, Adam, decay {decay:g}": MLPClassifier(
            hidden, alpha=decay, max_iter=100, random_state=0
        )
        for decay in (1e-4, 0.1, 1.0, 5.0)
    }


@dataclasses.dataclass(frozen=True)
class Arguments:
    """What is fitted."""

    tasks: tuple[str, ...] = ("digits",)
    net: str = "256-128"
    """The hidden layers of the networks."""
    steps: tuple[int, ...] = (10, 20)
    seeds: int = 5
    batch: int = 128


def scores(
    learner: ClassifierMixin, task: Task, steps: int, seeds: int, batch: int, split: Split
) -> np.ndarray:
    """`[seeds]`: the score on the query of a split, after the batches of an episode."""
    found = []
    for key in jax.random.split(keyed(task.name, split.value), seeds):
        episode = task.sample(key, EpisodeSpec(steps, batch), split)
        x = np.asarray(episode.x).reshape(steps * batch, -1)
        y = np.asarray(episode.y).reshape(steps * batch, -1).argmax(-1)
        fitted = clone(learner).fit(x, y)
        right = fitted.predict(
            np.asarray(episode.query_x).reshape(-1, task.features)
        ) == np.asarray(episode.query_y).argmax(-1)
        found.append(right.mean())
    return 100 * np.asarray(found)


def row(kind: dict[str, ClassifierMixin], task: Task, steps: int, seeds: int, batch: int) -> str:
    """A row of the table: the best of a kind on validation examples, on test examples."""
    validation = {
        words: scores(one, task, steps, 2, batch, Split.VALIDATE).mean()
        for words, one in kind.items()
    }
    best = max(validation, key=lambda words: validation[words])
    found = scores(kind[best], task, steps, seeds, batch, Split.TEST)
    size = f"{task.name} | {steps} | {steps * batch:,}"
    return f"| {size} | {best} | {found.mean():.1f} ± {found.std(ddof=1):.1f} |"


def main(arguments: Arguments) -> None:
    warnings.filterwarnings("ignore", module="sklearn")
    print("| task | steps | examples | best batch learner | test accuracy |\n|---|---|---|---|---|")
    for name in arguments.tasks:
        for steps in arguments.steps:
            task = get(name)
            hidden = network_for(task, arguments.net).sizes[1:-1]
            for kind in (CLASSIFIERS, networks(hidden)):
                size = task, steps, arguments.seeds, arguments.batch
                print(row(kind, *size), flush=True)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
