"""The form in which a run is stored: read if it is not newer than this program."""

from __future__ import annotations

import json
from pathlib import Path

from condensery._errors import InvalidInputError
from condensery.records import FORMAT, RunConfig


class NewerFormatError(InvalidInputError):
    """A run was written by a newer version of this program."""


_BEFORE_NUMBERS = 1
"""The format of a configuration that does not name one."""


def read_config(text: str | bytes, *, run: str, root: Path) -> RunConfig:
    """A stored configuration.

    Args:
        text: Its JSON.
        run: The run that it belongs to.
        root: The runs folder.

    Raises:
        NewerFormatError: If it was written by a newer version.
    """
    document = json.loads(text)
    number = document.setdefault("format", _BEFORE_NUMBERS)
    if number > FORMAT:
        raise NewerFormatError(
            "runs folder",
            given=f"run {run} in {root}, of format {number}",
            allowed=f"formats up to {FORMAT}, which this condensery writes",
            remedy="upgrade condensery (pip install -U condensery) or use another "
            "folder (--runs DIR)",
        )
    return RunConfig.model_validate(document)
