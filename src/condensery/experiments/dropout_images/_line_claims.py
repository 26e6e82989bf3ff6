"""What Zhang and Xu (2024) state of the straight lines between solutions; bounds were
set before the first run.

The statements are about solutions of R_S below 0.001. Where ours are not as deep the
numbers are shown and not judged.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import Measured, Tables, at_least, at_most
from condensery.experiments.dropout_images._claims import (
    SMALLEST,
    descent_of,
    published,
)
from condensery.experiments.dropout_images._config import (
    PART_REFERENCE,
    PARTS,
    Config,
)
from condensery.experiments.dropout_images._tables import ALIKE, PAIRS

MIXED = PAIRS[len(ALIKE) :]
"""One solution with R1 and one without."""
DEEP = 1e-3
"""R_S of the source's solutions is below it, and so are its barriers between two of a
type.
"""
of_lines = partial(published, source="Fig. 14", when=PART_REFERENCE)


def _line(tables: Tables, pair: tuple[str, str], keep: float, column: str) -> float:
    first, second = pair
    line = tables["barriers"].select(
        first=first,
        second=second,
        keep=keep,
    )
    return float(np.median(line[column]))


def _mixed_barriers(config: Config, tables: Tables) -> dict[float, list[float]]:
    """Barriers per p of the four pairs with R1 at one end alone."""
    return {
        keep: [_line(tables, pair, keep, "barrier") for pair in MIXED]
        for keep in config.part_keeps
    }


def _deepest(config: Config, tables: Tables) -> float:
    """Largest R_S at the ends of the lines."""
    losses = [
        float(run["loss"].max())
        for part in PARTS
        for keep in config.part_keeps
        if (run := tables["runs"].select(kind=part, keep=keep))
    ]
    return max(losses, default=np.inf)


def _needs(config: Config, tables: Tables) -> str:
    """What a run lacks whose solutions are not as deep."""
    is_deep = _deepest(config, tables) <= DEEP
    return "" if is_deep else f"R_S of L1 to L4 at most {DEEP:g}"


def _depth(config: Config, tables: Tables) -> str:
    """How deep the solutions are, as a note."""
    if not config.part_keeps:
        return ""
    depth = f"R_S at the ends up to {_deepest(config, tables):.2g}"
    return f"{depth}; {descent_of(config)}"


def _barriers_note(
    config: Config, tables: Tables, barriers: dict[float, list[float]]
) -> str:
    ranges = ", ".join(
        f"p = {keep:g}: {min(heights):.2g} to {max(heights):.2g}"
        for keep, heights in barriers.items()
    )
    return "; ".join(filter(None, [ranges, _depth(config, tables)]))


@of_lines(
    "no-barrier",
    "On the straight lines from L1 to L3, both with R1, and from L2 to L4, both "
    "without, R_S has no barrier (the higher of the two, largest over p).",
    at_most(DEEP),
    kind="reproduction",
)
def no_barrier(config: Config, tables: Tables) -> Measured:
    """Highest barrier; the bound is the source's."""
    heights = [
        _line(tables, pair, keep, "barrier")
        for pair in ALIKE
        for keep in config.part_keeps
    ]
    return Measured(
        max(heights, default=None), _depth(config, tables), needs=_needs(config, tables)
    )


@of_lines(
    "barrier",
    "From one with R1 to one without there is a barrier (lowest of four pairs, least "
    "over p; 0.013 to 0.033 in the source).",
    at_least(DEEP),
    kind="reproduction",
)
def has_barrier(config: Config, tables: Tables) -> Measured:
    """Lowest barrier."""
    barriers = _mixed_barriers(config, tables)
    lowest = min(map(min, barriers.values()), default=None)
    return Measured(
        lowest, _barriers_note(config, tables, barriers), needs=_needs(config, tables)
    )


@of_lines(
    "barrier-grows",
    "It grows as p falls (mean of the four pairs at the smallest p over that at the "
    "largest).",
    at_least(1.0),
    kind="reproduction",
)
def barrier_grows(config: Config, tables: Tables) -> Measured:
    """Ratio of the means; None where there is one p."""
    barriers = _mixed_barriers(config, tables)
    note = _barriers_note(config, tables, barriers)
    if len(barriers) < 2:
        return Measured(None, note)
    low, high = min(barriers), max(barriers)
    at_low, at_high = np.mean(barriers[low]), np.mean(barriers[high])
    ratio = float(at_low / max(at_high, SMALLEST))
    return Measured(ratio, note, needs=_needs(config, tables))


@of_lines(
    "flatter-with-r1",
    "On these lines R_S is flatter at the end with R1 (its second derivative there "
    "over that at the other end, largest of the pairs and of p).",
    at_most(0.5),
    kind="reproduction",
)
def flatter_with_r1(config: Config, tables: Tables) -> Measured:
    """Largest ratio of the second derivatives."""
    ratios = []
    for pair in MIXED:
        for keep in config.part_keeps:
            with_r1 = _line(tables, pair, keep, "bend_first")
            without = _line(tables, pair, keep, "bend_second")
            ratios.append(with_r1 / max(without, SMALLEST))
    return Measured(
        max(ratios, default=None), _depth(config, tables), needs=_needs(config, tables)
    )


LINE_CLAIMS = (no_barrier, has_barrier, barrier_grows, flatter_with_r1)
