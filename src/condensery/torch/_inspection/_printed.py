"""How an inspection is printed: a sentence, a narrow table, and reasons by number."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from condensery.torch._inspection._layer_report import LayerReport

WIDTH = 100
"""Columns of a terminal that a printed table keeps to."""
CONDENSED = 0.1
"""Excess over chance from which a layer is called condensed: a tenth of its units."""
_HEADS = (
    "layer",
    "units",
    "ratio",
    "chance\nratio",
    "largest\ncosine",
    "chance\ncosine",
)
_MERGE = {
    "exactly": "exactly",
    "approximately": "nearly",
    "not": "no",
}


def verdict(rows: Sequence[LayerReport]) -> str:
    """One sentence on all layers: condensed or not, and what could be merged."""
    measured = [row for row in rows if not math.isnan(row.excess)]
    if not measured:
        return "Nothing was measured."
    condensed = [row for row in measured if row.excess > CONDENSED]
    fewer = "clearly fewer directions than random weights"
    if condensed:
        first = max(condensed, key=lambda row: row.excess)
        count = f"{len(condensed)} of {len(measured)} layers"
        directions = f"{first.effective_neurons} directions of {first.units} units"
        text = f"Condensed: {count} have {fewer}, above all {first.layer}: {directions}"
    else:
        text = f"Not condensed: no layer has {fewer}"
    return f"{text}; {_merges(rows)}."


def _merges(rows: Sequence[LayerReport]) -> str:
    exact = sum(row.exact_merges for row in rows)
    near = sum(row.approximate_merges for row in rows)
    if not exact and not near:
        return "nothing could be merged"
    return f"{exact} units could be merged exactly, {near} approximately"


def printed(
    rows: Sequence[LayerReport], remarks: Sequence[str], *, width: int = WIDTH
) -> str:
    """Verdict, table, reasons and remarks, in lines of at most `width` columns.

    Long names of layers are broken; a Chinese character takes two columns.
    """
    reasons = list(dict.fromkeys(map(_reason, rows)))
    numbered = [f"[{number}] {reason}" for number, reason in enumerate(reasons, 1)]
    blocks = [
        textwrap.fill(verdict(rows), width),
        _grid(rows, reasons, width),
        *_wrapped([*numbered, *remarks], width),
    ]
    return "\n".join(blocks)


def _wrapped(texts: Sequence[str], width: int) -> list[str]:
    return [textwrap.fill(text, width, subsequent_indent="    ") for text in texts]


def _grid(rows: Sequence[LayerReport], reasons: Sequence[str], width: int) -> str:
    from io import StringIO

    from rich.console import Console
    from rich.table import Table

    grid = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    extra = [name for name in ("dead", "duplicates") if _any(rows, name)]
    layer, *numbers = _HEADS
    grid.add_column(layer, overflow="fold")
    for head in (*numbers, *extra):
        grid.add_column(head, justify="right", no_wrap=True)
    grid.add_column("mergeable", no_wrap=True)
    for row in rows:
        counts = [str(getattr(row, name)) for name in extra]
        merge = f"{_MERGE[row.mergeable]} [{reasons.index(_reason(row)) + 1}]"
        grid.add_row(*_cells(row), *counts, merge)
    console = Console(
        width=width,
        file=StringIO(),
        markup=False,
        emoji=False,
        color_system=None,
    )
    with console.capture() as capture:
        console.print(grid)
    lines = capture.get().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def _reason(row: LayerReport) -> str:
    """Why, without the cosine that has its own column."""
    return row.why.replace(f": the largest cosine is {row.largest_cosine:.3f}", "")


def _any(rows: Sequence[LayerReport], name: str) -> bool:
    return any(getattr(row, name) for row in rows)


def _cells(row: LayerReport) -> list[str]:
    values = (
        row.effective_ratio,
        row.chance_ratio,
        row.largest_cosine,
        row.chance_cosine,
    )
    return [row.layer, str(row.units), *map(_text, values)]


def _text(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
