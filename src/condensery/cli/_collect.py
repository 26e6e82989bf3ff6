"""``condensery collect``."""

from __future__ import annotations

from condensery.cli._options import RUNS, Json, Runs


def collect(*, runs: Runs = RUNS, json: Json = False) -> int:
    """Take what jobs left in a folder without locks into its ledger.

    Jobs on a file system whose locks cannot be trusted (CONDENSERY_LOCKS=no) leave
    their entries in the spool of the runs folder. Everything else shows them from
    there; this makes the ledger quick to read. One process at a time does it.
    """
    from condensery import workbench
    from condensery.cli import _output as output

    number = workbench.collect(runs)
    if json:
        output.document({"entries": number, "runs": len(workbench.runs(runs))})
    else:
        entries = "1 entry" if number == 1 else f"{number} entries"
        output.say(f"{entries} taken into the ledger of {runs}")
    return 0
