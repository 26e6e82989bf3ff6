"""Units of a layer that go without a partner: silent ones, constant ones, and ReLUs
that never cut on the data.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from condensery.torch._surgery._clusters import Directions
from condensery.torch._surgery._statistics import Activity
from condensery.torch._surgery._units import Coupling


def alone(
    found: Directions,
    part: Coupling,
    activity: Mapping[str, Activity] | None,
    *,
    negligible: float,
) -> dict[int, str]:
    """Units that go by themselves, with the rule.

    Args:
        found: Directions of the layer's units.
        part: The layer's part of the coupling.
        activity: What the units do on the data, if units that are dead there may go;
            else None.
        negligible: Share of the amplitude that the weakest units may hold together and
            go.
    """
    gone: dict[int, str] = {}
    if not len(found.units):
        return gone
    if found.columns.shape[1]:
        for unit in found.units[~found.columns.any(axis=1)].tolist():
            gone[unit] = "without outgoing weights"
    if activity is not None:
        for unit in _dead(found, part, activity):
            gone.setdefault(unit, "dead on the data")
    if negligible > 0:
        order = np.argsort(found.amplitude)
        share = np.cumsum(found.amplitude[order]) / max(
            float(found.amplitude.sum()), 1e-300
        )
        for unit in found.units[order[share <= negligible]].tolist():
            gone.setdefault(unit, "negligible amplitude")
    return gone


def _dead(
    found: Directions, part: Coupling, activity: Mapping[str, Activity]
) -> list[int]:
    largest: dict[int, float] = {}
    for step in part.steps:
        if step.kind == "read" and step.source[0] in activity:
            units, values = (
                part.marks[step.source[0]].units,
                activity[step.source[0]].largest,
            )
            for unit, value in zip(units.tolist(), values.tolist(), strict=True):
                largest[unit] = max(largest.get(unit, 0.0), value)
    return [unit for unit in found.units.tolist() if not largest.get(unit, 1.0) > 0]


def always_active(
    found: Directions, part: Coupling, activity: Mapping[str, Activity]
) -> list[int]:
    """Units whose only activation is a ReLU that never cuts on the data."""
    points = [step for step in part.steps if step.kind in {"point", "prelu"}]
    if len(points) != 1 or points[0].facts.get("activation") not in {
        "relu",
        "leaky_relu",
    }:
        return []
    name = str(points[0].source[0])
    units, least = part.marks[name].units, activity[name].least
    known = set(found.units.tolist())
    return [
        u
        for u, value in zip(units.tolist(), least.tolist(), strict=True)
        if value > 0 and u in known
    ]


def constants(found: Directions) -> set[int]:
    """Units that no input moves."""
    if not found.keys:
        return set()
    still = np.all([~key[:, :-1].any(axis=1) for key in found.keys], axis=0)
    return set(found.units[still].tolist())
