"""Two devices of one process compute what one does, to the bit, and each has a part of it."""

import json
import os
import subprocess
import sys

CODE = """
import hashlib, json
import jax, numpy as np
from blurax.outer.config import MetaTrain
from blurax.outer.jobs import Losses, EstimateJobs
from blurax.tasks import EpisodeSpec

used = set()
for work in (Losses, EstimateJobs):
    def noted(self, *arguments, call=work.__call__):
        results = call(self, *arguments)
        used.update(d.id for leaf in jax.tree.leaves(results) for d in leaf.devices())
        return results
    work.__call__ = noted

def digest(tree):
    leaves = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree))
    return hashlib.sha256(leaves).hexdigest()

def run(**fields):
    config = MetaTrain(hidden=("5",), episode=EpisodeSpec(3, 8, 8), meta_steps=2, **fields)
    trainer = config.trainer()
    state, seen = trainer.init(jax.random.key(0)), []
    for n in range(2):
        state, info = trainer.step(state, jax.random.key(n + 1))
        seen.append(digest((state, info)))
    return seen

found = {
    "es": run(population=4, job_size=2, method="es"),
    "gradient": run(population=4, job_size=2),
    "an odd number of jobs": run(population=3, job_size=1),
    "cma": run(population=8, job_size=2, method="cma-es"),
    "cma, one job": run(population=8, method="cma-es"),
}
print(json.dumps([sorted(used), found]))
"""


def found(count):
    flags = f"--xla_force_host_platform_device_count={count}"
    settings = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, env=settings, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_find_what_one_finds():
    (one, expected), (two, got) = found(1), found(2)
    assert (one, two) == ([0], [0, 1])
    assert got == expected
