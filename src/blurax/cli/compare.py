"""`blurax compare`: learners and genomes next to tuned baselines."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import tyro

from blurax import io
from blurax.baselines import USUAL, Tuning, named
from blurax.cli.engines import ALONE, Cluster, Engine, check_engine, opened
from blurax.cli.learner import load_learner_class, load_learners, run_files
from blurax.cli.progress import CompareProgress, resumable
from blurax.cli.terminal import Terminal
from blurax.comparison import Comparison
from blurax.engine import Evaluator
from blurax.errors import require
from blurax.experiments import compare as experiment
from blurax.experiments.compare_entrants import Entrant, entrant, read_entrant, sources
from blurax.experiments.compare_names import called, is_code
from blurax.experiments.compare_plan import Plan, budgets_up_to
from blurax.experiments.compare_reuse import reuse as copied_from
from blurax.experiments.compare_tasks import NONE, check_tasks
from blurax.experiments.compare_times import By
from blurax.fit import network_for
from blurax.learner import Learner
from blurax.network import Network
from blurax.tasks import get

DIRECTORY = Path("runs/compare")

Words = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME=]LEARNER")]


@dataclasses.dataclass(frozen=True)
class Request:
    """What is compared."""

    learners: Words = ()
    """What is measured as it is: a genome of the zoo by its name, a genome or learner file, the
    directory of a run, or a class of your own as it is written, my_rules.py:MyRule. Each is called
    after its file, run or class, or as NAME says. They stand before all options."""
    tasks: tuple[str, ...] = ("digits",)
    """The tasks, by name, with options: wine, or mnist:size=10. blurax tasks lists all."""
    hidden: tuple[str, ...] = ("128",)
    """The networks by their hidden layers, such as 128 or 256-128, 0 for none, c8k5s2-16,
    res(64-64)x2, 64-64+b or lenet (docs/how-to/networks.md); --network is the same."""
    steps: int | None = None
    """Inner steps of the longest episode; 1,000, or all the stages of tasks in sequence, which are
    compared at their end alone."""
    seeds: int = 5
    """Initial networks for each reported number, at least 2."""
    seed: int = 0
    """Random seed."""
    batch: int = 128
    """Examples in each step."""
    baselines: tuple[str, ...] = ("rivals",)
    """What they are compared with, tuned for each number of steps: by name, tuned-NAME for a genome
    of the zoo whose rates are tuned too, or the groups rivals (all that descend the gradient
    itself), feedback (those with feedback of another kind), all."""
    tuning: Tuning = USUAL
    """What the tuner may choose from, and how much it tries."""

    def entrants(self, likes: Mapping[str, Learner], network: Network) -> list[Entrant]:
        """What is measured as it is.

        Args:
            likes: learners of the classes that files take.
            network: the first that learners are to learn with.
        """
        return [
            entrant(name, load_learner_class(str(file), network))
            if is_code(file)
            else read_entrant(name, file, likes)
            for name, file in called(self.learners).items()
        ]

    def written(self) -> list[str]:
        """The classes that are compared as written, each with its name in the comparison."""
        found = called(self.learners).items()
        return [f"{name}={file}" for name, file in found if is_code(file)]

    def budgets(self) -> tuple[int, ...]:
        """The numbers of steps at which all are compared."""
        found = [get(task).stages for task in self.tasks]
        whole = max((stages.total for stages in found if stages), default=1000)
        budgets = budgets_up_to(whole if self.steps is None else self.steps)
        return budgets[-1:] if all(found) else budgets

    def plan(self, entrants: list[Entrant]) -> Plan:
        """The plan of the comparison."""
        return Plan(
            self.tasks,
            self.hidden,
            tuple(each.stamp for each in entrants),
            named(self.baselines),
            self.budgets(),
            self.seeds,
            self.seed,
            self.batch,
            self.tuning,
            sources=sources(entrants, named(self.baselines)),
        )


def compare(
    request: Annotated[Request, tyro.conf.arg(name="")] = Request(),
    learner: Annotated[
        tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="[NAME=]FILE.py[:CLASS]")
    ] = (),
    directory: Path = DIRECTORY,
    resume: Path | None = None,
    reuse: tuple[Path, ...] = (),
    by: By = By.STEPS,
    engine: Engine = Engine.LOCAL,
    cluster: Cluster = ALONE,
) -> None:
    """Compare learners with baselines that are tuned for each number of steps.

    Prints a table for each task and network and who wins at 10, 20, 50, 100 and 1,000 steps, those
    of them below --steps, and at --steps; draws all curves. Interrupted, it goes on where it was.

    Args:
        request: What is compared.
        learner: Code of your own, run before anything else: the class that a learner file takes,
            my_rules.py:MyRule (NAME= says for which of the learners compared), or a file that adds
            baselines and tasks, my_baselines.py. May be given several times.
        directory: Where the comparison goes: plan, cells, result and picture.
        resume: Go on with the comparison in this directory, as it was started.
        reuse: Directories of earlier comparisons with the same settings, whose cells are taken
            over where task, network and learner are the same.
        by: Compare by steps; or by time, for which the steps of all learners are timed in turns on
            this machine, with a second table and picture. A finished comparison gets them with
            --resume DIRECTORY --by time.
        engine: Who measures the cells: local is this process, ray are workers on this machine or on
            others (the extra ray). It changes no result; steps are timed here.
        cluster: For the engine ray.
    """
    check_engine(engine, cluster)
    run_files(learner)  # before their tasks and baselines are asked for
    if resume is None:
        network = first_network(request.tasks, request.hidden)
        entrants = request.entrants(load_learners(learner, network), network)
        likes = {each.name: each.learned for each in entrants if isinstance(each.learned, Learner)}
        plan = request.plan(entrants)
        with io.writing(directory, experiment.COMPARISON):
            experiment.start(plan, entrants, directory)
            copied = sum(copied_from(plan, directory, other) for other in reuse)
            if reuse:
                Terminal().print(taken_over(copied, plan.cells))
            with opened(engine, cluster) as evaluator:
                _advance(directory, likes, (*learner, *request.written()), by, evaluator)
    else:
        alone = request == Request() and directory == DIRECTORY and not reuse
        require(
            alone,
            f"--resume {resume} goes with no other option but the engine's, --learner and --by: a "
            "comparison keeps its own.",
        )
        plan = experiment.read_plan(resume)
        check_tasks(plan, NONE, resume)
        likes = load_learners(learner, first_network(plan.tasks, plan.nets))
        with io.writing(resume, experiment.COMPARISON), opened(engine, cluster) as evaluator:
            _advance(resume, likes, learner, by, evaluator)


def taken_over(copied: int, cells: int) -> str:
    """What came of --reuse, in a sentence."""
    return f"{copied} of {cells} cells are taken over."


def _advance(
    directory: Path,
    likes: Mapping[str, Learner],
    code: Sequence[str],
    by: By,
    evaluator: Evaluator,
) -> None:
    """Take a comparison to its end, in sight of the user, and show it."""
    console, plan = Terminal(), experiment.read_plan(directory)
    console.print(f"Comparison in {directory}: {plan.cells} cells", soft_wrap=True)
    options = [part for word in code for part in ("--learner", word)]
    options += ["--by", by.value] if by is not By.STEPS else []
    with (
        resumable("compare", "--resume", directory, *options),
        CompareProgress(console) as progress,
    ):
        found = Comparison(
            experiment.advance(directory, progress, likes, by=by, evaluator=evaluator)
        )
    console.print(found)
    picture = found.draw(directory / experiment.PICTURE)
    where = directory / experiment.RESULT
    console.print(f"Result: {where}\nPicture: {picture}", soft_wrap=True)
    if found.timed:
        picture = found.draw(directory / experiment.TIME_PICTURE, "time")
        console.print(f"Picture by time: {picture}", soft_wrap=True)


def first_network(tasks: Sequence[str], hidden: Sequence[str]) -> Network:
    """The first network of a comparison; learners are made with it."""
    require(bool(tasks and hidden), "compare takes one or more tasks and networks.")
    return network_for(get(tasks[0]), hidden[0])
