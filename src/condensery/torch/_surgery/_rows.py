"""New rows for units that stay: mean directions of clusters, and few units that carry
all those that are linear on the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from condensery.torch._surgery._clusters import Directions
from condensery.torch._surgery._rules import Rule
from condensery.torch._surgery._units import Axis, Coupling, Step

_READS = frozenset({"point", "prelu", "read"})
_PASSES = frozenset({"unchanged", "gather", "pool", "cat"})


def mean_row(
    layer: Directions, members: Sequence[int], signs: Mapping[int, float]
) -> np.ndarray:
    """The row that stands for a cluster: Σ_k ω_k row_k with ω_k = ⟨A, a_k⟩/‖A‖², A =
    Σ_k c_k a_k.

    It minimises ‖Σ_k a_k row_kᵀ − A rowᵀ‖, so that a cluster of which all units are
    active acts as before to first order; for parallel outgoing weights it is the
    amplitude-weighted mean direction. Σ ω_k c_k = 1 keeps the size. Where nothing goes
    out it is the first member's row.
    """
    rows, out = layer.rows(members), layer.outgoing(members)
    size = np.linalg.norm(rows, axis=1)
    sign = np.asarray([signs.get(unit, 1.0) for unit in members])
    if size[0] == 0:
        return rows[0]
    total = (sign * size / size[0]) @ out
    strength = total @ total
    if strength == 0:
        return rows[0]
    return (out @ total) / strength @ rows


def writable(coupling: Coupling, layer: Directions) -> bool:
    """Whether rows can be given new values: one layer, at most one batch norm behind
    it, every unit in one place.
    """
    kinds = [step.kind for step in coupling.steps if step.kind not in _PASSES]
    ends = [number for number, kind in enumerate(kinds) if kind in _READS]
    first = ends[0] if ends else len(kinds)
    before, after = kinds[:first] if ends else [], kinds[first:]
    if before not in (["make"], ["make", "scale"]):
        return False
    if not _READS.issuperset(after) or not layer.source:
        return False
    made = _made(coupling)
    return len(np.unique(made)) == len(made)


def _step(coupling: Coupling, kind: str) -> Step | None:
    return next((step for step in coupling.steps if step.kind == kind), None)


def _made(coupling: Coupling) -> np.ndarray:
    """The units of the value that the family's layer makes."""
    make = _step(coupling, "make")
    return np.zeros(0) if make is None else coupling.marks[make.node.name].units


def write_rows(
    weights: dict[str, np.ndarray],
    coupling: Coupling,
    layer: Directions,
    rows: Mapping[int, np.ndarray],
) -> bool:
    """Give units new rows at their activation, by way of the layer and the batch norm
    that make them.

    Returns:
        Whether that is possible (see `writable`).
    """
    make, norm = _step(coupling, "make"), _step(coupling, "scale")
    if make is None or not writable(coupling, layer):
        return False
    bias = make.facts["bias"]
    shift = None if norm is None else norm.facts["norm"][1]
    weight = np.moveaxis(
        weights[make.facts["weight"]],
        make.facts["axis"],
        0,
    )
    made, index = _made(coupling), layer.index
    scales: dict[int, float] = {}
    for unit in rows:
        position = int(np.flatnonzero(made == unit)[0])
        old = layer.keys[0][index[unit]]
        raw = weight[position].ravel()
        scales[position] = float(old[:-1] @ raw / (raw @ raw)) if raw.any() else 0.0
    # all of them or none: a model half of whose rows are new computes something else
    if 0.0 in scales.values():
        return False
    for (unit, row), (position, scale) in zip(
        rows.items(), scales.items(), strict=True
    ):
        scaled = row[:-1] / scale
        weight[position] = scaled.reshape(weight[position].shape)
        change = row[-1] - layer.keys[0][index[unit]][-1]
        if shift is not None:
            weights[shift][position] += change
        elif bias is not None:
            weights[bias][position] += change / scale
    return True


def fold_linear(
    weights: dict[str, np.ndarray],
    coupling: Coupling,
    layer: Directions,
    linear: Sequence[int],
) -> dict[int, Rule]:
    """Let 2·K units carry all units that are linear on the data, where K is the number
    of outgoing weights of a unit.

    Σ_k a_k (row_k·x) = Σ_j e_j (p_j − q_j)·x with p_j = Σ a_kj row_k over a_kj > 0, and
    q_j the same over a_kj < 0 with the opposite sign. Sums of rows that are active on
    the data with positive factors are active there too.

    Returns:
        The units that are no longer needed, with the rule.
    """
    index = layer.index
    chosen = [index[unit] for unit in linear]
    rows, out = layer.keys[0][chosen], layer.columns[chosen]
    columns = np.arange(out.shape[1])
    halves = [
        (sign, column)
        for column in columns
        for sign in (1.0, -1.0)
        if np.any(sign * out[:, column] > 0)
    ]
    if len(halves) >= len(linear) or not writable(coupling, layer):
        return {}
    new_rows, new_columns = {}, {}
    for unit, (sign, column) in zip(
        linear,
        halves,
        strict=False,
    ):
        share = np.maximum(sign * out[:, column], 0.0)
        new_rows[unit] = share @ rows
        new_columns[unit] = sign * (columns == column)
    if not write_rows(weights, coupling, layer, new_rows):
        return {}
    _write_columns(weights, coupling, new_columns)
    return dict.fromkeys(
        linear[len(halves) :],
        Rule.LINEAR,
    )


def _write_columns(
    weights: dict[str, np.ndarray],
    coupling: Coupling,
    new: Mapping[int, np.ndarray],
) -> None:
    """Give units new outgoing weights, in the order of `columns`."""
    seen: set[Axis] = set()
    first = 0
    for step in coupling.steps:
        if step.kind != "read":
            continue
        axis = (step.facts["weight"], step.facts["axis"])
        if axis in seen:
            continue
        seen.add(axis)
        weight, size = (
            np.moveaxis(
                weights[axis[0]],
                axis[1],
                0,
            ),
            0,
        )
        for unit, column in new.items():
            held = np.flatnonzero(coupling.axes[axis] == unit)
            size = weight[held].size
            entries = column[first : first + size]
            weight[held] = entries.reshape(weight[held].shape)
        first += size
