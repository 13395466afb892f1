"""All tests compute in float64, unless one asks for the fixture `float32`."""

import gc
import os
from collections.abc import Iterator

# Compiling takes the tests longer than running: programs are small and run once. Fusion emitters
# and modules split for parallel compiling take more than twice the time for each small program.
os.environ["XLA_FLAGS"] = f"""{os.environ.get("XLA_FLAGS", "")}
    --xla_backend_optimization_level=0
    --xla_llvm_disable_expensive_passes=true
    --xla_cpu_use_fusion_emitters=false
    --xla_cpu_parallel_codegen_split_count=1"""
# What tests compile is no business of the cache of whoever runs them.
os.environ["BLURAX_COMPILE_CACHE"] = "off"

import jax
import jaxtyping
import pytest

jax.config.update("jax_enable_x64", True)


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """Forget the programs of each module: thousands of them exhaust a process's memory maps."""
    yield
    jax.clear_caches()
    gc.collect()


@pytest.fixture
def float32() -> Iterator[None]:
    """Run one test in float32, as a user who switched nothing on would."""
    jax.config.update("jax_enable_x64", False)
    yield
    jax.config.update("jax_enable_x64", True)


@pytest.fixture
def unchecked():
    """As for a user: without the type checker of the tests, which would speak first."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def _as_before(table: dict) -> Iterator[None]:
    """Names that a test adds to a table are gone after it."""
    before = dict(table)
    yield
    table.clear()
    table.update(before)


@pytest.fixture
def own_tasks_forgotten():
    from blurax.tasks import TASKS

    yield from _as_before(TASKS)


@pytest.fixture
def own_terms_forgotten():
    from blurax.terms import TERMS

    yield from _as_before(TERMS)


@pytest.fixture
def own_baselines_forgotten():
    from blurax.baselines import BASELINES

    yield from _as_before(BASELINES)
