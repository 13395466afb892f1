"""Compiled programs kept on disk, so that the second start is quick.

JAX keeps them; here is where, how many, and when not. Importing this changes nothing of JAX.
"""

import contextlib
import hashlib
import importlib
import os
import threading
import warnings
from pathlib import Path
from typing import Any

import jax

VARIABLE = "BLURAX_COMPILE_CACHE"
"""The environment variable that moves the folder of compiled programs, or turns it off."""
OFF = "off"
"""Its value that keeps nothing."""
LARGEST = 2**30
"""Bytes that a folder may have when a process begins to use it; then the oldest half goes."""
LEAST_SECONDS = 0.1
"""Programs that compile faster are not worth a file."""

_UNHEARD = "Error (reading|writing) persistent compilation cache entry"
"""How JAX's warnings about damaged entries and full disks begin: it compiles all the same."""
_FIRST_RIGHT = (0, 7)
"""The version of JAX from which on a CPU's program that was kept computes what it did when it was
compiled. 0.6.0's does not: the probabilities of a small fit moved by 3e-4 at the second start."""
_INSIDE_JAX = "jax._src.compilation_cache"
"""The module that packs programs for the disk, and unpacks them."""
_PROGRAM = "-cache"
"""How the name of a file with a program ends."""
_ENTRIES = _PROGRAM, "-atime"
"""How the names of JAX's files end."""
_DEFAULT_SECONDS = 1.0
"""Of JAX: a user who has set another number of seconds keeps it."""

_settings: Any = jax.config  # whose attributes no type checker knows
_once = threading.Lock()
_considered = False


def keep_compiled() -> None:
    """From now on this process keeps what it compiles, unless the user said otherwise to JAX.

    Nothing is kept where the folder cannot be written to; that is no error. Called before the
    first compilation of a command or of an estimator, it costs nothing after the first time.
    """
    global _considered
    with _once:
        if not _considered:
            _considered = True
            folder = None if _too_old() or _user_decides() else _folder()
            if folder is not None and _is_usable(folder) and _seal(folder):
                _prune(folder)
                _tell_jax(folder)


def _too_old() -> bool:
    return jax.__version_info__ < _FIRST_RIGHT


def _user_decides() -> bool:
    """Whether JAX already has a folder, or is told to keep nothing or only so much."""
    return (
        _settings.jax_compilation_cache_dir is not None
        or not _settings.jax_enable_compilation_cache
        or _settings.jax_compilation_cache_max_size != -1
    )


def _folder() -> Path | None:
    """Where the user wants compiled programs; None for nowhere."""
    named = os.environ.get(VARIABLE)
    if named:
        return None if named == OFF else Path(named)
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return None
    return Path(home) / "blurax" / "xla"


def _is_usable(folder: Path) -> bool:
    """Whether this user can write there, and not everybody can: JAX runs what it finds."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.access(folder, os.W_OK | os.X_OK) and not folder.stat().st_mode & 0o002
    except (OSError, ValueError):  # ValueError: no file can be called so
        return False


def _prune(folder: Path) -> None:
    """Of more than `LARGEST` bytes remove what was used longest ago, until half of it is left.

    Not by JAX's own `jax_compilation_cache_max_size`: it needs a package more, and fails for good
    where it meets an entry that was kept without it.
    """
    entries = []
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for each in found:
            if not each.name.endswith(_ENTRIES):
                continue  # a folder that the user named may hold anything
            with contextlib.suppress(OSError):  # another process has removed it
                status = each.stat(follow_symlinks=False)
                used = max(status.st_atime, status.st_mtime)
                entries.append((used, status.st_size, each.path))
    total = sum(size for _, size, _ in entries)
    if total <= LARGEST:
        return
    for _, size, path in sorted(entries):
        if total <= LARGEST // 2:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
            total -= size


def _seal(folder: Path) -> bool:
    """Let entries begin with the SHA-256 of the rest; whether this version of JAX can be told so.

    JAX compresses by zstd where it can, without a checksum: a program with one flipped bit crashes
    the process, or computes something else. What does not match is removed and compiled again.
    """
    try:  # no part of what JAX promises to keep
        module: Any = importlib.import_module(_INSIDE_JAX)
        compress, decompress = module.compress_executable, module.decompress_executable
    except (AttributeError, ImportError):
        return False

    def sealed(program: bytes) -> bytes:
        data = compress(program)
        return hashlib.sha256(data).digest() + data

    def unsealed(entry: bytes) -> bytes:
        size = hashlib.sha256().digest_size
        if hashlib.sha256(entry[size:]).digest() != entry[:size]:
            _remove(folder, entry)
            raise ValueError("its checksum does not match")  # JAX warns of it, and compiles
        return decompress(entry[size:])

    module.compress_executable, module.decompress_executable = sealed, unsealed
    return True


def _remove(folder: Path, entry: bytes) -> None:
    """Remove an entry by what it holds: JAX would never write over it."""
    for path in folder.glob(f"*{_PROGRAM}"):
        with contextlib.suppress(OSError):
            if path.stat().st_size == len(entry) and path.read_bytes() == entry:
                path.unlink()


def _tell_jax(folder: Path) -> None:
    warnings.filterwarnings("ignore", _UNHEARD, UserWarning)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    if _settings.jax_persistent_cache_min_compile_time_secs == _DEFAULT_SECONDS:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", LEAST_SECONDS)
