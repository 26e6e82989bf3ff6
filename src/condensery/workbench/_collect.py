"""`collect`: what waits in the spool of a runs folder enters its ledger."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from condensery._errors import InvalidInputError
from condensery.store import open_store


def collect(runs: str | Path = "runs") -> int:
    """Take what waits in the spool of a runs folder into its ledger.

    Only folders without locks that can be trusted need it; elsewhere every writer does
    it. If another process is at it, it is refused with `StoreBusyError`.

    Args:
        runs: The folder that holds all runs.

    Returns:
        How many entries that were.

    Raises:
        InvalidInputError: There is no such folder.
    """
    root = Path(runs).expanduser()
    if not root.is_dir():
        raise InvalidInputError(
            "runs folder",
            given=str(runs),
            allowed="a folder that exists",
            remedy="name the folder that the jobs have written (--runs DIR)",
        )
    with closing(open_store(root, write=True)) as store:
        return store.collect()
