"""How many units of a layer have a partner: another unit that points (nearly) the same
or the opposite way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from condensery.torch._inspection._chance import random_pair
from condensery.torch._inspection._inspect import inspect
from condensery.torch._inspection._layers import Layer
from condensery.torch._inspection._reading_weights import read_weights
from condensery.torch._inspection._vectors import Vectors, units_by_block
from condensery.torch._loading import load_weights

_COLUMNS = (
    "layer",
    "kind",
    "units",
    "features",
    "effective_neurons",
    "effective_ratio",
    "chance_ratio",
    "excess",
    "largest_cosine",
    "chance_cosine",
    "smallest_cosine",
    "dead",
    "duplicates",
    "mergeable",
    "exact_merges",
    "approximate_merges",
    "why",
)
"""Columns of an inspection that are kept."""


@dataclass(frozen=True)
class Partners:
    """Units with a partner, counted among all units that have a direction (whether they
    are strong or weak).

    Attributes:
        directed: Units that have a direction, (w, b) ≠ 0.
        parallel: Of these, units with a cosine ≥ the threshold to another one.
        opposite: Units with a cosine ≤ −threshold to another one.
        either: Units with at least one of the two.
        chance: Expected `either` for independent isotropic directions.
    """

    directed: int
    parallel: int
    opposite: int
    either: int
    chance: float


def partners(layer: Layer, *, threshold: float) -> Partners:
    """Count the units of a layer that have a partner among the units that see the same
    inputs.

    Formula:
        chance = Σ_blocks n·(1 − (1 − 2P(threshold))^(n − 1)), with n directed units in
        a block and P as in `random_pair`: given one unit, its cosines with n − 1
        independent isotropic others are independent, so that this is exact.

    Args:
        layer: Its rows (w, b).
        threshold: |cos| in (0, 1] from which two units are partners; as accurate as
            single precision, 2e-6.

    Example:
        >>> import torch
        >>> from condensery.torch._inspection._layers import linear
        >>> from condensery.torch._inspection._partners import partners
        >>> rows = torch.tensor(
        ...     [
        ...         [1.0, 0.0],
        ...         [2.0, 0.0],
        ...         [0.0, 1.0],
        ...         [0.0, -3.0],
        ...         [1.0, 1.0],
        ...         [0.0, 0.0],
        ...     ]
        ... )
        >>> pairs = partners(linear("layer", rows, None), threshold=0.95)
        >>> pairs.directed, pairs.parallel, pairs.opposite, pairs.either
        (5, 2, 2, 4)
    """
    vectors = Vectors.of(layer)
    dimension = layer.dimension or vectors.features
    pair = min(1.0, 2.0 * random_pair(threshold, dimension))
    directed = parallel = opposite = either = 0
    chance = 0.0
    for units in units_by_block(vectors.lengths != 0, layer.blocks):
        directed += len(units)
        if len(units) < 2:
            continue
        largest, smallest = vectors.take(units).nearest()
        same = largest >= threshold
        opposed = smallest <= -threshold
        parallel += int(same.sum())
        opposite += int(opposed.sum())
        either += int((same | opposed).sum())
        chance += len(units) * (1.0 - (1.0 - pair) ** (len(units) - 1))
    return Partners(directed, parallel, opposite, either, chance)


def inspect_file(
    path: Path,
    *,
    threshold: float,
    heads: int | None,
    progress: Callable[[str, float], None],
) -> dict[str, np.ndarray]:
    """Inspect a weights file and count the partners in every layer; no code of the file
    or its package is run.

    Args:
        path: As for `condensery.torch.load_weights`.
        threshold: As for `inspect` and `partners`.
        heads: Number of attention heads, where there are any.
        progress: Progress callback, ``(text, fraction)``.

    Returns:
        Columns with an entry for every layer: those of the inspection, role, directed,
        parallel, opposite, either and chance as in `Partners`, bare (`either` without
        the biases); and with one entry ``parameters`` and ``skipped`` (weights that
        were not measured).
    """
    weights = load_weights(path)
    progress("inspecting", 0.02)
    inspection = inspect(weights, threshold=threshold, heads=heads)
    reading = read_weights(weights, heads=heads)
    layers = [layer for layer in reading.layers if layer.rows.numel()]
    # all pairs are looked at, so that the work is quadratic in the units
    work = [float(len(layer.rows)) ** 2 * layer.rows.shape[1] for layer in layers]
    done = np.cumsum([0.0, *work])
    counts, bare = [], []
    for layer, start in zip(layers, done, strict=False):
        progress(f"partners in {layer.name}", 0.6 + 0.4 * float(start / done[-1]))
        count = partners(layer, threshold=threshold)
        counts.append(count)
        # a bias that outweighs the weights makes rows alike that look at different
        # things
        if layer.bias is not None:
            count = partners(replace(layer, bias=None), threshold=threshold)
        bare.append(count)
    progress("done", 1.0)
    return {
        **{name: inspection[name] for name in _COLUMNS},
        "role": np.array([layer.role for layer in layers]),
        **{
            field.name: np.array([getattr(count, field.name) for count in counts])
            for field in fields(Partners)
        },
        "bare": np.array([count.either for count in bare]),
        "parameters": np.array([inspection.parameters]),
        "skipped": np.array([len(inspection.skipped)]),
    }
