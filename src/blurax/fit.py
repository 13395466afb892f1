"""What fits what: networks for tasks, genomes for tasks, and the short form of hidden layers."""

from blurax.errors import require
from blurax.genome import Genome
from blurax.learner import Blur, Learner
from blurax.network import Network
from blurax.tasks import Task

DIGITS = 10
"""Of a size: more are beyond every count, and Python refuses to read thousands of them."""


def blur_for(genome: Genome, network: Network, task: Task) -> Blur:
    """The learner that a genome makes of a network, with the feedback of the task's target.

    Raises:
        BluraxError: if the network does not fit the task, or the genome the network.
    """
    check_fit(network, task)
    network.check(genome.rule)
    return Blur(genome, network, task.target, task.time is not None)


def for_task(learner: Learner, task: Task) -> Learner:
    """The learner as it learns a task: of its target, and over time where the task has any.

    Raises:
        BluraxError: if the task has a time axis, and the learner knows none.
    """
    learner = learner.for_target(task.target)
    return learner if task.time is None else learner.for_time(task.time)


def check_fit(network: Network, task: Task) -> None:
    """Raise `BluraxError` if the network's first or last layer is not the task's."""
    first, last = network.sizes[0], network.sizes[-1]
    require(
        (first, last) == (task.features, task.outputs),
        f"The network {network.sizes} has {first} inputs and {last} outputs, "
        f"but task {task.name} has {task.features} features and {task.outputs} outputs.",
    )


def parse_hidden(text: str) -> tuple[int, ...]:
    """The sizes of hidden layers from their short form: 256-128, or 0 for none.

    Raises:
        BluraxError: if it is not such a text.
    """
    parts = text.split("-")
    require(
        all(part.isdecimal() for part in parts),
        f"The hidden layers {text!r} are no sizes; write 32 or 256-128, say, or 0 for none.",
    )
    require(
        all(len(part) <= DIGITS for part in parts),
        f"The hidden layers {text[:40]!r} hold a size of more than {DIGITS} digits.",
    )
    sizes = tuple(int(part) for part in parts)
    require(
        sizes == (0,) or 0 not in sizes,
        f"The hidden layers {text!r} hold a layer of size 0; write 0 alone for no hidden layer.",
    )
    return () if sizes == (0,) else sizes


def network_for(task: Task, hidden: tuple[int, ...]) -> Network:
    """The network with these hidden layers that fits a task."""
    return Network((task.features, *hidden, task.outputs))
