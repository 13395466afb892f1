"""The options of an engine on Ray; nothing of Ray is imported here."""

import dataclasses
import importlib.util
import os

from blurax.bounds import check_counts
from blurax.engine.dispatch import Patience
from blurax.engine.protocol import Evaluator
from blurax.errors import require
from blurax.frozen import check_types

LOOPBACK = "127.0.0.1"


@dataclasses.dataclass(frozen=True)
class RayOptions:
    """Workers on Ray. None of this changes a result.

    Raises:
        BluraxError: for a value out of range.
    """

    address: str | None = None
    """Of a cluster to join, such as 10.0.0.1:6379 or auto; one of this machine if None."""
    workers: int | None = None
    """How many; as many as the cluster has room for if None, those that join later included."""
    cpus: int = 1
    """Cores of each worker; it runs on no others."""
    gpus: int = 0
    """GPUs of each worker: 0 or 1."""
    host: str = LOOPBACK
    """Where a cluster of this machine listens. Whoever reaches its ports and has its token, if it
    asks for one, can run what he likes."""
    faults: Patience = dataclasses.field(default_factory=Patience)
    """How long is waited, and how often tried."""

    def __post_init__(self) -> None:
        check_types(self)
        check_counts(self, "workers", "cpus")
        require(self.gpus in (0, 1), f"RayOptions.gpus is {self.gpus}; it takes 0 or 1.")


def check_installed() -> None:
    """Raise `BluraxError` without the extra `ray`."""
    require(
        importlib.util.find_spec("ray") is not None,
        'The engine ray takes the extra ray: pip install "blurax[ray]".',
    )


def open_ray(options: RayOptions | None = None) -> Evaluator:
    """Start a cluster on this machine or join one; `close` ends it.

    Raises:
        BluraxError: without the extra `ray`, or if no cluster answers.
    """
    check_installed()
    options = options or RayOptions()
    if options.address is None and options.host == LOOPBACK:
        # Read when Ray is imported: without it Ray replaces 127.0.0.1 by the machine's address.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from blurax.engine.ray_engine import RayEngine  # not above: only who asks for Ray pays for it

    return RayEngine(options)
