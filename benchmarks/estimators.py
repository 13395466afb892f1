"""The estimators as a practitioner meets them: scales, streams, rare classes, many sizes.

Each case prints its figures on examples held out, mean and standard deviation over seeds, beside
the figure that is asked for. Cases of MNIST need its files (docs/reference/tasks.md says where).

    python benchmarks/estimators.py [CASE ...] [--seeds 5]
"""

import argparse
import inspect
import resource
import time
from collections.abc import Callable

import numpy as np
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from blurax import BlurClassifier, BlurRegressor
from blurax.tasks import get

PART = 1280


def mnist() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    task = get("mnist")
    x, labels = np.asarray(task.x, np.float64), np.asarray(task.labels)
    first = task.bounds[1]
    return x[:first], labels[:first], x[first:], labels[first:]


def scales(seed: int) -> dict[str, float]:
    """Iris in other units, from 1e-150 to 1e150: .973 at each (one split)."""
    x, y = load_iris(return_X_y=True)
    found = {}
    for scale in (1e-150, 1e-13, 1.0, 1e150):
        parts = train_test_split(x * scale, y, random_state=seed, stratify=y)
        a, b, c, d = parts
        model = BlurClassifier(16, random_state=seed).fit(a, c)
        found[f"iris x {scale:g}"] = model.score(b, d)
    x, y = load_diabetes(return_X_y=True)
    for scale in (1.0, 1e-15):
        a, b, c, d = train_test_split(x, y * scale, random_state=seed)
        found[f"diabetes, target x {scale:g}"] = (
            BlurRegressor(random_state=seed).fit(a, c).score(b, d)
        )
    return found


def clip(seed: int) -> dict[str, float]:
    """MNIST, few examples, without and with a clip of the standardised pixels."""
    x, y, tx, ty = mnist()
    rows = np.random.default_rng(seed).permutation(len(x))
    found = {}
    options = {"clip": None}, {}
    if "clip" not in inspect.signature(BlurClassifier.__init__).parameters:
        options = ({},)
    for n in (1000, 5000):
        for genome in ("images", "steady"):
            for o in options:
                model = BlurClassifier(genome=genome, random_state=seed, **o)
                model.fit(x[rows[:n]], y[rows[:n]])
                found[f"{n} examples, {genome}, {o or 'as it is'}"] = model.score(tx, ty)
    return found


def streams(seed: int) -> dict[str, float]:
    """MNIST in parts of 1,280: 89 / 92 / 93 after 1 / 2 / 3, 95 after 10; 92 five after a shift."""
    return {
        f"{genome}: after part {part}": score
        for genome in ("images", "steady")
        for part, score in _stream(genome, seed).items()
    }


def _stream(genome: str, seed: int) -> dict[str, float]:
    x, y, tx, ty = mnist()
    rows = np.random.default_rng(seed).permutation(len(x))
    model = BlurClassifier(genome=genome, random_state=seed)
    found = {}
    for part in range(20):
        r = rows[part * PART : (part + 1) * PART]
        shift = int(part >= 10)
        model.partial_fit(x[r], (y[r] + shift) % 10, classes=np.arange(10))
        if part + 1 in (1, 2, 3, 10, 11, 12, 15, 20):
            found[f"{part + 1}{', labels shifted' if shift else ''}"] = model.score(
                tx, (ty + shift) % 10
            )
    return found


def single_rows(seed: int) -> dict[str, float]:
    """Iris row by row (.9); one more row for a fitted model; a target constant at first."""
    x, y = load_iris(return_X_y=True)
    a, b, c, d = train_test_split(x, y, random_state=seed, stratify=y)
    rows = BlurClassifier(16, random_state=seed)
    for i in range(len(a)):
        rows.partial_fit(a[i : i + 1], c[i : i + 1], classes=[0, 1, 2])
    more = BlurClassifier(16, random_state=seed).fit(a, c)
    before = more.score(b, d)
    more.partial_fit(a[:1], c[:1])
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3000, 3))
    y = np.where(np.arange(3000) < 100, 5.0, x[:, 0] * 2 + 5)
    late = BlurRegressor(32, random_state=seed)
    for first in range(0, 2000, 100):
        late.partial_fit(x[first : first + 100], y[first : first + 100])
    return {
        "iris row by row": rows.score(b, d),
        "iris fitted": before,
        "and one more row": more.score(b, d),
        "R2 of a target that is constant in the first 100 of 2,000": late.score(x[2000:], y[2000:]),
    }


def rare(seed: int) -> dict[str, float]:
    """P(y = 1) = sigmoid(2 x0 - 4): accuracy at least .938, mean probability within .02."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(8000, 5))
    y = (rng.uniform(size=8000) < 1 / (1 + np.exp(4 - 2 * x[:, 0]))).astype(int)
    return _rare(x, y, seed)


def ten_shares(seed: int) -> dict[str, float]:
    """Ten classes with shares from 40 % to 1 %: mean probabilities within .02."""
    rng = np.random.default_rng(seed)
    shares = np.geomspace(0.4, 0.01, 10)
    x = rng.normal(size=(8000, 5))
    logits = x @ rng.normal(size=(5, 10)) + 1.5 * np.log(shares / shares.sum())
    return _rare(x, np.argmax(logits + rng.gumbel(size=logits.shape), axis=1), seed)


def _rare(x: np.ndarray, y: np.ndarray, seed: int) -> dict[str, float]:
    x, tx, y, ty = x[:4000], x[4000:], y[:4000], y[4000:]
    true = np.bincount(ty) / len(ty)
    found = {"majority": true.max()}
    learners = {
        "logistic regression": LogisticRegression(),
        "images": BlurClassifier(genome="images", random_state=seed),
        "steady": BlurClassifier(genome="steady", random_state=seed),
    }
    for name, learner in learners.items():
        odds = learner.fit(x, y).predict_proba(tx)
        found[f"{name}: accuracy"] = learner.score(tx, ty)
        found[f"{name}: mean probability, largest error"] = np.abs(odds.mean(axis=0) - true).max()
        found[f"{name}: log loss"] = -np.log(odds[np.arange(len(ty)), ty]).mean()
    return found


def many_sizes(seed: int) -> dict[str, float]:
    """Forty fits of forty sizes: 15 s in all, memory flat."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 20))
    y = (x[:, 0] > 0).astype(int)
    begun, found = time.perf_counter(), {}
    for number, n in enumerate(range(20, 400, 9)[:40]):
        BlurClassifier(32, steps=53 + number % 7, random_state=seed).fit(x[:n], y[:n]).predict(x)
        if number in (4, 39):
            found[f"MB after fit {number + 1}"] = (
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            )
    found["seconds for 40 fits"] = time.perf_counter() - begun
    return found


CASES: dict[str, Callable[[int], dict[str, float]]] = {
    case.__name__.replace("_", "-"): case
    for case in (scales, clip, streams, single_rows, rare, ten_shares, many_sizes)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []])
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    for name in options.cases or CASES:
        print(f"\n{name}: {CASES[name].__doc__}", flush=True)
        seeds = 1 if name == "many-sizes" else options.seeds
        found = [CASES[name](seed) for seed in range(seeds)]
        for label in found[0]:
            values = [each[label] for each in found]
            print(f"  {label}: {np.mean(values):.4f} ± {np.std(values):.4f}", flush=True)


if __name__ == "__main__":
    main()
