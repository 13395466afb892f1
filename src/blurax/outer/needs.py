"""What a run takes of memory, estimated from its configuration before anything is written."""

import dataclasses
from collections.abc import Iterator

import jax

from blurax import footprint
from blurax.capacity import check_with_query, counted, lessons
from blurax.fit import network_for, parse_hidden
from blurax.footprint import Footprint, number
from blurax.genome import template
from blurax.memory import require_memory
from blurax.network import Network
from blurax.outer.config import MetaTrain
from blurax.outer.methods import Method
from blurax.outer.objective import When
from blurax.tasks import EpisodeSpec, Split, Task, get

_KEY = 1000
"""Bytes of a small array of JAX's that stands alone, such as a key."""
_LINE = 100
"""Bytes of a member in a line of the log, before it is written."""


def check_memory(config: MetaTrain) -> None:
    """Refuse a run that would not fit in memory; nothing is allocated for it but the tasks' data.

    Raises:
        BluraxError: with an estimate, and the memory there is; for an unknown task, or more
            examples in a lesson than can be numbered.
    """
    if config.learner:
        return  # its state is of any shape: nothing is known of it beforehand
    _check_lists(config)
    longest = config.curriculum.steps(config.episode.steps, config.last_stage)
    for task, network in _pairs(config, config.tasks):
        for batch in {config.episode.batch, *config.vary.batches}:
            spec = dataclasses.replace(config.episode, steps=longest, batch=batch)
            _check_step(config, task, network, spec)
    steps = config.validation_steps or longest
    for task, network in _pairs(config, config.validate_on or config.tasks):
        _check_validation(config, task, network, dataclasses.replace(config.episode, steps=steps))


def _pairs(config: MetaTrain, names: tuple[str, ...]) -> Iterator[tuple[Task, Network]]:
    for name in names:
        task = get(name)
        for hidden in config.hidden:
            yield task, network_for(task, parse_hidden(hidden))


def _check_lists(config: MetaTrain) -> None:
    """What is there once for each meta-step, member or lesson."""
    genome = number() * genome_size(config)
    lanes = config.population * config.lessons
    several = f"{counted(config.population, 'genome')} of {counted(config.lessons, 'lesson')} each"
    one_by_one = config.method.needs_candidates or config.share > 0
    require_memory(
        3 * config.population * genome + lanes * (_KEY if one_by_one else genome),
        f"Meta-training of {several}",
        "take a smaller population or fewer lessons",
        host=True,
    )
    require_memory(
        min(config.validate_every, config.meta_steps) * config.population * _LINE,
        f"The log of {config.validate_every} meta-steps of {config.population} genomes between two "
        "validations",
        "validate more often, or take a smaller population",
        host=True,
    )
    if config.method is Method.CMA_ES:
        losses = 2 * config.meta_steps * config.population * number()
        require_memory(
            losses + 24 * genome_size(config) ** 2,
            f"CMA-ES over {counted(config.meta_steps, 'generation')} of {config.population} "
            f"candidates with {genome_size(config)} numbers",
            "take fewer meta-steps, a smaller population or fewer states",
            host=True,
        )


def _check_step(config: MetaTrain, task: Task, network: Network, spec: EpisodeSpec) -> None:
    """One meta-step in one setting."""
    one = footprint.of(network, config.rule)
    at_once, kept = _lanes(config)
    carried = kept * _carried(config, one)

    def needed(query: int) -> int:
        return at_once * _lesson(config, one, spec, query) + carried

    what = f"A meta-step of {lessons(at_once, network, spec)}"
    less = (
        "take a smaller population, fewer lessons or steps, smaller batches or layers, or a share"
    )
    check_with_query(needed, what, less, task, spec, Split.TRAIN)


def _lanes(config: MetaTrain) -> tuple[int, int]:
    """The lessons that are computed side by side, and those between which something is kept."""
    share = config.share or config.population * config.lessons
    if config.method.needs_candidates:
        chunk = config.cma.chunk or config.population
        return min(chunk, share, config.population), 0
    lanes = config.population * config.lessons
    return min(share, lanes), lanes


def _lesson(config: MetaTrain, one: Footprint, spec: EpisodeSpec, query: int) -> int:
    """One estimate of a gradient, or one loss."""
    often = config.objective.when is When.MEAN
    steps = config.window if config.method.has_windows else spec.steps
    plain = one.lesson(steps, spec.batch, query)
    match config.method:
        case Method.GRADIENT | Method.TRUNCATED:
            averaged = steps * one.synapses if config.objective.average else 0
            remat = config.objective.remat
            return one.gradient(steps, spec.batch, query, remat, often) + averaged
        case Method.FORWARD:
            side = min(config.forward_chunk, genome_size(config))
            return plain + side * one.lesson(0, spec.batch, query)
        case Method.ES | Method.PES | Method.NRES:
            shared = steps * spec.batch * one.example + query * one.example
            return shared + config.es.pairs * one.lesson(0, spec.batch, query)
    return plain


def _carried(config: MetaTrain, one: Footprint) -> int:
    """What windows leave to the next meta-step, before it and after."""
    if not config.method.has_windows:
        return 0
    return (2 if config.method is Method.TRUNCATED else 4 * config.es.pairs) * one.synapses


def _check_validation(config: MetaTrain, task: Task, network: Network, spec: EpisodeSpec) -> None:
    genomes = 1 if config.method is Method.CMA_ES else config.population
    side = min(config.share or genomes, genomes) * config.validation_episodes
    one = footprint.of(network, config.rule)

    def needed(query: int) -> int:
        return side * one.lesson(spec.steps, spec.batch, query)

    what = f"A validation of {lessons(side, network, spec)}"
    less = "take fewer validation episodes or steps, a smaller population, or a share"
    check_with_query(needed, what, less, task, spec, Split.VALIDATE)


def genome_size(config: MetaTrain) -> int:
    """The numbers of a genome."""
    return sum(leaf.size for leaf in jax.tree.leaves(template(config.rule)))
