"""What fits what: networks for tasks, and genomes for tasks."""

from blurax import graphs
from blurax.errors import require, shown
from blurax.genome import Genome
from blurax.learner import Blur, Learner
from blurax.network import Network
from blurax.tasks import Task
from blurax.tasks.base import check_kind


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
    """Raise `BluraxError` if the network's first or last layer is not the task's, or it is none."""
    check_kind(task)
    inputs, last = network.groups[0], network.sizes[network.outputs[0]]
    require(
        (network.sizes[0], last) == (task.features, task.outputs),
        f"The network {network} has {network.sizes[0]} inputs and {last} outputs, "
        f"but task {task.name} has {task.features} features and {task.outputs} outputs.",
    )
    require(
        len(inputs) == 1 or inputs == task.input_shape,
        f"The network {network} takes inputs of shape {inputs}, but those of task {task.name} have "
        f"shape {task.input_shape}.",
    )
    outputs = [network.groups[n] for n in network.outputs]
    require(
        all(shape == (task.outputs,) for shape in outputs),
        f"The network {network} has outputs of shapes {', '.join(map(str, outputs))}, but task "
        f"{task.name} takes {(task.outputs,)} for each of them.",
    )
    require(
        task.time is not None or not network.is_delayed,
        f"The network {network} has edges with a delay, but task {task.name} has no time axis: its "
        "examples would be mixed up; take a task over time, such as delayed-bit.",
    )


def network_for(task: Task, hidden: str | tuple[int, ...]) -> Network:
    """The network with these hidden layers that fits a task.

    Args:
        hidden: the name of a network, such as 256-128 or c8k5s2-16 (`blurax.graphs`), one that only
            the task has, such as rules of graphs, or the sizes of fully connected layers.

    Raises:
        BluraxError: for a name that is none, or one that does not fit the task's inputs.
    """
    if isinstance(hidden, str):
        own = task.networks.get(hidden)
        return own or graphs.network(hidden, task.input_shape, task.outputs)
    require(
        isinstance(hidden, tuple | list),
        f"hidden is {shown(hidden)}; it takes the name of a network, such as 256-128, or a tuple "
        "of sizes.",
    )
    return Network((task.features, *hidden, task.outputs))
