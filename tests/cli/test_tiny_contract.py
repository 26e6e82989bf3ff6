"""The experiment that the other tests rely on is a proper one."""

from __future__ import annotations

import pytest

from condensery._reference import load
from condensery.testing import ExperimentContract


class TestTiny(ExperimentContract):
    @pytest.fixture
    def experiment(self, tiny):
        return load(tiny)()
