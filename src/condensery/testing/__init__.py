"""Contract tests for authors of stores, runners and experiments; the built-in ones pass
the same.

Subclass a contract in a test module and override its fixture; pytest collects the tests
that it inherits::

    from condensery.testing import ExperimentContract


    class TestMyExperiment(ExperimentContract):
        @pytest.fixture
        def experiment(self):
            return MyExperiment()

        @pytest.fixture
        def overrides(self):
            return {"widths": [20, 40], "seeds": 1}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from condensery.testing._experiment import ExperimentContract
    from condensery.testing._runner import RunnerContract
    from condensery.testing._store import StoreContract

__all__ = ["ExperimentContract", "RunnerContract", "StoreContract"]


def __getattr__(name: str) -> object:
    # Lazy, because worker processes import this package for `_tasks` and need no pytest
    # for that.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib
    import sys

    from condensery._errors import MissingExtraError

    try:
        import pytest
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "pytest", extra="testing", purpose="condensery.testing"
        ) from error
    home = f"{__name__}._{name.removesuffix('Contract').lower()}"
    if home not in sys.modules:
        pytest.register_assert_rewrite(
            home
        )  # so that a failed assertion shows its values
    return getattr(importlib.import_module(home), name)
