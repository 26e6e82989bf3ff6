"""Claims that held, gathered by the figure of the paper that they are of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from condensery.records import Claim
from condensery.workbench._wording import expectation, number

_FIGURE = re.compile(r"\b(Fig|Tab)(?:ure|le)?s?\.? ?(S?\d+)")
_NAMES = {"Fig": "Fig. ", "Tab": "Table "}
ELSEWHERE = "text and theorems"
"""Where sources are that name no figure and no table."""


@dataclass(frozen=True)
class HeldFigure:
    """The claims of one figure of a paper that held.

    Attributes:
        paper: BibTeX key.
        figure: ``Fig. 2``, ``Table 1``, or `ELSEWHERE`.
        claims: The claims, in their order.
    """

    paper: str
    figure: str
    claims: tuple[Claim, ...]

    @property
    def closest(self) -> Claim | None:
        """The claim with the least margin; None where none has any."""
        measured = [claim for claim in self.claims if margin(claim) is not None]
        return min(measured, key=_margin, default=None)

    def __str__(self) -> str:
        head = f"{self.paper}, {self.figure}: {len(self.claims)} held"
        closest = self.closest
        if closest is None:
            return head
        share = f"least margin {_margin(closest):.0%}"
        value = f"{number(closest.value)} ({expectation(closest)})"
        return f"{head}; {share}, {closest.id} {value}"


def held_figures(claims: Sequence[Claim]) -> list[HeldFigure]:
    """Claims that held, by paper and figure, in the order of the claims."""
    gathered: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        if claim.passed:
            key = (claim.paper, figure_of(claim.source))
            gathered.setdefault(key, []).append(claim)
    return [
        HeldFigure(paper, figure, tuple(of_figure))
        for (paper, figure), of_figure in gathered.items()
    ]


def figure_of(source: str) -> str:
    """The figure or table that a source names, without its panel.

    Example:
        >>> from condensery.workbench._held import figure_of
        >>> figure_of("Fig. 2f"), figure_of("Thm. 6"), figure_of("Table 1, row 2")
        ('Fig. 2', 'text and theorems', 'Table 1')
    """
    match = _FIGURE.search(source)
    if match is None:
        return ELSEWHERE
    return _NAMES[match[1]] + match[2]


def margin(claim: Claim) -> float | None:
    """How far a claim that held is from failing, in [0, 1].

    The distance of the value from the nearest value that fails, as a share of the
    tolerance (``within``), of half the interval (``between``), or of the larger of
    value and bound (``<=``, ``>=``). None where there is no such distance: ``equal``,
    or no tolerance.

    Example:
        >>> from condensery.records import Statement
        >>> from condensery.workbench import margin
        >>> about = {"id": "a", "paper": "k", "statement": "s", "source": "f"}
        >>> bar = Statement(**about, relation=">=", kind="aim")
        >>> margin(bar.check(1.0, 0.75))
        0.25
    """
    value, expected = claim.value, claim.expected
    if value is None or expected is None:
        return None
    if isinstance(expected, tuple):
        low, high = expected
        return _share(min(value - low, high - value), (high - low) / 2)
    tolerance = claim.tolerance or 0.0
    if claim.relation == "within":
        return _share(tolerance - abs(value - expected), tolerance)
    if claim.relation == "equal":
        return None
    sign = 1 if claim.relation == "<=" else -1
    bound = expected + sign * tolerance
    return _share(sign * (bound - value), max(abs(bound), abs(value)))


def _share(distance: float, scale: float) -> float | None:
    if not scale > 0:
        return None
    return min(max(distance / scale, 0.0), 1.0)


def _margin(claim: Claim) -> float:
    share = margin(claim)
    return 1.0 if share is None else share
