"""Outputs and features of small nets: what the tasks measure of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from condensery.experiments.dropout_features._config import (
    PREDICTED,
    REACH,
    TargetName,
    abscissas,
    target_output,
)
from condensery.metrics import (
    amplitude,
    effective_orientations,
    orientation,
    orientation_bins,
    share_near,
)
from condensery.protocols import Arrays

BINS = 64
HEAVIEST = 4
NEAR = 0.15
DIRECTIONS = 10
STRIDES = np.linspace(-0.5, 0.5, 41)
"""Distances along a direction, in lengths of each layer's parameters."""

MEASURES = (
    "effective_orientations",
    "four_bins",
    "near",
)
"""Names of what `measures` returns."""

Layer = tuple[np.ndarray, np.ndarray]
Layers = Sequence[Layer]


def layers_of(parameters: Any) -> list[Layer]:
    """The layers of a net as float64 (W, b), whatever its kind."""
    if isinstance(parameters, dict):
        a = _doubled(parameters["a"])
        w = _doubled(parameters["w"])
        hidden = w[:, :1], w[:, 1]
        return [hidden, (a[None], np.zeros(1))]
    layers = []
    for weights, bias in parameters:
        W = _doubled(weights)
        b = np.zeros(len(W))
        if bias is not None:
            b = _doubled(bias)
        layers.append((W, b))
    return layers


def _doubled(leaf: Any) -> np.ndarray:
    return np.asarray(leaf, dtype=np.float64)


def output(name: TargetName, layers: Layers, x: np.ndarray) -> np.ndarray:
    """The output of a net whose activation is that of its target."""
    from condensery.models import Network

    network = Network.of(layers, name)
    return network.forward(_doubled(x)[:, None])[:, 0]


def fine_output(name: TargetName, layers: Layers) -> np.ndarray:
    """The output where it is drawn."""
    return output(name, layers, abscissas(name))


def largest_error(name: TargetName, layers: Layers) -> float:
    """Largest distance from the target, samples and what lies between them."""
    x = abscissas(name)
    expected = target_output(name, x)
    error = output(name, layers, x) - expected
    return float(np.abs(error).max())


def features(name: TargetName, layers: Layers) -> np.ndarray:
    """Orientation, amplitude ‖W_2[:, k]‖·‖(w, b)‖ and whether it is ever active, of
    every unit of the first layer.
    """
    first, second, *_ = layers
    w = np.column_stack(first)
    output_weights = np.linalg.norm(second[0], axis=0)
    size = amplitude(output_weights, w)
    alive = np.ones(len(w))
    if name == "relu":
        # a ReLU unit that is zero on the whole range of the data takes no part, as in
        # the source's figures
        reach = REACH[name]
        at_ends = w[:, :1] * np.array([-reach, reach]) + w[:, 1:]
        is_active = at_ends.max(axis=1) > 0
        alive = is_active.astype(np.float64)
    return np.stack([orientation(w), size, alive], axis=1)


def measures(name: TargetName, units: np.ndarray) -> tuple[float, float, float]:
    """Effective orientations over 64 bins, share of the four heaviest bins, share near
    the target's orientations.
    """
    angle, amplitude, alive = units.T
    size = amplitude * alive
    weight = orientation_bins(
        angle,
        size,
        bins=BINS,
    )
    # over the weight of all units, which rounds otherwise than that of all bins
    total = float(size.sum()) or 1.0
    heaviest = np.sort(weight)[-HEAVIEST:]
    predicted = np.array(PREDICTED[name])
    near = share_near(
        angle,
        size,
        predicted,
        within=NEAR,
    )
    return (
        effective_orientations(weight),
        float(heaviest.sum()) / total,
        near,
    )


@dataclass(frozen=True)
class RecordMeasures:
    """The probe: `measures` of every member.

    Attributes:
        target: Whose orientations are looked for.
    """

    target: TargetName

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        """The measures at one step, ``measures`` of shape (member, name)."""
        rows = []
        for layers in _members(snapshot):
            units = features(self.target, layers)
            rows.append(measures(self.target, units))
        return {"measures": np.array(rows)}


def _members(snapshot: Arrays) -> Iterator[list[Layer]]:
    """Layers of every member of a snapshot."""
    from condensery.engine import parameters_of

    count = len(next(iter(snapshot.values())))
    for member in range(count):
        leaves = {name: leaf[member] for name, leaf in snapshot.items()}
        yield layers_of(parameters_of(leaves))


def profile(
    name: TargetName,
    layers: Layers,
    x: np.ndarray,
    y: np.ndarray,
    seed: int,
) -> np.ndarray:
    """R_S (direction, distance) along random directions."""
    from condensery.landscape import Problem, loss_along, random_direction

    problem = Problem(x[:, None], y, name, factor=0.5)
    rng = np.random.default_rng([17, seed])
    losses = np.zeros((DIRECTIONS, len(STRIDES)))
    for row in losses:
        direction = random_direction(layers, rng)
        row[:] = loss_along(layers, direction, problem, STRIDES)
    return losses
