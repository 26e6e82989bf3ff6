"""One thought a line: tokens per code line of every file, and no skipped formatting."""

from __future__ import annotations

import io
import statistics
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST, MEDIAN = 9.0, 8.0
FEWEST = 10
"""A file of fewer code lines is not judged: an ``__init__`` is imports alone."""
STILL_DENSE: set[str] = set()
"""Files to be thinned: one leaves the list, none joins it."""
SKIPPED_FORMATTING: dict[str, str] = {}
"""Files with a skip of the formatter, and why; ten at most."""

SPACE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}
BEFORE_A_STATEMENT = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def density(text: str, *, fewest: int = 0) -> float:
    """Tokens per line that holds a token; docstrings and comments are not code.

    Zero where there are fewer than `fewest` such lines.
    """
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    count = 0
    lines: set[int] = set()
    begins = True
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        if token.type in SPACE:
            begins = begins or token.type in BEFORE_A_STATEMENT
            continue
        ends = following.type == tokenize.NEWLINE
        if begins and token.type == tokenize.STRING and ends:
            continue
        begins = False
        count += 1
        lines.update(range(token.start[0], token.end[0] + 1))
    return count / len(lines) if len(lines) > fewest else 0.0


def files() -> list[Path]:
    folders = (ROOT / "src", ROOT / "tests")
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def densities() -> dict[str, float]:
    return {
        name(path): density(path.read_text("utf-8"), fewest=FEWEST) for path in files()
    }


def too_dense(measured: dict[str, float]) -> list[str]:
    return sorted(path for path, value in measured.items() if value > MOST)


def test_no_file_is_packed():
    measured = densities()
    assert set(too_dense(measured)) <= STILL_DENSE
    values = [density(path.read_text("utf-8")) for path in files()]
    assert statistics.median(filter(None, values)) <= MEDIAN


PACKED = "a = [f(x, y) for x, y in zip(xs, ys)]; b = {k: v for k, v in a if k and v}\n"


def test_a_packed_file_is_found():
    assert too_dense({"packed.py": density(PACKED)}) == ["packed.py"]
    thin = "total = 0\nfor number in numbers:\n    total += number\n"
    assert too_dense({"thin.py": density(thin)}) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0.0),
        ('"""A docstring\nof two lines."""\n', 0.0),
        ("# a comment\nx = 1\n", 3.0),
        ("x = (\n    1,\n)\n", 2.0),
        ('def f():\n    """Text."""\n    return 1\n', 3.5),
    ],
)
def test_only_code_counts(text, value):
    assert density(text) == pytest.approx(value)


def test_formatting_is_skipped_for_reasons_alone():
    skip = "fmt: " + "skip"
    skipping = {name(path) for path in files() if skip in path.read_text("utf-8")}
    assert skipping == set(SKIPPED_FORMATTING)
    assert len(SKIPPED_FORMATTING) <= 10
