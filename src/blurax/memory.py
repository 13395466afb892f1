"""How much memory there is, and a sentence where something would take more."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import jax

from blurax.errors import BluraxError, require

_MEMINFO = Path("/proc/meminfo")
_GROUPS = Path("/proc/self/cgroup")
_CONTROL = Path("/sys/fs/cgroup")


def require_memory(needed: int | float, what: str, remedy: str, *, host: bool = False) -> None:
    """Refuse what would not fit, before anything is written or allocated.

    Args:
        needed: an estimate in bytes.
        what: takes it: the beginning of the message.
        remedy: what would take less: its end.
        host: whether it takes the memory of this machine even where JAX has an accelerator.

    Raises:
        BluraxError: where more is needed than there is, naming both.
    """
    free = on_host() if host else available()
    require(
        needed <= free,
        f"{what} would take about {size(needed)} of memory, and there are {size(free)}; {remedy}.",
    )


@contextlib.contextmanager
def exhaustion_told() -> Iterator[None]:
    """What runs out of memory in spite of all estimates says so in a sentence.

    Raises:
        BluraxError: in the place of JAX's error, or Python's.
    """
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise BluraxError(
            f"Memory ran out, of which {size(available())} are left; take fewer things side by "
            "side (a population, seeds), smaller batches, or smaller layers."
        ) from error


def available() -> float:
    """Bytes of memory that can be had where JAX computes; infinite where nobody tells."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        return float(stats.get("bytes_limit", float("inf"))) - stats.get("bytes_in_use", 0)
    return on_host()


def on_host() -> float:
    """Bytes of memory that this process can have of its machine."""
    return min(_of_the_machine(), _of_the_group())


def size(count: int | float) -> str:
    """A number of bytes for a reader: 3.2 GiB, say."""
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        count /= 1024
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count:,.0f} TiB" if count < 1e9 else f"{count:.0e} TiB"


def _of_the_machine() -> float:
    """What Linux could give without swapping; elsewhere all there is."""
    if _MEMINFO.exists():
        for line in _MEMINFO.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * int(line.split()[1])
    names = "SC_PHYS_PAGES", "SC_PAGE_SIZE"
    if not all(name in getattr(os, "sysconf_names", {}) for name in names):
        return float("inf")
    return float(os.sysconf(names[0])) * os.sysconf(names[1])


def _of_the_group() -> float:
    """What a container, or a job of a cluster, may still take (cgroups 1 and 2)."""
    if not _GROUPS.exists():
        return float("inf")
    left = float("inf")
    for line in _GROUPS.read_text("utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        names = ("memory.max", "memory.current")
        if controllers:
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        # In a container its own group may be mounted as the root of all.
        for folder in (_CONTROL / controllers, _CONTROL / controllers / path.lstrip("/")):
            left = min(left, _left(folder, *names))
    return left


def _left(folder: Path, limit: str, usage: str) -> float:
    """The bytes left in a group; pages of files count as free, for they can be dropped."""
    try:
        most, used = (folder / limit).read_text("ascii"), (folder / usage).read_text("ascii")
        lines = (folder / "memory.stat").read_text("ascii").splitlines()
    except OSError:  # there is no such group, or it has no limits
        return float("inf")
    if most.strip() == "max":
        return float("inf")
    counts = dict(line.split(maxsplit=1) for line in lines)
    files = counts.get("total_inactive_file", counts.get("inactive_file", "0"))
    return float(most) - float(used) + float(files)
