"""What every embedding keeps, what it makes more degenerate, and how it is left."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import (
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
    needs,
)
from condensery.experiments.embedding_width._config import Config

ABOVE_ZERO = 1e-6
"""Losses below are 0."""

in_neurips = partial(claim, paper="zhang2021embedding", kind="identity")
of_project = partial(
    claim,
    paper="condensery",
    kind="observation",
    source="this project, on a sentence of Xu et al. 2025, Sec. 6",
)


def _worst(tables: Tables, column: str) -> tuple[float, str]:
    """The largest number of a column of the embeddings, and that of every operator."""
    table = tables["embeddings"]
    listed = []
    for operator in dict.fromkeys(table["operator"].tolist()):
        chosen = table.select(operator=operator)
        largest = chosen[column].max()
        listed.append(f"{len(chosen)} {operator} embeddings: {largest:.1e}")
    return float(table[column].max()), "; ".join(listed)


@in_neurips(
    "output",
    "Every split, null and general embedding of every critical point keeps the output "
    "(largest change over the largest output, on the data and on random inputs).",
    at_most(1e-10),
    source="Prop. 1; Zhang et al. 2022, Sec. 5",
)
def output(config: Config, tables: Tables) -> Measured:
    """The largest change."""
    return Measured(*_worst(tables, "change"))


@in_neurips(
    "critical",
    "Every split, null and general embedding of every critical point is a critical "
    "point (largest sum of |∇R|, over what it would be if nothing cancelled).",
    at_most(1e-10),
    source="Thm 1; Zhang et al. 2022, Sec. 5",
)
def critical(config: Config, tables: Tables) -> Measured:
    """The largest gradient."""
    worst, listed = _worst(tables, "after")
    before = tables["embeddings"]["before"].max()
    note = f"{listed}; the narrow points: {before:.1e}"
    return Measured(worst, note)


@in_neurips(
    "simpler",
    "Of the levels with a loss above 0 that of the narrower net is the more "
    "degenerate, in a net of any width (least difference of the zero eigenvalues).",
    at_least(1.0),
    source="Fig. 4; here at every width",
)
def simpler(config: Config, tables: Tables) -> Measured:
    """The least difference between one level and the next at one width."""
    table = tables["degeneracies"]
    is_above = table["loss"] > ABOVE_ZERO
    above, at_zero = table.take(is_above), table.take(~is_above)
    differences = []
    for width in np.unique(above["width"]).tolist():
        zeros = above.select(width=width)["predicted"]
        differences += (zeros[:-1] - zeros[1:]).tolist()
    note = "no level of loss 0 was found"
    if len(at_zero):
        widest = int(at_zero["width"].max())
        counts = table.select(width=widest)["predicted"].tolist()
        note = (
            "at loss 0 it is not so: there the errors vanish, and every copy adds a "
            f"zero per parameter; zeros in width {widest}: {counts}"
        )
    return Measured(min(differences, default=None), note)


def _escape_ratio(tables: Tables, shares: str) -> Measured:
    """Median time of the widest over that of the narrowest of width 2 and more."""
    medians = tables["escape_medians"].select(shares=shares)
    wide = medians.take(medians["width"] > 1)
    listed = ", ".join(
        f"m={width}: {time:.0f} ({escaped:.0%} left)"
        for width, time, escaped in zip(
            medians["width"], medians["time"], medians["escaped"], strict=True
        )
    )
    if len(wide) < 2:
        return Measured(None, listed)
    return Measured(float(wide["time"][-1] / wide["time"][0]), listed)


HAS_WIDTHS = needs(
    "two escape_widths above 1",
    lambda config: len(set(config.escape_widths) - {1}) > 1,
)


@of_project(
    "escape-time",
    "From the width-1 point in equal copies, every unit pushed as much, the widest net "
    "leaves no later than the narrowest, in mean-field time (ratio of the medians).",
    at_most(1.0),
    when=HAS_WIDTHS,
)
def escape_time(config: Config, tables: Tables) -> Measured:
    """Ratio of the medians."""
    return _escape_ratio(tables, "equal")


@of_project(
    "escape-random",
    "The same from random points of the critical set, with shares that are even on "
    "the simplex (ratio of the medians).",
    at_most(1.0),
    when=HAS_WIDTHS,
)
def escape_random(config: Config, tables: Tables) -> Measured:
    """Ratio of the medians."""
    return _escape_ratio(tables, "random")


KEPT = (output, critical, simpler, escape_time, escape_random)
