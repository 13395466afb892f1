"""The engine on Ray: a cluster of one's own, on this machine, or one that is there already."""

import contextlib
import itertools
import os
import signal
import threading
import warnings
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import ray

from blurax.engine.dispatch import Dispatcher
from blurax.engine.options import LOOPBACK, RayOptions
from blurax.engine.protocol import Done, Evaluate, Job, NoWorkersError, Work, silent
from blurax.engine.ray_code import packed
from blurax.engine.ray_folder import ClusterFolder, keep_token_private
from blurax.engine.ray_pool import RayPool
from blurax.errors import require

SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
)
"""What workers take over from the driver, for it changes results."""
CACHE = (
    "jax_compilation_cache_dir",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)
"""What workers on this machine take over too: what one has compiled, the next one need not."""
ENVIRONMENT = ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR")
"""Variables that they take over, where the driver has them."""
STARTS = 3
"""Tries to start a cluster: Ray gives its daemons 30 s, too few on a busy machine."""
STORE = 512 * 2**20
"""Bytes of the object store of a cluster of one's own: tasks pass through it, and job results."""


class RayEngine:
    """Maps work over Ray actors. The driver itself computes on the CPU only."""

    def __init__(self, options: RayOptions) -> None:
        jax.config.update("jax_platforms", "cpu")
        self.folder = ClusterFolder() if options.address is None else None
        with contextlib.ExitStack() as undo:
            undo.callback(self._end_cluster)
            with _sigterm_kept():
                _connect(options, self.folder)
            if self.folder is not None:  # the token of another cluster is not ours to change
                keep_token_private()
            _check_on_cpu()
            kept = SETTINGS if options.address is not None else SETTINGS + CACHE
            settings = {name: getattr(jax.config, name) for name in kept}
            environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
            shape = (options.workers, options.cpus, options.gpus)
            self.pool = RayPool(*shape, settings, environment)
            undo.pop_all()
        self.dispatcher = Dispatcher(self.pool, options.faults)
        self._numbers = itertools.count()

    def prepare(self, work: Work) -> Evaluate:
        """Send work to all workers, once; it is forgotten when nobody holds what this returns."""
        number = next(self._numbers)
        self.pool.prepare(number, packed(jax.device_get(work)))

        def evaluate(jobs: Sequence[Job], done: Done | None = None, /) -> list[Any]:
            sent = [Job(j.id, jax.device_get(j.arguments)) for j in jobs]
            return self.dispatcher(number, sent, done or silent)

        weakref.finalize(evaluate, _forget, weakref.ref(self.pool), number).atexit = False
        return evaluate

    def close(self) -> None:
        """End the workers; and the cluster with its folder, if it was started for this engine."""
        self.pool.close()
        self._end_cluster()

    def _end_cluster(self) -> None:
        ray.shutdown()
        if self.folder is not None:
            self.folder.remove()


def _forget(pool: weakref.ref[RayPool], number: int) -> None:
    there = pool()
    if there is not None and ray.is_initialized():
        there.forget(number)


@contextlib.contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Keep what SIGTERM does: Ray would print its stack in place of stopping the run."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if callable(before) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


def _check_on_cpu() -> None:
    """The driver's arithmetic must not take a GPU from a worker of this machine."""
    require(
        jax.default_backend() == "cpu",
        f"The engine ray needs a driver on the CPU, but jax already runs on "
        f"{jax.default_backend()} in this process; set JAX_PLATFORMS=cpu.",
    )


def _connect(options: RayOptions, folder: ClusterFolder | None) -> None:
    """Join the cluster, or start one on this machine whose files are in the folder."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if folder is None:
        try:
            ray.init(address=options.address, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            first = str(error).strip().splitlines()[0]
            raise NoWorkersError(f"No Ray cluster answers at {options.address}: {first}") from error
        return
    workers = options.workers or 1
    room: dict[str, Any] = {"num_cpus": workers * options.cpus} if options.workers else {}
    if options.workers and options.gpus:
        room["num_gpus"] = workers * options.gpus
    for left in reversed(range(STARTS)):
        try:
            _start(options.host, folder, **room, **quiet)
            break
        except Exception as error:  # Ray raises nothing more precise
            ray.shutdown()
            if not left:
                first = str(error).strip().splitlines()[0]
                raise NoWorkersError(f"Ray cannot start on this machine: {first}") from error
    found = ray.nodes()[0]["NodeManagerAddress"]
    if options.host == LOOPBACK and found != LOOPBACK:
        ray.shutdown()
        raise NoWorkersError(
            f"Ray listens on {found} instead of {LOOPBACK}, for it was imported before the engine "
            f"was opened; import it later, or set RayOptions.host to {found} if that is meant."
        )


def _start(host: str, folder: ClusterFolder, **options: Any) -> None:
    """Start a cluster that listens on this host's address."""
    with folder.used() as inside, warnings.catch_warnings():
        # Ray's own daemons: what is forked becomes another program at once.
        warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
        ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=STORE,
            _node_ip_address=host,
            _temp_dir=inside,
            **options,
        )
