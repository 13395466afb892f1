"""What Ray leaves on the disk: the folder of a cluster of one's own, and the token."""

import contextlib
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from blurax.engine import ray_cleaner
from blurax.engine.protocol import NoWorkersError

MARK = "BLURAX_RAY_FOLDER"
"""The variable by which processes of a cluster are known."""
SHORT = 19
"""Characters of a path below which Ray's sockets find room for their names, of 107 in all."""


class ClusterFolder:
    """A folder for sockets and logs of one cluster, which nobody else may enter.

    It is removed with what is left of the cluster by `remove`, or when this process ends, however
    it does.

    Raises:
        NoWorkersError: if the system refuses it.
    """

    def __init__(self) -> None:
        parent = _parent()
        try:
            self.path = Path(tempfile.mkdtemp(prefix="blurax-", dir=parent))
        except OSError as error:
            raise NoWorkersError(
                f"Ray's files find no place in {parent}: {error.strerror or error}; RAY_TMPDIR "
                "names another folder."
            ) from error
        self._cleaner = subprocess.Popen(
            [sys.executable, "-I", "-S", ray_cleaner.__file__, str(self.path), MARK],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # lest it holds open what others read until its end
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is not for it
        )

    @contextlib.contextmanager
    def used(self) -> Iterator[str]:
        """In here processes are begun that belong to the cluster; what Ray is to take for its own.

        New files are readable by their owner alone. Ray opens its folders for everybody, so it gets
        one behind a closed one.
        """
        mask = os.umask(0o077)
        os.environ[MARK] = str(self.path)
        try:
            yield str(self.path / "ray")
        finally:
            del os.environ[MARK]
            os.umask(mask)

    def remove(self) -> None:
        """Remove it, once the cluster is shut down."""
        if self._cleaner.poll() is not None:
            return
        # A word, for the input stays open where another process was forked from this one.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._cleaner.communicate(b"!", timeout=ray_cleaner.PATIENCE + 5)


def keep_token_private() -> None:
    """Let nobody but its owner read the token: Ray itself writes it as any other file."""
    token = Path.home() / ".ray" / "auth_token"
    try:
        if token.stat().st_mode & 0o077:
            token.chmod(0o600)
    except FileNotFoundError:
        return
    except OSError as error:
        warnings.warn(
            f"{token} can be read by others, who may then run what they like on this cluster, and "
            f"this cannot be changed: {error.strerror or error}.",
            UserWarning,
            stacklevel=2,
        )


def _parent() -> Path:
    """Where Ray would put its folder, unless sockets have no room there."""
    if "RAY_TMPDIR" in os.environ:
        return Path(os.environ["RAY_TMPDIR"])
    usual = tempfile.gettempdir()
    return Path(usual) if os.name == "nt" or len(usual) <= SHORT else Path(os.sep, "tmp")
