from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ("counts", "renew", "pages")


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def docs_modules():
    """The scripts beside the documentation's pages, imported as the site's
    configuration imports them.
    """
    folder = str(ROOT / "docs")
    sys.path.insert(0, folder)
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(folder)
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture
def renew(docs_modules):
    return docs_modules["renew"]


@pytest.fixture
def pages(docs_modules):
    return docs_modules["pages"]


@pytest.fixture
def counts(docs_modules):
    return docs_modules["counts"]
