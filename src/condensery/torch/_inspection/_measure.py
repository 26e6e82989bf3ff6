"""The numbers of one layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from condensery._errors import InvalidInputError
from condensery.metrics import condensation
from condensery.torch._inspection._chance import Chance, chance
from condensery.torch._inspection._layers import Layer
from condensery.torch._inspection._nearest import RESOLUTION
from condensery.torch._inspection._vectors import (
    Vectors,
    amplitude_of,
    units_by_block,
)

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
class _Block:
    """The numbers of one block of units that see the same inputs."""

    effective: int
    groups: int
    largest_group: int
    largest: float
    smallest: float
    near: np.ndarray


def measure(
    layer: Layer,
    *,
    threshold: float,
    active: float,
    linkage: bool = True,
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
    vectors = Vectors.of(layer)
    lengths = vectors.lengths
    if not np.isfinite(lengths).all():
        raise InvalidInputError(
            f"layer {layer.name}",
            given=f"{np.count_nonzero(~np.isfinite(lengths))} units with nan or inf",
            allowed="finite weights",
            remedy="look at the training: it has diverged",
        )
    kept = lengths > active * lengths.max(initial=0.0)
    blocks = [
        _measure_block(vectors, units, threshold, linkage=linkage)
        for units in units_by_block(kept, layer.blocks)
    ]
    weights = lengths
    if vectors.bias is not None:
        weights = amplitude_of(vectors.rows, None)
    all_kept = np.count_nonzero(kept) == np.count_nonzero(lengths)
    return Measure(
        units=len(lengths),
        features=vectors.features,
        active=int(np.count_nonzero(kept)),
        effective=sum(block.effective for block in blocks),
        groups=sum(block.groups for block in blocks),
        largest_group=max(block.largest_group for block in blocks),
        largest_cosine=_over([block.largest for block in blocks], max),
        smallest_cosine=_over([block.smallest for block in blocks], min),
        dead=int(np.count_nonzero(weights == 0)),
        near=np.concatenate([block.near for block in blocks]) if all_kept else None,
    )


def _measure_block(
    vectors: Vectors, units: np.ndarray, threshold: float, *, linkage: bool
) -> _Block:
    if not len(units):
        return _Block(0, 0, 0, np.nan, np.nan, units)
    block = vectors.take(units)
    largest, smallest = block.nearest()
    # A unit that is near no other covers none and is covered by none: only the rest has
    # to be looked at closely.
    nearest = np.nan_to_num(largest, nan=-1.0)
    close = np.flatnonzero(nearest >= threshold - 2 * RESOLUTION)
    alone = len(units) - len(close)
    effective = groups = alone
    largest_group = 1
    if len(close):
        is_linkage = linkage and len(close) <= _LINKAGE_UNITS
        compared = block.take(close)
        measured = condensation(
            compared.rows,
            bias=compared.bias,
            threshold=threshold,
            active=0.0,
            grouping="linkage" if is_linkage else "cover",
        )
        effective += measured.effective_neurons
        groups += len(measured.group_sizes)
        largest_group = int(measured.group_sizes.max())
    return _Block(
        effective=effective,
        groups=groups,
        largest_group=largest_group,
        largest=float(largest.max()),
        smallest=float(smallest.min()),
        near=units[_have_parallel(largest, smallest)],
    )


def parallel_units(layer: Layer) -> np.ndarray:
    """Indices of the units that have a parallel or antiparallel one, as far as single
    precision can tell.
    """
    vectors = Vectors.of(layer)
    parallel = [np.empty(0, dtype=np.intp)]
    for units in units_by_block(vectors.lengths != 0, layer.blocks):
        if len(units) > 1:
            largest, smallest = vectors.take(units).nearest()
            parallel.append(units[_have_parallel(largest, smallest)])
    return np.concatenate(parallel)


def _have_parallel(largest: np.ndarray, smallest: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.maximum(largest, -smallest)) >= 1 - 2 * RESOLUTION


def by_chance(layer: Layer, measured: Measure, *, threshold: float) -> Chance:
    """What random orientations would show in a layer of this shape with as many active
    units.
    """
    dimension = layer.dimension or measured.features
    return chance(measured.active, dimension, threshold, blocks=layer.blocks)


def _over(values: list[float], choose: Callable[[list[float]], float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(choose(finite)) if finite else float("nan")
