"""`blurax bench`: learners on a fixed suite, ranked among tuned rivals."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import tyro
from rich.text import Text

from blurax import io
from blurax.analysis.bench_view import bench_table, draw_bench, leaders, legend, write_pages
from blurax.analysis.plain import message
from blurax.baselines import named
from blurax.cli.compare import Request as Compared
from blurax.cli.compare import Words, first_network, taken_over
from blurax.cli.engines import ALONE, Cluster, Engine, check_engine, opened
from blurax.cli.learner import load_learners, run_files
from blurax.cli.progress import CompareProgress, resumable
from blurax.cli.terminal import Terminal
from blurax.comparison import Comparison
from blurax.engine import Evaluator
from blurax.errors import require
from blurax.experiments import bench as experiment
from blurax.experiments.bench_suites import suite as suite_called
from blurax.experiments.compare_times import By
from blurax.learner import Learner

DIRECTORY = Path("runs/bench")


@dataclasses.dataclass(frozen=True)
class Request:
    """What is ranked."""

    learners: Words = ()
    """What is measured as it is: a genome of the zoo by its name, a genome or learner file, the
    directory of a run, or a class of your own as it is written, my_rules.py:MyRule. Each is called
    after its file, run or class, or as NAME says. They stand before all options."""
    suite: str = "bench-1:quick"
    """What they are measured on: bench-1:quick (about an hour of one core, half an hour for one
    genome; with --reuse minutes for each learner) or bench-1 (about five hours of one core)."""
    parts: tuple[str, ...] = ()
    """Parts of the suite; all of them if none is named."""
    baselines: tuple[str, ...] = ()
    """The rivals, tuned for each number of steps, by name or group; those of the suite if none is
    named."""
    against: str | None = None
    """The learner that all others are tested against; adam, or the first of --baselines where adam
    is not among them."""


def bench(
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
    """Rank learners on a fixed suite of tasks, among tuned rivals, with tests of significance.

    Prints mean ranks over all tasks and networks, after each number of steps and in each part;
    draws them with the critical difference; writes a page of HTML and one of Markdown. Interrupted,
    it goes on where it was.

    Args:
        request: What is ranked.
        learner: Code of your own, run before anything else: the class that a learner file takes,
            my_rules.py:MyRule (NAME= says for which of the learners ranked), or a file that adds
            baselines, my_baselines.py. May be given several times.
        directory: Where the bench goes: a comparison for each part, pages and pictures.
        resume: Go on with the bench in this directory, as it was started.
        reuse: Directories of earlier benches of the same suite, the folders that --directory named,
            whose cells are taken over where the learner is the same.
        by: Rank by steps; or also by time, for which the steps of all learners are timed in turns
            on this machine.
        engine: Who measures the cells: local is this process, ray are workers on this machine or on
            others (the extra ray). It changes no result; steps are timed here.
        cluster: For the engine ray.
    """
    check_engine(engine, cluster)
    run_files(learner)  # before their baselines are asked for
    if resume is None:
        with opened(engine, cluster) as evaluator:
            _begin(request, learner, directory, reuse, by, evaluator)
        return
    require(
        request == Request() and directory == DIRECTORY and not reuse,
        f"--resume {resume} goes with no other option but the engine's, --learner and --by: a "
        "bench keeps its own.",
    )
    plan = experiment.read_plan(resume)
    part = suite_called(plan.suite).only(plan.parts).parts[0]
    likes = load_learners(learner, first_network(part.tasks, part.nets))
    with io.writing(resume, experiment.BENCH), opened(engine, cluster) as evaluator:
        _advance(resume, likes, learner, by, evaluator)


def _begin(
    request: Request,
    learner: Sequence[str],
    directory: Path,
    reuse: Sequence[Path],
    by: By,
    evaluator: Evaluator,
) -> None:
    suite = suite_called(request.suite).only(request.parts)
    asked = Compared(request.learners)
    network = first_network(suite.parts[0].tasks, suite.parts[0].nets)
    entrants = asked.entrants(load_learners(learner, network), network)
    likes = {each.name: each.learned for each in entrants if isinstance(each.learned, Learner)}
    rivals = named(request.baselines or suite.rivals)
    against = request.against or experiment.usual_against(rivals)
    plan = experiment.BenchPlan(suite.name, request.parts, against)
    with io.writing(directory, experiment.BENCH):
        copied = experiment.start(plan, entrants, rivals, directory, reuse)
        if request.against is None and against != experiment.USUAL:
            Terminal().print(message(f"All are tested against {against}, the first baseline."))
        if reuse:
            Terminal().print(taken_over(copied, experiment.cells_of(directory)))
        _advance(directory, likes, (*learner, *asked.written()), by, evaluator)


def _advance(
    directory: Path,
    likes: Mapping[str, Learner],
    code: Sequence[str],
    by: By,
    evaluator: Evaluator,
) -> None:
    """Take a bench to its end, in sight of the user, and show it."""
    console = Terminal()
    options = [part for word in code for part in ("--learner", word)]
    options += ["--by", by.value] if by is not By.STEPS else []
    console.print(f"Bench in {directory}", soft_wrap=True)
    with resumable("bench", "--resume", directory, *options), CompareProgress(console) as progress:
        found = experiment.advance(directory, progress, likes, by, evaluator)
    standing = found.standing
    console.print(bench_table(standing))
    console.print(Text(legend(standing), "dim"))
    pictures, first = [draw_bench(standing, directory / experiment.PICTURE)], leaders(standing)
    for part, result in zip(found.suite.parts, found.parts, strict=True):
        shown, path = Comparison(result.only(first)), directory / f"{part.name}.png"
        pictures.append(shown.draw(path, "time" if shown.timed else "steps"))
    html, markdown = directory / experiment.PAGE, directory / experiment.TEXT
    write_pages(standing, pictures, html, markdown)
    console.print(f"Page: {html}\nPicture: {pictures[0]}", soft_wrap=True)
