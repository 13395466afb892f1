"""The demo: learn two rules in minutes, then see what they can teach that they never met."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np

from blurax import curves, io
from blurax.baselines import Record, Tuning, record_baseline, record_learner
from blurax.bounds import check_count
from blurax.curves import Schedule, learning_curve, spread_stops
from blurax.errors import BluraxError
from blurax.fit import blur_for, network_for
from blurax.frozen import Checked, added, from_json, to_json
from blurax.genome import Genome
from blurax.network import Network
from blurax.outer.recipes import get_recipe
from blurax.tasks import Split, Task, get

FROM_RANDOM, FROM_BACKPROP = "blur-random", "blur-backprop"
"""The learned rules, by where their learning started."""
OPTIMISERS = ("momentum", "adam", "rmsprop", "muon", "foof")
"""The tuned optimisers they are compared with; foof, descent on neurons, is second-order."""
RESULT, PICTURE = "demo.json", "demo.png"
BUDGETS = (2, 5, 10, 20, 100)
"""Inner steps after which learners are compared."""
TUNING = Tuning(schedules=(Schedule.CONSTANT,), seeds=3)
"""What is tuned for the optimisers, for each number of steps: the learning rate, relu or tanh, and
whether there is batch normalisation. `blurax compare` tries schedules too, on more seeds."""

CONFIG = get_recipe("demo").config
"""How the first genome is learned, from random numbers."""
SECOND_CONFIG = get_recipe("demo-descent").config
"""How the second is, from back-propagation."""
SECOND = "from-backprop"
"""The run directory of the second, in that of the first."""


@dataclasses.dataclass(frozen=True)
class Setting(Checked):
    """A task and a network in which learners are compared."""

    title: str
    task: str
    hidden: str

    @property
    def place(self) -> tuple[Task, Network]:
        """The task, and the network for it."""
        task = get(self.task)
        return task, network_for(task, self.hidden)

    @property
    def name(self) -> str:
        """It with its network, such as wine (64-32)."""
        return f"{self.title} ({self.hidden})"


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


def measure(
    genomes: dict[str, Genome],
    validation: float,
    *,
    seeds: int = 5,
    long_steps: int = 1000,
    budgets: tuple[int, ...] = BUDGETS,
    log: Log = lambda text: None,
) -> DemoResult:
    """Compare genomes with tuned optimisers in every setting, and let the first run long in one.

    Args:
        genomes: by name; the first is the one that pictures and words are about.
        validation: the accuracy by which the genome learned from random numbers was chosen.
        log: called with what is being measured.
    """
    # Most of this is compilation, which keeps one core busy; two threads use two.
    pool = ThreadPoolExecutor(max_workers=2)
    try:
        headed = next(iter(genomes.values()))
        long_run = pool.submit(_long_run, headed, seeds, spread_stops(long_steps))
        jobs = [
            [
                pool.submit(_compare, learner, genomes, number, setting, seeds, budgets)
                for learner in (*genomes, *OPTIMISERS)
            ]
            for number, setting in enumerate(SETTINGS)
        ]
        settings = []
        for setting, found in zip(SETTINGS, jobs, strict=True):
            log(setting.title)
            settings.append(SettingResult(setting, tuple(job.result() for job in found)))
        log(f"{long_steps} steps, to see whether it keeps what it learned")
        long = LONG_SETTING, long_run.result(), spread_stops(long_steps)
        return DemoResult(validation, tuple(settings), *long)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C waits for what has begun only


def check_memory(seeds: int) -> None:
    """Raise `BluraxError` if the episodes of so many seeds would not fit in memory."""
    check_count("--seeds", seeds)
    for setting in (*SETTINGS, LONG_SETTING):
        task, network = setting.place
        for config in (CONFIG, SECOND_CONFIG):
            its = {"batch": 128, "rule": config.rule}
            curves.check_memory(network, task, seeds, BUDGETS, Split.TEST, **its)


def _compare(
    learner: str,
    genomes: dict[str, Genome],
    number: int,
    setting: Setting,
    seeds: int,
    budgets: tuple[int, ...],
) -> Record:
    """One learner in one setting; all learners of a setting share its key."""
    task, network = setting.place
    key = jax.random.fold_in(jax.random.key(2021), number)
    if learner in genomes:
        taught = blur_for(genomes[learner], network, task)
        return record_learner(learner, taught, task, key, budgets, seeds=seeds)
    return record_baseline(learner, network, task, key, budgets, seeds=seeds, tuning=TUNING)


def _long_run(genome: Genome, seeds: int, stops: tuple[int, ...]) -> tuple[tuple[float, ...], ...]:
    task, network = LONG_SETTING.place
    keys = jax.random.split(jax.random.key(1000), seeds)
    learner = blur_for(genome, network, task)
    _, curve = learning_curve(learner, task, keys, stops, Split.TEST)
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
