"""`blurax train`: a genome teaches networks."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.text import Text

from blurax import graphs, io, zoo
from blurax.analysis.curve_view import curve_table, draw_curve
from blurax.analysis.plain import message
from blurax.analysis.stages_view import draw_stages, measures_table
from blurax.bounds import check_count, check_seed
from blurax.cli.tasks import file_name
from blurax.cli.terminal import Terminal
from blurax.curves import Curve, check_memory, learning_curve, stage_stops
from blurax.fit import blur_for, network_for
from blurax.mimicry import MimickingBlur, Told
from blurax.stages import Stages, steps_of
from blurax.tasks import EpisodeSpec, Split, get


def train(
    genome: tyro.conf.Positional[Path],
    task: str = "digits",
    hidden: str = "128",
    steps: int | None = None,
    batch: int = 128,
    seeds: int = 5,
    seed: int = 0,
    mimic: Told | None = None,
    directory: Path | None = None,
) -> None:
    """Let a genome teach networks a task; writes their curve as JSON and PNG.

    Args:
        genome: A genome file, or the name of one that blurax zoo lists.
        task: The task, by name, with options: wine, or mnist:size=10. blurax tasks lists all.
        hidden: The network by its hidden layers, such as 128 or 256-128, 0 for none, c8k5s2-16,
            res(64-64)x2, 64-64+b or lenet (docs/how-to/networks.md); --network is the same.
        steps: Inner steps; 100, or all the stages of a sequence.
        batch: Examples in each step.
        seeds: Networks side by side, each with initial synapses and batches of its own.
        seed: Random seed.
        mimic: What the outputs of a network with side branches are told in place of the label:
            both, the mean of the label and what the other outputs predict, or others, which tells
            branches the latter alone.
        directory: Where the curve goes, as JSON and PNG; the default is the genome's folder, or
            the current folder for a genome of the zoo.
    """
    console, out = Terminal(), directory or genome.parent
    check_count("--seeds", seeds)
    check_seed("--seed", seed)
    learned, _ = zoo.genome(genome)
    data = get(task)
    stages = data.stages
    spec = EpisodeSpec(steps=steps_of(stages, steps, 100, task, "--steps"), batch=batch)
    network = network_for(data, hidden)
    check_memory(network, data, seeds, (spec.steps,), Split.TEST, batch=batch, rule=learned.rule)
    told = "" if mimic is None else f"-mimic-{mimic}"
    stem = f"curve-{file_name(genome.stem)}-{file_name(task)}-{file_name(hidden)}{told}"
    io.check_directory(out, (f"{stem}.json", f"{stem}.png"))
    keys = jax.random.split(jax.random.key(seed), seeds)
    title = f"{genome.name} teaches {task}, network {graphs.title(network, hidden)}"
    title += f", mimicking ({mimic})" if mimic else ""
    with console.status(Text(title)):
        learner, stops = blur_for(learned, network, data), stage_stops(spec.steps, stages)
        if mimic is not None:
            learner = MimickingBlur(learned, network, data.target, mimic)
        _, curve = learning_curve(learner, data, keys, stops, Split.TEST, batch=spec.batch)
    accuracy = jnp.asarray(curve.accuracy)
    io.write_json(
        out / f"{stem}.json",
        {
            "genome": str(genome),
            "task": task,
            "network": hidden,
            "sizes": list(network.sizes),
            "batch": batch,
            "seed": seed,
            "mimic": mimic,
            "score": data.target.score_name,
            "steps": list(stops),
            "accuracy": accuracy.tolist(),
            **_of_stages(curve, stages),
        },
    )
    score, picture = data.target.score_name, out / f"{stem}.png"
    if stages is None:
        draw_curve(accuracy, picture, title, score, stops)
    else:
        each = np.asarray(curve.stages)
        draw_stages(each, stops, stages.ends, picture, title, score)
    table = curve_table(accuracy, what=data.target.score_name, stops=stops)
    console.print(message(title), table)
    if stages is not None:
        matrix = np.asarray(curve.stages)[:, [stops.index(end) for end in stages.ends]]
        console.print(measures_table(matrix, data.target.chance, score))
    console.print(f"Curve: {out / stem}.json\nPicture: {out / stem}.png", soft_wrap=True)


def _of_stages(curve: Curve, stages: Stages | None) -> dict[str, list]:
    """Of a task in sequence the score on each stage, `[seeds, steps, stages]`, and their ends."""
    if stages is None:
        return {}
    return {"stage_ends": [*stages.ends], "stages": np.asarray(curve.stages).tolist()}
