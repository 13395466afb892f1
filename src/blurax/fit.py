"""What fits what: networks for tasks, and genomes for tasks."""

from blurax import graphs
from blurax.errors import require
from blurax.genome import Genome
from blurax.learner import Blur
from blurax.network import Network
from blurax.tasks import Task


def blur_for(genome: Genome, network: Network, task: Task) -> Blur:
    """The learner that a genome makes of a network, with the feedback of the task's target.

    Raises:
        BluraxError: if the network does not fit the task, or the genome the network.
    """
    check_fit(network, task)
    network.check(genome.rule)
    return Blur(genome, network, task.target)


def check_fit(network: Network, task: Task, rows: bool = True) -> None:
    """Raise `BluraxError` if the network's inputs or outputs are not the task's.

    Args:
        rows: whether the learner is given a row for each example, which has no time axis.
    """
    require(
        task.time is None or not rows,
        f"Task {task.name} has a time axis of {task.time} steps; it takes a network with delayed "
        "edges.",
    )
    first, last = network.sizes[0], network.sizes[network.outputs[0]]
    require(
        (first, last) == (task.features, task.outputs),
        f"The network {network} has {first} inputs and {last} outputs, "
        f"but task {task.name} has {task.features} features and {task.outputs} outputs.",
    )


def network_for(task: Task, hidden: str | tuple[int, ...]) -> Network:
    """The network with these hidden layers that fits a task.

    Args:
        hidden: the name of a network, such as 256-128 or c8k5s2-16 (`blurax.graphs`), or the sizes
            of fully connected layers.

    Raises:
        BluraxError: for a name that is none, or one that does not fit the task's inputs.
    """
    if isinstance(hidden, str):
        return graphs.network(hidden, task.input_shape, task.outputs)
    return Network((task.features, *hidden, task.outputs))
