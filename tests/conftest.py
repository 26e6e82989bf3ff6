"""All tests run in float64 and without silent promotions, as do the processes that they start."""

import os

# Before jax is imported by any of them, and by way of the environment, so that importing this costs nothing.
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
