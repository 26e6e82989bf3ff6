import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path):
    """A folder in memory where there is one: what these tests do thousands of times is
    wait for a disk.
    """
    memory = Path("/dev/shm")  # ruff: ignore[hardcoded-temp-file]
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="condensery-test-") as path:
        yield Path(path)


@pytest.fixture
def root(folder):
    return folder / "runs"
