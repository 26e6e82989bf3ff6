"""The form in which a run is stored: read if it is not newer than this program."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from condensery._errors import InvalidInputError
from condensery.records import FORMAT, UNKNOWN, Claim, RunConfig


class NewerFormatError(InvalidInputError):
    """A run was written by a newer version of this program."""


_BEFORE_NUMBERS = 1
"""The format of a configuration that does not name one."""
_CLAIMS = TypeAdapter(list[Claim])


def read_config(text: str | bytes, *, run: str, root: Path) -> RunConfig:
    """A stored configuration.

    Args:
        text: Its JSON.
        run: The run that it belongs to.
        root: The runs folder.

    Raises:
        NewerFormatError: If it was written by a newer version.
        TypeError: If it is no configuration.
    """
    document = json.loads(text)
    if not isinstance(document, dict):
        raise TypeError("a configuration is an object")
    number = document.setdefault("format", _BEFORE_NUMBERS)
    if not isinstance(number, int):
        raise TypeError("the format is no number")
    if number > FORMAT:
        raise NewerFormatError(
            "runs folder",
            given=f"run {run} in {root}, of format {number}",
            allowed=f"formats up to {FORMAT}, which this condensery writes",
            remedy="upgrade condensery (pip install -U condensery) or use another "
            "folder (--runs DIR)",
        )
    return RunConfig.model_validate(document)


def read_claims(text: str | bytes) -> list[Claim]:
    """Stored claims; those of formats that had no kinds are of an unknown one.

    Args:
        text: Their JSON.

    Raises:
        ValueError: If the text is no JSON, or not that of claims.
    """
    documents = json.loads(text)
    if isinstance(documents, list):
        for document in documents:
            if isinstance(document, dict):
                document.setdefault("kind", UNKNOWN)
    return _CLAIMS.validate_python(documents)
