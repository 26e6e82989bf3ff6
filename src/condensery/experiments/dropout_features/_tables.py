"""From shards to tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from condensery.experiments.dropout_features._config import (
    PREDICTED,
    Config,
    Fit,
    fits,
    target,
)
from condensery.experiments.dropout_features._tasks import (
    BRANCHES,
    FINE,
    PROFILE_POINTS,
    REACH,
    REACH_OF_PROFILE,
)
from condensery.experiments.dropout_features._vectors import vector_tables
from condensery.protocols import Arrays
from condensery.records import Table

MEASURES = ("effective_orientations", "four_bins", "near")
UNITS = {
    "effective_orientations": "exp of the entropy of the amplitude over 64 bins of "
    "orientation",
    "four_bins": "share of the amplitude in the four heaviest of the 64 bins",
    "near": "share of the amplitude within 0.15 rad of the target's own orientations",
}


def tables_of(config: Config, shards: Sequence[Arrays]) -> Mapping[str, Table]:
    """Fits, their growth, outputs, features and profiles; the switch; the data;
    predicted orientations; the vectors.
    """
    *trained, switched, without, dropped = shards
    kinds = list(fits(config))
    pairs = list(zip(kinds, trained, strict=True))
    return {
        "fits": _fits(config, pairs),
        "growth": _growth(pairs),
        "outputs": _outputs(pairs),
        "features": _features(pairs),
        "profiles": _profiles(pairs),
        "switch": _switch(switched),
        "switch_outputs": _switch_outputs(config, switched),
        "data": _data(config),
        "predicted": _predicted(config),
        **vector_tables(config, (without, dropped)),
    }


def _named(fit: Fit, rows: int) -> dict[str, np.ndarray]:
    return {
        "target": np.full(rows, fit.target),
        "layers": np.full(rows, fit.layers),
        "kind": np.full(rows, fit.kind),
    }


def _joined(
    parts: Sequence[Mapping[str, np.ndarray]], units: dict[str, str] | None = None
) -> Table:
    columns = {
        name: np.concatenate([np.asarray(part[name]) for part in parts])
        for name in parts[0]
    }
    return Table(columns=columns, units=units or {})


def _fits(config: Config, pairs: Sequence[tuple[Fit, Arrays]]) -> Table:
    """One row per fit and seed."""
    parts = []
    for fit, shard in pairs:
        found, count = np.asarray(shard["measures"]), config.seeds
        parts.append(
            {
                **_named(fit, count),
                "seed": np.arange(count),
                "status": np.asarray(shard["status"]),
                "loss": np.asarray(shard["loss"])[:, -1],
                "off": np.asarray(shard["off"]),
                "initial_orientations": found[0, :, 0],
                **{name: found[-1, :, place] for place, name in enumerate(MEASURES)},
            }
        )
    return _joined(
        parts,
        {
            "loss": "R_S without masks",
            "off": "largest |f − target| between the outermost samples",
            **UNITS,
        },
    )


def _growth(pairs: Sequence[tuple[Fit, Arrays]]) -> Table:
    """One row per fit and recorded step, of the first seed."""
    parts = []
    for fit, shard in pairs:
        step, found = np.asarray(shard["step"]), np.asarray(shard["measures"])
        columns = {name: found[:, 0, place] for place, name in enumerate(MEASURES)}
        parts.append(
            {
                **_named(fit, len(step)),
                "step": step,
                "loss": np.asarray(shard["loss"])[0],
                **columns,
            }
        )
    return _joined(parts, UNITS)


def _outputs(pairs: Sequence[tuple[Fit, Arrays]]) -> Table:
    """One row per fit and abscissa, of the first seed."""
    parts = []
    for fit, shard in pairs:
        x = np.linspace(-REACH[fit.target], REACH[fit.target], FINE)
        first, last = np.asarray(shard["output"])
        columns = {
            "x": x,
            "initial": first,
            "final": last,
            "wanted": target(fit.target, x),
        }
        parts.append({**_named(fit, FINE), **columns})
    return _joined(parts)


def _features(pairs: Sequence[tuple[Fit, Arrays]]) -> Table:
    """One row per fit, moment and unit that takes part, of the first seed; amplitudes
    over the moment's largest.
    """
    parts = []
    for fit, shard in pairs:
        for when, units in enumerate(np.asarray(shard["features"])):
            alive = units[units[:, 2] > 0]
            size = alive[:, 1] / (alive[:, 1].max(initial=0.0) or 1.0)
            moment = {
                "when": np.full(len(alive), when),
                "orientation": alive[:, 0],
                "amplitude": size,
            }
            parts.append({**_named(fit, len(alive)), **moment})
    return _joined(
        parts,
        {
            "when": "0 initial, 1 final",
            "orientation": "rad",
            "amplitude": "over the largest",
        },
    )


def _profiles(pairs: Sequence[tuple[Fit, Arrays]]) -> Table:
    """One row per fit and distance along a direction: R_S, geometric mean over
    directions and seeds.
    """
    stride = np.linspace(-REACH_OF_PROFILE, REACH_OF_PROFILE, PROFILE_POINTS)
    parts = []
    for fit, shard in pairs:
        profile = np.asarray(shard["profile"]).reshape(-1, PROFILE_POINTS)
        mean = np.exp(np.mean(np.log(np.maximum(profile, 1e-300)), axis=0))
        parts.append({**_named(fit, PROFILE_POINTS), "distance": stride, "loss": mean})
    return _joined(
        parts,
        {
            "distance": "in lengths of each layer's parameters",
            "loss": "R_S, geometric mean",
        },
    )


def _switch(shard: Arrays) -> Table:
    """One row per branch (``first`` before the switch), step and seed."""
    parts = []
    for branch in ("first", *BRANCHES):
        step, plain = (
            np.asarray(shard[f"{branch}_step"]),
            np.asarray(shard[f"{branch}_plain"]),
        )
        both, found = (
            np.asarray(shard[f"{branch}_both"]),
            np.asarray(shard[f"{branch}_measures"]),
        )
        count = plain.shape[1]
        parts.append(
            {
                "branch": np.full(plain.size, branch),
                "step": np.repeat(step, count),
                "seed": np.tile(np.arange(count), len(step)),
                "loss": plain.ravel(),
                "r1": (both - plain).ravel(),
                **{
                    name: found[:, :, place].ravel()
                    for place, name in enumerate(MEASURES)
                },
            }
        )
    return _joined(
        parts,
        {
            "loss": "R_S",
            "r1": "at the keep probability of the run, on every branch",
            **UNITS,
        },
    )


def _switch_outputs(config: Config, shard: Arrays) -> Table:
    """One row per branch, seed and abscissa."""
    name = config.targets[0]
    x = np.linspace(-REACH[name], REACH[name], FINE)
    parts = []
    for branch in BRANCHES:
        output = np.asarray(shard[f"{branch}_output"])
        parts.append(
            {
                "branch": np.full(output.size, branch),
                "seed": np.repeat(np.arange(len(output)), FINE),
                "x": np.tile(x, len(output)),
                "final": output.ravel(),
                "wanted": np.tile(target(name, x), len(output)),
            }
        )
    return _joined(parts)


def _data(config: Config) -> Table:
    parts = []
    for name in config.targets:
        x = np.linspace(-REACH[name], REACH[name], config.samples)
        parts.append({"target": np.full(len(x), name), "x": x, "y": target(name, x)})
    return _joined(parts)


def _predicted(config: Config) -> Table:
    parts = [
        {
            "target": np.full(len(PREDICTED[name]), name),
            "orientation": np.array(PREDICTED[name]),
        }
        for name in config.targets
    ]
    return _joined(
        parts, {"orientation": "rad; of the units of which the target is made"}
    )
