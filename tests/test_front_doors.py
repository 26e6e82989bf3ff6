"""Private modules are used through their package, and a planted import is seen."""

import tomllib
from pathlib import Path

import grimp
import pytest
from importlinter.contracts.protected import ProtectedContract

import condensery

ROOT = Path(condensery.__file__).parent
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
OPEN = {"plots"}
"""Packages whose modules are addressed by name, one by one: the figures."""
INTRUDER = "condensery.workbench._run"
"""Imports what others keep private, in the tests."""


def contracts():
    settings = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]
    return {
        contract["id"]: contract
        for contract in settings["contracts"]
        if contract["id"].startswith("front-doors")
    }


DOORS = contracts()


def is_kept(contract, graph):
    options = {
        "protected_modules": contract["protected_modules"],
        "allowed_importers": contract["allowed_importers"],
    }
    checker = ProtectedContract(
        name=contract["name"],
        session_options={"root_packages": ["condensery"]},
        contract_options=options,
    )
    return checker.check(graph=graph, verbose=False).kept


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("condensery", cache_dir=None)


def private_modules(contract, graph):
    for pattern in contract["protected_modules"]:
        matching = graph.find_matching_modules(pattern)
        yield from (name for name in sorted(matching) if "._" in name)


@pytest.mark.parametrize("name", DOORS)
def test_the_door_is_kept_and_a_planted_import_breaks_it(name, graph):
    contract = DOORS[name]
    assert is_kept(contract, graph)
    outside = "condensery.models._mlp" if "workbench" in name else INTRUDER
    privates = list(private_modules(contract, graph))
    assert privates
    for private in privates:
        graph.add_import(importer=outside, imported=private)
        assert not is_kept(contract, graph)
        graph.remove_import(importer=outside, imported=private)
    assert is_kept(contract, graph)


def test_every_package_with_private_modules_has_a_door():
    packages = {
        path.parent.name for path in ROOT.glob("*/_*.py") if path.name != "__init__.py"
    }
    guarded = {
        pattern.split(".")[1]
        for contract in DOORS.values()
        for pattern in contract["protected_modules"]
    }
    assert packages - OPEN <= guarded
    assert "torch" in guarded


def test_every_private_file_of_plots_is_behind_its_door():
    protected = set(DOORS["front-doors-plots"]["protected_modules"])
    privates = {
        f"condensery.plots.{path.stem}"
        for path in (ROOT / "plots").glob("_*.py")
        if path.name != "__init__.py"
    }
    assert protected == privates
