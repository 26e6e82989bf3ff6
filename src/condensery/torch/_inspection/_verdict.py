"""Whether units of a layer can be merged, exactly, approximately or not, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from condensery.metrics import condensation, directions
from condensery.theory import MergeRule, merge_rule
from condensery.torch._inspection._layers import Layer
from condensery.torch._inspection._measure import Measure, amplitude_of, parallel_units
from condensery.torch._inspection._structure import After

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
    found: Measure,
    after: After | None,
    *,
    threshold: float,
    untold: str = "",
) -> Verdict:
    """Judge one layer.

    Args:
        layer: Its rows.
        found: Its numbers.
        after: What follows it; None where that is not known.
        threshold: Cosine from which two directions count as one.
        untold: Why it is not known what follows.
    """
    near = parallel_units(layer) if found.near is None else found.near
    rows, bias = layer.arrays()
    duplicates = _gone(
        rows,
        bias,
        near,
        found.units // layer.blocks,
        equal_lengths=False,
        antipodal=False,
    )
    is_head = layer.kind == "Linear" or (layer.is_pointwise and layer.blocks == 1)
    two_way = is_head and found.units == 2 and found.smallest_cosine <= OPPOSITE
    if two_way and (after is None or after.output):
        symmetry = (
            "a two-way head: opposite rows are the symmetry of the softmax, "
            "not condensation"
        )
        return Verdict("not", 0, 0, symmetry, duplicates)
    reason = _obstacle(layer, after)
    if reason:
        return Verdict("not", 0, 0, reason, duplicates)
    if layer.role == "heads":
        return replace(_heads(layer), duplicates=duplicates)
    known = None if layer.role == "states" else after
    constant = found.dead if layer.role == "units" else 0
    exact = constant + _equivalent(layer, near, known)
    if layer.role == "states":
        untold = ""
    elif after is not None:
        untold = (
            f"they leave {after.beyond}, and what uses that could not be traced"
            if after.beyond
            else ""
        )
    return replace(
        _degree(layer, found, known, exact, constant, threshold, untold),
        duplicates=duplicates,
    )


def _degree(
    layer: Layer,
    found: Measure,
    after: After | None,
    exact: int,
    constant: int,
    threshold: float,
    untold: str,
) -> Verdict:
    close = found.units - found.effective
    if exact:
        unread = UNREAD.format(untold) if untold else ""
        return Verdict(
            "exactly",
            exact,
            max(close, exact),
            _why_exact(exact, constant, after) + unread,
        )
    unknown = "" if after or layer.role == "states" else UNKNOWN.format(untold)
    if close:
        weak = found.units - found.active
        parts = (
            [f"{close - weak} within cosine {threshold:g} of another"]
            if close > weak
            else []
        )
        parts += [f"{weak} below the cut"] if weak else []
        return Verdict(
            "approximately", 0, close, f"0 exact merges; {' and '.join(parts)}{unknown}"
        )
    largest = (
        f": the largest cosine is {found.largest_cosine:.3f}"
        if np.isfinite(found.largest_cosine)
        else ""
    )
    return Verdict(
        "not", 0, 0, f"0 exact merges, and no two units are near{largest}{unknown}"
    )


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
        return Verdict(
            "not",
            0,
            0,
            "heads merge where attention maps and values agree: see query-key",
        )
    maps = layer.arrays()[0]
    values = layer.also.detach().double().flatten(1).cpu().numpy()
    # both parts in units of their own, so that neither hides the other
    joined = np.concatenate(
        [part / max(amplitude_of(part, None).max(), 1e-300) for part in (maps, values)],
        axis=1,
    )
    alike = len(joined) - len(
        np.unique(_classes(joined, equal_lengths=True, antipodal=False))
    )
    if alike and layer.beside:
        return Verdict(
            "not",
            0,
            0,
            f"{alike} heads have the maps and values of another, but {layer.beside}",
        )
    if alike:
        how = (
            "attend (by the product of queries and keys alone) and read as another does"
        )
        return Verdict(
            "exactly", alike, alike, f"{alike} heads {how}: add their outputs"
        )
    return Verdict(
        "not", 0, 0, "no two heads have equal attention maps and equal values"
    )


def _equivalent(layer: Layer, near: np.ndarray, after: After | None) -> int:
    """How many units are, after their activation, a multiple of another one (or of its
    mirror image).
    """
    rows, bias = layer.arrays()
    size = len(rows) // layer.blocks
    if after is None:
        return _gone(rows, bias, near, size, equal_lengths=True, antipodal=False)
    if after.fold is not None:
        scale, shift = after.fold
        bias = scale * (0.0 if bias is None else bias) + shift
        rows = rows * scale[:, None]
        near = np.flatnonzero(
            amplitude_of(rows, None) > 0
        )  # the bias turns the rows: all have to be looked at
    if (
        not after.activation
    ):  # whatever function of one number it is, equal arguments have equal values
        return _gone(rows, bias, near, size, equal_lengths=True, antipodal=False)
    scaled = merge_rule(after.activation, 2.0, negative_slope=after.slope)
    mirrored = merge_rule(after.activation, -1.0, negative_slope=after.slope)
    return _gone(
        rows,
        bias,
        near,
        size,
        equal_lengths=not _exact(scaled),
        antipodal=after.mirror and _exact(mirrored),
    )


def _gone(
    rows: np.ndarray,
    bias: np.ndarray | None,
    near: np.ndarray,
    size: int,
    *,
    equal_lengths: bool,
    antipodal: bool,
) -> int:
    """Units less classes, block by block of so many units."""
    gone = 0
    for block in np.unique(near // size):
        mine = near[near // size == block]
        if len(mine) < 2:
            continue
        joined = rows[mine].astype(np.float64)
        if bias is not None:
            joined = np.concatenate([joined, bias[mine, None]], axis=1)
        classes = _classes(joined, equal_lengths=equal_lengths, antipodal=antipodal)
        gone += len(mine) - len(np.unique(classes))
    return gone


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
    for axis in directions(
        np.random.default_rng(0).standard_normal((3, rows.shape[1]))
    ):
        places = np.abs(unit @ axis) if antipodal else unit @ axis
        split = []
        for run in runs:
            ordered = run[np.argsort(places[run], kind="stable")]
            split += np.split(
                ordered, np.flatnonzero(np.diff(places[ordered]) > 2 * SAME_ANGLE) + 1
            )
        runs = split
    return runs


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
    parts = []
    if exact > dead:
        name = "" if after is None else after.activation
        kind = (
            f"are multiples of another, which {name} lets merge"
            if name
            else "equal another"
        )
        parts.append(f"{exact - dead} units {kind}")
    if dead:
        parts.append(f"{dead} have no incoming weights: a constant for the next bias")
    return " and ".join(parts)
