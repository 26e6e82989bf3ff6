"""Names say what a thing is: words without content are rare in every package."""

from __future__ import annotations

import io
import keyword
import tokenize
from itertools import pairwise
from pathlib import Path

import pytest

import condensery

PACKAGE = Path(condensery.__file__).parent
WORDS = """
one found known given part parts place places own other others whole asked told tell
tells said wanted thing things
"""
EMPTY = frozenset(WORDS.split())
MOST = 0.01


def names(text: str) -> list[str]:
    """Names of a text but keywords and ``given=``, an argument of errors."""
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    return [
        token.string
        for token, following in pairwise(tokens)
        if token.type == tokenize.NAME
        and not keyword.iskeyword(token.string)
        and (token.string, following.string) != ("given", "=")
    ]


def share_of_empty(texts: list[str]) -> float:
    """Share of the names that are empty words, with or without underscores around."""
    listed = [name.strip("_") for text in texts for name in names(text)]
    empty = [name for name in listed if name in EMPTY]
    return len(empty) / max(len(listed), 1)


def packages() -> list[str]:
    return sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


@pytest.mark.parametrize("package", packages())
def test_names_are_nouns_of_the_field(package):
    files = (PACKAGE / package).rglob("*.py")
    share = share_of_empty([path.read_text("utf-8") for path in files])
    assert share <= MOST


def test_empty_names_are_found():
    assert share_of_empty(["found = known + own\n"]) == 1
    assert share_of_empty(["_found = units\n"]) == pytest.approx(0.5)
    assert share_of_empty(["for unit in units:\n    layer = unit\n"]) == 0
