"""The map of the house for contributors, drawn from the import contracts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from html import escape
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDTH, FLOOR, GAP = 880, 46, 8
"""Sizes of the drawing in pixels."""


def floors(project: Path = ROOT / "pyproject.toml") -> list[list[str]]:
    """The rooms of every floor, the top one first, as the layers contract has them."""
    settings = tomllib.loads(project.read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["id"] == "layers")
    return [
        [room.strip(" ()") for room in floor.split("|")] for floor in layers["layers"]
    ]


def owners(project: Path = ROOT / "pyproject.toml") -> dict[str, list[str]]:
    """Framework to the rooms that may import it."""
    settings = tomllib.loads(project.read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    owning = [c for c in contracts if c["id"].startswith("owner-")]
    return {
        framework: [room.removeprefix("condensery.") for room in c["allowed_importers"]]
        for c in owning
        for framework in c["protected_modules"]
    }


def drawing() -> str:
    """The floors as an SVG picture; imports point down."""
    listed = floors()
    height = len(listed) * (FLOOR + GAP) + GAP
    boxes = [box for level, rooms in enumerate(listed) for box in _row(level, rooms)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="15" role="img" '
        'aria-label="packages of condensery by floor">'
        f"{''.join(boxes)}</svg>\n"
    )


def _row(level: int, rooms: list[str]) -> Iterator[str]:
    width = (WIDTH - GAP) / len(rooms) - GAP
    top = GAP + level * (FLOOR + GAP)
    for number, room in enumerate(rooms):
        left = GAP + number * (width + GAP)
        middle = left + width / 2
        yield (
            f'<rect x="{left:.0f}" y="{top}" width="{width:.0f}" height="{FLOOR}" '
            'rx="5" fill="#eef4f8" stroke="#0072B2"/>'
            f'<text x="{middle:.0f}" y="{top + 28}" text-anchor="middle" '
            f'fill="#1a1a1a">{escape(room)}</text>'
        )


def table() -> str:
    """One line per room: what it is, and which framework it owns."""
    frameworks: dict[str, list[str]] = {}
    for framework, rooms in owners().items():
        for room in rooms:
            frameworks.setdefault(room, []).append(framework)
    lines = ["| package | what it does | imports |", "|---|---|---|"]
    for rooms in floors():
        for room in rooms:
            lines.append(
                f"| `{room}` | {_summary(room)} | {_listed(frameworks, room)} |"
            )
    return "\n".join(lines) + "\n"


def _listed(frameworks: dict[str, list[str]], room: str) -> str:
    return ", ".join(frameworks.get(room, []))


def _summary(room: str) -> str:
    """The first paragraph of the package's docstring."""
    if room == "__main__":
        return "`python -m condensery`."
    try:
        text = import_module(f"condensery.{room}").__doc__ or ""
    except ModuleNotFoundError:
        return "Not there yet."
    paragraph = text.strip().partition("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|")


def write(folder: Path) -> None:
    """Write the drawing and the table below `folder`.

    Args:
        folder: Where generated pages go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "house.svg").write_text(drawing(), encoding="utf-8")
    (folder / "house-table.md").write_text(table(), encoding="utf-8")
