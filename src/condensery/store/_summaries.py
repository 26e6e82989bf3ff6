"""Summaries of the runs: rows of the ledger, with what the claims came to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from pydantic import ValidationError

from condensery._errors import CondenseryError, InvalidInputError, printable
from condensery.records import Claim, RunSummary
from condensery.store._ledger import Ledger, RunRow

_log = logging.getLogger("condensery.store")


class Summaries:
    """Summaries by the full id of their run.

    Args:
        ledger: Of the runs folder.
        claims: Gives the claims of a run.
    """

    def __init__(
        self, ledger: Ledger, claims: Callable[[str], Sequence[Claim]]
    ) -> None:
        self._ledger = ledger
        self._claims = claims

    def all(self) -> list[RunSummary]:
        """The latest first; a row that cannot be read is named and left out."""
        unverified = self._ledger.unverified()
        summaries = []
        for row in self._ledger.summaries():
            try:
                summaries.append(self._summary(row, unverified))
            except ValidationError as error:
                fields = ", ".join(str(detail["loc"][0]) for detail in error.errors())
                name = printable(str(row.run))[:40]
                problem = f"its row cannot be read ({fields})"
                _log.warning("run %s is left out: %s", name, problem)
        return summaries

    def read(self, run: str) -> RunSummary:
        """Of one run.

        Raises:
            InvalidInputError: If its row cannot be read.
        """
        (row,) = self._ledger.summaries(run)
        try:
            return self._summary(row, self._ledger.unverified())
        except ValidationError as error:
            raise InvalidInputError(
                f"ledger's row of run {run}",
                given=f"one that cannot be read ({error.error_count()} fields)",
                allowed="a row as this condensery writes it",
                remedy="upgrade condensery, or run the same again",
            ) from error

    def _summary(self, row: RunRow, unverified: set[str]) -> RunSummary:
        passed: list[bool | None] = []
        verified = row.run not in unverified
        summary = RunSummary(**row._asdict(), verified=verified)
        try:
            claims = [claim for claim in self._claims(row.run) if not claim.needs]
            passed = [claim.passed for claim in claims]
        except (CondenseryError, OSError) as error:
            _log.warning("%s", error)
        counts = {
            "claims_passed": passed.count(True),
            "claims_failed": passed.count(False),
            "claims_open": passed.count(None),
        }
        return summary.model_copy(update=counts)
