"""Processes under attack: each has a bound on its time and on its memory.

Their time is that of the processor where they have one to themselves, so that a busy machine makes
no hangs; the time on the wall is bounded generously.
"""

import contextlib
import dataclasses
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from faults.outcome import Outcome, raw

HERE = Path(__file__).parent.parent
MEMORY = 8 * 2**30
"""Bytes of address space of a process; JAX alone maps two or three of them."""
PATIENCE = 900.0
"""Seconds that anything may take by the clock on the wall."""
ABORTED = 128
"""Exit statuses from here on are signals, as a shell tells them."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How an attempt ended."""

    code: int | None
    """The exit status; None if the time was up, negative for a signal."""
    out: str = ""
    err: str = ""
    trace: str = ""
    """Of an exception that nobody expected."""
    grown: int = 0
    """Bytes by which memory had grown at its peak, where a worker made the attempt."""

    def outcome(self) -> tuple[Outcome, str]:
        """What came of it, before anybody looked at files; and what was said."""
        said = self.err.strip()
        if self.code is None:
            return Outcome.HANG, said[-500:]
        if self.trace or "Traceback (most recent call last)" in self.err:
            return Outcome.TRACEBACK, self.trace or said.splitlines()[-1][:500]
        if self.code < 0 or self.code >= ABORTED:
            return Outcome.ABORT, f"exit status {self.code}: {said[-500:]}"
        if reason := raw(self.err) or raw(self.out[:LOOKED_AT]):
            return Outcome.RAW, reason
        if self.code not in (0, 2) or (self.code == 2 and not said):
            return Outcome.TRACEBACK, f"exit status {self.code}: {said[-500:]}"
        return (Outcome.REFUSED if self.code else Outcome.HELD), said[-500:]


LOOKED_AT = 4000
"""Characters of standard output that are looked at: tables may be long."""


MARK = "BLURAX_FAULTS"
"""The environment variable by which a process is known as one of ours: it names the folder."""


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of a process that keeps everything below a folder of its own."""
    paths = [str(HERE), os.environ.get("PYTHONPATH", "")]
    return {
        **{name: value for name, value in os.environ.items() if name != "FORCE_COLOR"},
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "xla"),
        "JAX_PLATFORMS": "cpu",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "NO_PROXY": "127.0.0.1",
        MARK: str(folder),
    }


def bound(
    process: subprocess.Popen[bytes], memory: int | None = None, processor: int | None = None
) -> None:
    """Bound bytes and seconds of a process that has just begun, and let it dump no core.

    From outside, for a fork that runs Python first may hang under the threads of JAX.
    """
    with contextlib.suppress(ProcessLookupError):  # it is at its end already
        resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))
        if memory is not None:
            resource.prlimit(process.pid, resource.RLIMIT_AS, (memory, memory))
        if processor is not None:
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (processor, processor + 1))


def begin(
    command: list[str],
    folder: Path,
    memory: int | None = None,
    processor: int | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """A process that works below a folder, within bytes of address space and seconds of work."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=surroundings(folder),
        cwd=cwd,
        start_new_session=True,
    )
    bound(process, memory, processor)
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, without waiting for others that hold its output."""
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


def wait(process: subprocess.Popen[bytes], seconds: float = PATIENCE) -> Ended:
    """How a process ends; it is killed, with what it began, when its time is up."""
    try:
        out, err = process.communicate(timeout=seconds)
        spent = process.returncode == -signal.SIGXCPU
        code: int | None = None if spent else process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        (out, err), code = process.communicate(), None
    return Ended(code, out.decode(errors="replace"), err.decode(errors="replace"))


def descendants(folder: Path) -> list[int]:
    """The processes that were begun below a folder, whoever their parents are by now."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is another user's
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def blurax(*words: object) -> list[str]:
    """The command line of blurax, as a process of its own."""
    return [sys.executable, "-m", "blurax", *map(str, words)]


class Worker:
    """A process that makes attempts one after another: importing JAX takes longer than most.

    One that dies or hangs is an outcome too; the next attempt begins another one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed at exit

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._log.close()

    def attempt(
        self, name: str, *words: object, seconds: float = PATIENCE, **variables: str
    ) -> Ended:
        """One attempt by its name in `faults.attempts`, under these environment variables."""
        process = self._alive()
        assert process.stdin is not None
        assert process.stdout is not None
        request = {"name": name, "words": [str(word) for word in words], "variables": variables}
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        line = process.stdout.readline() if ready else None
        if line:
            answer: dict[str, Any] = json.loads(line)
            return Ended(**answer)
        self._end()
        self._log.seek(0)
        said = self._log.read().decode(errors="replace")[-2000:]
        return Ended(None if line is None else process.returncode, err=said)

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._log.truncate(0)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "faults.attempts"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=surroundings(self._folder),
                start_new_session=True,
            )
            bound(self._process, MEMORY)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            try:
                self._process.wait(timeout=0.5)  # a signal's number, where one ended it
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
