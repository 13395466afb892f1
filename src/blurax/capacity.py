"""Whether episodes fit in memory: found out before anything is written or allocated."""

import dataclasses
from collections.abc import Callable

import jax

from blurax import footprint, graphs
from blurax.memory import available, require_memory
from blurax.network import Network
from blurax.spec import Rule
from blurax.tasks import EpisodeSpec, Split, Task
from blurax.tasks.base import examples

LESS = "take fewer seeds or steps, smaller batches or smaller layers"


def check_episodes(
    network: Network,
    rule: Rule,
    task: Task,
    spec: EpisodeSpec,
    seeds: int,
    split: Split,
    at_once: int,
) -> None:
    """Refuse episodes side by side that would not fit in memory.

    Args:
        seeds: how many episodes.
        at_once: steps whose batches are drawn together.

    Raises:
        BluraxError: with an estimate, and the memory there is.
    """
    one, drawn = footprint.of(network, rule, task.time), min(at_once, spec.steps)
    curve = 4 * spec.steps * footprint.number()  # accuracy and loss, in parts and joined

    def needed(query: int) -> int:
        return seeds * (one.episode(drawn, spec.batch, query) + curve)

    check_with_query(needed, side_by_side(seeds, network, spec), LESS, task, spec, split)


def check_drawing(task: Task, spec: EpisodeSpec, split: Split) -> None:
    """Refuse to draw an episode that would not fit in memory.

    Raises:
        BluraxError: with an estimate, and the memory there is.
    """
    drawn = jax.eval_shape(lambda key: task.sample(key, spec, split), jax.random.key(0))
    needed = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(drawn))
    require_memory(needed, f"An episode of task {task.name}", "take smaller options of the task")


def check_with_query(
    needed: Callable[[int], int], what: str, less: str, task: Task, spec: EpisodeSpec, split: Split
) -> None:
    """Refuse what would not fit in memory with the query that a task asks in an episode.

    Args:
        needed: the bytes with so many examples in a query.
        what: takes them.
        less: what would take less.

    Raises:
        BluraxError: with an estimate, and the memory there is.
    """
    each = spec.query if split is Split.TRAIN else spec.held_out
    if needed(each * (task.stages.count if task.stages else 1)) <= available():
        return  # hardly a task asks more, and most need not be traced for it
    require_memory(needed(0), what, less)  # before a task draws what may not fit at all
    small = dataclasses.replace(spec, steps=1, batch=1)
    drawn = jax.eval_shape(lambda key: task.sample(key, small, split), jax.random.key(0))
    asked = sum(examples(task, query) for query in drawn.queries.values())
    require_memory(needed(asked), what, less)


def side_by_side(count: int, network: Network, spec: EpisodeSpec) -> str:
    """Episodes side by side, in words."""
    sizes = graphs.title(network, str(network))
    return (
        f"{counted(count, 'episode')} of {counted(spec.steps, 'step')} side by side, with batches "
        f"of {spec.batch}, in a network {sizes if len(sizes) < 60 else sizes[:60] + '...'}"
    )


def counted(count: int, name: str) -> str:
    """A number and what it counts: 1 step, 2 steps."""
    return f"{count} {name}{'' if count == 1 else 's'}"
