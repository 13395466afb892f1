"""`blurax export`: a genome for those who do not have blurax, or a network as a graph."""

from pathlib import Path

import jax
import tyro

from blurax import io, zoo
from blurax.bounds import check_seed
from blurax.cli.tasks import file_name
from blurax.cli.terminal import Terminal
from blurax.curves import learning_curve
from blurax.errors import require
from blurax.export import Library, check, neural_graph
from blurax.fit import blur_for, network_for
from blurax.tasks import EpisodeSpec, Split, check_task, get


def export(
    directory: tyro.conf.Positional[Path],
    genome: Path = Path("default"),
    library: Library = Library.NUMPY,
    graph: bool = False,
    task: str = "digits",
    hidden: str = "128",
    steps: int = 100,
    seed: int = 0,
) -> None:
    """Write a genome and one Python file that lets it teach networks with NumPy or PyTorch alone.

    With --graph: write a network that a genome has taught as a graph of neurons and synapses, for
    whatever learns from graphs.

    Args:
        directory: Where the files go.
        genome: A genome file, or the name of one that blurax zoo lists.
        library: What the file is written for; nothing else is needed to run it.
        graph: Write the arrays of a graph, an .npz file, in the place of the genome. The further
            options are about its network.
        task: The task that the network has learned, by name, with options.
        hidden: The network by its hidden layers, such as 128 or c8k5s2-16; --network is the same.
        steps: Inner steps, each on 128 examples; 0 for an initial network.
        seed: Random seed, of the initial synapses and the examples.
    """
    if graph:
        write_graph(directory, genome, task, hidden, steps, seed)
        return
    file, code = zoo.find(genome), library.file
    check(zoo.genome(genome)[0].rule)
    targets = {directory / code.name: code, directory / file.name: file}
    _free(directory, tuple(targets))
    for target, source in targets.items():
        io.write_bytes(target, source.read_bytes())
        Terminal().print(str(target), soft_wrap=True)


def write_graph(
    directory: Path, genome: Path, task: str, hidden: str, steps: int, seed: int
) -> None:
    """Let a genome teach a network, and write it as a graph.

    Raises:
        BluraxError: if genome, network and task do not fit, or the file is there already.
    """
    check_seed("--seed", seed)
    require(steps >= 0, f"--steps is {steps}; it takes a whole number >= 0.")
    parts = "-".join(map(file_name, (genome.stem, task, hidden)))
    target = directory / f"graph-{parts}-{steps}.npz"
    _free(directory, (target,))
    learned, data = zoo.genome(genome)[0], get(task)
    network, spec = network_for(data, hidden), EpisodeSpec(steps=max(steps, 1))
    learner, keys = blur_for(learned, network, data), jax.random.split(jax.random.key(seed), 1)
    check_task(data, spec, Split.TEST)
    # As `learning_curve` begins: so a network of 0 steps is the one that the others began as.
    state = learner.init(jax.random.fold_in(keys[0], 0), spec.batch)
    if steps:
        many = learning_curve(learner, data, keys, (steps,), Split.TEST, batch=spec.batch)[0]
        state = jax.tree.map(lambda leaf: leaf[0], many)
    neural_graph(network, state.synapses).write(target)
    Terminal().print(str(target), soft_wrap=True)


def _free(directory: Path, targets: tuple[Path, ...]) -> None:
    """Raise `BluraxError` if a file is there already, or cannot be written."""
    for target in targets:
        require(not io.exists(target), f"{target} is there already; name another directory.")
    io.check_directory(directory, [target.name for target in targets])
