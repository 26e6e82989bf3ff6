"""Records of decisions have one form."""

import re
from pathlib import Path

import pytest

RECORDS = sorted((Path(__file__).parents[2] / "docs" / "adr").glob("[0-9]*.md"))
STATUS = re.compile(r"^Status: (accepted|superseded), \d{4}-\d{2}-\d{2}", re.MULTILINE)
SECTIONS = ["## Context", "## Decision"]


def faults(name: str, text: str) -> list[str]:
    """What a record lacks of the common form."""
    missing = [section for section in SECTIONS if f"\n{section}\n" not in text]
    if not text.startswith(f"# {name[:3]}. "):
        missing.append("a title with its number")
    if not STATUS.search(text):
        missing.append("a status with a date")
    return missing


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_the_common_form(record):
    assert faults(record.name, record.read_text("utf-8")) == []


def test_numbers_are_given_once():
    numbers = [record.name[:3] for record in RECORDS]
    assert len(set(numbers)) == len(numbers)


def test_a_record_of_another_form_is_found():
    assert faults("007-x.md", "# 7. Title\n\n**Decided.** Yes.\n") == [
        "## Context",
        "## Decision",
        "a title with its number",
        "a status with a date",
    ]
