"""From the shards to the tables: slopes, boundaries, outputs, neurons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from condensery.data import load
from condensery.experiments.phase_diagram._config import Config
from condensery.experiments.phase_diagram._tasks import bin_edges
from condensery.metrics import (
    boundary_local_crossing,
    boundary_row_fit,
    condensation,
    width_slope,
)
from condensery.protocols import Arrays
from condensery.records import Status, Table
from condensery.theory import (
    SCHEMES,
    boundary,
    coordinates,
    finite_width_slope,
    phase_slope,
)

MEMBER_COLUMNS = (
    "gamma",
    "gamma_prime",
    "width",
    "seed",
    "rd",
    "rd_a",
    "rd_theta",
    "loss",
    "time",
    "steps",
    "status",
    "eta",
)
E_EXPONENT = 1.25
"""E et al. leave β free; β = m^−1.25 is an example on their line γ' = γ."""
UNITS = {"time": "normalised flow time t/(β1 β2)", "loss": "mean square"}


def build_tables(
    config: Config, parts: Sequence[str], shards: Sequence[Arrays]
) -> dict[str, Table]:
    """All tables of a run; `parts` names the part that each shard belongs to (map, row,
    wide or flow).
    """
    data = load(
        # pyrefly: ignore[bad-argument-type]
        **{key: value for key, value in config.source().items() if value is not None}
    )
    by_part = {
        part: [s for p, s in zip(parts, shards, strict=True) if p == part]
        for part in dict.fromkeys(parts)
    }
    trained = [
        (part, shard)
        for part, shard in zip(parts, shards, strict=True)
        if part != "flow"
    ]
    members = Table(
        columns={
            **{
                name: np.concatenate([shard[name] for _, shard in trained])
                for name in MEMBER_COLUMNS
            },
            "part": np.concatenate(
                [np.full(len(shard["rd"]), part) for part, shard in trained]
            ),
        },
        units=UNITS,
    )
    tables = {
        "members": members,
        "slopes": slope_table(members.select(part="map"), config.widths),
    }
    tables["boundary"] = boundary_table(tables["slopes"])
    tables["coordinates"] = coordinate_table(data.x.shape[1] + 1)
    # E et al. lies anywhere on the line γ' = γ: it has coordinates to check, but no
    # place on the map.
    named = tables["coordinates"]
    keep = named["name"] != "e-et-al"
    tables["initialisations"] = Table(
        columns={key: column[keep] for key, column in named.columns.items()}
    )
    tables["data"] = Table(columns={"x": data.x, "y": data.y})
    tables |= scatter_grid_tables(
        [shard for _, shard in trained], flat=data.x.shape[1] == 1
    )
    if "row" in by_part:
        tables["row_slopes"] = slope_table(members.select(part="row"), config.widths)
        tables |= detail_tables(by_part["row"])
    if "flow" in by_part:
        shard = by_part["flow"][0]
        tables |= {
            f"flow_{name}": Table(columns={"value": shard[name]}) for name in shard
        }
    return tables


def slope_table(members: Table, widths: Sequence[int]) -> Table:
    """Width slopes of each cell, from the members that converged."""
    cells = np.unique(
        np.column_stack([members["gamma_prime"], members["gamma"]]), axis=0
    )
    columns: dict[str, list[float]] = {
        name: []
        for name in (
            "slope",
            "slope_se",
            "slope_a",
            "slope_theta",
            "spread",
            "left_out",
        )
    }
    for gamma_prime, gamma in cells:
        own = members.select(gamma=gamma, gamma_prime=gamma_prime)
        good = np.isin(own["width"], widths) & (own["status"] == Status.CONVERGED)
        fits = {name: _slope(own, good, name) for name in ("rd", "rd_a", "rd_theta")}
        per_seed = [
            _slope(own, good & (own["seed"] == seed), "rd")[0]
            for seed in np.unique(own["seed"])
        ]
        columns["slope"].append(fits["rd"][0])
        columns["slope_se"].append(fits["rd"][1])
        columns["slope_a"].append(fits["rd_a"][0])
        columns["slope_theta"].append(fits["rd_theta"][0])
        columns["spread"].append(
            float(np.max(np.abs(np.array(per_seed) - np.mean(per_seed))))
        )
        columns["left_out"].append(float(np.sum(np.isin(own["width"], widths) & ~good)))
    return Table(
        columns={
            "gamma": cells[:, 1],
            "gamma_prime": cells[:, 0],
            **{name: np.array(c) for name, c in columns.items()},
            "theory": phase_slope(cells[:, 1], cells[:, 0]),
        }
    )


def _slope(own: Table, keep: np.ndarray, name: str) -> tuple[float, float]:
    if len(np.unique(own["width"][keep])) < 2:
        return np.nan, np.nan
    fit = width_slope(own["width"][keep].astype(float), own[name][keep])
    return fit.slope, fit.slope_se


def boundary_table(slopes: Table) -> Table:
    """Both estimates of the boundary in every row, and the theory's.

    The row fit is the paper's: the root of the straight line through *all* cells of the
    row. Where it is needed, a second fit leaves out the cells that are saturated in the
    figure (S_w < −0.5).
    """
    rows: dict[str, list[float]] = {
        name: []
        for name in (
            "gamma_prime",
            "row_fit",
            "row_fit_se",
            "row_fit_unsaturated",
            "local_crossing",
            "theory",
        )
    }
    for gamma_prime in np.unique(slopes["gamma_prime"]):
        row = slopes.select(gamma_prime=gamma_prime)
        order = np.argsort(row["gamma"])
        gammas, values = row["gamma"][order], row["slope"][order]
        fit, open_fit = (
            boundary_row_fit(gammas, values),
            boundary_row_fit(gammas, values, saturated_below=-0.5),
        )
        rows["gamma_prime"].append(float(gamma_prime))
        rows["row_fit"].append(fit.gamma)
        rows["row_fit_se"].append(fit.gamma_se)
        rows["row_fit_unsaturated"].append(open_fit.gamma)
        rows["local_crossing"].append(boundary_local_crossing(gammas, values))
        rows["theory"].append(float(boundary(float(gamma_prime))))
    return Table(columns={name: np.array(column) for name, column in rows.items()})


def coordinate_table(dimension: int) -> Table:
    """Where the named initialisations lie, in the limit and by the slope between two
    finite widths.
    """
    places, finite = [], []
    for name in SCHEMES:
        exponent = E_EXPONENT if name == "e-et-al" else None
        places.append(coordinates(name, input_dimension=dimension, exponent=exponent))
        finite.append(
            finite_width_slope(name, input_dimension=dimension, exponent=exponent)
        )
    return Table(
        columns={
            "name": np.array([place.scheme for place in places]),
            "gamma": np.array([place.gamma for place in places]),
            "gamma_prime": np.array([place.gamma_prime for place in places]),
            "regime": np.array([place.regime for place in places]),
            "finite_gamma": np.array([slope[0] for slope in finite]),
            "finite_gamma_prime": np.array([slope[1] for slope in finite]),
        }
    )


def scatter_grid_tables(shards: Sequence[Arrays], *, flat: bool) -> dict[str, Table]:
    """Counts of neurons by orientation and amplitude after training: a row per cell and
    width, first seed.
    """
    rows = [
        (shard["gamma"][k], shard["gamma_prime"][k], shard["width"][k], counts)
        for shard in shards
        for k, counts in zip(shard["counted"], shard.get("counts", ()), strict=True)
        if shard["seed"][k] == 0
    ]
    if not rows:
        return {}
    gamma, gamma_prime, width, counts = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    angles, amplitudes = bin_edges(flat=flat)
    axis = np.array(["orientation"] * len(angles) + ["amplitude"] * len(amplitudes))
    return {
        "scatter_grid": Table(
            columns={
                "gamma": gamma,
                "gamma_prime": gamma_prime,
                "width": width,
                "counts": counts,
            }
        ),
        "scatter_bins": Table(
            columns={"axis": axis, "edge": np.concatenate([angles, amplitudes])}
        ),
    }


def detail_tables(shards: Sequence[Arrays]) -> dict[str, Table]:
    """Outputs, neurons of the first seed, and what is measured on the neurons of every
    seed.
    """
    outputs: dict[str, list[np.ndarray]] = {}
    scatter: dict[str, list[np.ndarray]] = {}
    measured: dict[str, list[float]] = {}
    for shard in shards:
        for place, k in enumerate(shard.get("detailed", ())):
            cell = {
                name: shard[name][k]
                for name in ("gamma", "gamma_prime", "width", "seed")
            }
            orientation, amplitude = (
                shard["orientation"][place],
                shard["amplitude"][place],
            )
            _extend(measured, {**cell, **_measure_neurons(orientation, amplitude)})
            grid, (initial, final) = shard["grid"], shard["outputs"][place]
            columns = {
                "x": grid,
                "initial": initial,
                "final": final,
                "reference": _interpolant(grid),
            }
            _extend(
                outputs,
                {
                    **{name: np.full(len(grid), value) for name, value in cell.items()},
                    **columns,
                },
            )
            if cell["seed"] == 0:
                units = orientation.shape[1]
                for when in (0, 1):
                    columns = {
                        "when": np.full(units, when),
                        "orientation": orientation[when],
                        "amplitude": amplitude[when] / amplitude[1].max(),
                    }
                    _extend(
                        scatter,
                        {
                            **{
                                name: np.full(units, value)
                                for name, value in cell.items()
                            },
                            **columns,
                        },
                    )
    tables = {"outputs": outputs, "scatter": scatter}
    built = {
        name: Table(
            columns={key: np.concatenate(parts) for key, parts in columns.items()}
        )
        for name, columns in tables.items()
        if columns
    }
    if measured:
        built["neurons"] = Table(
            columns={name: np.array(column) for name, column in measured.items()}
        )
    return built


def _extend(columns: dict[str, list], row: Mapping[str, object]) -> None:
    for name, value in row.items():
        columns.setdefault(name, []).append(value)


def _interpolant(grid: np.ndarray) -> np.ndarray:
    samples = np.linspace(-0.5, 0.5, 4)
    return np.interp(grid, samples, samples**2)


def _measure_neurons(
    orientation: np.ndarray, amplitude: np.ndarray
) -> dict[str, float]:
    """Active neurons (A > 0.05 max), their groups, the bins they occupy, and how far
    they turned.

    The groups are by complete linkage at 0.1 rad; of the two with most amplitude, mean
    angle and greatest distance.
    """
    active = amplitude[1] > 0.05 * amplitude[1].max()
    angles, weights = orientation[1][active], amplitude[1][active]
    unit = np.column_stack([np.cos(angles), np.sin(angles)])
    found = condensation(
        unit, weights, threshold=float(np.cos(0.1)), active=0.0, grouping="linkage"
    )
    order = np.argsort(-found.group_shares)
    means = np.arctan2(found.group_directions[:, 1], found.group_directions[:, 0])[
        order
    ]
    spreads = [
        _spread(angles[found.groups == group], mean)
        for group, mean in zip(order, means, strict=True)
    ]
    turned = np.abs((orientation[1] - orientation[0] + np.pi) % (2 * np.pi) - np.pi)[
        active
    ]
    bins = np.histogram(angles, bins=64, range=(-np.pi, np.pi))[0]
    return {
        "active": float(active.sum()),
        "groups": float(len(order)),
        "angle_1": float(means[0]),
        "angle_2": float(means[1]) if len(order) > 1 else np.nan,
        "spread": float(max(spreads[:2])),
        "bins": float(np.sum(bins > 0)),
        "turned": float(np.median(turned)),
    }


def _spread(angles: np.ndarray, mean: float) -> float:
    """Standard deviation of angles about their mean direction."""
    gaps = (angles - mean + np.pi) % (2 * np.pi) - np.pi
    return float(np.sqrt(np.mean(gaps**2)))
