"""All tests compute in float64, unless one asks for the fixture `float32`."""

from collections.abc import Iterator

import jax
import pytest

jax.config.update("jax_enable_x64", True)


@pytest.fixture
def float32() -> Iterator[None]:
    """Run one test in float32, as a user who switched nothing on would."""
    jax.config.update("jax_enable_x64", False)
    yield
    jax.config.update("jax_enable_x64", True)
