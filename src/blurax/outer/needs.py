"""What a run takes of memory, estimated from its configuration before anything is written."""

import dataclasses
from collections.abc import Iterator

import jax

from blurax import footprint
from blurax.capacity import check_with_query, counted, side_by_side
from blurax.fit import network_for
from blurax.footprint import number
from blurax.genome import template
from blurax.memory import require_memory
from blurax.network import Network
from blurax.outer.config import MetaTrain
from blurax.outer.methods.base import Following
from blurax.tasks import EpisodeSpec, Split, Task, get

_KEY = 1000
"""Bytes of a small array of JAX's that stands alone, such as a key."""
_LINE = 100
"""Bytes of a member in a line of the log, before it is written."""


def check_memory(config: MetaTrain) -> None:
    """Refuse a run that would not fit in memory; nothing is allocated for it but the tasks' data.

    Raises:
        BluraxError: with an estimate, and the memory there is; for an unknown task, or more
            examples in an episode than can be numbered.
    """
    if config.learner:
        return  # its state is of any shape: nothing is known of it beforehand
    _check_lists(config)
    longest = config.curriculum.steps(config.episode.steps, config.last_stage)
    for task, network in _pairs(config, config.tasks):
        for batch in {config.episode.batch, *config.vary.batches}:
            spec = dataclasses.replace(config.episode, steps=longest, batch=batch)
            _check_meta_step(config, task, network, spec)
    steps = config.validation_steps or longest
    for task, network in _pairs(config, config.validate_on or config.tasks):
        _check_validation(config, task, network, dataclasses.replace(config.episode, steps=steps))


def _pairs(config: MetaTrain, names: tuple[str, ...]) -> Iterator[tuple[Task, Network]]:
    for name in names:
        task = get(name)
        for hidden in config.hidden:
            yield task, network_for(task, hidden)


def _check_lists(config: MetaTrain) -> None:
    """What is there once for each meta-step, member or episode."""
    genome = number() * genome_size(config)
    count = config.population * config.episodes
    several = (
        f"{counted(config.population, 'genome')} of {counted(config.episodes, 'episode')} each"
    )
    one_by_one = config.job_size > 0 or not isinstance(config.method, Following)
    require_memory(
        3 * config.population * genome + count * (_KEY if one_by_one else genome),
        f"Meta-training of {several}",
        "take a smaller population or fewer episodes",
        host=True,
    )
    require_memory(
        min(config.validate_every, config.meta_steps) * config.population * _LINE,
        f"The log of {config.validate_every} meta-steps of {config.population} genomes between two "
        "validations",
        "validate more often, or take a smaller population",
        host=True,
    )
    require_memory(
        config.method.kept(config, genome_size(config)),
        f"The search of {config.method.name} over {counted(config.meta_steps, 'generation')} of "
        f"{config.population} candidates with {genome_size(config)} numbers",
        "take fewer meta-steps, a smaller population or fewer states",
        host=True,
    )


def _check_meta_step(config: MetaTrain, task: Task, network: Network, spec: EpisodeSpec) -> None:
    """One meta-step in one setting."""
    one, method = footprint.of(network, config.rule, task.time), config.method
    numbers = genome_size(config)
    at_once, carried = method.at_once(config), method.carried(config, one)

    def needed(query: int) -> int:
        return at_once * method.episode(config, one, spec, query, numbers) + carried

    what = f"A meta-step of {side_by_side(at_once, network, spec)}"
    less = (
        "take a smaller population, fewer episodes or steps, smaller batches or layers, or a "
        "smaller job size"
    )
    check_with_query(needed, what, less, task, spec, Split.TRAIN)


def _check_validation(config: MetaTrain, task: Task, network: Network, spec: EpisodeSpec) -> None:
    genomes = config.method.validated(config)
    side = min(config.job_size or genomes, genomes) * config.validation_episodes
    one = footprint.of(network, config.rule, task.time)

    def needed(query: int) -> int:
        return side * one.episode(spec.steps, spec.batch, query)

    what = f"A validation of {side_by_side(side, network, spec)}"
    less = "take fewer validation episodes or steps, a smaller population, or smaller jobs"
    check_with_query(needed, what, less, task, spec, Split.VALIDATE)


def genome_size(config: MetaTrain) -> int:
    """The numbers of a genome."""
    return sum(leaf.size for leaf in jax.tree.leaves(template(config.rule)))
