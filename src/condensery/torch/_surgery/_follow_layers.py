"""Layers, norms and filters: how they change the relation of two units.

Each function takes the pairs, the step and the relation before it, and gives the
relation behind it.
"""

from __future__ import annotations

import numpy as np

from condensery.torch._surgery._follow_activations import at_activation
from condensery.torch._surgery._relation import Pairs, Relation
from condensery.torch._surgery._units import Step


def follow_make(pairs: Pairs, step: Step) -> Relation:
    """A layer makes units: their rows say how they are related."""
    weight = pairs.weights[step.facts["weight"]]
    units_first = np.moveaxis(
        weight,
        step.facts["axis"],
        0,
    )
    rows = units_first.reshape(len(units_first), -1)
    bias = pairs.weight(step.facts["bias"], len(rows))
    return _compare(
        pairs,
        step,
        np.column_stack([rows, bias]),
    )


def _compare(pairs: Pairs, step: Step, rows: np.ndarray) -> Relation:
    """Compare every row with its partner's: c from the weights, d from the last column.

    The factor is that of least squares, ⟨row_u, row_v⟩/‖row_v‖².
    """
    name = step.node.name
    partner = pairs.partner(name)
    moved = np.flatnonzero(partner != np.arange(len(partner)))
    c, d = np.ones(len(rows)), np.zeros(len(rows))
    if len(moved):
        mine = rows[moved, :-1]
        theirs = rows[partner[moved], :-1]
        across = np.einsum("ij,ij->i", mine, theirs)
        within = np.einsum("ij,ij->i", theirs, theirs)
        factor = _ratio(across, within, within > 0)
        c[moved] = factor
        d[moved] = rows[moved, -1] - factor * rows[partner[moved], -1]
        if pairs.exact:
            scaled = factor[:, None] * theirs
            rest = np.linalg.norm(mine - scaled, axis=1)
            size = np.linalg.norm(mine, axis=1)
            apart = (rest > pairs.tolerance * size) | (size == 0)
            pairs.split(
                name,
                moved[apart],
                "not parallel",
            )
    for position in np.flatnonzero(pairs.constant(name)):
        c[position] = 0.0
        d[position] = rows[position, -1]
    return Relation(c, d, rows)


def _ratio(above: np.ndarray, below: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.divide(
        above,
        below,
        out=np.zeros(len(above)),
        where=where,
    )


def follow_read(pairs: Pairs, step: Step, before: Relation) -> None:
    """A layer reads units: factors go into its weights, constants into its bias."""
    name = step.source[0]
    pairs.key(name, before, "linear")
    c, d = before.c, before.d
    if before.rows is not None:
        c, d = at_activation(pairs, name, before)
    if step.facts["padded"] or step.facts["bias"] is None:
        moved = pairs.moved(name)
        too_large = np.abs(d[moved]) > pairs.slack(before, moved, c)
        pairs.split(
            name,
            moved[too_large],
            "no bias takes the constant",
        )
        d = np.zeros_like(d)
    pairs.transfer.reads.append((step, c, d))


def follow_scale(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """Batch norm: s = weight/√(variance + ε), t = bias − s·mean."""
    weight, bias, mean, variance = (
        None if name is None else pairs.weights[name] for name in step.facts["norm"]
    )
    spread = np.sqrt(variance + step.facts["eps"])
    s = (1.0 if weight is None else weight) / spread
    t = (0.0 if bias is None else bias) - s * mean
    return _affine(pairs, step, before, s, t)


def _affine(
    pairs: Pairs, step: Step, before: Relation, s: np.ndarray, t: np.ndarray
) -> Relation:
    """Every unit u becomes s_u·f_u + t_u."""
    name = step.node.name
    moved = pairs.moved(name)
    theirs = pairs.partner(name)[moved]
    c, d = before.c.copy(), before.d.copy()
    dead = (s[theirs] == 0) & (s[moved] != 0) & (theirs != moved)
    pairs.split(
        name,
        moved[dead],
        "the scale of its partner is zero",
    )
    ratio = _ratio(
        s[moved],
        s[theirs],
        s[theirs] != 0,
    )
    c[moved] = np.where(
        before.c[moved] == 0,
        0.0,
        before.c[moved] * ratio,
    )
    d[moved] = s[moved] * before.d[moved] + t[moved] - c[moved] * t[theirs]
    rows = None
    if before.rows is not None:
        rows = before.rows * s[:, None]
        rows[:, -1] += t
    return Relation(c, d, rows, before.base)


def follow_multiply_weight(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """A weight for every unit is multiplied."""
    s = pairs.weights[step.facts["weight"]].ravel()
    return _affine(
        pairs,
        step,
        before,
        s,
        np.zeros_like(s),
    )


def follow_add_weight(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """A weight for every unit is added."""
    t = pairs.weights[step.facts["weight"]].ravel()
    return _affine(
        pairs,
        step,
        before,
        np.ones_like(t),
        t,
    )


def follow_depthwise(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """A filter for every channel: filters must be parallel as well."""
    name = step.node.name
    weight = pairs.weights[step.facts["weight"]]
    filters = weight.reshape(len(pairs.mark(name).units), -1)
    t = pairs.weight(step.facts["bias"], len(filters))
    if step.facts["padded"]:
        # Behind zero padding a constant is no constant any more.
        moved = pairs.moved(name)
        far = np.abs(before.d[moved]) > pairs.slack(
            before,
            moved,
            before.c,
        )
        pairs.split(
            name,
            moved[far],
            "padding cuts the constant",
        )
    rows = np.column_stack([filters, t])
    c = before.c * _compare(pairs, step, rows).c
    total = filters.sum(axis=1)
    d = before.d * total + t - c * t[pairs.partner(name)]
    if before.rows is None:
        return Relation(c, d, rows, before.c)
    kernel = np.einsum(
        "if,ij->ifj",
        filters,
        before.rows[:, :-1],
    )
    bias = before.rows[:, -1] * total + t
    rows = np.column_stack([kernel.reshape(len(filters), -1), bias])
    return Relation(c, d, rows, before.base)
