"""From the arrays of the work to the tables: members, slopes, boundaries, coordinates,
and counts of neurons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from condensery.declare import Blocks, Results, Tables, rows, stack, table
from condensery.experiments.phase_diagram._config import Config
from condensery.experiments.phase_diagram._flow import check_flow
from condensery.experiments.phase_diagram._work import (
    bin_edges,
    train_map,
    train_row,
    train_wide,
)
from condensery.metrics import (
    boundary_local_crossing,
    boundary_row_fit,
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

TRAINING = {
    "map": train_map,
    "wide": train_wide,
    "row": train_row,
}
"""What members are trained for, as the table of members names it."""

E_EXPONENT = 1.25
"""E et al. leave β free; β = m^−1.25 is an example on their line γ' = γ."""


def _trained(results: Results) -> Iterator[tuple[str, Arrays]]:
    for purpose, function in TRAINING.items():
        for _, run in results.calls(function):
            yield purpose, run


@table(time="normalised flow time t/(β1 β2)", loss="mean square")
def members(config: Config, results: Results) -> Blocks:
    """Every member."""
    for purpose, run in _trained(results):
        columns = {name: run[name] for name in MEMBER_COLUMNS}
        yield {**columns, "part": purpose}


def slopes(config: Config, tables: Tables) -> Table:
    """Width slopes of the cells of the map."""
    return slope_table(tables["members"].select(part="map"), config.widths)


def row_slopes(config: Config, tables: Tables) -> Table | None:
    """Width slopes of the row of Figs. 2 and 3."""
    if config.kind != "line":
        return None
    return slope_table(tables["members"].select(part="row"), config.widths)


def slope_table(members: Table, widths: Sequence[int]) -> Table:
    """Width slopes of each cell, from the members that converged."""
    pairs = np.column_stack([members["gamma_prime"], members["gamma"]])
    cells = np.unique(pairs, axis=0)
    gammas, primes = cells[:, 1], cells[:, 0]
    blocks = [
        _cell_slopes(members.select(gamma=gamma, gamma_prime=prime), widths)
        for prime, gamma in cells
    ]
    columns = {
        "gamma": gammas,
        "gamma_prime": primes,
        **stack(blocks).columns,
        "theory": phase_slope(gammas, primes),
    }
    return Table(columns=columns)


def _cell_slopes(cell: Table, widths: Sequence[int]) -> dict[str, np.ndarray]:
    """Slopes of one cell, and how far those of single seeds leave their mean."""
    chosen = np.isin(cell["width"], widths)
    good = chosen & Status.ends(cell["status"])
    slope, error = _slope(cell, good, "rd")
    per_seed = [
        _slope(cell, good & (cell["seed"] == seed), "rd")[0]
        for seed in np.unique(cell["seed"])
    ]
    gaps = np.array(per_seed) - np.mean(per_seed)
    return rows(
        {},
        slope=slope,
        slope_se=error,
        slope_a=_slope(cell, good, "rd_a")[0],
        slope_theta=_slope(cell, good, "rd_theta")[0],
        spread=float(np.max(np.abs(gaps))),
        left_out=float(np.sum(chosen & ~good)),
    )


def _slope(cell: Table, keep: np.ndarray, name: str) -> tuple[float, float]:
    widths = cell["width"][keep]
    if len(np.unique(widths)) < 2:
        return np.nan, np.nan
    fit = width_slope(widths.astype(float), cell[name][keep])
    return fit.slope, fit.slope_se


@table()
def boundaries(config: Config, tables: Tables) -> Blocks:
    """Both estimates of the boundary in every row of the map, and the theory's.

    The row fit is the paper's: the root of the straight line through *all* cells of the
    row. Where it is needed, a second fit leaves out the cells that are saturated in the
    figure (S_w < −0.5).
    """
    slopes = tables["slopes"]
    for gamma_prime in map(float, np.unique(slopes["gamma_prime"])):
        row = slopes.select(gamma_prime=gamma_prime)
        row = row.take(np.argsort(row["gamma"]))
        gammas, values = row["gamma"], row["slope"]
        fit = boundary_row_fit(gammas, values)
        open_fit = boundary_row_fit(gammas, values, saturated_below=-0.5)
        yield {
            "gamma_prime": gamma_prime,
            "row_fit": fit.gamma,
            "row_fit_se": fit.gamma_se,
            "row_fit_unsaturated": open_fit.gamma,
            "local_crossing": boundary_local_crossing(gammas, values),
            "theory": float(boundary(gamma_prime)),
        }


def named_coordinates(config: Config, results: Results) -> Table:
    """Where the named initialisations lie for the inputs of this run."""
    return coordinate_table(config.load().x.shape[1] + 1)


def coordinate_table(dimension: int) -> Table:
    """Where the named initialisations lie, in the limit and by the slope between two
    finite widths.
    """
    blocks = []
    for name in SCHEMES:
        exponent = E_EXPONENT if name == "e-et-al" else None
        point = coordinates(name, input_dimension=dimension, exponent=exponent)
        gamma, gamma_prime = finite_width_slope(
            name, input_dimension=dimension, exponent=exponent
        )
        block = rows(
            {},
            name=point.scheme,
            gamma=point.gamma,
            gamma_prime=point.gamma_prime,
            regime=point.regime,
            finite_gamma=gamma,
            finite_gamma_prime=gamma_prime,
        )
        blocks.append(block)
    return stack(blocks)


def initialisations(config: Config, tables: Tables) -> Table:
    """The named initialisations on the map.

    E et al. lies anywhere on the line γ' = γ: its coordinates are no numbers here, and
    the map draws the line.
    """
    named = tables["coordinates"]
    is_line = named["name"] == "e-et-al"
    columns = dict(named.columns)
    for name in ("gamma", "gamma_prime"):
        columns[name] = np.where(is_line, np.nan, columns[name])
    return Table(columns=columns)


@table()
def data(config: Config, results: Results) -> Blocks:
    """Samples and targets."""
    samples = config.load()
    yield {"x": samples.x, "y": samples.y}


@table()
def scatter_grid(config: Config, results: Results) -> Blocks:
    """Counts of neurons by orientation and amplitude after training: a row per cell and
    width, first seed.
    """
    for _, run in _trained(results):
        counted = run["counted"]
        first = run["seed"][counted] == 0
        if first.any():
            chosen = counted[first]
            names = ("gamma", "gamma_prime", "width")
            cells = {name: run[name][chosen] for name in names}
            yield {**cells, "counts": run["counts"][first]}


@table()
def scatter_bins(config: Config, tables: Tables) -> Blocks:
    """Edges of the bins of `scatter_grid`."""
    if "scatter_grid" in tables:
        flat = tables["data"]["x"].shape[1] == 1
        orientations, amplitudes = bin_edges(flat=flat)
        yield {"edge": orientations, "axis": "orientation"}
        yield {"edge": amplitudes, "axis": "amplitude"}


def flow_values(name: str, config: Config, results: Results) -> Table | None:
    """What `check_flow` returns under a name."""
    if config.kind != "line":
        return None
    return Table(columns={"value": results.only(check_flow)[name]})
