"""Whether units of a layer can be merged, exactly, approximately or not, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from condensery.metrics import condensation, directions
from condensery.theory import MergeRule, merge_rule
from condensery.torch._inspection._layers import Layer
from condensery.torch._inspection._measure import Measure, parallel_units
from condensery.torch._inspection._structure import After
from condensery.torch._inspection._vectors import amplitude_of

Mergeable = Literal["exactly", "approximately", "not"]
SAME_ANGLE = 1e-6
"""Radians within which two rows are parallel: copies that were rounded to single
precision are.
"""
OPPOSITE = -0.99
"""Cosine of the two rows of a two-way head below which it is worth a word."""

UNKNOWN = (
    "; the activation is not known ({}; activation= tells it): only equal "
    "rows would count as exact"
)
UNREAD = "; exact if what reads them takes units one by one, which is not known ({})"


@dataclass(frozen=True)
class Verdict:
    """What can be done with a layer.

    Attributes:
        mergeable: ``exactly``, ``approximately`` or ``not``.
        exact: Units that could go without any change of the output, to rounding.
        approximate: Units that could go with a small one.
        duplicates: Units whose direction an earlier one has, to `SAME_ANGLE`, whether
            they can be merged or not.
        why: In words.
    """

    mergeable: Mergeable
    exact: int
    approximate: int
    why: str
    duplicates: int = 0


def verdict(
    layer: Layer,
    measured: Measure,
    after: After | None,
    *,
    threshold: float,
    untraced: str = "",
) -> Verdict:
    """Judge one layer.

    Args:
        layer: Its rows.
        measured: Its numbers.
        after: What follows it; None where that is not known.
        threshold: Cosine from which two directions count as one.
        untraced: Why it is not known what follows.
    """
    near = parallel_units(layer) if measured.near is None else measured.near
    rows, bias = layer.arrays()
    size = measured.units // layer.blocks
    duplicates = _redundant(
        rows, bias, near, size, equal_lengths=False, antipodal=False
    )
    judged = _judge(layer, measured, after, near, threshold, untraced)
    return replace(judged, duplicates=duplicates)


def _judge(
    layer: Layer,
    measured: Measure,
    after: After | None,
    near: np.ndarray,
    threshold: float,
    untraced: str,
) -> Verdict:
    is_pair = measured.units == 2 and measured.smallest_cosine <= OPPOSITE
    is_output = after is None or after.output
    if layer.is_linear and is_pair and is_output:
        return _refused(
            "a two-way head: opposite rows are the symmetry of the softmax, "
            "not condensation"
        )
    obstacle = _obstacle(layer, after)
    if obstacle:
        return _refused(obstacle)
    if layer.role == "heads":
        return _heads(layer)
    if layer.role == "states":
        exact = _equivalent(layer, near, None)
        return _degree(layer, measured, None, exact, 0, threshold, "")
    constant = measured.dead
    exact = constant + _equivalent(layer, near, after)
    if after is not None:
        untraced = _beyond(after)
    return _degree(layer, measured, after, exact, constant, threshold, untraced)


def _beyond(after: After) -> str:
    if not after.beyond:
        return ""
    return f"they leave {after.beyond}, and what uses that could not be traced"


def _refused(why: str) -> Verdict:
    return Verdict("not", 0, 0, why)


def _degree(
    layer: Layer,
    measured: Measure,
    after: After | None,
    exact: int,
    constant: int,
    threshold: float,
    untraced: str,
) -> Verdict:
    close = measured.units - measured.effective
    if exact:
        unread = UNREAD.format(untraced) if untraced else ""
        why = _why_exact(exact, constant, after) + unread
        return Verdict("exactly", exact, max(close, exact), why)
    is_known = after is not None or layer.role == "states"
    unknown = "" if is_known else UNKNOWN.format(untraced)
    if close:
        weak = measured.units - measured.active
        counts = []
        if close > weak:
            counts.append(f"{close - weak} within cosine {threshold:g} of another")
        if weak:
            counts.append(f"{weak} below the cut")
        why = f"0 exact merges; {' and '.join(counts)}{unknown}"
        return Verdict("approximately", 0, close, why)
    cosine = measured.largest_cosine
    largest = f": the largest cosine is {cosine:.3f}" if np.isfinite(cosine) else ""
    return _refused(f"0 exact merges, and no two units are near{largest}{unknown}")


def _obstacle(layer: Layer, after: After | None) -> str:
    fixed = {
        "rows": "queries, keys and values act together: see the heads",
        "lookup": "its rows are looked up one by one: none can go",
        "gates": "a unit goes only if all its gates agree: see units",
    }
    if layer.role in fixed:
        return fixed[layer.role]
    if after is None or layer.role in {"states", "heads"}:
        return ""
    return "its units are the output of the model" if after.output else after.obstacle


def _heads(layer: Layer) -> Verdict:
    if layer.also is None:
        return _refused(
            "heads merge where attention maps and values agree: see query-key"
        )
    maps, _ = layer.arrays()
    values = layer.also.detach().double().flatten(1).cpu().numpy()
    # each in units of its own, so that neither hides the other
    scaled = [
        vectors / max(amplitude_of(vectors, None).max(), 1e-300)
        for vectors in (maps, values)
    ]
    joined = np.concatenate(scaled, axis=1)
    classes = _classes(joined, equal_lengths=True, antipodal=False)
    alike = len(joined) - len(np.unique(classes))
    if alike and layer.beside:
        return _refused(
            f"{alike} heads have the maps and values of another, but {layer.beside}"
        )
    if not alike:
        return _refused("no two heads have equal attention maps and equal values")
    how = "attend (by the product of queries and keys alone) and read as another does"
    why = f"{alike} heads {how}: add their outputs"
    return Verdict("exactly", alike, alike, why)


def _equivalent(layer: Layer, near: np.ndarray, after: After | None) -> int:
    """How many units are, after their activation, a multiple of another one (or of its
    mirror image).
    """
    rows, bias = layer.arrays()
    size = len(rows) // layer.blocks
    if after is None:
        return _redundant(
            rows,
            bias,
            near,
            size,
            equal_lengths=True,
            antipodal=False,
        )
    if after.fold is not None:
        scale, shift = after.fold
        bias = scale * (0.0 if bias is None else bias) + shift
        rows = rows * scale[:, None]
        # the bias turns the rows: all have to be looked at
        near = np.flatnonzero(amplitude_of(rows, None) > 0)
    if not after.activation:
        # whatever function of one number it is, equal arguments have equal values
        return _redundant(rows, bias, near, size, equal_lengths=True, antipodal=False)
    scaled = merge_rule(after.activation, 2.0, negative_slope=after.slope)
    mirrored = merge_rule(after.activation, -1.0, negative_slope=after.slope)
    return _redundant(
        rows,
        bias,
        near,
        size,
        equal_lengths=not _exact(scaled),
        antipodal=after.mirror and _exact(mirrored),
    )


def _redundant(
    rows: np.ndarray,
    bias: np.ndarray | None,
    near: np.ndarray,
    size: int,
    *,
    equal_lengths: bool,
    antipodal: bool,
) -> int:
    """Units less classes, block by block of so many units."""
    redundant = 0
    for block in np.unique(near // size):
        mine = near[near // size == block]
        if len(mine) < 2:
            continue
        joined = rows[mine].astype(np.float64)
        if bias is not None:
            joined = np.concatenate([joined, bias[mine, None]], axis=1)
        classes = _classes(joined, equal_lengths=equal_lengths, antipodal=antipodal)
        redundant += len(mine) - len(np.unique(classes))
    return redundant


def _exact(rule: MergeRule | None) -> bool:
    return rule is not None and rule.exact


def _classes(rows: np.ndarray, *, equal_lengths: bool, antipodal: bool) -> np.ndarray:
    """Number of the class of each row: those of one direction (and of one length, to
    `SAME_ANGLE` of it).
    """
    classes = np.empty(len(rows), dtype=np.intp)
    count = 0
    for run in _runs(rows, antipodal=antipodal):
        mine = _directions(rows[run], antipodal=antipodal)
        if equal_lengths:
            mine = _by_length(rows[run], mine)
        _, classes[run] = np.unique(mine, return_inverse=True)
        classes[run] += count
        count = int(classes[run].max()) + 1
    return classes


def _runs(rows: np.ndarray, *, antipodal: bool) -> list[np.ndarray]:
    """Rows that may be parallel, by their projections: all pairs of a wide layer would
    take minutes.

    Directions within `SAME_ANGLE` have projections on a unit vector within it, so that
    a larger gap parts no class.
    """
    runs = [np.arange(len(rows))]
    unit = directions(rows)
    axes = np.random.default_rng(0).standard_normal((3, rows.shape[1]))
    for axis in directions(axes):
        positions = np.abs(unit @ axis) if antipodal else unit @ axis
        runs = [piece for run in runs for piece in _between_gaps(run, positions)]
    return runs


def _between_gaps(run: np.ndarray, positions: np.ndarray) -> list[np.ndarray]:
    ordered = run[np.argsort(positions[run], kind="stable")]
    gaps = np.diff(positions[ordered])
    ends = np.flatnonzero(gaps > 2 * SAME_ANGLE) + 1
    return np.split(ordered, ends)


def _directions(rows: np.ndarray, *, antipodal: bool) -> np.ndarray:
    if len(rows) == 1:
        return np.zeros(1, dtype=np.intp)
    same = 1.0 - SAME_ANGLE**2 / 2
    return condensation(
        rows, threshold=same, active=0.0, grouping="cover", antipodal=antipodal
    ).groups


def _by_length(rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Classes parted where the lengths differ."""
    lengths = amplitude_of(rows, None)
    order = np.lexsort((lengths, classes))
    new = (np.diff(classes[order]) != 0) | (
        np.diff(lengths[order]) > SAME_ANGLE * lengths[order][1:]
    )
    parted = np.empty(len(rows), dtype=np.intp)
    parted[order] = np.concatenate([[0], np.cumsum(new)])
    return parted


def _why_exact(exact: int, dead: int, after: After | None) -> str:
    reasons = []
    if exact > dead:
        name = "" if after is None else after.activation
        kind = (
            f"are multiples of another, which {name} lets merge"
            if name
            else "equal another"
        )
        reasons.append(f"{exact - dead} units {kind}")
    if dead:
        reasons.append(f"{dead} have no incoming weights: a constant for the next bias")
    return " and ".join(reasons)
