"""What runs on a worker of Ray.

The class is made inside a function, so that it travels by value: a worker does not import this
package, and with it jax, before it knows which cores and which device are its own.
"""

from typing import Any, no_type_check


def worker_class() -> type:
    """The class of the actors."""

    @no_type_check  # a checker's wrappers do not travel by value
    class Worker:
        def __init__(self) -> None:
            self._sent: dict[int, list[Any]] = {}
            self._works: dict[int, Any] = {}

        def where(self) -> str:
            """The node."""
            import ray

            return ray.get_runtime_context().get_node_id()

        def begin(
            self,
            slot: int,
            cpus: int,
            platform: str,
            settings: dict[str, Any],
            environment: dict[str, str],
        ) -> int:
            """Take cores and device, and only then import jax. The process's number.

            Args:
                slot: its number among the workers of its node: which cores are its own.
                cpus: how many cores.
                platform: the device that jax must find: cpu or cuda.
                settings: of jax, those that change results, as they are in the driver.
                environment: variables that do.
            """
            import os
            import sys

            if "jax" in sys.modules:
                raise RuntimeError("jax was imported before the worker had its cores and device")
            if hasattr(os, "sched_setaffinity"):
                cores = sorted(os.sched_getaffinity(0))
                first = slot * cpus
                own = {cores[(first + n) % len(cores)] for n in range(cpus)}
                os.sched_setaffinity(0, own)
            os.environ.update(environment)
            os.environ["JAX_PLATFORMS"] = platform
            os.environ["OMP_NUM_THREADS"] = str(cpus)
            import jax

            for name, value in settings.items():
                jax.config.update(name, value)
            found = jax.devices()
            expected = "gpu" if platform == "cuda" else platform
            if found[0].platform != expected or len(found) != 1:
                raise RuntimeError(f"it was promised one device {expected}, but has {found}")
            return os.getpid()

        def prepare(self, number: int, work: list[Any]) -> None:
            """Keep the reference of work; what is wrong with it, the first job of it will tell."""
            self._sent[number] = work

        def forget(self, number: int) -> None:
            """Let go of work that nobody will ask for."""
            self._works.pop(number, None)
            self._sent.pop(number, None)

        def run(self, number: int, arguments: Any) -> Any:
            """Do a job."""
            import jax

            if number not in self._works:
                self._works[number] = self._unpacked(number)
            return jax.device_get(self._works[number](*arguments))

        def _unpacked(self, number: int) -> Any:
            """Work whose arrays are on the device."""
            import pickle

            import jax
            import numpy as np
            import ray

            def placed(leaf: Any) -> Any:
                return jax.device_put(leaf) if isinstance(leaf, np.ndarray) else leaf

            data, buffers = ray.get(self._sent[number][0])
            work = pickle.loads(data, buffers=buffers)  # noqa: S301  it came over Ray's protocol
            return jax.tree.map(placed, work)

    return Worker
