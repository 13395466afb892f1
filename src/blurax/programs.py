"""Room for compiled programs, of which a process can hold so many only.

XLA maps the code of each kernel by itself. Linux allows a process 65,530 maps (`vm.max_map_count`);
beyond them XLA finds no memory, and the process dies of a signal. A comparison of some 150 cells
compiles that much, and needs hardly any of it a second time.
"""

import time
from pathlib import Path

import jax

_MAPS = Path("/proc/self/maps")
_MOST = Path("/proc/sys/vm/max_map_count")
SHARE = 0.75
"""Of the maps allowed: beyond it programs are forgotten."""
EVERY = 5.0
"""Seconds between two looks, each of which takes up to a tenth of one."""

_looked = -EVERY


def make_room() -> bool:
    """Forget all compiled programs if they take most of the maps there are; say whether it was so.

    What is needed again is compiled again. Where nobody counts maps nothing happens.
    """
    global _looked
    now = time.monotonic()
    if now - _looked < EVERY:
        return False
    _looked = now
    try:
        full = _MAPS.read_bytes().count(b"\n") > SHARE * int(_MOST.read_bytes())
    except (OSError, ValueError):
        return False
    if full:
        jax.clear_caches()
    return full
