"""A file longer than 400 formatted lines has a seam; what is left over only shrinks."""

from pathlib import Path

import condensery

MOST = 400


def too_long(folder: Path) -> list[str]:
    names = []
    for path in folder.rglob("*.py"):
        lines = path.read_text("utf-8").splitlines()
        if len(lines) > MOST:
            name = path.relative_to(folder)
            names.append(name.as_posix())
    return sorted(names)


def test_no_file_is_too_long():
    package = Path(condensery.__file__).parent
    assert too_long(package) == []


def test_a_long_file_is_found(tmp_path):
    (tmp_path / "long.py").write_text("x = 1\n" * (MOST + 1), encoding="utf-8")
    (tmp_path / "short.py").write_text("x = 1\n" * MOST, encoding="utf-8")
    assert too_long(tmp_path) == ["long.py"]
