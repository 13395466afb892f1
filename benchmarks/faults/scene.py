"""The folder that attacks are made in, with what is attacked, finished once and copied then."""

import itertools
import shutil
import sys
from pathlib import Path

from faults.process import Ended, Worker, begin, wait
from faults.victims import VICTIMS

COMMAND = """
import sys
from faults.victims import shorten_demo
shorten_demo()
from blurax.cli import main
sys.exit(main(sys.argv[1:]))
"""


def command(*words: object) -> list[str]:
    """The command line of blurax with the short demo, as a process of its own."""
    return [sys.executable, "-c", COMMAND, *map(str, words)]


class Scene:
    """A folder, and the directories in it that were finished undisturbed."""

    def __init__(self, folder: Path, worker: Worker, only: str, kills: int) -> None:
        self.folder, self.worker, self._only, self.kills = folder, worker, only, kills
        self._numbers = itertools.count()
        self._started: dict[str, Path] = {}
        self._finished: dict[str, Path] = {}

    def wants(self, attack: str) -> bool:
        """Whether a kind of attack is asked for; all are, unless some are named."""
        return self._only in attack

    def fresh(self) -> Path:
        """An empty folder."""
        found = self.folder / f"case-{next(self._numbers)}"
        found.mkdir(parents=True)
        return found

    def drop(self, folder: Path) -> None:
        """What a case leaves is removed: hundreds of them would fill a disk."""
        shutil.rmtree(folder, ignore_errors=True)

    def started(self, name: str) -> Path:
        """A new directory in which nothing is computed yet; all of a name are of one date."""
        if name not in self._started:
            self._started[name] = self.fresh() / "it"
            VICTIMS[name].start(self._started[name])
        directory = self.fresh() / "it"
        shutil.copytree(self._started[name], directory)
        return directory

    def resumed(self, name: str, directory: Path) -> Ended:
        """Take a directory to its end, by the command line."""
        return wait(begin(command(*VICTIMS[name].command(directory)), self.folder))

    def finished(self, name: str) -> Path:
        """The directory that nobody disturbed; not to be written to.

        Raises:
            RuntimeError: if it does not come to its end: then no attack means anything.
        """
        if name not in self._finished:
            directory = self.started(name)
            ended = self.resumed(name, directory)
            if ended.code != 0:
                raise RuntimeError(f"{name} does not run undisturbed: {ended.err[-2000:]}")
            self._finished[name] = directory
        return self._finished[name]
