"""How numbers, claims and verdicts are put into words, the same in a terminal, a
notebook and a report.
"""

from __future__ import annotations

import math

from condensery.records import Claim

VERDICTS = {True: ("✓", "passed"), False: ("✗", "failed"), None: ("–", "open")}
"""Mark and word of `Claim.passed`; the word stands beside the mark wherever there is
room.
"""

_SIGNS = {"<=": "≤", ">=": "≥", "equal": "=", "within": "="}


def number(value: float | None) -> str:
    """Four significant digits; a dash for what was not measured.

    Example:
        >>> from condensery.workbench import number
        >>> number(0.123456), number(40000.0), number(None), number(float("nan"))
        ('0.1235', '40000', '–', 'nan')
    """
    if value is None:
        return "–"
    if math.isfinite(value) and value == int(value) and abs(value) < 1e7:
        return str(int(value))
    return f"{value:.4g}"


def expectation(claim: Claim) -> str:
    """What the claim expects, with its tolerance.

    Example:
        >>> from condensery.records import Claim
        >>> from condensery.workbench import expectation
        >>> c = Claim(
        ...     id="a",
        ...     paper="k",
        ...     statement="s",
        ...     relation="within",
        ...     source="f",
        ...     kind="aim",
        ...     expected=1.0,
        ...     tolerance=0.05,
        ... )
        >>> expectation(c)
        '1 ± 0.05'
    """
    if claim.expected is None:
        return "no prediction"
    if isinstance(claim.expected, tuple):
        return f"in [{number(claim.expected[0])}, {number(claim.expected[1])}]"
    if claim.relation == "within":
        return f"{number(claim.expected)} ± {number(claim.tolerance or 0.0)}"
    slack = f" (slack {number(claim.tolerance)})" if claim.tolerance else ""
    return (
        f"{_SIGNS.get(claim.relation, claim.relation)} {number(claim.expected)}{slack}"
    )


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use.

    Example:
        >>> from condensery.workbench import duration
        >>> duration(3.21), duration(150), duration(7320)
        ('3.2 s', '2 min 30 s', '2 h 2 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
