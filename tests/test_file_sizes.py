"""No file of the package is longer than 400 lines: what is has a seam."""

from pathlib import Path

import condensery

MOST = 400


def too_long(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.py") if len(path.read_text(encoding="utf-8").splitlines()) > MOST]


def test_no_file_is_too_long(tmp_path):
    assert too_long(Path(condensery.__file__).parent) == []
    (tmp_path / "long.py").write_text("x = 1\n" * (MOST + 1), encoding="utf-8")
    (tmp_path / "short.py").write_text("x = 1\n" * MOST, encoding="utf-8")
    assert too_long(tmp_path) == ["long.py"]
