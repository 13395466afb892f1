"""`blurax tables`: genomes and baselines on the folds of tables, by TANGOS' protocol."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.text import Text

from blurax import io
from blurax.analysis.plain import message
from blurax.analysis.tables_view import (
    CHOSEN,
    LEGEND,
    TEMPERED,
    TITLE,
    draw_ranking,
    ranking_table,
)
from blurax.cli.progress import Seldom, resumable
from blurax.cli.terminal import Terminal
from blurax.errors import require
from blurax.experiments import tables as experiment
from blurax.experiments.compare_entrants import read_entrant
from blurax.experiments.compare_names import called
from blurax.experiments.tables_plan import BASELINES, REFERENCES, TABLES, Plan, baselines_named
from blurax.experiments.tables_references import REFERENCES as MODELS
from blurax.experiments.tables_references import Make

DIRECTORY = Path("runs/tables")

Words = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME=]GENOME")]


@dataclasses.dataclass(frozen=True)
class Request:
    """What is compared."""

    genomes: Words = ()
    """Genomes, measured as they are: by their name in the zoo, a file, or the directory of a run,
    each under the name of its file or run, or as NAME says. They stand before all options."""
    tables: tuple[str, ...] = TABLES
    """Tasks that take folds: those of the UCI repository, wine, csv:path=my.csv and so on."""
    baselines: tuple[str, ...] = BASELINES
    """Baselines by name, or the groups that blurax compare has (rivals, tuning-free, ...); their
    rate and settings are chosen in each fold. The name of one may end in +batch-norm; without it
    none is normalised. All others are tested against the first."""
    references: tuple[str, ...] = REFERENCES
    """Models of scikit-learn (linear, forest, boosting, mlp); blur: our estimators as they are."""
    folds: int = 5
    """Parts of each table: one tests, the next validates, the others teach."""
    epochs: int = 200
    """At most."""
    patience: int = 30
    """Epochs without a lower validation loss, after which learning ends."""
    batch: int = 32
    """Examples in each step."""
    seeds: int = 1
    """Initial networks in each fold."""
    seed: int = 0
    """Random seed."""
    temperature: bool = False
    """Divide the outputs of every network for classes by a temperature >= 1 that the validation
    rows of each fold choose: all networks alike, references (scikit-learn's, blur) not."""
    choose: bool = False
    """Rank two more methods: any-genome and any-baseline, which take in each fold the one of them
    with the lowest validation loss."""


def tables(
    request: Annotated[Request, tyro.conf.arg(name="")] = Request(),
    directory: Path = DIRECTORY,
    resume: Path | None = None,
) -> None:
    """Rank genomes, regularisers and scikit-learn's models on small tables, by cross-validation.

    Networks d-(d+1)-(d+1) learn each fold as long as its validation rows say (TANGOS, Jeffares et
    al. 2023). Prints ranks, tests, scores and losses, and draws them. Interrupted, it goes on where
    it was.

    Args:
        request: What is compared.
        directory: Where the comparison goes: plan, cells, result and picture.
        resume: Go on with the comparison in this directory, as it was started.
    """
    if resume is None:
        found = called(request.genomes).items()
        entrants = [read_entrant(name, file, {}) for name, file in found]
        given = {field.name: getattr(request, field.name) for field in dataclasses.fields(request)}
        given["genomes"] = tuple(each.stamp for each in entrants)
        given["baselines"] = baselines_named(request.baselines)
        plan = Plan(**given)
        with io.writing(directory, experiment.TABLES):
            experiment.start(plan, entrants, directory, _models())
            _advance(directory)
        return
    require(
        request == Request() and directory == DIRECTORY,
        f"--resume {resume} goes with no other option: a comparison keeps its own.",
    )
    experiment.read_plan(resume)
    _advance(resume)


def _advance(directory: Path) -> None:
    """Take a comparison to its end, in sight of the user, and show it."""
    console, plan, seldom = Terminal(), experiment.read_plan(directory), Seldom()
    console.print(f"Comparison in {directory}: {plan.cells} cells", soft_wrap=True)
    with resumable("tables", "--resume", directory), console.status("") as status:

        def log(text: str) -> None:
            status.update(Text(message(text)))
            # in a log a line for each cell, and one a minute
            if not console.is_terminal and (": " not in text or seldom()):
                console.print(message(text), highlight=False)

        result = experiment.advance(directory, log, _models())
    found = result.ranking()
    console.print(ranking_table(found, result.reached))
    words = LEGEND.format(against=message(found.against)) + TEMPERED * plan.temperature
    console.print(Text(words + CHOSEN * bool(plan.choices), "dim"))
    title = TITLE + ", with a temperature" * plan.temperature
    picture = draw_ranking(found, result.reached, directory / experiment.PICTURE, title)
    console.print(f"Result: {directory / experiment.RESULT}\nPicture: {picture}", soft_wrap=True)


def _models() -> dict[str, Make]:
    """The models by name."""
    return {**MODELS, "blur": _estimator}


def _estimator(classifies: bool, seed: int) -> Any:
    """Our estimators as they are by default."""
    from blurax.estimator import BlurClassifier, BlurRegressor

    return (BlurClassifier if classifies else BlurRegressor)(random_state=seed)
