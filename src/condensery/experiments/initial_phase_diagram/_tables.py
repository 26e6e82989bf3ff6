"""From the shards to the tables: members with the closed forms, and slopes over the
width.
"""

from __future__ import annotations

import numpy as np

from condensery.declare import Blocks, Results, Tables, table
from condensery.experiments.initial_phase_diagram._config import Config
from condensery.experiments.initial_phase_diagram._work import (
    FEATURES,
    data,
    train,
)
from condensery.metrics import width_slope
from condensery.protocols import Arrays
from condensery.records import Table
from condensery.theory import (
    condensation_time,
    early_growth,
    early_measures,
    phase_slope,
    regime,
)


@table(
    growth="λT in e-folds",
    alignment="‖Wẑ‖/‖W‖",
    rd_closed="at the measured λT",
    alignment_closed="at the measured λT",
    growth_closed="predicted from width, γ and γ'",
)
def members(config: Config, results: Results) -> Blocks:
    """Every trained network, with the closed forms beside what was measured."""
    for arguments, run in results.of(train):
        yield {"part": arguments["sweep"], **run, **_closed_forms(config, run)}


def _closed_forms(config: Config, run: Arrays) -> dict[str, np.ndarray]:
    """RD, alignment and λT of the linearised flow for every member."""
    x, y = data()
    names = ("width", "gamma", "gamma_prime")
    width, gamma, gamma_prime = (run[name].astype(np.float64) for name in names)
    kappa_prime = width**-gamma_prime
    features = FEATURES + 1
    at_measured = early_measures(run["growth"], kappa_prime, features=features)
    growth = early_growth(
        x, y, width=width, gamma=gamma, gamma_prime=gamma_prime, drop=config.drop
    )
    # infinite where no output along ẑ brings so large a drop
    is_reached = np.isfinite(growth)
    finite = np.where(is_reached, growth, 0.0)
    at_predicted = early_measures(finite, kappa_prime, features=features)
    return {
        "rd_closed": at_measured.rd,
        "alignment_closed": at_measured.alignment,
        "growth_closed": np.where(is_reached, growth, np.nan),
        "rd_expected": np.where(is_reached, at_predicted.rd, np.nan),
    }


_OF_SLOPES = {
    "slope_closed": "of the linearised flow at these widths",
    "theory": "for m → ∞, trained to the end",
}


@table(**_OF_SLOPES)
def slopes(config: Config, tables: Tables) -> Blocks:
    """Width slopes of the cells of the map."""
    yield from _cells(tables["members"].select(part="map"))


@table(**_OF_SLOPES)
def row_slopes(config: Config, tables: Tables) -> Blocks:
    """Width slopes of the cells that are followed."""
    yield from _cells(tables["members"].select(part="row"))


@table(growth="λT in e-folds")
def row_courses(config: Config, tables: Tables) -> Blocks:
    """Every network of the cells that are followed, and the mean closed forms of its
    width.
    """
    swept = tables["members"].select(part="row")
    coordinates = zip(swept["gamma"], swept["gamma_prime"], strict=True)
    for gamma, gamma_prime in dict.fromkeys(coordinates):
        cell = swept.select(gamma=gamma, gamma_prime=gamma_prime)
        title = f"γ = {gamma:g}, γ′ = {gamma_prime:g}".replace("-", "−")
        for width in np.unique(cell["width"]):
            networks = cell.select(width=width)
            block = {"cell": title, "width": width}
            for name in ("rd", "alignment", "growth"):
                block[name] = networks[name]
                block[f"{name}_closed"] = networks[f"{name}_closed"].mean()
            yield block


def _cells(swept: Table) -> Blocks:
    """One row per cell: slopes over log m of RD, of the closed RD, and of λT; alignment
    at the largest width.
    """
    coordinates = zip(swept["gamma"], swept["gamma_prime"], strict=True)
    for gamma, gamma_prime in dict.fromkeys(coordinates):
        cell = swept.select(gamma=gamma, gamma_prime=gamma_prime)
        width = cell["width"]
        measured = width_slope(width, cell["rd"])
        closed = width_slope(width, cell["rd_expected"])
        widest = width == width.max()
        yield {
            "gamma": gamma,
            "gamma_prime": gamma_prime,
            "slope": measured.slope,
            "slope_se": measured.slope_se,
            "slope_closed": closed.slope,
            "theory": phase_slope(gamma, gamma_prime),
            "time_slope": _log_slope(width, cell["growth"]),
            "time_slope_closed": _log_slope(width, cell["growth_closed"]),
            "time_theory": condensation_time(gamma, gamma_prime),
            "alignment": cell["alignment"][widest].mean(),
            "regime": regime(gamma, gamma_prime),
        }


def _log_slope(width: np.ndarray, growth: np.ndarray) -> float:
    """Least-squares slope of λT over log m."""
    log_width = np.log(width)
    covariance = np.cov(log_width, growth)[0, 1]
    return float(covariance / np.var(log_width, ddof=1))
