"""Runs as JSON documents: what the command line prints with ``--json``."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from condensery.records import Claim
from condensery.workbench._opened import Run, reopen
from condensery.workbench._tally import counts, of_others, of_run

_CLAIM = (
    "id",
    "kind",
    "paper",
    "statement",
    "value",
    "relation",
    "expected",
    "tolerance",
    "source",
    "note",
    "passed",
)


def run_document(run: Run) -> dict[str, JsonValue]:
    """What ``run --json`` and ``resume --json`` print: id, status, seconds, claims,
    report and figures.

    `counts` has the claims by kind, `needs` the ids of claims of other configurations
    by what they need.
    """
    needs: dict[str, JsonValue] = {
        condition: [*ids] for condition, ids in of_others(run.claims).items()
    }
    return {
        "run": run.id,
        "status": run.status,
        "seconds": run.seconds,
        "claims": [claim_document(claim) for claim in of_run(run.claims)],
        "counts": counts(run.claims),
        "needs": needs,
        "report": None if run.report is None else str(run.report),
        "figures": [str(path) for path in run.figures],
    }


def claim_document(claim: Claim) -> dict[str, JsonValue]:
    """A claim as the documents have it."""
    dumped = claim.model_dump(mode="json")
    return {key: dumped[key] for key in _CLAIM}


def show(run: str, runs: str | Path = "runs") -> dict[str, JsonValue]:
    """All that is known of a run: the document of ``run --json``, its configuration,
    tasks and tables.

    A run that does not exist is refused with `InvalidInputError`.

    Args:
        run: Its id, a unique beginning of it, or ``last``.
        runs: The folder that holds all runs.
    """
    opened = reopen(run, runs)
    tables: dict[str, JsonValue] = {
        name: {"rows": len(table), "columns": list(table.columns)}
        for name, table in opened.tables.items()
    }
    return {
        **run_document(opened),
        "created": opened.summary.created,
        "tasks": opened.summary.tasks,
        "finished": opened.summary.finished,
        "config": opened.config.model_dump(mode="json"),
        "tables": tables,
        "folder": str(opened.folder),
    }
