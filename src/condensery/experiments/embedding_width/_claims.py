"""What the papers state of embeddings in width, against the tables."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import (
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
    equal_to,
    within,
)
from condensery.experiments.embedding_width._claims_kept import KEPT
from condensery.experiments.embedding_width._config import COUNTS, Config
from condensery.experiments.embedding_width._counts import (
    Change,
    as_published,
    changes,
)
from condensery.records import Table

LOSSES = {
    1: (0.10902, ".11"),
    2: (0.06979, ".07"),
    3: (0.0, "0"),
}
"""Width to the loss of its best point, and how it was published."""

DEGENERACY = {1: 2, 2: 1, 3: 0}
"""Published degrees of degeneracy of the points of widths 1, 2 and 3 in a net of width
3.
"""

in_neurips = partial(claim, paper="zhang2021embedding")
by_fukumizu = partial(claim, paper="fukumizu2000local")
in_jml = partial(claim, paper="zhang2022embedding")


def _best_loss(width: int, config: Config, tables: Tables) -> Measured:
    points = tables["points"].select(net="three steps", width=width)
    return Measured(float(points["loss"].min()) if len(points) else None)


losses = tuple(
    in_neurips(
        f"loss-{width}",
        f"The best critical point of width {width} has the loss "
        f"{loss:g} (published: {text}).",
        within(loss, 1e-5),
        kind="reproduction",
        source="Fig. 4",
    )(partial(_best_loss, width))
    for width, (loss, text) in LOSSES.items()
)


def _degeneracy(width: int, config: Config, tables: Tables) -> Measured:
    """The largest number of zeros over the points of a width, each embedded in width 3
    by equal copies.
    """
    name = {1: "3 equal", 2: "2 equal", 3: "none"}[width]
    splits = tables["splits"].select(net="three steps")
    chosen = splits.select(width=width, fractions=name)
    if not len(chosen):
        return Measured(None, "no such point found")
    zeros = chosen["measured_zero"]
    note = (
        f"{len(np.unique(chosen['point']))} points, every unit: "
        f"{', '.join(map(str, zeros))}"
    )
    worst = np.argmax(abs(zeros - DEGENERACY[width]))
    return Measured(float(zeros[worst]), note)


degeneracies = tuple(
    in_neurips(
        f"degeneracy-{width}",
        f"Embedded in width 3, the best points of width {width} have "
        f"degeneracy {degree}.",
        equal_to(float(degree)),
        kind="reproduction",
        source="Fig. 4",
    )(partial(_degeneracy, width))
    for width, degree in DEGENERACY.items()
)


def _narrow(tables: Tables) -> list[Change]:
    splits = tables["splits"].select(net="three steps")
    return [change for change in changes(splits) if change["width"] < 3]


@in_neurips(
    "negatives",
    "Two and three equal copies of a unit of the width-1 and width-2 "
    "points have 1 and 2 negative "
    "eigenvalues (largest deviation over points and units).",
    equal_to(0.0),
    kind="identity",
    source="Fig. 3(a)",
)
def negatives(config: Config, tables: Tables) -> Measured:
    """The largest deviation from one per copy."""
    splits = tables["splits"].select(net="three steps")
    undecided = int((~splits["decided"]).sum())
    note = "all inertias decided"
    if undecided:
        note = f"{undecided} of {len(splits)} inertias undecided"
    narrow = _narrow(tables)
    deviations = [abs(change["negative"] - change["copies"]) for change in narrow]
    return Measured(max(deviations, default=None), note)


@in_neurips(
    "zeros",
    "Each copy adds exactly one zero eigenvalue there (largest deviation).",
    equal_to(0.0),
    kind="identity",
    source="Fig. 3(a)",
)
def zeros(config: Config, tables: Tables) -> Measured:
    """The largest deviation from one per copy."""
    narrow = _narrow(tables)
    deviations = [abs(change["zero"] - change["copies"]) for change in narrow]
    return Measured(max(deviations, default=None))


@in_neurips(
    "strict-saddle",
    "The width-1 optimum, a local minimum, becomes a strict saddle by "
    "an equal split: the least "
    "eigenvalue of width 2 over the largest is below −1e-6.",
    at_most(-1e-6),
    kind="reproduction",
    source="Sec. 4; Fig. 3",
)
def strict_saddle(config: Config, tables: Tables) -> Measured:
    """The least eigenvalue over the largest."""
    chosen = tables["spectra"].select(
        net="three steps",
        width=1,
        fractions="2 equal",
    )
    eigenvalues = chosen["eigenvalue"]
    if not len(chosen):
        return Measured(None)
    return Measured(float(eigenvalues.min() / np.abs(eigenvalues).max()))


@in_jml(
    "never-fewer",
    "No split lowers the number of negative, zero or positive "
    "eigenvalues (smallest change, all nets).",
    at_least(0.0),
    kind="identity",
    source="Thm 6.2",
)
def never_fewer(config: Config, tables: Tables) -> Measured:
    """The smallest change of a count."""
    every = changes(tables["splits"])
    smallest = [
        min(change["negative"], change["zero"], change["positive"]) for change in every
    ]
    return Measured(min(smallest, default=None))


@by_fukumizu(
    "predicted",
    "The inner Hessian of the narrow net predicts the inertia of "
    "every split (number of mismatches).",
    equal_to(0.0),
    kind="identity",
    source="Sec. 3; extended here to any layer",
)
def predicted(config: Config, tables: Tables) -> Measured:
    """Number of mismatches among the decided splits."""
    splits = tables["splits"]
    decided = splits["decided"]
    differs = [splits[name] != splits[f"measured_{name}"] for name in COUNTS]
    wrong = np.any(differs, axis=0) & decided
    note = f"{int(decided.sum())} splits decided, {int((~decided).sum())} not compared"
    return Measured(float(wrong.sum()) if decided.any() else None, note)


@in_jml(
    "directions",
    "Embedded in width m by equal copies, the width-1 point has m − 1 "
    "directions of descent (largest "
    "deviation over the widths).",
    equal_to(0.0),
    kind="identity",
    source="Thm 6.2, Sec. 6",
)
def directions(config: Config, tables: Tables) -> Measured:
    """The largest deviation."""
    widths = tables["widths"]
    deviation = np.abs(widths["negative"] - (widths["width"] - 1))
    note = f"widths up to {int(widths['width'].max())}"
    return Measured(float(deviation.max()), note)


@in_neurips(
    "iris-published",
    "On Iris a critical point with 3 negative eigenvalues has 5 and 7 "
    "after a neuron is split in two and "
    "three equal copies, and one zero more each time (number of such points and "
    "neurons).",
    at_least(1.0),
    kind="reproduction",
    source="Fig. 3(b)",
)
def iris_published(config: Config, tables: Tables) -> Measured:
    """The number of such points and neurons."""
    splits = tables["splits"].select(net="iris")
    published = as_published(splits)
    value = float(len(published)) if len(splits) else None
    return Measured(value, _first(splits, published))


def _first(splits: Table, published: list[tuple[int, int]]) -> str:
    """The published counts of zeros and the published point are not printed: ours is
    described.
    """
    if not published:
        return "no such point found"
    point, unit = published[0]
    listed = []
    for name in ("none", "2 equal", "3 equal"):
        row = splits.select(point=point, unit=unit, fractions=name)
        counts = [str(int(row[f"measured_{kind}"][0])) for kind in COUNTS]
        listed.append(f"({', '.join(counts)})")
    return f"point {point}: {', '.join(listed)}"


def _iris(tables: Tables) -> tuple[list[Change], str]:
    """Decided equal splits where C_s has rank 2, and what to say of them."""
    splits = tables["splits"].select(net="iris")
    of_rank = [
        change for change in changes(splits) if change["equal"] and change["rank"] == 2
    ]
    decided = [change for change in of_rank if change["decided"]]
    note = (
        f"{len(decided)} of {len(of_rank)} splits with decided counts at "
        "critical points of a 4-2-3 sigmoid net on standardised Iris data"
    )
    if not decided:
        note = "no critical point with finite weights found where C_s has rank 2"
    return decided, note


@in_neurips(
    "iris-negatives",
    "With three outputs a split adds at least two negative "
    "eigenvalues, one per rank of C_s (least "
    "number added per copy, where C_s has rank 2).",
    at_least(2.0),
    kind="identity",
    source="Fig. 3(b)",
)
def iris_negatives(config: Config, tables: Tables) -> Measured:
    """The least number per copy."""
    decided, note = _iris(tables)
    per_copy = [change["negative"] / change["copies"] for change in decided]
    return Measured(min(per_copy, default=None), note)


@in_neurips(
    "iris-zeros",
    "And at least one zero eigenvalue per copy (least number added).",
    at_least(1.0),
    kind="identity",
    source="Fig. 3(b)",
)
def iris_zeros(config: Config, tables: Tables) -> Measured:
    """The least number per copy."""
    decided, note = _iris(tables)
    per_copy = [change["zero"] / change["copies"] for change in decided]
    return Measured(min(per_copy, default=None), note)


JUDGES = (
    *losses,
    *degeneracies,
    negatives,
    zeros,
    strict_saddle,
    never_fewer,
    predicted,
    directions,
    *KEPT,
    iris_published,
    iris_negatives,
    iris_zeros,
)
