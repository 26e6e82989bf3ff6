"""Which packages of extras a run needs: looked up before anything is written."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from pathlib import Path

from condensery._errors import EXTRAS
from condensery._lazy import require
from condensery.protocols import Experiment
from condensery.workbench._judging import source_files

DRAWING = "matplotlib"
_OWNERS = {
    "condensery.engine": "jax",
    "condensery.landscape": "jax",
    "condensery.models": "jax",
    "condensery.torch": "torch",
}
"""Packages of ours that import a framework, and which."""

_PARSING = threading.Lock()
"""Runs begin in threads, and Python 3.11 counts the depth of its trees over them all
("AST constructor recursion depth mismatch").
"""


def require_extras(experiment: Experiment) -> None:
    """Refuse a run whose tasks or figures need what is not installed.

    Raises:
        MissingExtraError: If an extra is missing.
    """
    packages = {DRAWING, *packages_of(experiment)}
    require(*sorted(packages), purpose=f"experiment {experiment.name}")


def require_drawing(purpose: str) -> None:
    """Refuse what ends with a figure where none can be drawn.

    Raises:
        MissingExtraError: If the extra ``plots`` is missing.
    """
    require(DRAWING, purpose=purpose)


def packages_of(experiment: Experiment) -> set[str]:
    """Packages of extras that the modules of an experiment import, also where they do
    so inside a function.
    """
    packages: set[str] = set()
    for _, file in source_files(experiment):
        packages.update(_packages(file))
    return packages


def _packages(file: Path) -> Iterator[str]:
    content = file.read_bytes()
    with _PARSING:
        tree = ast.parse(content)
    for node in ast.walk(tree):
        for name in _imported(node):
            top, _, rest = name.partition(".")
            owner = f"{top}.{rest.partition('.')[0]}"
            if top in EXTRAS:
                yield top
            elif owner in _OWNERS:
                yield _OWNERS[owner]


def _imported(node: ast.AST) -> list[str]:
    """Full names of the modules of an import."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [f"{module}.{alias.name}" for alias in names]
        case _:
            return []
