import os

import pytest

from condensery._errors import InvalidInputError
from condensery._reference import load


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    path = tmp_path / "mine.py"
    path.write_text(
        "from dataclasses import dataclass\n@dataclass\nclass Mine:\n    x: int = "
        "1\n    def twice(self): ...\n"
    )
    return path


def test_modules_and_names():
    assert load("os.path:join") is os.path.join
    assert load("collections:OrderedDict.fromkeys")("a") == {"a": None}


def test_a_file_is_loaded_once(file, monkeypatch):
    mine = load(f"{file}:Mine")
    assert mine().x == 1
    assert load(f"{file}:Mine") is mine
    monkeypatch.chdir(file.parent)
    assert load("mine.py:Mine") is mine
    assert load("./mine.py:Mine.twice") is mine.twice


def test_an_edited_file_is_loaded_again(file, monkeypatch):
    """Also if the edit changes neither the size nor, to the second, the time: no stale
    bytecode.
    """
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    first = load(f"{file}:Mine")
    time = file.stat().st_mtime
    file.write_text(file.read_text().replace("= 1", "= 2"))
    os.utime(file, (time, time))
    second = load(f"{file}:Mine")
    assert (first().x, second().x) == (1, 2)
    assert not (file.parent / "__pycache__").exists()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "no_colon",
            "reference: given no_colon; allowed: package.module:name or "
            "path/to/file.py:name",
        ),
        (":name", "reference: given :name"),
        ("os:", "reference: given os:"),
        ("os:not a name", "reference: given"),
        (
            "no_such_package.module:name",
            "module: given no_such_package.module;.*install it",
        ),
        ("os.no_such_module:name", "module: given os.no_such_module"),
        ("os.path:joim", "given joim;.*did you mean join"),
        (
            "nowhere/at_all.py:name",
            "file: given nowhere/at_all.py; allowed: a Python file that exists",
        ),
        ("some/file.txt:name", "file: given some/file.txt"),
    ],
)
def test_messages(reference, message):
    with pytest.raises(InvalidInputError, match=message):
        load(reference)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import no_such_package",
            "ModuleNotFoundError: No module named 'no_such_package' .mine.py, line 1",
        ),
        ("x = 1\ny = 1 / 0", "ZeroDivisionError: division by zero .mine.py, line 2"),
        ("x = 1\ndef f(:", "SyntaxError: .* .mine.py, line 2"),
    ],
)
def test_a_file_that_fails(file, text, message):
    file.write_text(text)
    for _ in range(2):
        with pytest.raises(InvalidInputError, match=message) as caught:
            load(f"{file}:Mine")
        assert "\n" not in str(caught.value)


def test_a_missing_import_inside_a_package_is_not_taken_for_a_missing_package(
    file, monkeypatch
):
    monkeypatch.syspath_prepend(str(file.parent))
    (file.parent / "broken_inside.py").write_text("import no_such_package\n")
    with pytest.raises(
        InvalidInputError,
        match="fix: ModuleNotFoundError: No module named 'no_such_package'",
    ):
        load("broken_inside:name")
