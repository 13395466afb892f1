"""Models of scikit-learn on the folds of a table, as it is known how good they are."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from blurax.baselines.reached import Reached
from blurax.experiments.tables_folds import Folds
from blurax.targets import Classes

Make = Callable[[bool, int], Any]
"""A model that classifies or not, from a seed."""
SURE = 1e-7
"""Probabilities are kept so far from 0, lest a class that training rows lack costs without end."""


def linear(classifies: bool, seed: int) -> Any:
    """Logistic regression, or ridge with a strength by cross-validation."""
    from sklearn.linear_model import LogisticRegression, RidgeCV

    return LogisticRegression(max_iter=5000) if classifies else RidgeCV(np.logspace(-3, 3, 13))


def forest(classifies: bool, seed: int) -> Any:
    """300 trees."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if classifies else RandomForestRegressor
    return kind(300, random_state=seed)


def boosting(classifies: bool, seed: int) -> Any:
    """Gradient boosting over histograms, as it is by default."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classifies else HistGradientBoostingRegressor
    return kind(random_state=seed)


def mlp(classifies: bool, seed: int) -> Any:
    """One hidden layer of 100 and Adam, as it is by default, with early stopping."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPClassifier if classifies else MLPRegressor
    return kind(early_stopping=True, max_iter=1000, random_state=seed)


REFERENCES: dict[str, Make] = {
    "linear": linear,
    "forest": forest,
    "boosting": boosting,
    "mlp": mlp,
}
"""Every reference by name."""


def referenced(
    name: str, task: Folds, seeds: int, references: Mapping[str, Make] = REFERENCES
) -> Reached:
    """What a model reaches that learns from the training and validation rows of each fold."""
    losses, scores = [], []
    classes = isinstance(task.target, Classes)
    for fold in range(task.count):
        own: Any = task.one(fold)
        x, y, end = np.asarray(own.x, np.float64), np.asarray(own.labels), own.bounds[1]
        for seed in range(seeds):
            model = references[name](classes, seed)
            wanted = y if classes else y[:, 0].astype(np.float64)
            with threadpool_limits(1):  # several threads wait for each other on a crowded machine
                model.fit(x[:end], wanted[:end])
                found = (_classes if classes else _numbers)(model, x[end:], wanted[end:])
            loss, score = found
            losses.append(loss)
            scores.append(score)
    return Reached(name, task.name, task.target.score_name, tuple(losses), tuple(scores))


def _classes(model: Any, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Cross-entropy and accuracy."""
    found = np.full((len(x), max(int(y.max()), int(model.classes_.max())) + 1), SURE)
    found[:, model.classes_] = np.clip(model.predict_proba(x), SURE, None)
    found /= found.sum(axis=1, keepdims=True)
    return float(-np.log(found[np.arange(len(y)), y]).mean()), float(
        np.mean(found.argmax(axis=1) == y)
    )


def _numbers(model: Any, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Squared error and the share of variance explained, 0 at least."""
    error = float(np.mean((model.predict(x) - y) ** 2))
    return error, max(0.0, 1 - error / float(np.var(y)))
