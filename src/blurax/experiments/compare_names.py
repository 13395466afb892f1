"""What the genomes and learners of a comparison are called."""

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from blurax.errors import require
from blurax.experiments.compare_entrants import BEST, found_file

_NAME = re.compile(r"\w[\w .+@-]*")
_CODE = re.compile(r".+\.py:[^:/=]+")


def called(words: Sequence[str]) -> dict[str, Path]:
    """Files of genomes and learners, or code as `is_code` knows it, by what they are called.

    Args:
        words: each a file, the directory of a run, the name of a genome of the zoo, code such as
            my_rules.py:MyRule, or NAME= and one of these. What a run kept is called after the run,
            code after its class, any other after its file, without the ending; where that is the
            same for two, the names of the folders above are put before it.

    Raises:
        BluraxError: if two are called the same, or a name is none for a file.
    """
    pairs = [_split(word) for word in words]
    files = [Path(file) if is_code(file) else found_file(file) for _, file in pairs]
    own = _after_files([file for (name, _), file in zip(pairs, files, strict=True) if not name])
    names = [name or next(own) for name, _ in pairs]
    for (name, file), (other, second) in itertools.combinations(zip(names, files, strict=True), 2):
        require(
            name != other,
            f"Two learners are called {name}, {file} and {second}; call one otherwise: NAME=FILE.",
        )
    return dict(zip(names, files, strict=True))


def is_code(word: str | Path) -> bool:
    """Whether a word names something in a Python file: my_rules.py:MyRule."""
    return _CODE.fullmatch(str(word)) is not None


def _split(word: str) -> tuple[str, str]:
    """The name, if one is given, and the file; a file may have = in its own name."""
    name, sign, file = word.partition("=")
    if not sign or "/" in name or Path(word).exists():
        return "", word
    require(
        _NAME.fullmatch(name) is not None and file != "",
        f"{word} gives the name {name!r} to the file {file!r}; it takes NAME=FILE, the name of "
        "letters, digits, spaces and . + @ - _.",
    )
    return name, file


def _after_files(files: list[Path]) -> Iterator[str]:
    """A name for each file, as short as tells them apart."""
    parts = [_parts(file) for file in files]
    lengths = [1] * len(files)
    while True:
        names = ["-".join(p[-n:]) for p, n in zip(parts, lengths, strict=True)]
        longer = [
            n + (names.count(name) > 1 and n < len(p))
            for name, p, n in zip(names, parts, lengths, strict=True)
        ]
        if longer == lengths:
            return iter(names)
        lengths = longer


def _parts(file: Path) -> tuple[str, ...]:
    """The folders above, and what is in the file."""
    # Not Path.resolve, which raises another exception for links in a circle in each Python.
    folders = Path(os.path.realpath(file)).parent.parts[1:]
    if is_code(file):
        return (*folders, file.name.rpartition(":")[2])
    return folders if file.name == BEST and folders else (*folders, file.stem)
