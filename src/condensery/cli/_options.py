"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

RUNS = Path("runs")

Runs = Annotated[Path, Parameter(name="--runs", help="Folder that holds all runs.")]
Json = Annotated[
    bool,
    Parameter(
        name="--json", negative="", help="Print one JSON document and nothing else."
    ),
]
All = Annotated[
    bool,
    Parameter(
        name="--all",
        negative="",
        help="Print every claim, also those that held or are of other runs.",
    ),
]
RunId = Annotated[
    str, Parameter(name="RUN", help="Id of a run, a unique beginning of it, or last.")
]
Workers = Annotated[
    int | None,
    Parameter(name="--workers", help="Worker processes; by default one per processor."),
]
Runner = Annotated[
    str,
    Parameter(
        name="--runner",
        help="Where tasks are computed: local, or what a package has installed.",
    ),
]
Trust = Annotated[
    bool,
    Parameter(
        name="--trust",
        negative="",
        help="Execute the file of an experiment path/to/file.py:Name that was not "
        "executed here before; asked once per content of the file.",
    ),
]
