import pytest

from condensery.store import open_store
from condensery.testing import StoreContract


class TestLocalStore(StoreContract):
    @pytest.fixture
    def open_it(self, tmp_path):
        return lambda write: open_store(tmp_path / "runs", write=write)
