"""Plain English: phrases with inherited word order, and what to write instead."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
INSTEAD = {
    "told how far": "Progress callback, ``(text, fraction)``",
    "can be told": "Parameters of …",
    "are made, not read": "Synthetic data: nothing to hash",
    "set reaches": "parameters (`--set NAME=VALUE`)",
    "ends well when": "exits with 0 even if …",
    "want a figure again": "want to redraw a figure",
    "beside what random directions": "with the random baseline",
    "orientations that become more": "the number of orientations grows",
    "how many images it tells": "classifies correctly",
    "to tell handwritten digits": "to classify",
    "is much;": "is already large;",
    "mend this:": "fix:",
    "the same of all": "the same for all",
    "the same of the": "the same for the",
    "are searched": "we search for",
    "without a trace": "silently",
    "go without a partner": "are removed without a partner",
    "from which places": "that make up",
    "of which the target is made": "that make up the target",
    "what must be said": "notes",
    "what is told": "message",
    "the most of all": "the maximum",
    "as they were drawn": "initial",
    "keeps to what is there": "is limited to what is available",
    "it takes long": "this is slow",
    "whom it is for": "who it is for",
}
"""Phrase, in small letters, to a better one."""


def texts() -> list[Path]:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").glob("*.py")]
    examples = (ROOT / "examples").glob("*.py")
    built = {"_build", "generated"}
    return [
        path
        for path in (*pages, *sources, *examples)
        if not built.intersection(path.parts)
    ]


def phrases(text: str) -> list[str]:
    """The phrases that a text holds, whatever its line breaks and quotation marks."""
    plain = re.sub(r"[\s\"'#]+", " ", text).lower()
    return [phrase for phrase in INSTEAD if phrase in plain]


def test_no_text_stumbles():
    stumbling = {}
    for path in texts():
        if path.suffix == ".md" and path.parts[-2:-1] == ("results",):
            continue
        held = phrases(path.read_text("utf-8"))
        name = path.relative_to(ROOT).as_posix()
        if held:
            stumbling[name] = {phrase: INSTEAD[phrase] for phrase in held}
    assert stumbling == {}


def test_a_phrase_is_found_across_lines():
    assert phrases("advance: Told how\n    far it is.") == ["told how far"]
    assert phrases("advance: Progress callback.") == []
