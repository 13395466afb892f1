"""What a run takes of memory, estimated from its configuration before anything is written."""

import dataclasses
from collections.abc import Iterator

import jax

from blurax import footprint
from blurax.capacity import check_with_query, counted, side_by_side
from blurax.fit import for_task, network_for
from blurax.footprint import Footprint, number
from blurax.learner import Learner
from blurax.memory import require_memory
from blurax.network import Network
from blurax.outer.config import MetaTrain
from blurax.outer.methods.base import Following
from blurax.outer.plastic import plastic
from blurax.outer.space import GenomeSpace, Space
from blurax.tasks import EpisodeSpec, Split, Task, get

_KEY = 1000
"""Bytes of a small array of JAX's that stands alone, such as a key."""
_LINE = 100
"""Bytes of a member in a line of the log, before it is written."""


def check_memory(config: MetaTrain, learner: Learner | None = None) -> None:
    """Refuse a run that would not fit in memory; nothing is allocated for it but the tasks' data.

    Args:
        learner: whose numbers are learned, in the place of a genome.

    Raises:
        BluraxError: with an estimate, and the memory there is; for an unknown task, more examples
            in an episode than can be numbered, or a learner that cannot learn a task.
    """
    space = config.space(learner)
    numbers = size_of(space)
    _check_lists(config, numbers)
    longest = config.curriculum.steps(config.episode.steps, config.last_stage)
    for task, network, own in _built(config.pairs(), config.batches_of_pairs()):
        for batch in {own, *config.vary.batches}:
            spec = dataclasses.replace(config.episode, steps=longest, batch=batch)
            one = _footprint(config, space, task, network, batch)
            _check_meta_step(config, one, numbers, task, network, spec)
    steps = config.validation_steps or longest
    for task, network, batch in _built(config.validated_pairs(), config.batches_validated()):
        spec = dataclasses.replace(config.episode, steps=steps, batch=batch)
        one = _footprint(config, space, task, network, spec.batch)
        _check_validation(config, one, task, network, spec)


def size_of(space: Space) -> int:
    """How many meta-parameters there are to choose."""
    return sum(leaf.size for leaf in jax.tree.leaves(space.template()))


def _footprint(
    config: MetaTrain, space: Space, task: Task, network: Network, batch: int
) -> Footprint:
    """What a network takes that a genome teaches, or the state of a learner of the user's own."""
    one = footprint.of(network, config.rule, task.time)
    if isinstance(space, GenomeSpace):
        return one
    space.check(network, task)
    learner = for_task(space.unlearned(network), task)
    state = jax.eval_shape(lambda key: plastic(learner.init(key, batch)), jax.random.key(0))
    held = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    return Footprint(held, number() * task.outputs, one.example)


def _built(
    pairs: list[tuple[str, tuple[str, ...]]], batches: tuple[int, ...]
) -> Iterator[tuple[Task, Network, int]]:
    for (name, networks), batch in zip(pairs, batches, strict=True):
        task = get(name)
        for hidden in networks:
            yield task, network_for(task, hidden), batch


def _check_lists(config: MetaTrain, numbers: int) -> None:
    """What is there once for each meta-step, member or episode."""
    genome, count = number() * numbers, config.population * config.episodes
    members = counted(config.population, "learner" if config.learner else "genome")
    one_by_one = config.job_size > 0 or not isinstance(config.method, Following)
    require_memory(
        3 * config.population * genome + count * (_KEY if one_by_one else genome),
        f"Meta-training of {members} of {counted(config.episodes, 'episode')} each",
        "take a smaller population or fewer episodes",
        host=True,
    )
    require_memory(
        min(config.validate_every, config.meta_steps) * config.population * _LINE,
        f"The log of {config.validate_every} meta-steps of {members} between two validations",
        "validate more often, or take a smaller population",
        host=True,
    )
    require_memory(
        config.method.kept(config, numbers),
        f"The search of {config.method.name} over {counted(config.meta_steps, 'generation')} of "
        f"{config.population} candidates with {numbers} numbers",
        "take fewer meta-steps, a smaller population or fewer states",
        host=True,
    )


def _check_meta_step(
    config: MetaTrain,
    one: Footprint,
    numbers: int,
    task: Task,
    network: Network,
    spec: EpisodeSpec,
) -> None:
    """One meta-step in one setting."""
    method = config.method
    at_once, carried = method.at_once(config), method.carried(config, one)

    def needed(query: int) -> int:
        return at_once * method.episode(config, one, spec, query, numbers) + carried

    what = f"A meta-step of {side_by_side(at_once, network, spec)}"
    less = (
        "take a smaller population, fewer episodes or steps, smaller batches or layers, or a "
        "smaller job size"
    )
    check_with_query(needed, what, less, task, spec, Split.TRAIN)


def _check_validation(
    config: MetaTrain, one: Footprint, task: Task, network: Network, spec: EpisodeSpec
) -> None:
    genomes = config.method.validated(config)
    side = min(config.job_size or genomes, genomes) * config.validation_episodes

    def needed(query: int) -> int:
        return side * one.episode(spec.steps, spec.batch, query)

    what = f"A validation of {side_by_side(side, network, spec)}"
    less = "take fewer validation episodes or steps, a smaller population, or smaller jobs"
    check_with_query(needed, what, less, task, spec, Split.VALIDATE)
