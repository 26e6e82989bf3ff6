"""Units of a layer that are removed without a partner: silent ones, constant ones, and
ReLUs that never cut on the data.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from condensery.torch._surgery._clusters import Directions
from condensery.torch._surgery._rules import Rule
from condensery.torch._surgery._statistics import Activity
from condensery.torch._surgery._units import Coupling


def alone(
    layer: Directions,
    coupling: Coupling,
    activity: Mapping[str, Activity] | None,
    *,
    negligible: float,
) -> dict[int, Rule]:
    """Units that go by themselves, with the rule.

    Args:
        layer: Directions of the layer's units.
        coupling: That of the layer alone.
        activity: What the units do on the data, if units that are dead there may go;
            else None.
        negligible: Share of the amplitude that the weakest units may hold together and
            go.
    """
    gone: dict[int, Rule] = {}
    if not len(layer.units):
        return gone
    if layer.columns.shape[1]:
        silent = ~layer.columns.any(axis=1)
        gone.update(dict.fromkeys(layer.units[silent].tolist(), Rule.SILENT))
    if activity is not None:
        for unit in _dead(layer, coupling, activity):
            gone.setdefault(unit, Rule.DEAD)
    if negligible > 0:
        for unit in _weakest(layer, negligible):
            gone.setdefault(unit, Rule.NEGLIGIBLE)
    return gone


def _weakest(layer: Directions, share: float) -> list[int]:
    """The units of least amplitude that have at most this share of all of it."""
    order = np.argsort(layer.amplitude)
    total = max(float(layer.amplitude.sum()), 1e-300)
    cumulated = np.cumsum(layer.amplitude[order]) / total
    weakest = order[cumulated <= share]
    return layer.units[weakest].tolist()


def _dead(
    layer: Directions,
    coupling: Coupling,
    activity: Mapping[str, Activity],
) -> list[int]:
    largest: dict[int, float] = {}
    for step in coupling.steps:
        name = step.source[0] if step.source else ""
        if step.kind != "read" or name not in activity:
            continue
        units = coupling.marks[name].units.tolist()
        values = activity[name].largest.tolist()
        for unit, value in zip(
            units,
            values,
            strict=True,
        ):
            largest[unit] = max(largest.get(unit, 0.0), value)
    units = layer.units.tolist()
    return [unit for unit in units if not largest.get(unit, 1.0) > 0]


def always_active(
    layer: Directions,
    coupling: Coupling,
    activity: Mapping[str, Activity],
) -> list[int]:
    """Units whose only activation is a ReLU that never cuts on the data."""
    points = [step for step in coupling.steps if step.kind in {"point", "prelu"}]
    if len(points) != 1:
        return []
    activation = points[0].facts.get("activation")
    if activation not in {"relu", "leaky_relu"}:
        return []
    name = str(points[0].source[0])
    units = coupling.marks[name].units
    active = units[activity[name].least > 0]
    members = set(layer.units.tolist())
    return [unit for unit in active.tolist() if unit in members]


def constants(layer: Directions) -> set[int]:
    """Units that no input moves."""
    if not layer.keys:
        return set()
    still = [
        ~rows[:, :-1].any(
            axis=1,
        )
        for rows in layer.keys
    ]
    return set(layer.units[np.all(still, axis=0)].tolist())
