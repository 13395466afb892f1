"""`blurax meta-train`: find a rule."""

import contextlib
import copy
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from blurax import io
from blurax.analysis.genome_view import endurance_words
from blurax.analysis.run_view import draw_run
from blurax.cli.engines import ALONE, Cluster, Engine, check_engine, opened
from blurax.cli.learner import load_learner_class
from blurax.cli.progress import RunProgress, resumable
from blurax.cli.tasks import file_name
from blurax.cli.tensorboard import TensorBoard
from blurax.cli.terminal import Terminal
from blurax.engine import Evaluator
from blurax.errors import BluraxError, require
from blurax.fit import network_for
from blurax.genome import Genome
from blurax.io.paths import make_directory, refusals
from blurax.learner import Learner
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.methods import METHODS, named
from blurax.outer.recipes import get_recipe
from blurax.outer.start import AnyStart, Given, Start, started
from blurax.spec import Rule
from blurax.targets import shown_as
from blurax.tasks import get, score_name

REGISTRY = tyro.constructors.ConstructorRegistry()
"""How `--start` is read."""


@REGISTRY.primitive_rule
def _start(info: tyro.constructors.PrimitiveTypeInfo) -> Any:
    if info.type != AnyStart:
        return None
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="random|backprop|GENOME",
        instance_from_str=lambda words: started(words[0]),
        is_instance=lambda value: isinstance(value, Start | Given),
        str_from_instance=lambda value: [value.source if isinstance(value, Given) else value.value],
    )


_METHODS = f"{{{','.join(METHODS)}}}"


def meta_train_from(default: MetaTrain) -> Callable[..., None]:
    """The command meta-train, its options starting from a configuration, as `default_in` says."""

    def meta_train(
        config: Annotated[MetaTrain, tyro.conf.arg(name="")] = default,
        method: Annotated[str, tyro.conf.arg(metavar=_METHODS)] = default.method.name,
        recipe: str | None = None,
        directory: Path | None = None,
        resume: Path | None = None,
        tensorboard: bool = False,
        engine: Engine = Engine.LOCAL,
        cluster: Cluster = ALONE,
    ) -> None:
        """Find a rule: by gradient, evolution strategies, CMA-ES or random search.

        Args:
            config: The configuration of the run.
            method: How genomes are found. The options of a method, --method.*, are those of the
                one named: --method pes --help lists those of pes.
            recipe: Start from a named configuration; further options change it. blurax recipes
                lists them.
            directory: Where the run goes; the default is a new folder under runs/.
            resume: Go on with the run in this directory, as it was started.
            tensorboard: Also write a log for TensorBoard; takes the extra tensorboard.
            engine: Who does the work: local is this process, ray are workers on this machine or
                on others (the extra ray). It changes no result.
            cluster: For the engine ray.
        """
        console = Terminal()
        check_engine(engine, cluster)
        if engine is Engine.RAY and resume is None and config.job_size == 0:
            config = dataclasses.replace(config, job_size=1)
        named, learner = config.learner, None
        config = dataclasses.replace(config, learner="")
        if named:
            its = config if resume is None else run.read_config(resume)[0]
            first = network_for(get(its.tasks[0]), its.hidden[0])
            learner = load_learner_class(named, first)
        if resume is not None:
            alone = config == MetaTrain() and directory is None and recipe is None
            require(
                alone,
                f"--resume {resume} goes with no other option but the engine's and --learner: a "
                "run keeps its own.",
            )
            run.read_config(resume)[0].space(learner)  # another one is refused now
        found, own = resume or directory, contextlib.nullcontext()
        if found is None:
            found = _new_directory(config)
            own = _gone_if_empty(found)
        # Held from the start to the picture, so that no other start comes in between.
        with own, io.writing(found, run.RUN):
            if resume is None:
                run.start(config, found, learner)
            with opened(engine, cluster) as evaluator:
                _advance(console, found, tensorboard, evaluator, learner, named)

    return meta_train


def _advance(
    console: Console,
    directory: Path,
    tensorboard: bool,
    evaluator: Evaluator,
    learner: Learner | None,
    named: str,
) -> None:
    """Take a run to its end, in sight of the user."""
    config = run.read_config(directory)[0]
    what = score_name(config.tasks)
    console.print(f"Run directory: {directory} ({config.meta_steps} meta-steps)", soft_wrap=True)
    board = TensorBoard(directory) if tensorboard else None
    with (
        resumable("meta-train", "--resume", directory, *(("--learner", named) if named else ())),
        RunProgress(console, "meta-training", what) as progress,
    ):

        def callback(step: run.Progress) -> None:
            progress(step)
            if board is not None:
                board(step)

        result = run.advance(directory, callback, evaluator, learner)
    if board is not None:
        board.close()
    picture = draw_run(directory)
    kind = "Numbers" if config.learner else "Genome"
    name, unit = shown_as(what)
    console.print(
        f"Kept at validation {name} {100 * result.score:.1f} {unit} after the last inner step.\n"
        f"{kind}: {directory / 'best.safetensors'}\nPicture: {picture}",
        soft_wrap=True,
    )
    _warn_of_growth(console, result.numbers)


def _warn_of_growth(console: Console, numbers: Any) -> None:
    """Of synapses that grow without end, which validation after an episode's steps does not see."""
    words = endurance_words(numbers) if isinstance(numbers, Genome) else {}
    for said in words.values():
        console.print(f"Warning: it lasts {said}.", soft_wrap=True)


def _new_directory(config: MetaTrain) -> Path:
    """Make the first of runs/TASKS-1, runs/TASKS-2, ... that does not exist.

    Made at once, so that two runs started together do not take the same.
    """
    stem = file_name("+".join(config.tasks))
    make_directory("runs")
    for number in itertools.count(1):
        found = Path("runs") / f"{stem}-{number}"
        with refusals(found, "made a directory"), contextlib.suppress(FileExistsError):
            found.mkdir()
            return found
    raise AssertionError("itertools.count ends never")


@contextlib.contextmanager
def _gone_if_empty(directory: Path) -> Iterator[None]:
    """A directory in which a run cannot be started goes again, and the one above if it is empty."""
    try:
        yield
    except BluraxError:
        with contextlib.suppress(OSError):  # there is something in it
            directory.rmdir()
            directory.parent.rmdir()
        raise


def default_in(args: list[str]) -> MetaTrain:
    """The configuration that the options change, by the recipe, method and start in arguments.

    The method is as the recipe has it, if it has this one, and the rule that of a genome given.
    A learner has no use for a recipe's rule and start.
    """
    recipe, method, start = (_value(args, f"--{name}") for name in ("recipe", "method", "start"))
    config = get_recipe(recipe).config if recipe else MetaTrain()
    changed: dict[str, Any] = {}
    if _value(args, "--learner"):
        changed |= {"rule": Rule(), "start": Start.RANDOM}
    if method and method != config.method.name:
        changed["method"] = named(method)()
    if start:
        changed["start"] = started(start)
        its = changed["start"].rule() if isinstance(changed["start"], Given) else None
        changed |= {"rule": its} if its else {}
    config = copy.copy(config)
    for field, value in changed.items():
        object.__setattr__(config, field, value)  # unchecked: options may yet make it fit
    return config


def _value(args: list[str], option: str) -> str:
    """The last value of an option, empty if there is none."""
    found = ""
    for word, following in itertools.pairwise([*args, ""]):
        if word == option and following:
            found = following
        elif word.startswith(f"{option}="):
            found = word.removeprefix(f"{option}=")
    return found
