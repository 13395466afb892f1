"""All tests compute in float64, unless one asks for the fixture `float32`."""

import gc
import os
from collections.abc import Iterator

# Compiling takes the tests longer than running: programs are small and run once.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0"

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


@pytest.fixture
def own_tasks_forgotten():
    """Tasks that a test adds have no names after it."""
    from blurax.tasks import TASKS

    before = dict(TASKS)
    yield
    TASKS.clear()
    TASKS.update(before)


@pytest.fixture
def own_terms_forgotten():
    """Terms that a test adds have no names after it."""
    from blurax.terms import TERMS

    before = dict(TERMS)
    yield
    TERMS.clear()
    TERMS.update(before)


@pytest.fixture
def own_baselines_forgotten():
    """Nor have baselines."""
    from blurax.baselines import BASELINES

    before = dict(BASELINES)
    yield
    BASELINES.clear()
    BASELINES.update(before)
