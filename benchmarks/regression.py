"""How well regressors predict public and made tables: blurax beside scikit-learn.

python benchmarks/regression.py --data FOLDER

FOLDER holds abalone.csv and winequality-red.csv as the UCI repository has them: no header, the
target last. Each regressor learns three quarters of a table; printed are the share of variance
(R^2) explained on the rest, mean and deviation over seeds of the split and of the regressor, and
the seconds of a fit, compiling left out.
"""

import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from blurax.estimator import BlurRegressor

Rows = tuple[np.ndarray, np.ndarray]


def perceptron(seed: int, sizes: tuple[int, ...] = (100,)) -> Any:
    """Scikit-learn's own at its default settings, inputs and target scaled."""
    inner = MLPRegressor(hidden_layer_sizes=sizes, random_state=seed)
    return TransformedTargetRegressor(
        make_pipeline(StandardScaler(), inner), transformer=StandardScaler()
    )


REGRESSORS: dict[str, Callable[[int], Any]] = {
    "BlurRegressor()": lambda seed: BlurRegressor(random_state=seed),
    "BlurRegressor(genome='default')": lambda seed: BlurRegressor(
        genome="images", random_state=seed
    ),
    "MLPRegressor()": perceptron,
    "MLPRegressor((256, 128))": lambda seed: perceptron(seed, (256, 128)),
    "Ridge()": lambda seed: make_pipeline(StandardScaler(), Ridge()),
}


def made(name: str, seed: int) -> Rows:
    """A table that scikit-learn makes, or holds."""
    match name:
        case "friedman1":
            return datasets.make_friedman1(5000, noise=1.0, random_state=seed)
        case "friedman2":
            return datasets.make_friedman2(5000, random_state=seed)
        case "friedman3":
            return datasets.make_friedman3(5000, random_state=seed)
        case "make_regression":
            found: Any = datasets.make_regression(2000, 20, noise=10, random_state=seed)
            return found
        case _:
            table: Any = datasets.load_diabetes(return_X_y=True)
            return table


def public(path: Path) -> Rows:
    """A CSV file without a header, its target last; columns of words one-hot."""
    cells = np.array([line.split(",") for line in path.read_text(encoding="utf-8").split()])
    columns = []
    for column in cells.T[:-1]:
        try:
            columns.append(column.astype(float)[:, None])
        except ValueError:
            columns.append((column[:, None] == np.unique(column)).astype(float))
    return np.hstack(columns), cells[:, -1].astype(float)


def tables(data: Path | None) -> Iterator[tuple[str, Callable[[int], Rows]]]:
    """The tables by name, each a function of the seed."""
    for name in ("friedman1", "friedman2", "friedman3", "make_regression", "diabetes"):
        yield name, lambda seed, name=name: made(name, seed)
    if data is None:
        return
    for name in ("abalone", "winequality-red"):
        rows = public(data / f"{name}.csv")
        yield name, lambda seed, rows=rows: rows


def measure(regressor: Any, rows: Rows, seed: int) -> tuple[float, float]:
    """R^2 on the rows held out, and the seconds of a fit."""
    x, query, y, right = train_test_split(*rows, test_size=0.25, random_state=seed)
    start = time.perf_counter()
    regressor.fit(x, y)
    seconds = time.perf_counter() - start
    return regressor.score(query, right), seconds


def main(
    data: Path | None = None, seeds: int = 5, directory: Path | None = None, only: str = ""
) -> None:
    """Print the table.

    Args:
        data: The folder of abalone.csv and winequality-red.csv; without it they are left out.
        seeds: Of the split and of the regressor.
        directory: Where regression.json goes, if anywhere.
        only: Of the regressors, those whose name holds this.
    """
    warnings.simplefilter("ignore", ConvergenceWarning)
    shown, found = Table("table", "regressor", "R²", "seconds"), []
    for table, rows in tables(data):
        for name, make in REGRESSORS.items():
            if only not in name:
                continue
            if "Blur" in name:
                measure(make(0), rows(0), 0)  # compiles
            scores, seconds = zip(
                *(measure(make(seed), rows(seed), seed) for seed in range(seeds)), strict=True
            )
            cell = {"table": table, "regressor": name, "r2": scores, "seconds": seconds}
            found.append(cell)
            mean, std = np.mean(scores), np.std(scores)
            shown.add_row(table, name, f"{mean:.3f} ± {std:.3f}", f"{np.median(seconds):.2f}")
    Console(width=100).print(shown)
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "regression.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
