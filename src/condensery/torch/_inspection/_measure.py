"""The numbers of one layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from condensery._errors import InvalidInputError
from condensery.metrics import amplitude, condensation
from condensery.torch._inspection._chance import Chance, chance
from condensery.torch._inspection._layers import Layer
from condensery.torch._inspection._nearest import RESOLUTION, nearest_cosines

_LINKAGE_UNITS = 2000


@dataclass(frozen=True, eq=False)
class Measure:
    """What is seen in one layer.

    Attributes:
        units: All units.
        features: Entries of a row, with the bias.
        active: Units whose ‖(w, b)‖ is above the cut.
        effective: Directions that cover the active units.
        groups: Condensed groups of the active units (a unit alone is one).
        largest_group: Units in the largest of them.
        largest_cosine: Between two active units; nan where there are fewer than two.
        smallest_cosine: Likewise the most opposite.
        dead: Units without incoming weights: what they give is constant.
        near: As `parallel_units`, where the active units are all that have a direction;
            otherwise None.
    """

    units: int
    features: int
    active: int
    effective: int
    groups: int
    largest_group: int
    largest_cosine: float
    smallest_cosine: float
    dead: int
    near: np.ndarray | None

    @property
    def ratio(self) -> float:
        """Effective neurons over all units."""
        return self.effective / self.units


@dataclass(frozen=True, eq=False)
class _Part:
    """The numbers of one block of units that see the same inputs."""

    effective: int
    groups: int
    largest_group: int
    largest: float
    smallest: float
    near: np.ndarray


def measure(
    layer: Layer, *, threshold: float, active: float, linkage: bool = True
) -> Measure:
    """Measure one layer, block by block of the units that see the same inputs.

    Args:
        layer: Its rows.
        threshold: Cosine from which two directions count as one.
        active: Cut, as a share of the largest ‖(w, b)‖ of the layer.
        linkage: Whether groups are formed by complete linkage (up to 2,000 units) or,
            faster, by the cover.

    Raises:
        InvalidInputError: A weight is nan or infinite.
    """
    rows, bias = layer.arrays()
    lengths = amplitude_of(rows, bias)
    if not np.isfinite(lengths).all():
        raise InvalidInputError(
            f"layer {layer.name}",
            given=f"{np.count_nonzero(~np.isfinite(lengths))} units with nan or inf",
            allowed="finite weights",
            remedy="look at the training: it has diverged",
        )
    cut = active * lengths.max(initial=0.0)
    kept = lengths > cut
    size = len(rows) // layer.blocks
    parts = []
    for start in range(0, len(rows), size):
        units = start + np.flatnonzero(kept[start : start + size])
        parts.append(
            _measure_part(rows, bias, lengths, units, threshold, linkage=linkage)
        )
    weights = lengths if bias is None else amplitude_of(rows, None)
    whole = np.count_nonzero(kept) == np.count_nonzero(lengths)
    return Measure(
        units=len(rows),
        features=rows.shape[1] + (bias is not None),
        active=int(np.count_nonzero(kept)),
        effective=sum(part.effective for part in parts),
        groups=sum(part.groups for part in parts),
        largest_group=max(part.largest_group for part in parts),
        largest_cosine=_over([part.largest for part in parts], max),
        smallest_cosine=_over([part.smallest for part in parts], min),
        dead=int(np.count_nonzero(weights == 0)),
        near=np.concatenate([part.near for part in parts]) if whole else None,
    )


def amplitude_of(rows: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """‖(w, b)‖ of every unit, without a copy of the layer in double precision."""
    step = max(1, 2**20 // rows.shape[1])
    starts = range(0, len(rows), step)
    parts = [
        amplitude(
            None, rows[at : at + step], None if bias is None else bias[at : at + step]
        )
        for at in starts
    ]
    return np.concatenate(parts)


def _measure_part(
    rows: np.ndarray,
    bias: np.ndarray | None,
    lengths: np.ndarray,
    units: np.ndarray,
    threshold: float,
    *,
    linkage: bool,
) -> _Part:
    if not len(units):
        return _Part(0, 0, 0, np.nan, np.nan, units)
    mine, own = _taken(rows, bias, units)
    largest, smallest = nearest_cosines(mine, own, lengths[units])
    # A unit that is near no other covers none and is covered by none: only the rest has
    # to be looked at closely.
    close = np.flatnonzero(
        np.nan_to_num(largest, nan=-1.0) >= threshold - 2 * RESOLUTION
    )
    alone = len(units) - len(close)
    near = units[_have_parallel(largest, smallest)]
    if not len(close):
        return _Part(alone, alone, 1, float(largest.max()), float(smallest.min()), near)
    grouping = "linkage" if linkage and len(close) <= _LINKAGE_UNITS else "cover"
    few, few_bias = _taken(mine, own, close)
    found = condensation(
        few, bias=few_bias, threshold=threshold, active=0.0, grouping=grouping
    )
    return _Part(
        effective=alone + found.effective_neurons,
        groups=alone + len(found.group_sizes),
        largest_group=int(found.group_sizes.max()),
        largest=float(largest.max()),
        smallest=float(smallest.min()),
        near=near,
    )


def _taken(
    rows: np.ndarray, bias: np.ndarray | None, units: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows and bias of some units; without a copy where it is all of them."""
    if len(units) == len(rows):
        return rows, bias
    return rows[units], None if bias is None else bias[units]


def parallel_units(layer: Layer) -> np.ndarray:
    """Indices of the units that have a parallel or antiparallel one, as far as single
    precision can tell.
    """
    rows, bias = layer.arrays()
    lengths = amplitude_of(rows, bias)
    size = len(rows) // layer.blocks
    found = []
    for start in range(0, len(rows), size):
        units = start + np.flatnonzero(lengths[start : start + size])
        if len(units) > 1:
            largest, smallest = nearest_cosines(
                *_taken(rows, bias, units), lengths[units]
            )
            found.append(units[_have_parallel(largest, smallest)])
    return np.concatenate(found) if found else np.empty(0, dtype=np.intp)


def _have_parallel(largest: np.ndarray, smallest: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.maximum(largest, -smallest)) >= 1 - 2 * RESOLUTION


def by_chance(layer: Layer, found: Measure, *, threshold: float) -> Chance:
    """What random orientations would show in a layer of this shape with as many active
    units.
    """
    return chance(
        found.active, layer.dimension or found.features, threshold, blocks=layer.blocks
    )


def _over(values: list[float], choose: Callable[[list[float]], float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(choose(finite)) if finite else float("nan")
