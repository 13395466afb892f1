"""The demo: learn two rules in minutes, then see what they can teach that they never met."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import as_completed
from contextlib import AbstractContextManager
from pathlib import Path

import jax
import numpy as np

from blurax import curves, io
from blurax.baselines import Record, Tuning, record_learner
from blurax.bounds import check_count
from blurax.curves import Schedule, learning_curve, spread_stops
from blurax.errors import BluraxError
from blurax.experiments.demo_rivals import Plan, Rivals, Setting, key_of, rivals_file, tuned
from blurax.fit import blur_for
from blurax.frozen import Checked, added, from_json, to_json
from blurax.genome import Genome
from blurax.outer.recipes import get_recipe
from blurax.tasks import EpisodeSpec, Split

FROM_RANDOM, FROM_BACKPROP = "blur-random", "blur-backprop"
"""The learned rules, by where their learning started."""
OPTIMISERS = ("momentum", "adam", "rmsprop", "muon", "foof")
"""The tuned optimisers they are compared with; foof, descent on neurons, is second-order."""
RESULT, PICTURE = "demo.json", "demo.png"
BUDGETS = (2, 5, 10, 20, 100)
"""Inner steps after which learners are compared."""
SIZES = EpisodeSpec(batch=128, held_out=350)
"""The same number of validation and of test examples of digits (which has 359 and 360), and as many
seeds, let one compiled program do both: compiling is most of the demo's work."""


def tuning(seeds: int) -> Tuning:
    """What is tuned for the optimisers, for each number of steps.

    The learning rate, relu or tanh, and whether there is batch normalisation. `blurax compare`
    tries schedules too.
    """
    return Tuning(schedules=(Schedule.CONSTANT,), seeds=seeds)


CONFIG = get_recipe("demo").config
"""How the first genome is learned, from random numbers."""
SECOND_CONFIG = get_recipe("demo-descent").config
"""How the second is, from back-propagation."""
SECOND = "from-backprop"
"""The run directory of the second, in that of the first."""


SETTINGS = (
    Setting("digits, a smaller network", "digits", "32"),
    Setting("digits, a larger network", "digits", "128-64"),
    Setting("breast cancer: other data", "breast-cancer", "64"),
)

LONG_SETTING = SETTINGS[1]
"""Where the learned rule runs ten times longer, to see whether it keeps what it learned."""


@dataclasses.dataclass(frozen=True)
class SettingResult(Checked):
    """What all learners reached in one setting."""

    setting: Setting
    records: tuple[Record, ...]


@dataclasses.dataclass(frozen=True)
class DemoResult(Checked):
    """All the demo measured; every accuracy is of test examples that nothing was chosen on."""

    validation: float
    """The accuracy by which the genome learned from random numbers was chosen, on validation
    examples."""
    settings: tuple[SettingResult, ...]
    long_setting: Setting
    long_run: tuple[tuple[float, ...], ...]
    """`[seeds][stops]`: the accuracy in an episode ten times as long."""
    long_stops: tuple[int, ...] = added(())
    """After which steps that is; after each if empty."""

    @property
    def panels(self) -> list[tuple[str, tuple[Record, ...]]]:
        """What is shown of each setting: its name, and what all learners reached."""
        return [(each.setting.name, each.records) for each in self.settings]

    @property
    def long(self) -> tuple[str, np.ndarray, tuple[int, ...]]:
        """What is shown of the long episode: where it was, the accuracy, and after which steps."""
        accuracy = np.asarray(self.long_run)
        stops = self.long_stops or tuple(range(1, accuracy.shape[1] + 1))
        return self.long_setting.name, accuracy, stops


Log = Callable[[str], None]


def rivals(directory: Path, seeds: int = 5) -> AbstractContextManager[Rivals]:
    """The optimisers, tuned for every setting in the background of the block.

    Args:
        directory: that of the first run; what is finished is kept in it.

    Raises:
        BluraxError: if what is kept is damaged.
    """
    plan = Plan(SETTINGS, OPTIMISERS, BUDGETS, seeds, SIZES, tuning(seeds))
    return tuned(plan, rivals_file(directory, seeds))


def measure(
    genomes: dict[str, Genome],
    validation: float,
    others: Rivals,
    *,
    long_steps: int = 1000,
    log: Log = lambda text: None,
) -> DemoResult:
    """Compare genomes with the optimisers in every setting, and let the first run long in one.

    Args:
        genomes: by name; the first is the one that pictures and words are about.
        validation: the accuracy by which the genome learned from random numbers was chosen.
        others: the optimisers at work.
        log: called with what is finished.
    """
    plan, headed = others.plan, next(iter(genomes.values()))
    jobs = [
        [others.submit(_record, *pair, plan, n) for pair in genomes.items()] + others.of(n)
        for n in range(len(plan.settings))
    ]
    stops = spread_stops(long_steps)
    long_run = others.submit(_long_run, headed, plan, stops)
    names = {long_run: f"{long_steps:,} steps, to see whether it keeps what it learned"}
    for setting, part in zip(plan.settings, jobs, strict=True):
        for job, name in zip(part, (*genomes, *plan.optimisers), strict=True):
            names[job] = f"{setting.name}, {name}"
    already = {job for job in names if job.done()}
    for job in as_completed(names):
        job.result()  # an error is told before the others are waited for
        if job not in already:
            log(names[job])
    settings = tuple(
        SettingResult(setting, tuple(job.result() for job in part))
        for setting, part in zip(plan.settings, jobs, strict=True)
    )
    return DemoResult(validation, settings, LONG_SETTING, long_run.result(), stops)


def check_memory(seeds: int) -> None:
    """Raise `BluraxError` if the episodes of so many seeds would not fit in memory."""
    check_count("--seeds", seeds)
    for setting in (*SETTINGS, LONG_SETTING):
        task, network = setting.place
        for config in (CONFIG, SECOND_CONFIG):
            its = {"batch": 128, "rule": config.rule}
            curves.check_memory(network, task, seeds, BUDGETS, Split.TEST, **its)


def _record(name: str, genome: Genome, plan: Plan, number: int) -> Record:
    """What a genome reaches in one setting."""
    task, network = plan.settings[number].place
    taught = blur_for(genome, network, task)
    size = {"seeds": plan.seeds, "sizes": plan.sizes}
    return record_learner(name, taught, task, key_of(number), plan.budgets, **size)


def _long_run(genome: Genome, plan: Plan, stops: tuple[int, ...]) -> tuple[tuple[float, ...], ...]:
    task, network = LONG_SETTING.place
    keys = jax.random.split(jax.random.key(1000), plan.seeds)
    learner = blur_for(genome, network, task)
    _, curve = learning_curve(learner, task, keys, stops, Split.TEST, sizes=plan.sizes)
    return tuple(tuple(row) for row in np.asarray(curve.accuracy).tolist())


def write(directory: Path, result: DemoResult) -> None:
    """Write the result beside the run it belongs to."""
    io.write_json(directory / RESULT, to_json(result))


def read(directory: Path) -> DemoResult:
    """Read what `write` wrote.

    Raises:
        BluraxError: if there is no such file, or not such a one.
    """
    path = directory / RESULT
    try:
        values = io.read_json(path)
    except BluraxError as error:
        raise BluraxError(f"{path} is not the result of a demo.") from error
    return from_json(DemoResult, values)
