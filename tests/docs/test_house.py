"""The map of the house is drawn from the contracts that hold."""

import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def house(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import house

    yield house
    sys.modules.pop("house", None)


CONTRACTS = """
[tool.importlinter]
[[tool.importlinter.contracts]]
id = "layers"
layers = ["roof | (tower)", "cellar"]
[[tool.importlinter.contracts]]
id = "owner-coal"
protected_modules = ["coal"]
allowed_importers = ["condensery.cellar"]
"""


def test_floors_and_owners_come_from_the_contracts(house, tmp_path):
    project = tmp_path / "pyproject.toml"
    project.write_text(CONTRACTS, encoding="utf-8")
    assert house.floors(project) == [["roof", "tower"], ["cellar"]]
    assert house.owners(project) == {"coal": ["cellar"]}


def test_every_package_stands_in_the_picture_with_what_it_does(house):
    rooms = {room for floor in house.floors() for room in floor}
    packages = {
        path.parent.name
        for path in (DOCS.parent / "src" / "condensery").glob("*/__init__.py")
    }
    assert packages <= rooms
    picture, table = house.drawing(), house.table()
    for package in packages:
        assert f">{package}</text>" in picture
        assert f"| `{package}` |" in table
    assert "| `engine` |" in table
    assert "jax" in next(
        line for line in table.splitlines() if line.startswith("| `engine`")
    )
