"""Claims counted, each kind apart, and those that are of other runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import JsonValue

from condensery.records import Claim

K = TypeVar("K", bound=Claim)

PLURALS = {
    "identity": "identities",
    "reproduction": "reproductions",
    "observation": "observations",
    "aim": "aims",
    "unknown": "claims of unknown kind",
}
"""Kinds in the order in which they are counted."""


def of_run(claims: Sequence[K]) -> list[K]:
    """The claims that the run is of."""
    return [claim for claim in claims if not claim.needs]


def of_others(claims: Sequence[Claim]) -> dict[str, list[str]]:
    """What a run would have to be of, and the ids of the claims that need it."""
    ids: dict[str, list[str]] = {}
    for claim in claims:
        if claim.needs:
            ids.setdefault(claim.needs, []).append(claim.id)
    return ids


def need_lines(claims: Sequence[Claim]) -> list[str]:
    """One line per condition, ``34 more need data=line``.

    Example:
        >>> from condensery.records import Claim
        >>> from condensery.workbench import need_lines
        >>> about = {"paper": "k", "statement": "s", "source": "f", "kind": "aim"}
        >>> claim = Claim(id="a", relation="<=", needs="width=1000", **about)
        >>> need_lines([claim])
        ['1 more needs width=1000']
    """
    lines = []
    for condition, ids in of_others(claims).items():
        verb = "needs" if len(ids) == 1 else "need"
        lines.append(f"{len(ids)} more {verb} {condition}")
    return lines


def needs_line(claims: Sequence[Claim]) -> str:
    """All claims that are of other runs, in one line; empty where there are none.

    Example:
        >>> from condensery.records import Claim
        >>> from condensery.workbench import needs_line
        >>> about = {"paper": "k", "statement": "s", "source": "f", "kind": "aim"}
        >>> claim = Claim(id="a", relation="<=", needs="width=1000", **about)
        >>> needs_line([claim])
        '1 more of other runs: 1 needs width=1000'
    """
    lines = [line.replace(" more", "", 1) for line in need_lines(claims)]
    count = sum(bool(claim.needs) for claim in claims)
    return f"{count} more of other runs: {'; '.join(lines)}" if lines else ""


def tally(claims: Sequence[Claim]) -> str:
    """The claims of a run, each kind apart.

    Of those that were judged it says how many held. *Reported* are values without a
    prediction, *open* are claims without a value.

    Example:
        >>> from condensery.records import Statement
        >>> from condensery.workbench import tally
        >>> about = {"paper": "k", "statement": "s", "source": "f", "relation": "<="}
        >>> theorem = Statement(id="a", kind="identity", **about)
        >>> finding = Statement(id="b", kind="observation", **about)
        >>> tally([theorem.check(1.0, 2.0), finding.check(1.0, None)])
        'identities 1 of 1 held; observations 1 reported'
    """
    counted = []
    for kind, plural in PLURALS.items():
        of_kind = [claim for claim in of_run(claims) if claim.kind == kind]
        if of_kind:
            counted.append(f"{plural} {_verdicts(of_kind)}")
    return "; ".join(counted) or "none"


def _verdicts(claims: Sequence[Claim]) -> str:
    """``3 of 4 held, 2 reported, 1 open``."""
    unjudged = [claim for claim in claims if claim.passed is None]
    judged = len(claims) - len(unjudged)
    held = sum(claim.passed is True for claim in claims)
    reported = sum(claim.value is not None for claim in unjudged)
    missing = len(unjudged) - reported
    words = []
    if judged:
        words.append(f"{held} of {judged} held")
    if reported:
        words.append(f"{reported} reported")
    if missing:
        words.append(f"{missing} open")
    return ", ".join(words)


def counts(claims: Sequence[Claim]) -> dict[str, JsonValue]:
    """Kind to the numbers of claims that held, failed, and were not judged."""
    document: dict[str, JsonValue] = {}
    for kind in PLURALS:
        verdicts = [claim.passed for claim in of_run(claims) if claim.kind == kind]
        if verdicts:
            document[kind] = {
                "held": verdicts.count(True),
                "failed": verdicts.count(False),
                "not_judged": verdicts.count(None),
            }
    return document


def failed_identities(claims: Sequence[Claim]) -> list[str]:
    """Ids of the theorems that failed."""
    return [
        claim.id
        for claim in claims
        if claim.kind == "identity" and claim.passed is False
    ]


def alarm(claims: Sequence[Claim]) -> str:
    """What to say where a theorem failed; empty where none did."""
    ids = failed_identities(claims)
    if not ids:
        return ""
    noun = "identity" if len(ids) == 1 else "identities"
    return (
        f"ALARM: {noun} failed: {', '.join(ids)}. A theorem that fails is a fault in "
        "the code: do not trust the numbers beside it, and report it"
    )
