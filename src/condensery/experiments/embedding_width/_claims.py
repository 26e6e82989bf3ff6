"""What the papers state of embeddings in width, against the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from condensery.records import Claim, Statement, Status, Table

COUNTS = ("negative", "zero", "positive")
LOSSES = {1: 0.10902, 2: 0.06979, 3: 0.0}
DEGENERACY = {1: 2, 2: 1, 3: 0}
"""Published degrees of degeneracy of the points of widths 1, 2 and 3 in a net of width
3.
"""

_NEURIPS, _JML = "zhang2021embedding", "zhang2022embedding"

STATEMENTS = (
    *(
        Statement(
            id=f"loss-{width}",
            paper=_NEURIPS,
            relation="within",
            source="Fig. 4",
            statement=f"The best critical point of width {width} has the loss "
            f"{loss:g} (published: {text}).",
        )
        for (width, loss), text in zip(LOSSES.items(), (".11", ".07", "0"), strict=True)
    ),
    *(
        Statement(
            id=f"degeneracy-{width}",
            paper=_NEURIPS,
            relation="equal",
            source="Fig. 4",
            statement=f"Embedded in width 3, the best points of width {width} have "
            f"degeneracy {degree}.",
        )
        for width, degree in DEGENERACY.items()
    ),
    Statement(
        id="negatives",
        paper=_NEURIPS,
        relation="equal",
        source="Fig. 3(a)",
        statement="Two and three equal copies of a unit of the width-1 and width-2 "
        "points have 1 and 2 negative "
        "eigenvalues (largest deviation over points and units).",
    ),
    Statement(
        id="zeros",
        paper=_NEURIPS,
        relation="equal",
        source="Fig. 3(a)",
        statement="Each copy adds exactly one zero eigenvalue there (largest "
        "deviation).",
    ),
    Statement(
        id="strict-saddle",
        paper=_NEURIPS,
        relation="<=",
        source="Sec. 4; Fig. 3",
        statement="The width-1 optimum, a local minimum, becomes a strict saddle by "
        "an equal split: the least "
        "eigenvalue of width 2 over the largest is below −1e-6.",
    ),
    Statement(
        id="never-fewer",
        paper=_JML,
        relation=">=",
        source="Thm 6.2",
        statement="No split lowers the number of negative, zero or positive "
        "eigenvalues (smallest change, all nets).",
    ),
    Statement(
        id="predicted",
        paper="fukumizu2000local",
        relation="equal",
        source="Sec. 3; extended here to any layer",
        statement="The inner Hessian of the narrow net predicts the inertia of "
        "every split (number of mismatches).",
    ),
    Statement(
        id="directions",
        paper=_JML,
        relation="equal",
        source="Thm 6.2, Sec. 6",
        statement="Embedded in width m by equal copies, the width-1 point has m − 1 "
        "directions of descent (largest "
        "deviation over the widths).",
    ),
    Statement(
        id="escape-time",
        paper=_JML,
        relation="<=",
        source="open: do wider nets leave an embedded point more easily?",
        statement="Time (steps times learning rate) in which gradient descent "
        "leaves the embedded width-1 point, in "
        "the widest net over that in the narrowest (medians).",
    ),
    Statement(
        id="iris-published",
        paper=_NEURIPS,
        relation=">=",
        source="Fig. 3(b)",
        statement="On Iris a critical point with 3 negative eigenvalues has 5 and 7 "
        "after a neuron is split in two and "
        "three equal copies, and one zero more each time (number of such points and "
        "neurons).",
    ),
    Statement(
        id="iris-negatives",
        paper=_NEURIPS,
        relation=">=",
        source="Fig. 3(b)",
        statement="With three outputs a split adds at least two negative "
        "eigenvalues, one per rank of C_s (least "
        "number added per copy, where C_s has rank 2).",
    ),
    Statement(
        id="iris-zeros",
        paper=_NEURIPS,
        relation=">=",
        source="Fig. 3(b)",
        statement="And at least one zero eigenvalue per copy (least number added).",
    ),
)


def judge(tables: Mapping[str, Table]) -> Sequence[Claim]:
    """One claim per statement; None where the search found no point to judge by."""
    points, splits = (
        tables["points"].select(net="three steps"),
        tables["splits"].select(net="three steps"),
    )
    by_id = {statement.id: statement for statement in STATEMENTS}
    claims = []
    for width, expected in LOSSES.items():
        found = points.select(width=width)["loss"]
        claims.append(
            by_id[f"loss-{width}"].check(
                float(found.min()) if found.size else None, expected, tolerance=1e-5
            )
        )
    for width, degree in DEGENERACY.items():
        value, note = _degeneracy(splits, width)
        claims.append(
            by_id[f"degeneracy-{width}"].check(value, float(degree), note=note)
        )
    added = _added(splits)
    narrow = [row for row in added if row["width"] < 3]
    worst = {
        name: max((abs(row[name] - row["copies"]) for row in narrow), default=None)
        for name in ("negative", "zero")
    }
    claims += [
        by_id["negatives"].check(worst["negative"], 0.0, note=_undecided(splits)),
        by_id["zeros"].check(worst["zero"], 0.0),
        by_id["strict-saddle"].check(_least(tables["spectra"]), -1e-6),
    ]
    everything = _added(tables["splits"])
    claims.append(
        by_id["never-fewer"].check(
            min((row[name] for row in everything for name in COUNTS), default=None), 0.0
        )
    )
    claims.append(_predicted(by_id["predicted"], tables["splits"]))
    widths = tables["widths"]
    deviation = float(np.abs(widths["negative"] - (widths["width"] - 1)).max())
    claims.append(
        by_id["directions"].check(
            deviation, 0.0, note=f"widths up to {int(widths['width'].max())}"
        )
    )
    claims.append(_escape_time(by_id["escape-time"], tables["escapes"]))
    return [*claims, *_iris(by_id, tables)]


def _escape_time(statement: Statement, escapes: Table) -> Claim:
    """Without a verdict: no number was published."""
    widths = np.unique(escapes["width"])
    rows = [escapes.select(width=int(width)) for width in widths]
    median = [float(np.median(row["time"])) for row in rows]
    away = sum(int((row["status"] == Status.CONVERGED).sum()) for row in rows)
    note = (
        "reported, not judged; widths "
        f"{', '.join(str(width) for width in widths)}; {away} of {len(escapes)} "
        "left"
    )
    return statement.check(median[-1] / median[0], None, note=note)


def _degeneracy(splits: Table, width: int) -> tuple[float | None, str]:
    """The largest number of zeros over the points of a width, each embedded in width 3
    by equal copies.
    """
    name = {1: "3 equal", 2: "2 equal", 3: "none"}[width]
    chosen = splits.select(width=width, fractions=name)
    if not len(chosen):
        return None, "no such point found"
    zeros = chosen["measured_zero"]
    note = (
        f"{len(np.unique(chosen['point']))} points, every unit: "
        f"{', '.join(str(one) for one in zeros)}"
    )
    return float(zeros[np.argmax(abs(zeros - DEGENERACY[width]))]), note


def _added(splits: Table) -> list[dict[str, float]]:
    """Change of every count against the unsplit point, one row per point, unit and pair
    of equal copies or more.
    """
    rows, base = [], {}
    for row, (net, point, kind) in enumerate(
        zip(splits["net"], splits["point"], splits["fractions"], strict=True)
    ):
        if kind == "none":
            base[net, point] = (
                [splits[f"measured_{name}"][row] for name in COUNTS],
                bool(splits["decided"][row]),
            )
    copies = {"2 equal": 1, "3 equal": 2, "1.5, −0.5": 1}
    for row, kind in enumerate(splits["fractions"]):
        if kind in copies:
            before, sure = base[splits["net"][row], splits["point"][row]]
            after = [splits[f"measured_{name}"][row] for name in COUNTS]
            change = {
                name: float(new - old)
                for name, old, new in zip(COUNTS, before, after, strict=True)
            }
            equal = float(kind != "1.5, −0.5")
            rows.append(
                {
                    **change,
                    "copies": copies[kind],
                    "width": float(splits["width"][row]),
                    "equal": equal,
                    "rank": float(splits["rank"][row]),
                    "decided": float(sure and splits["decided"][row]),
                }
            )
    return rows


def _least(spectra: Table) -> float | None:
    chosen = spectra.select(net="three steps", width=1, fractions="2 equal")
    if not len(chosen):
        return None
    return float(chosen["eigenvalue"].min() / np.abs(chosen["eigenvalue"]).max())


def _undecided(splits: Table) -> str:
    count = int((~splits["decided"]).sum())
    return (
        f"{count} of {len(splits)} inertias undecided"
        if count
        else "all inertias decided"
    )


def _predicted(statement: Statement, splits: Table) -> Claim:
    sure = splits["decided"]
    wrong = (
        np.any([splits[name] != splits[f"measured_{name}"] for name in COUNTS], axis=0)
        & sure
    )
    value = float(wrong.sum()) if sure.any() else None
    return statement.check(
        value,
        0.0,
        note=f"{int(sure.sum())} splits decided, {int((~sure).sum())} not compared",
    )


def as_published(splits: Table) -> list[tuple[int, int]]:
    """(point, unit) whose negative eigenvalues are 3, 5 and 7 and whose zeros grow by
    one, with decided counts.
    """
    found = []
    for point in np.unique(splits["point"]):
        for unit in np.unique(splits.select(point=int(point))["unit"]):
            rows = splits.select(point=int(point), unit=int(unit))
            names = [
                rows.select(fractions=name) for name in ("none", "2 equal", "3 equal")
            ]
            counts = [
                (int(row["measured_negative"][0]), int(row["measured_zero"][0]))
                for row in names
            ]
            zeros = counts[0][1]
            sure = all(bool(row["decided"][0]) for row in names)
            if sure and counts == [(3, zeros), (5, zeros + 1), (7, zeros + 2)]:
                found.append((int(point), int(unit)))
    return found


def _where(splits: Table, found: list[tuple[int, int]]) -> str:
    """The published counts of zeros and the published point are not printed: ours is
    described.
    """
    if not found:
        return "no such point found"
    point, unit = found[0]
    rows = [
        splits.select(point=point, unit=unit, fractions=name)
        for name in ("none", "2 equal", "3 equal")
    ]
    counts = ", ".join(
        f"({', '.join(str(int(row[f'measured_{name}'][0])) for name in COUNTS)})"
        for row in rows
    )
    return f"point {point}: {counts}"


def _iris(by_id: Mapping[str, Statement], tables: Mapping[str, Table]) -> list[Claim]:
    added = [
        row
        for row in _added(tables["splits"].select(net="iris"))
        if row["equal"] and row["rank"] == 2
    ]
    everything, added = len(added), [row for row in added if row["decided"]]
    note = (
        f"{len(added)} of {everything} splits with decided counts at "
        "critical points of a 4-2-3 sigmoid net on standardised Iris data"
    )
    if not added:
        note = "no critical point with finite weights found where C_s has rank 2"
    negatives = min((row["negative"] / row["copies"] for row in added), default=None)
    zeros = min((row["zero"] / row["copies"] for row in added), default=None)
    splits = tables["splits"].select(net="iris")
    here = as_published(splits)
    return [
        by_id["iris-published"].check(
            float(len(here)) if len(splits) else None, 1.0, note=_where(splits, here)
        ),
        by_id["iris-negatives"].check(negatives, 2.0, note=note),
        by_id["iris-zeros"].check(zeros, 1.0, note=note),
    ]
