import pytest

from condensery.runners import LocalRunner
from condensery.testing import RunnerContract


class TestLocalRunner(RunnerContract):
    @pytest.fixture
    def make_runner(self):
        return lambda workers: LocalRunner(workers=workers)
