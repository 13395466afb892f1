"""What the figures have in common: the rule they start from, and how genomes are found."""

import dataclasses
from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import Float

from blurax.baselines import Arrangement, baseline
from blurax.baselines.tuner import Tuning, tune
from blurax.curves import Schedule, learning_curve
from blurax.experiments.figures.work import Arrays, Work, cell_name, keyed
from blurax.findings import Chart, curve
from blurax.fit import network_for
from blurax.genome import Genome
from blurax.learner import Blur, Learner
from blurax.outer.config import MetaTrain
from blurax.outer.objective import Objective, When
from blurax.outer.optimiser import MetaSchedule, Optimiser
from blurax.outer.start import Start
from blurax.spec import (
    Activation,
    Init,
    InitScale,
    Normalise,
    Reduction,
    Rule,
    Sigma,
    Stabilise,
    Update,
)
from blurax.tasks import EpisodeSpec, Split, get

PLAIN = Rule(
    states=4,
    sigma=Sigma(Activation.TANH, Activation.TANH, Activation.LINEAR),
    stabilise=Stabilise(normalise=Normalise.BOTH),
    update=Update(batch=Reduction.MEAN),
    init=Init(1.0, InitScale.FAN_IN),
)
"""The paper's rule as printed: additive, asymmetric, a channel for each state, both sweeps
normalised. A mean over the batch and births scaled by their inputs make it independent of sizes."""

START_WORDS = {Start.RANDOM: "random numbers", Start.BACKPROP: "back-propagation"}
"""Where genomes were learned from, in words."""

SMALL_MNIST, MNIST = "mnist:crop=20,size=10", "mnist"
"""10x10 pixels as in the paper, and the whole images."""


@dataclasses.dataclass(frozen=True)
class Outer:
    """How genomes are found."""

    members: int
    """Random genomes side by side, the best of which is kept."""
    meta_steps: int
    learning_rate: float = 1.5e-2
    schedule: MetaSchedule = MetaSchedule.COSINE
    when: When = When.MEAN
    """The paper asks after the last step; the mean over all steps learns in fewer meta-steps."""
    query: int = 256
    clip: float = 10.0
    """The norm to which a gradient is clipped. Episodes that diverge have gradients a hundred times
    the usual, which drown the others in Adam's means; where there are such, 1 is better."""

    @property
    def words(self) -> str:
        """Which genome is meant, for a sentence."""
        return f"the best of {self.members} genomes after {self.meta_steps} meta-steps"

    def config(
        self,
        tasks: str | tuple[str, ...],
        hidden: str,
        rule: Rule,
        steps: int,
        start: Start = Start.RANDOM,
        batch: int = 128,
    ) -> MetaTrain:
        """A meta-training run by gradient."""
        return MetaTrain(
            tasks=(tasks,) if isinstance(tasks, str) else tasks,
            hidden=(hidden,),
            rule=rule,
            start=start,
            episode=EpisodeSpec(steps, batch, self.query),
            objective=Objective(when=self.when),
            optimiser=Optimiser(
                learning_rate=self.learning_rate, clip=self.clip, schedule=self.schedule
            ),
            population=self.members,
            meta_steps=self.meta_steps,
            validate_every=max(1, self.meta_steps // 10),
        )


SMOKE = Outer(2, 2, query=64)
PAPER = Outer(8, 10_000, 5e-4, MetaSchedule.CONSTANT, When.LAST, 128)
"""Section 3.3: Adam at 0.0005, a gradient clipped at 10, 8 random genomes."""


def round_stops(steps: int) -> tuple[int, ...]:
    """Steps at which an episode is looked at: dense at first, then by halves and doublings."""
    wanted = [round(10 ** (n / 8)) for n in range(33)]
    return tuple(sorted({*(n for n in wanted if n < steps), steps}))


def accuracy_chart(
    title: str,
    curves: Mapping[str, Float[np.ndarray, "seeds stops"]],
    steps: int,
    ours: tuple[str, ...] = (),
    marks: tuple[float, ...] = (),
) -> Chart:
    """Accuracies at `round_stops` against the steps of an episode."""
    stops = round_stops(steps)
    drawn = tuple(curve(label, stops, 100 * values) for label, values in curves.items())
    return Chart(title, "steps", "test accuracy (%)", drawn, ours, log_x=True, marks=marks)


def measured(
    learner: Learner,
    task: str,
    hidden: str,
    stops: tuple[int, ...],
    seeds: int,
    batch: int,
    rate: float = 0.0,
) -> Float[np.ndarray, "seeds stops"]:
    """The test score of initial learners; those of a task and network meet the same episodes."""
    keys = jax.random.split(keyed(task, hidden), seeds)
    curve = learning_curve(learner, get(task), keys, stops, Split.TEST, rate=rate, batch=batch)[1]
    return np.asarray(curve.accuracy)


def taught(
    work: Work, training: str, task: str, hidden: str, steps: int, seeds: int, batch: int = 128
) -> Float[np.ndarray, "seeds stops"]:
    """What networks that a trained genome teaches reach, at `round_stops`; kept."""

    def compute() -> np.ndarray:
        return accuracies(work.genome(training), task, hidden, steps, seeds, batch)

    return work.score(cell_name(training, task, hidden, steps), compute)


def accuracies(
    genome: Genome, task: str, hidden: str, steps: int, seeds: int, batch: int = 128
) -> Float[np.ndarray, "seeds stops"]:
    """What networks that a genome teaches reach, at `round_stops`."""
    learner = Blur(genome, network_for(get(task), hidden))
    return measured(learner, task, hidden, round_stops(steps), seeds, batch)


def tuned(
    work: Work, name: str, task: str, hidden: str, steps: int, seeds: int, batch: int = 128
) -> Float[np.ndarray, "seeds stops"]:
    """What an optimiser reaches with the constant rate that is best after `steps`; kept.

    The rate is chosen on validation examples and other seeds; ReLU, no batch normalisation.
    """
    return _tuned(work, name, task, hidden, steps, seeds, batch)["score"]


def tuned_learner(
    work: Work, name: str, task: str, hidden: str, steps: int, seeds: int, batch: int = 128
) -> tuple[Learner, float]:
    """The learner whose scores `tuned` gives, and its learning rate."""
    rate = float(_tuned(work, name, task, hidden, steps, seeds, batch)["rate"])
    data = get(task)
    return baseline(name).make(Arrangement(), network_for(data, hidden), data), rate


def _tuned(
    work: Work, name: str, task: str, hidden: str, steps: int, seeds: int, batch: int
) -> Arrays:
    def compute() -> Arrays:
        data = get(task)
        network = network_for(data, hidden)
        tuning = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=3)
        key = jax.random.fold_in(keyed(task, hidden), 1)
        found = tune(name, network, data, key, (steps,), batch=batch, tuning=tuning)[0]
        learner = baseline(name).make(found.arrangement, network, data)
        rate = found.rate or 0.0
        score = measured(learner, task, hidden, round_stops(steps), seeds, batch, rate)
        return {"score": score, "rate": np.asarray(rate)}

    return work.cell(cell_name(name, task, hidden, steps), compute)


def percent(value: float) -> str:
    """A share in per cent, for a sentence."""
    return f"{100 * value:.1f} %"
