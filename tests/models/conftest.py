"""Models are tested in float64 and without silent promotions."""

import jax
import pytest

jax.config.update("jax_enable_x64", val=True)


@pytest.fixture(autouse=True)
def strict_promotion():
    with jax.numpy_dtype_promotion("strict"):
        yield
