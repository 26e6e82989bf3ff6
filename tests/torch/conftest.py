"""The tests of this folder need torch; without the extra they are left out."""

from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]


@pytest.fixture(autouse=True)
def _one_seed():
    import torch

    torch.manual_seed(0)
