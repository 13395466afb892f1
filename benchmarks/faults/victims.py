"""What is attacked: small runs, comparisons, figures and demos, each a directory that resumes."""

import dataclasses
import functools
import sys
from collections.abc import Callable
from pathlib import Path

from blurax import genome as genomes
from blurax import io
from blurax.baselines import Tuning
from blurax.curves import Schedule
from blurax.experiments import compare, demo
from blurax.experiments.compare_entrants import read_entrant
from blurax.experiments.compare_plan import Plan
from blurax.experiments.figures import FIGURES, Budget, make
from blurax.experiments.figures.work import GENOMES
from blurax.network import Network
from blurax.outer import run
from blurax.outer.config import MetaTrain
from blurax.outer.curriculum import Curriculum
from blurax.outer.methods import METHODS, Cma, Gradient, Method
from blurax.outer.objective import Objective, When
from blurax.spec import Activation, Rule
from blurax.tasks import EpisodeSpec
from faults import own_rule
from faults.own_rule import Fading

STEPS = 40
LONG = 240
"""Meta-steps of a run that is killed twenty times."""
FIGURE = "8"
"""Meta-trains and measures, in seconds."""
LITTLE = Tuning((Activation.RELU,), (False,), (Schedule.CONSTANT,), seeds=2, long_seeds=2)
PROVENANCE = io.Provenance("0.1.0", "2026-01-31", 0, ("iris",), 0, None, {})

Tick = Callable[[], None]


@dataclasses.dataclass(frozen=True)
class Victim:
    """Something that works in a directory, can be killed, and goes on."""

    start: Callable[[Path], None]
    advance: Callable[[Path, Tick], object]
    """To its end, with a tick for each bit of progress."""
    command: Callable[[Path], tuple[object, ...]]
    """What to type to take it on."""


SMALL = [kind(window=2) if hasattr(kind, "window") else kind() for kind in METHODS.values()]
"""Each method; episodes are short."""


def config_of(method: Method, meta_steps: int = STEPS) -> MetaTrain:
    """A run of some seconds, with two stages and a checkpoint every fourth meta-step."""
    return MetaTrain(
        tasks=("xor",),
        hidden=("4",),
        method=method,
        episode=EpisodeSpec(4, 16, 16, held_out=64),
        curriculum=Curriculum(add=4, every=meta_steps // 2),
        objective=Objective(when=When.MEAN),
        population=4,
        meta_steps=meta_steps,
        validate_every=4,
        validation_episodes=1,
    )


def files(directory: Path) -> dict[str, bytes]:
    """Every file below a directory by its name."""
    found = sorted(p for p in directory.rglob("*") if p.is_file())
    return {str(p.relative_to(directory)): p.read_bytes() for p in found}


def differing(found: dict[str, bytes], wanted: dict[str, bytes]) -> str:
    """The names of files that are not as they should be."""
    return ", ".join(sorted(n for n in {*found, *wanted} if found.get(n) != wanted.get(n)))


def save_genome(path: Path) -> None:
    """The genome that comparisons compare: back-propagation."""
    io.save_genome(path, genomes.backprop(Rule.backprop(), 0.3), PROVENANCE)


def run_of(method: Method, meta_steps: int = STEPS) -> Victim:
    """Meta-training by one method."""
    return Victim(
        lambda directory: run.start(config_of(method, meta_steps), directory),
        lambda directory, tick: run.advance(directory, lambda progress: tick()),
        lambda directory: ("meta-train", "--resume", directory),
    )


def learner_run_of(method: Method, meta_steps: int = LONG) -> Victim:
    """Meta-training of a rule of a user's own."""
    rule = Fading(Network((2, 4, 2)))
    named = f"{Path(own_rule.__file__)}:Fading"
    return Victim(
        lambda directory: run.start(config_of(method, meta_steps), directory, rule),
        lambda directory, tick: run.advance(directory, lambda progress: tick(), learner=rule),
        lambda directory: ("meta-train", "--resume", directory, "--learner", named),
    )


def _start_comparison(directory: Path) -> None:
    path = directory.parent / "exact.safetensors"
    save_genome(path)
    genome = read_entrant(path.stem, path, {})
    plan = Plan(
        tasks=("iris",),
        nets=("3", "0"),
        genomes=(genome.stamp,),
        baselines=("sgd", "fa"),
        budgets=(2, 4),
        seeds=2,
        batch=8,
        tuning=LITTLE,
    )
    compare.start(plan, (genome,), directory)


def _start_figure(directory: Path) -> None:
    """The runs of a figure: they carry the date of their start, which a copy keeps."""
    figure = FIGURES[FIGURE]
    for name, config in figure.trainings(figure.setting(Budget.SMOKE)).items():
        run.start(config, directory / Budget.SMOKE / GENOMES / name)


def _figure(directory: Path, tick: Tick) -> None:
    make(FIGURES[FIGURE], Budget.SMOKE, directory, lambda text: tick())


def shorten_demo() -> None:
    """From here on the demo has 20 meta-steps and 2, and episodes of 5 and 20 steps."""
    demo.CONFIG = dataclasses.replace(demo.CONFIG, meta_steps=20, validate_every=2)
    demo.SECOND_CONFIG = dataclasses.replace(demo.SECOND_CONFIG, meta_steps=2, validate_every=1)
    demo.BUDGETS = (5,)
    demo.measure = functools.partial(demo.measure, long_steps=20)  # once more changes nothing


def _start_demo(directory: Path) -> None:
    shorten_demo()
    run.start(demo.CONFIG, directory)
    run.start(demo.SECOND_CONFIG, directory / demo.SECOND)


def _demo(directory: Path, tick: Tick) -> None:
    shorten_demo()
    with demo.rivals(directory, seeds=2) as rivals:
        result = run.advance(directory, lambda progress: tick())
        second = run.advance(directory / demo.SECOND, lambda progress: tick())
        genomes = {demo.FROM_BACKPROP: second.genome, demo.FROM_RANDOM: result.genome}
        measured = demo.measure(genomes, result.score, rivals, log=lambda text: tick())
    demo.write(directory, measured)


VICTIMS = {
    **{f"run {method.name}": run_of(method) for method in SMALL},
    **{f"long run {method.name}": run_of(method, LONG) for method in SMALL},
    **{f"long learner run {m.name}": learner_run_of(m) for m in (Gradient(), Cma())},
    "compare": Victim(
        _start_comparison,
        lambda directory, tick: compare.advance(directory, lambda progress: tick()),
        lambda directory: ("compare", "--resume", directory),
    ),
    "figure": Victim(
        _start_figure,
        _figure,
        lambda d: ("figure", FIGURE, "--budget", "smoke", "--directory", d),
    ),
    "demo": Victim(
        _start_demo,
        _demo,
        lambda directory: ("demo", "--directory", directory, "--seeds", 2),
    ),
}
"""What has a directory, by name."""


def main() -> None:
    """`python -m faults.victims NAME DIRECTORY`: a line on standard output for each tick."""
    name, directory = sys.argv[1], Path(sys.argv[2])
    VICTIMS[name].advance(directory, lambda: print("tick", flush=True))


if __name__ == "__main__":
    main()
