"""Coordinate networks: what normalisation, sines and encodings do for the spectral bias.

After Cai et al., "Batch normalization alleviates the spectral bias in coordinate networks", CVPR
2024, arXiv 2407.17834: one picture, full batches, Adam.
"""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from blurax.baselines import baseline
from blurax.baselines.tuner import Tuning, tune
from blurax.curves import Schedule, learning_curve
from blurax.experiments.figures.common import measured, round_stops
from blurax.experiments.figures.figure import Budget, Figure
from blurax.experiments.figures.work import Arrays, Work, cell_name, keyed
from blurax.experiments.tangent import FLOOR, at_ends
from blurax.findings import Chart, Claim, Findings, curve, table
from blurax.fit import network_for
from blurax.learner import Batch, Learner
from blurax.outer.config import MetaTrain
from blurax.spec import Activation, Over
from blurax.spectra import effective_rank, wave_errors
from blurax.tasks import EpisodeSpec, Split, Task, get
from blurax.tasks.coordinates import Waves, WavesOptions

PSNR, WAVES, RANKS = "PSNR (dB)", "Amplitude that is left of each wave", "Effective rank"
KERNEL = "Eigenvalues of the tangent kernel"
PLAIN, ENCODED, SIREN = "relu", "encoding", "sines"
NORMS = tuple(over.value for over in Over)
OCTAVES = 5
EXAMPLES = 64
"""Of the tangent kernel."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """The figure of coordinates."""

    picture: str
    """A task; `fit` and encodings are added."""
    hidden: str
    steps: int
    waves: WavesOptions
    waves_hidden: str
    waves_steps: int
    ways: tuple[str, ...] = (PLAIN, *NORMS, SIREN, ENCODED)
    """Of the picture: relu, encoding, sines, over what it is normalised, and encoding+batch, ..."""
    seeds: int = 3
    """Of the tuner too, others: one program serves both."""


EVERY = (PLAIN, *NORMS, SIREN, ENCODED, *(f"{ENCODED}+{norm}" for norm in NORMS))


class Coordinates(Figure):
    """A picture and waves, by networks that are normalised or not."""

    name = "coordinates"
    title = "Normalisation and the spectral bias of coordinate networks"
    settings: ClassVar[dict[Budget, Any]] = {
        Budget.SMOKE: Setting(
            *("picture:china,size=8", "8-8", 3, WavesOptions(2, 1, 16, fit=True), "8", 3),
            *((PLAIN, Over.LAYER.value, SIREN, ENCODED), 2),
        ),
        Budget.CPU: Setting(
            *("picture:china,size=32", "-".join(["28"] * 10), 1000),
            *(WavesOptions(8, 2, 128, fit=True), "64-64-64-64", 200),
            *(EVERY[:7], 2),
        ),
        Budget.PAPER: Setting(
            *("picture:china,size=256", "-".join(["28"] * 10), 50_000),
            *(WavesOptions(20, 2, 512, fit=True), "128-128-128-128", 5000, EVERY, 5),
        ),
    }

    def trainings(self, setting: Setting) -> dict[str, MetaTrain]:
        """None: nothing is meta-learned."""
        return {}

    def measure(self, setting: Setting, work: Work) -> Findings:
        """The picture over the steps, and waves and kernels of those that share relus."""
        found = {way: reached(setting, work, way) for way in setting.ways}
        alike = [way for way in setting.ways if way in (PLAIN, *NORMS)]
        waves = {way: _waves(setting, work, way) for way in alike}
        return self.found(
            work,
            f"{setting.picture}, {setting.hidden}, {setting.steps} steps of Adam on all pixels, "
            f"constant rates tuned for each; PSNR of these pixels. Waves: "
            f"{setting.waves.frequencies} on {setting.waves.points} points, "
            f"{setting.waves_hidden}, {setting.waves_steps} steps. {setting.seeds} seeds.",
            charts=_charts(setting, found, waves),
            tables=_tables(found, waves),
        )

    def claims(self, found: Findings) -> tuple[Claim, ...]:
        """The order of the paper's table, and why."""
        ends, ranks = found.table(PSNR), found.table(RANKS)
        psnr = {row: ends.at(row, ends.columns[-1]) for row in ends.rows}
        norms = {row: value for row, value in psnr.items() if row in NORMS}
        worst, best = min(norms, key=norms.__getitem__), max(norms, key=norms.__getitem__)
        others = {row: value for row, value in psnr.items() if row != PLAIN}
        last = {c.label: c.mean[-1] for c in found.chart(WAVES).curves}
        fast = max(value for way, value in last.items() if way != PLAIN)
        first = {row: ranks.at(row, "at first") for row in ranks.rows}
        least = min(value for way, value in first.items() if way != PLAIN)
        return (
            Claim(
                "Any normalisation is several dB better than none: at least 3.",
                norms[worst] >= psnr[PLAIN] + 3,
                f"{worst} {norms[worst]:.1f} dB, none {psnr[PLAIN]:.1f} dB",
            ),
            Claim(
                "A network of relus alone is the worst of all.",
                min(others.values()) > psnr[PLAIN],
                ", ".join(f"{row} {value:.1f}" for row, value in psnr.items()) + " dB",
            ),
            Claim(
                "Crosses are the best of the four.",
                best == Over.CROSS.value,
                f"{best} {norms[best]:.1f} dB, second "
                f"{max(v for row, v in norms.items() if row != best):.1f} dB",
            ),
            Claim(
                "Normalised, less than half as much is left of the fastest wave.",
                fast < 0.5 * last[PLAIN],
                f"{100 * fast:.0f} % at most, {100 * last[PLAIN]:.0f} % without",
            ),
            Claim(
                "Normalised, the eigenvalues of the kernel are more alike at first.",
                least > first[PLAIN],
                f"effective rank {least:.1f} at least, {first[PLAIN]:.1f} without",
            ),
        )


def _tuning(setting: Setting, way: str) -> Tuning:
    """Only the rate is chosen; the network is the way's."""
    norm = way.removeprefix(f"{ENCODED}+")
    over = Over(norm) if norm in NORMS else None
    return Tuning(
        (Activation.SINE if way == SIREN else Activation.RELU,),
        (over is not None,),
        (Schedule.CONSTANT,),
        seeds=setting.seeds,
        long_seeds=setting.seeds,
        finalists=1,
        over=(over or Over.BATCH,),
    )


def reached(setting: Setting, work: Work, way: str) -> np.ndarray:
    """PSNR in dB over the steps, `[seeds, stops]`."""
    name = setting.picture + (f",encoding={OCTAVES}" if ENCODED in way else "") + ",fit"
    hidden, steps = setting.hidden, setting.steps

    def compute() -> Arrays:
        task: Any = get(name)
        pixels = len(task.x)
        learner, rate = _tuned(setting, way, task, hidden, steps, pixels)
        stops = round_stops(steps)
        score = measured(learner, name, hidden, stops, setting.seeds, pixels, rate)
        return {"score": score, "rate": np.asarray(rate)}

    return 100 * work.cell(cell_name("adam", way, name, hidden, steps), compute)["score"]


def _tuned(
    setting: Setting, way: str, task: Task, hidden: str, steps: int, batch: int
) -> tuple[Learner, float]:
    """Adam on the network of a way, and the rate that is best after `steps`."""
    network, key = network_for(task, hidden), jax.random.fold_in(keyed(task.name, hidden), 1)
    tuning = _tuning(setting, way)
    found = tune("adam", network, task, key, (steps,), batch=batch, tuning=tuning)[0]
    return baseline("adam").make(found.arrangement, network, task), found.rate or 0.0


def _waves(setting: Setting, work: Work, way: str) -> Arrays:
    """What is left of each wave, and the kernel's eigenvalues at first and at the end."""
    hidden, steps, options = setting.waves_hidden, setting.waves_steps, setting.waves

    def compute() -> Arrays:
        task = Waves("waves", options)
        learner, rate = _tuned(setting, way, task, hidden, steps, options.points)
        waves = jnp.asarray(options.waves, float)
        keys = jax.random.split(keyed("waves", hidden), setting.seeds)

        def left(before: Any, after: Any, info: Any, batch: Batch) -> Array:
            error = learner.predict(after, batch.x) - batch.y
            return wave_errors(batch.x[:, 0], error, waves) * options.frequencies

        sizes = EpisodeSpec(batch=options.points)
        stops, given = (steps,), {"rate": rate, "sizes": sizes}
        states, found = learning_curve(
            learner, task, keys, stops, Split.TEST, observe=left, **given
        )
        first, end = at_ends(learner, task, keys, states, sizes, Split.TEST, EXAMPLES)
        parts = {"left": found.seen[:, -1], "first": first, "end": end, "rate": rate}
        return {name: np.asarray(value) for name, value in parts.items()}

    return work.cell(cell_name("waves", way, hidden, steps), compute)


def _charts(
    setting: Setting, found: dict[str, np.ndarray], waves: dict[str, Arrays]
) -> tuple[Chart, ...]:
    stops = round_stops(setting.steps)
    frequencies = tuple(float(f) for f in setting.waves.waves)
    ranks = range(1, len(next(iter(waves.values()))["first"][0]) + 1)
    return (
        Chart(
            "A picture",
            "steps",
            PSNR,
            tuple(curve(way, stops, values) for way, values in found.items()),
        ),
        Chart(
            WAVES,
            "frequency",
            "share of its amplitude",
            tuple(curve(way, frequencies, each["left"]) for way, each in waves.items()),
        ),
        Chart(
            KERNEL,
            "number",
            "at first, by the largest",
            tuple(
                curve(way, ranks, np.maximum(each["first"] / each["first"][:, :1], FLOOR))
                for way, each in waves.items()
            ),
            log_x=True,
            log_y=True,
        ),
    )


def _tables(found: dict[str, np.ndarray], waves: dict[str, Arrays]) -> tuple:
    ends = np.stack([values[:, -1:].T for values in found.values()])
    ranks = np.stack(
        [
            np.stack(
                [jax.vmap(effective_rank)(jnp.asarray(each[when])) for when in ("first", "end")]
            )
            for each in waves.values()
        ]
    )
    made = (
        table(PSNR, ("", ""), [*found], ["at the end"], ends),
        table(RANKS, ("waves", ""), [*waves], ["at first", "at the end"], ranks),
    )
    return tuple(dataclasses.replace(each, percent=False) for each in made)
