"""`blurax export`: a genome for those who do not have blurax."""

from pathlib import Path

import tyro
from rich.console import Console
from rich.markup import escape

from blurax import io, zoo
from blurax.errors import require
from blurax.export import NUMPY


def export(
    directory: tyro.conf.Positional[Path],
    genome: Path = Path("default"),
) -> None:
    """Write a genome and one Python file that lets it teach networks with NumPy alone.

    Args:
        directory: Where both go.
        genome: A genome file, or the name of one that blurax zoo lists.
    """
    file = zoo.find(genome)
    io.load_genome(file)
    targets = {directory / NUMPY.name: NUMPY, directory / file.name: file}
    for target in targets:
        require(not target.exists(), f"{target} is there already; name another directory.")
    for target, source in targets.items():
        io.write_bytes(target, source.read_bytes())
        Console().print(escape(str(target)))
