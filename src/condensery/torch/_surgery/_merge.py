"""Edits of a family at full width: merge, remove, average.

What is removed keeps its place, with nothing going out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from condensery.torch._surgery._clusters import Directions
from condensery.torch._surgery._statistics import Activity
from condensery.torch._surgery._transfer import Transfer, partners
from condensery.torch._surgery._units import Axis, Coupling, Step

CANCEL = 0.1
"""Merged outgoing weights below this share of what they merge are channels on their way
to infinity.
"""


@dataclass(eq=False)
class Plan:
    """What is to be done to one family.

    Attributes:
        pair: Unit to the unit that takes its place; −1 for a unit without input
            weights, whose constant goes on.
        gone: Units that are removed without a trace, with the rule by which.
    """

    pair: dict[int, int] = field(default_factory=dict)
    gone: dict[int, str] = field(default_factory=dict)

    @property
    def removed(self) -> set[int]:
        """Everything that goes."""
        return {*self.pair, *self.gone}


def apply(
    weights: dict[str, np.ndarray], part: Coupling, plan: Plan, transfer: Transfer
) -> dict[int, float]:
    """Sum the outgoing weights of merged units into those that stay; constants go into
    the next bias.

    Returns:
        Factor of every merged unit at its first reader.
    """
    seen, factors, own = set(), {}, set(part.families[0].units.tolist())
    for step, c, d in transfer.reads:
        mark = part.marks[step.source[0]]
        for place, unit in enumerate(mark.units.tolist()):
            if unit in plan.pair:
                factors.setdefault(unit, float(c[place]))
        weight, axis = step.facts["weight"], step.facts["axis"]
        if (weight, axis) in seen or own.isdisjoint(mark.units.tolist()):
            continue
        seen.add((weight, axis))
        other = partners(mark, plan.pair)
        gone = np.isin(mark.units, list(plan.gone))
        moved = np.isin(mark.units, list(plan.removed))
        _sum_up(
            weights,
            step,
            other,
            np.where(gone, 0.0, c),
            np.where(gone, 0.0, d),
            np.flatnonzero(moved),
        )
    return factors


def _sum_up(
    weights: dict[str, np.ndarray],
    step: Step,
    other: np.ndarray,
    c: np.ndarray,
    d: np.ndarray,
    moved: np.ndarray,
) -> None:
    weight, groups, bias = (
        np.moveaxis(weights[step.facts["weight"]], step.facts["axis"], 0),
        1,
        step.facts["bias"],
    )
    groups = step.facts["groups"]
    width, rows = (
        len(weight),
        weight.shape[1] // groups if groups > 1 else weight.shape[1],
    )
    for place in moved.tolist():
        block, column = divmod(place, width)
        reads = np.s_[block * rows : (block + 1) * rows] if groups > 1 else np.s_[:]
        out = weight[column][reads].copy()
        if other[place] != place:
            weight[other[place] - block * width][reads] += c[place] * out
        if bias is not None and d[place]:
            weights[bias][reads] += d[place] * out.reshape(len(out), -1).sum(axis=1)
        weight[column][reads] = 0.0


def by_least_squares(
    transfer: Transfer, part: Coupling, plan: Plan, activity: Mapping[str, Activity]
) -> Transfer:
    """The factors that fit best on the data: c = Σ f_u f_v / Σ f_v² over samples,
    positions and places of a unit.
    """
    reads = []
    for step, c, d in transfer.reads:
        mark, gram = part.marks[step.source[0]], activity[step.source[0]].moments
        other = partners(mark, plan.pair)
        moved = np.flatnonzero(other != np.arange(len(other)))
        fitted = c.copy()
        across: dict[int, float] = {}
        within: dict[int, float] = {}
        for place in moved.tolist():
            unit = int(mark.units[place])
            across[unit] = across.get(unit, 0.0) + gram[place, other[place]]
            within[unit] = within.get(unit, 0.0) + gram[other[place], other[place]]
        for place in moved.tolist():
            unit = int(mark.units[place])
            fitted[place] = across[unit] / within[unit] if within[unit] > 0 else 0.0
        reads.append((step, fitted, np.where(other != np.arange(len(other)), 0.0, d)))
    return Transfer(
        reads, transfer.broken, transfer.keys, transfer.activations, transfer.sources
    )


def cancelling(
    found: Directions, clusters: Sequence[Sequence[int]], signs: Mapping[int, float]
) -> list[int]:
    """Clusters of not exactly parallel units whose outgoing weights cancel: ‖Σ a_k
    ‖w_k‖‖ < 0.1 Σ ‖a_k‖ ‖w_k‖.
    """
    where = {int(unit): k for k, unit in enumerate(found.units)}
    size = np.linalg.norm(found.keys[0], axis=1)
    refused = []
    for number, members in enumerate(clusters):
        places = [where[unit] for unit in members]
        sign = np.asarray([signs.get(unit, 1.0) for unit in members])
        out = found.columns[places] * (sign * size[places])[:, None]
        if np.linalg.norm(out.sum(axis=0)) < CANCEL * np.linalg.norm(out, axis=1).sum():
            refused.append(number)
    return refused


def mean_rows(
    found: Directions, members: Sequence[int], signs: Mapping[int, float]
) -> np.ndarray:
    """The row that stands for a cluster: Σ_k ω_k row_k with ω_k = ⟨A, a_k⟩/‖A‖², A =
    Σ_k c_k a_k.

    It minimises ‖Σ_k a_k row_kᵀ − A rowᵀ‖, so that a cluster of which all units are
    active acts as before to first order; for parallel outgoing weights it is the
    amplitude-weighted mean direction. Σ ω_k c_k = 1 keeps the size.
    """
    where = {int(unit): k for k, unit in enumerate(found.units)}
    places = [where[unit] for unit in members]
    rows = found.keys[0][places]
    size = np.linalg.norm(rows, axis=1)
    factor = np.asarray([signs.get(unit, 1.0) for unit in members]) * size / size[0]
    total = factor @ found.columns[places]
    return (found.columns[places] @ total) / (total @ total) @ rows


def writable(part: Coupling, found: Directions) -> bool:
    """Whether rows can be given new values: one layer, at most one batch norm behind
    it, every unit in one place.
    """
    kinds = [
        step.kind
        for step in part.steps
        if step.kind not in {"unchanged", "gather", "pool", "cat"}
    ]
    ends = [k for k, kind in enumerate(kinds) if kind in {"point", "prelu", "read"}]
    before, after = (
        kinds[: ends[0]] if ends else [],
        set(kinds[ends[0] :] if ends else ()),
    )
    if (
        before not in (["make"], ["make", "scale"])
        or after - {"point", "prelu", "read"}
        or not found.source
    ):
        return False
    made = part.marks[
        next(step for step in part.steps if step.kind == "make").node.name
    ].units
    return len(np.unique(made)) == len(made)


def write_rows(
    weights: dict[str, np.ndarray],
    part: Coupling,
    found: Directions,
    rows: Mapping[int, np.ndarray],
) -> bool:
    """Give units new rows at their activation, by way of the layer and the batch norm
    that make them.

    Returns:
        Whether that is possible (see `writable`).
    """
    if not writable(part, found):
        return False
    make = [step for step in part.steps if step.kind == "make"]
    norms = [step for step in part.steps if step.kind == "scale"]
    facts, places = make[0].facts, part.marks[make[0].node.name].units
    shift = norms[0].facts["norm"][1] if norms else None
    weight = np.moveaxis(weights[facts["weight"]], facts["axis"], 0)
    index = {int(unit): k for k, unit in enumerate(found.units)}
    for unit, row in rows.items():
        place, old = int(np.flatnonzero(places == unit)[0]), found.keys[0][index[unit]]
        raw = weight[place].ravel()
        scale = float(old[:-1] @ raw / (raw @ raw)) if raw.any() else 0.0
        if scale == 0:
            return False
        weight[place] = (row[:-1] / scale).reshape(weight[place].shape)
        change = row[-1] - old[-1]
        if shift is not None:
            weights[shift][place] += change
        elif facts["bias"] is not None:
            weights[facts["bias"]][place] += change / scale
    return True


def fold_linear(
    weights: dict[str, np.ndarray],
    part: Coupling,
    found: Directions,
    linear: Sequence[int],
) -> dict[int, str]:
    """Let 2·K units carry all units that are linear on the data, where K is the number
    of outgoing weights of a unit.

    Σ_k a_k (row_k·x) = Σ_j e_j (p_j − q_j)·x with p_j = Σ a_kj row_k over a_kj > 0, and
    q_j the same over a_kj < 0 with the opposite sign. Sums of rows that are active on
    the data with positive factors are active there too.

    Returns:
        The units that are no longer needed, with the rule.
    """
    where = {int(unit): k for k, unit in enumerate(found.units)}
    places = [where[unit] for unit in linear]
    out, rows = found.columns[places], found.keys[0][places]
    halves = [
        (sign, j)
        for j in range(out.shape[1])
        for sign in (1.0, -1.0)
        if np.any(sign * out[:, j] > 0)
    ]
    if len(halves) >= len(linear) or not writable(part, found):
        return {}
    new_rows, new_columns = {}, {}
    for unit, (sign, j) in zip(linear, halves, strict=False):
        new_rows[unit] = np.maximum(sign * out[:, j], 0.0) @ rows
        new_columns[unit] = sign * (np.arange(out.shape[1]) == j)
    if not write_rows(weights, part, found, new_rows):
        return {}
    _write_columns(weights, part, new_columns)
    return dict.fromkeys(linear[len(halves) :], "linear on the data")


def _write_columns(
    weights: dict[str, np.ndarray], part: Coupling, new: Mapping[int, np.ndarray]
) -> None:
    seen: dict[Axis, int] = {}
    first = 0
    for step in part.steps:
        if step.kind != "read" or (step.facts["weight"], step.facts["axis"]) in seen:
            continue
        axis = (step.facts["weight"], step.facts["axis"])
        seen[axis] = first
        whole, size = np.moveaxis(weights[axis[0]], axis[1], 0), 0
        for unit, column in new.items():
            own = np.flatnonzero(part.axes[axis] == unit)
            size = whole[own].size
            whole[own] = column[first : first + size].reshape(whole[own].shape)
        first += size
