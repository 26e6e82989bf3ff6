"""All tests run in float64 and without silent promotions, as do the processes that they
start.
"""

import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
RUN_LONG = (TESTS / "experiments", TESTS / "properties")
"""Folders whose tests run experiments or draw many cases: `make check` leaves them
out.
"""

# Before jax is imported by any of them, and by way of the environment, so that
# importing this costs nothing.
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
# Several pytest processes share the processors: small matrices of NumPy and PyTorch are
# computed faster alone than by threads that wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What tests trust is not what the user trusts.
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="condensery-settings-")

# A shell starts background jobs with SIGINT ignored, and their children inherit that:
# then Ctrl-C could not be tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def compiled_programs_end_with_their_module() -> Iterator[None]:
    """Drop what JAX compiled: programs of all modules together took 4 GB."""
    yield
    jax = sys.modules.get("jax")
    if jax is not None:
        jax.clear_caches()
        gc.collect()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if not set(RUN_LONG).isdisjoint(item.path.parents):
            item.add_marker(pytest.mark.slow)
