"""Operations that pass units on, move them or join them: which relations they keep."""

from __future__ import annotations

import numpy as np

from condensery.torch._surgery._relation import Pairs, Relation
from condensery.torch._surgery._units import Step


def follow_unchanged(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """The identity."""
    return before


def follow_scaled(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """Factor·z + shift, the same for every unit."""
    factor = step.facts["factor"]
    shift = step.facts.get("shift", 0.0)
    shifted = np.where(
        before.c == 1,
        0.0,
        shift * (1 - before.c),
    )
    rows = None
    if before.rows is not None:
        rows = before.rows * factor
        rows[:, -1] += shift
    return Relation(
        before.c,
        factor * before.d + shifted,
        rows,
        before.base,
    )


def follow_add_common(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """A value that is common to all units is added."""
    name = step.node.name
    moved = pairs.moved(name)
    scaled = np.abs(before.c[moved] - 1) > pairs.tolerance
    pairs.split(name, moved[scaled], "a common value is added")
    return Relation(
        before.c,
        step.facts["factor"] * before.d,
        None,
    )


def follow_multiply_common(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """A value that is common to all units is multiplied."""
    name = step.node.name
    moved = pairs.moved(name)
    shifted = np.abs(before.d[moved]) > 0
    pairs.split(name, moved[shifted], "a constant is multiplied by a value")
    return before


def follow_pool(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """A maximum, an average or a sum over positions."""
    name, pool = step.node.name, step.facts["pool"]
    pairs.key(
        step.source[0],
        before,
        "relu" if pool == "max" else "linear",
    )
    moved = pairs.moved(name)
    if pool == "max":
        negative = before.c[moved] < 0
        reason = "the maximum of −z is not minus the maximum of z"
        pairs.split(name, moved[negative], reason)
    if pool == "sum":
        slack = pairs.slack(before, moved, before.c) if pairs.exact else 0.0
        shifted = np.abs(before.d[moved]) > slack
        pairs.split(name, moved[shifted], "a sum does not leave a constant as it is")
    return before


def follow_gather(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """Entries move."""
    positions = step.facts["positions"]
    rows = None if before.rows is None else before.rows[positions]
    base = before.base_at(positions)
    return Relation(
        before.c[positions],
        before.d[positions],
        rows,
        base,
    )


def follow_cat(pairs: Pairs, step: Step, *before: Relation | None) -> Relation:
    """Values side by side along the axis of the units."""
    factors, constants = [], []
    sizes = step.facts["sizes"]
    for name, relation, size in zip(
        step.source,
        before,
        sizes,
        strict=True,
    ):
        if relation is not None:
            pairs.key(name, relation, "linear")
        factors.append(np.ones(size) if relation is None else relation.c)
        constants.append(np.zeros(size) if relation is None else relation.d)
    return Relation(
        np.concatenate(factors),
        np.concatenate(constants),
        None,
    )


def follow_add(pairs: Pairs, step: Step, *before: Relation) -> Relation:
    """Sums and differences, and values stacked along another axis."""
    name = step.node.name
    moved = pairs.moved(name)
    for source, relation in zip(step.source, before, strict=True):
        pairs.key(source, relation, "")
    c, d = before[0].c, before[0].d.copy()
    for summand in before[1:]:
        uneven = np.abs(summand.c[moved] - c[moved]) > pairs.tolerance
        pairs.split(name, moved[uneven], "two summands differ in scale")
        if step.facts["stacked"]:
            apart = np.abs(summand.d[moved] - d[moved]) > pairs.tolerance
            pairs.split(name, moved[apart], "two parts differ by a constant")
        else:
            d = d - summand.d if step.facts["subtracted"] else d + summand.d
    return Relation(c, d, None)


def follow_multiply(pairs: Pairs, step: Step, *before: Relation) -> Relation:
    """Products of two units."""
    name = step.node.name
    moved = pairs.moved(name)
    for source, relation in zip(
        step.source,
        before,
        strict=True,
    ):
        pairs.key(source, relation, "")
    shifted = sum(np.abs(factor.d[moved]) for factor in before) > 0
    pairs.split(name, moved[shifted], "a constant is multiplied by a value")
    c = np.prod([factor.c for factor in before], axis=0)
    return Relation(c, np.zeros(len(c)), None)
