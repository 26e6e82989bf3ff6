"""What is claimed of the row of Figs. 2 and 3: distances, slopes, neurons, outputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from condensery.declare import (
    Measured,
    Tables,
    at_least,
    at_most,
    between,
    equal_to,
    within,
)
from condensery.experiments.phase_diagram._config import Config
from condensery.experiments.phase_diagram._judging import REDUCED, line_claim
from condensery.experiments.phase_diagram._paper import KINKS
from condensery.records import Table
from condensery.theory import ntk_relative_distance

WIDTH = 1000
LINEAR, CRITICAL, CONDENSED = 0.5, 1.0, 1.75

slope_claim = partial(line_claim, needs="row_slopes")
neuron_claim = partial(line_claim, needs="neurons")
output_claim = partial(line_claim, needs="outputs")


def _distance(gamma: float, config: Config, tables: Tables) -> Measured | None:
    """Mean RD over the seeds."""
    row = tables["members"].select(part="row", width=WIDTH)
    if not len(row):
        return None
    distance = float(np.mean(row.select(gamma=gamma)["rd"]))
    return Measured(distance, f"mean of {config.row_seeds} seeds")


rd_linear = slope_claim(
    "rd-linear",
    "RD = 0.0088 ± 15 % at (γ, γ') = (0.5, 0), m = 1000.",
    within(0.0088, 0.15 * 0.0088),
    kind="reproduction",
    source="Fig. 3a",
)(partial(_distance, LINEAR))

rd_critical = slope_claim(
    "rd-critical",
    "RD = 0.265 ± 15 % at (1, 0), m = 1000.",
    within(0.265, 0.15 * 0.265),
    kind="reproduction",
    source="Fig. 3b",
)(partial(_distance, CRITICAL))

rd_condensed = slope_claim(
    "rd-condensed",
    "RD = 7.4 ± 15 % at (1.75, 0), m = 1000 (mean over seeds).",
    within(7.4, 0.15 * 7.4),
    kind="reproduction",
    source="Fig. 3c",
)(partial(_distance, CONDENSED))


@slope_claim(
    "rd-ntk",
    "RD at (0.5, 0), m = 1000 equals the exact neural tangent prediction, within 10 %.",
    within(None, None),
    kind="reproduction",
    source="Thm. 6",
)
def rd_ntk(config: Config, tables: Tables) -> Measured | None:
    """Mean RD over the seeds, against the prediction for these samples."""
    measured = _distance(LINEAR, config, tables)
    if measured is None:
        return None
    data = tables["data"]
    prediction = ntk_relative_distance(
        data["x"], data["y"], gamma=LINEAR, gamma_prime=0.0, width=WIDTH, asi=True
    )
    expected = within(float(prediction), 0.1 * float(prediction))
    return Measured(measured.value, measured.note, expected)


@slope_claim(
    "slope-critical",
    "RD neither grows nor falls with the width at (1, 0): |S_w|.",
    at_most(0.03),
    kind="reproduction",
    source="Fig. 3b",
)
def slope_critical(config: Config, tables: Tables) -> Measured:
    """Magnitude of the slope."""
    row = tables["row_slopes"].select(gamma=CRITICAL)
    return Measured(float(abs(row["slope"][0])))


@slope_claim(
    "slope-condensed",
    "S_w at (1.75, 0) lies in [0.33, 0.43].",
    between(0.33, 0.43),
    kind="reproduction",
    source="Fig. 3c",
)
def slope_condensed(config: Config, tables: Tables) -> Measured:
    """The slope."""
    row = tables["row_slopes"].select(gamma=CONDENSED)
    return Measured(float(row["slope"][0]))


@slope_claim(
    "seeds",
    "S_w does not depend on the seed (greatest deviation from the mean over seeds).",
    at_most(0.04),
    kind="reproduction",
    source="Sec. 3",
)
def seeds(config: Config, tables: Tables) -> Measured | None:
    """The greatest deviation over the row."""
    if config.row_seeds == 1:
        return None
    spread = float(tables["row_slopes"]["spread"].max())
    if config.size == "paper":
        return Measured(spread)
    note = f"{REDUCED} 0.04: a decade of widths instead of 1.6"
    return Measured(spread, note, at_most(0.08))


# -------------------------------------------------------------------------- neurons


def _of_worst_seed(
    measure: Callable[[Table], float], gamma: float, config: Config, tables: Tables
) -> Measured:
    rows = tables["neurons"].select(gamma=gamma)
    condensed = tables["neurons"].select(gamma=CONDENSED)
    return Measured(float(measure(rows)), f"the worst of {len(condensed)} seeds")


def _group_count(rows: Table) -> float:
    worst = int(np.argmax(np.abs(rows["groups"] - 2)))
    return rows["groups"][worst]


def _group_gap(rows: Table) -> float:
    """Greatest distance of the groups from the kinks; infinite without two groups."""
    angles = np.column_stack([rows["angle_1"], rows["angle_2"]])
    gap = np.abs(np.sort(angles, axis=1) - np.sort(np.array(KINKS)))
    return np.nan_to_num(gap, nan=np.inf).max()


def _group_spread(rows: Table) -> float:
    return rows["spread"].max()


def _least_active(rows: Table) -> float:
    return rows["active"].min()


def _least_bins(rows: Table) -> float:
    return rows["bins"].min()


def _most_turned(rows: Table) -> float:
    return rows["turned"].max()


OF_GROUPS = (
    (
        "two-groups",
        "At (1.75, 0), m = 1000, the neurons with A > 0.05 max form two groups.",
        equal_to(2.0),
        _group_count,
    ),
    (
        "group-angles",
        "Their orientations are −arctan(1/6) and −π + arctan(1/6) (greatest "
        "deviation, rad).",
        at_most(0.005),
        _group_gap,
    ),
    (
        "group-spread",
        "Each is tight (standard deviation of the angles, rad).",
        at_most(0.005),
        _group_spread,
    ),
)
OF_SCATTERED = (
    (
        "scattered-active",
        "At (0.5, 0), m = 1000, more than 600 neurons are active.",
        at_least(600.0),
        _least_active,
    ),
    (
        "scattered-bins",
        "They occupy all of 64 bins of orientation.",
        equal_to(64.0),
        _least_bins,
    ),
    (
        "scattered-turned",
        "They keep their orientations (median change, rad).",
        at_most(0.001),
        _most_turned,
    ),
)

groups = tuple(
    neuron_claim(name, statement, expected, kind="reproduction", source="Fig. 2f")(
        partial(_of_worst_seed, measure, CONDENSED)
    )
    for name, statement, expected, measure in OF_GROUPS
)
scattered = tuple(
    neuron_claim(name, statement, expected, kind="reproduction", source="Fig. 2d")(
        partial(_of_worst_seed, measure, LINEAR)
    )
    for name, statement, expected, measure in OF_SCATTERED
)


# -------------------------------------------------------------------------- outputs


def _centre(gamma: float, config: Config, tables: Tables) -> Measured:
    """Mean f(0) over the seeds."""
    rows = tables["outputs"].select(gamma=gamma)
    centre = rows["final"][np.isclose(rows["x"], 0.0)]
    return Measured(float(centre.mean()), f"over {config.row_seeds} seeds")


def _departure(gamma: float, config: Config, tables: Tables) -> Measured:
    """Greatest deviation from the linear interpolant."""
    rows = tables["outputs"].select(gamma=gamma)
    gap = np.max(np.abs(rows["final"] - rows["reference"]))
    return Measured(float(gap), f"over {config.row_seeds} seeds")


output_condensed = output_claim(
    "output-condensed",
    "At (1.75, 0) the output is the linear spline through the samples (greatest "
    "deviation).",
    at_most(0.005),
    kind="reproduction",
    source="Fig. 2c",
)(partial(_departure, CONDENSED))

output_linear = output_claim(
    "output-linear",
    "At (0.5, 0) the output leaves the linear spline by 0.015 to 0.03 at most.",
    between(0.015, 0.03),
    kind="reproduction",
    source="Fig. 2a",
)(partial(_departure, LINEAR))

CENTRES = (
    (
        "output-condensed-centre",
        CONDENSED,
        "f(0) = 0.028 at (1.75, 0).",
        within(0.028, 0.003),
        "Fig. 2c",
    ),
    (
        "output-critical-centre",
        CRITICAL,
        "f(0) = −0.027 at (1, 0): smooth, below the samples.",
        within(-0.027, 0.006),
        "Fig. 2b",
    ),
    (
        "output-linear-centre",
        LINEAR,
        "f(0) = 0.017 at (0.5, 0).",
        within(0.017, 0.006),
        "Fig. 2a",
    ),
)

output_centres = tuple(
    output_claim(name, statement, expected, kind="reproduction", source=source)(
        partial(_centre, gamma)
    )
    for name, gamma, statement, expected, source in CENTRES
)
