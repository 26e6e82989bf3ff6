"""The modules of `condensery.metrics` and `condensery.theory` that claims stand on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import condensery

_ROOT = Path(condensery.__file__).parent
_PACKAGES = ("condensery.metrics", "condensery.theory")


def measures_used(files: Iterable[Path]) -> dict[str, Path]:
    """Modules of metrics and theory that files import, and what these import in turn.

    The text is read and nothing is imported. A name is followed through the front door
    to the module that defines it.

    Args:
        files: Python files.

    Returns:
        The files of the modules, by the modules' names, sorted.
    """
    used: dict[str, Path] = {}
    waiting = list(files)
    while waiting:
        for module in _imported(waiting.pop()):
            if module not in used:
                used[module] = _file(module)
                waiting.append(used[module])
    return dict(sorted(used.items()))


def _imported(file: Path) -> Iterator[str]:
    """Modules of metrics and theory that one file imports."""
    for package, name in _imports(file):
        if package in _PACKAGES:
            exports = _exports(package)
            if name in exports:
                yield exports[name]
        elif package.startswith(_PACKAGES):
            yield package


def _imports(file: Path) -> Iterator[tuple[str, str]]:
    """Every ``from module import name`` of a file, within functions as well."""
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, alias.name


@cache
def _exports(package: str) -> dict[str, str]:
    """Name of what a package exports to the module that defines it."""
    door = _file(package)
    return {name: module for module, name in _imports(door)}


def _file(module: str) -> Path:
    _, *names = module.split(".")
    path = _ROOT.joinpath(*names)
    if path.is_dir():
        return path / "__init__.py"
    return path.with_suffix(".py")
