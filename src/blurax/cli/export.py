"""`blurax export`: a genome for those who do not have blurax."""

from pathlib import Path

import tyro

from blurax import io, zoo
from blurax.cli.terminal import Terminal
from blurax.errors import require
from blurax.export import Library, check


def export(
    directory: tyro.conf.Positional[Path],
    genome: Path = Path("default"),
    library: Library = Library.NUMPY,
) -> None:
    """Write a genome and one Python file that lets it teach networks with NumPy or PyTorch alone.

    Args:
        directory: Where both go.
        genome: A genome file, or the name of one that blurax zoo lists.
        library: What the file is written for; nothing else is needed to run it.
    """
    file, code = zoo.find(genome), library.file
    check(io.load_genome(file)[0].rule)
    targets = {directory / code.name: code, directory / file.name: file}
    for target in targets:
        require(not io.exists(target), f"{target} is there already; name another directory.")
    io.check_directory(directory, [target.name for target in targets])
    for target, source in targets.items():
        io.write_bytes(target, source.read_bytes())
        Terminal().print(str(target), soft_wrap=True)
