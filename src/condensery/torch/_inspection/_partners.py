"""How many units of a layer have a partner: another unit that points (nearly) the same
or the opposite way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from condensery.torch._inspection._chance import random_pair
from condensery.torch._inspection._inspect import inspect
from condensery.torch._inspection._layers import Layer
from condensery.torch._inspection._measure import amplitude_of
from condensery.torch._inspection._nearest import nearest_cosines
from condensery.torch._inspection._reading import read_weights
from condensery.torch._loading import load_weights

_TAKEN = (
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
        >>> found = partners(linear("layer", rows, None), threshold=0.95)
        >>> found.directed, found.parallel, found.opposite, found.either
        (5, 2, 2, 4)
    """
    rows, bias = layer.arrays()
    lengths = amplitude_of(rows, bias)
    size = len(rows) // layer.blocks
    dimension = layer.dimension or rows.shape[1] + (bias is not None)
    pair = min(1.0, 2.0 * random_pair(threshold, dimension))
    directed = parallel = opposite = either = 0
    chance = 0.0
    for start in range(0, len(rows), size):
        units = start + np.flatnonzero(lengths[start : start + size])
        directed += len(units)
        if len(units) < 2:
            continue
        largest, smallest = nearest_cosines(
            rows[units], None if bias is None else bias[units], lengths[units]
        )
        same, opposed = largest >= threshold, smallest <= -threshold
        parallel, opposite = parallel + int(same.sum()), opposite + int(opposed.sum())
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
    found = inspect(weights, threshold=threshold, heads=heads)
    layers = [
        layer
        for layer in read_weights(weights, heads=heads).layers
        if layer.rows.numel()
    ]
    # all pairs are looked at, so that the work is quadratic in the units
    work = np.cumsum(
        [0.0]
        + [float(layer.rows.shape[0]) ** 2 * layer.rows.shape[1] for layer in layers]
    )
    counted, bare = [], []
    for layer, done in zip(layers, work, strict=False):
        progress(f"partners in {layer.name}", 0.6 + 0.4 * float(done / work[-1]))
        counted.append(partners(layer, threshold=threshold))
        # a bias that outweighs the weights makes rows alike that look at different
        # things
        alone = layer.bias is None
        bare.append(
            counted[-1]
            if alone
            else partners(replace(layer, bias=None), threshold=threshold)
        )
    progress("done", 1.0)
    return {
        **{name: found[name] for name in _TAKEN},
        "role": np.array([layer.role for layer in layers]),
        **{
            name: np.array([getattr(one, name) for one in counted])
            for name in ("directed", "parallel", "opposite", "either", "chance")
        },
        "bare": np.array([one.either for one in bare]),
        "parameters": np.array([found.parameters]),
        "skipped": np.array([len(found.skipped)]),
    }
