"""Packages that load their names on use: a type checker, ``__all__`` and the program
see the same names, and a difference is seen.
"""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import condensery
from condensery._errors import EXTRAS, MissingExtraError
from condensery._lazy import load

ROOT = Path(condensery.__file__).parent
SOURCES = {
    ".".join(["condensery", *path.parent.relative_to(ROOT).parts]): path
    for path in sorted(ROOT.rglob("__init__.py"))
    if "_lazy import load" in path.read_text("utf-8")
}


def checked(tree: ast.Module, package: str) -> dict[str, set[str]]:
    """Module to names in the block that only type checkers read."""
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {
        "." if node.module == package else str(node.module): {
            alias.name for alias in node.names
        }
        for node in imports
    }


def loaded(tree: ast.Module) -> dict[str, set[str]]:
    """Module to names in the call of `load`."""
    (call,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"load"}
    ]
    exports = ast.literal_eval(call.args[2])
    return {module: set(names) for module, names in exports.items()}


def test_all_front_doors_that_load_on_use_are_looked_at():
    assert set(SOURCES) >= {"condensery", "condensery.torch", "condensery.plots"}


@pytest.mark.parametrize("package", SOURCES)
def test_a_type_checker_sees_what_the_program_loads(package):
    tree = ast.parse(SOURCES[package].read_text("utf-8"))
    exports = loaded(tree)
    assert exports == checked(tree, package)
    names = set().union(*exports.values())
    assert names == set(import_module(package).__all__)
    assert names <= set(dir(import_module(package)))


def test_a_forgotten_name_is_seen():
    text = """
if TYPE_CHECKING:
    from package import figure
    from package._code import first, second

def __getattr__(name):
    return load(__name__, name, {".": ["figure"], "package._code": ["first"]})
"""
    tree = ast.parse(text)
    assert loaded(tree)["."] == checked(tree, "package")["."]
    assert loaded(tree) != checked(tree, "package")


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(AttributeError, match=r"'json' has no attribute 'jsno'"):
        load("json", "jsno", {"json.decoder": ["JSONDecoder"]})


def test_a_missing_extra_is_named_and_any_other_missing_module_is_not_hidden(
    monkeypatch,
):
    exports = {"no_such_package": ["name"]}
    with pytest.raises(ModuleNotFoundError):
        load("package", "name", exports)
    monkeypatch.setitem(EXTRAS, "no_such_package", "rare")
    with pytest.raises(
        MissingExtraError,
        match=r"package\.name needs no_such_package, .*condensery\[rare\]",
    ):
        load("package", "name", exports)
