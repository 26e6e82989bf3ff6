"""What Chen et al. (2023) state about the initial stage, and how it is measured."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import (
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
    needs,
    within,
)
from condensery.experiments.initial_phase_diagram._config import Config, theorem_applies
from condensery.records import Status, Table

WIDE = 1000
"""Closed forms are means over the units: they are held against networks of at least so
many.
"""
HALF_LOG_10 = 0.5 * float(np.log(10))

THEOREM = needs("an activation with σ(0) = 0 and σ'(0) = 1", theorem_applies)

published = partial(claim, paper="chen2023phase", when=THEOREM)
on_condensation = partial(published, source="Theorem on the condensed regime")
on_time = partial(published, source="time of initial condensation")


def _note(config: Config, tables: Tables, remark: str = "") -> str:
    """How many networks were given up, and the remark."""
    notes = []
    lost = int(np.sum(tables["members"]["status"] != Status.CONVERGED))
    if lost:
        notes.append(f"{lost} networks did not get so far")
    if remark:
        notes.append(remark)
    return "; ".join(notes)


def _width_range(config: Config) -> str:
    return f"widths {min(config.row_widths)} to {max(config.row_widths)}"


def _followed(tables: Tables, gamma: float, gamma_prime: float) -> Table:
    """Members of a cell that is followed over the width."""
    members = tables["members"]
    return members.select(part="row", gamma=gamma, gamma_prime=gamma_prime)


def _followed_slope(
    tables: Tables, name: str, gamma: float, gamma_prime: float
) -> float:
    """A width slope of a cell that is followed."""
    cell = tables["row_slopes"].select(gamma=gamma, gamma_prime=gamma_prime)
    return float(cell[name][0])


def _in_stage(members: Table) -> np.ndarray:
    """Wide members of condensed cells whose λT grows with the width."""
    distance = members["gamma"] - 1 - 1e-9
    is_condensed = np.abs(members["gamma_prime"]) < distance
    is_wide = members["width"] >= WIDE
    return is_condensed & is_wide


def _largest(values: np.ndarray) -> float | None:
    return float(values.max()) if values.size else None


def _largest_difference(members: Table, name: str) -> float | None:
    """Between measure and closed form, over the wide members of condensed cells."""
    difference = np.abs(members[name] - members[f"{name}_closed"])
    return _largest(difference[_in_stage(members)])


@on_condensation(
    "rd-condensed",
    "At (3, 0) RD of the input weights grows as m^1 (slope of log RD).",
    within(1.0, 0.05),
    kind="reproduction",
)
def rd_condensed(config: Config, tables: Tables) -> Measured:
    """The slope over the followed widths."""
    slope = _followed_slope(tables, "slope", 3.0, 0.0)
    return Measured(slope, _note(config, tables, _width_range(config)))


@on_condensation(
    "alignment-condensed",
    "At (3, 0) all widths from 100 on are aligned: least ‖Wẑ‖/‖W‖.",
    at_least(0.995),
    kind="reproduction",
)
def alignment_condensed(config: Config, tables: Tables) -> Measured:
    """The least alignment."""
    cell = _followed(tables, 3.0, 0.0)
    alignment = cell["alignment"][cell["width"] >= 100]
    least = float(alignment.min()) if alignment.size else None
    return Measured(least, _note(config, tables))


@on_condensation(
    "rd-linear",
    "At (1.5, 0.7), in the linear regime, the input weights stay (largest RD).",
    at_most(0.01),
    kind="reproduction",
)
def rd_linear(config: Config, tables: Tables) -> Measured:
    """The largest RD."""
    cell = _followed(tables, 1.5, 0.7)
    return Measured(_largest(cell["rd"]), _note(config, tables))


@on_time(
    "time",
    "At (2, 0) λT grows by ½ ln 10 with every decade of the width.",
    within(HALF_LOG_10, 0.08),
    kind="reproduction",
)
def time(config: Config, tables: Tables) -> Measured:
    """E-folds per decade of the width."""
    slope = _followed_slope(tables, "time_slope", 2.0, 0.0)
    per_decade = float(slope * np.log(10))
    return Measured(per_decade, _note(config, tables, _width_range(config)))


@on_condensation(
    "slope-closed",
    "Slopes of RD are those of the linearised flow (largest difference).",
    at_most(0.05),
    kind="reproduction",
)
def slope_closed(config: Config, tables: Tables) -> Measured:
    """The largest difference over the four followed cells that condense."""
    cells = tables["row_slopes"]
    difference = np.abs(cells["slope"] - cells["slope_closed"])[:4]
    remark = "the four condensed cells, at the same widths"
    return Measured(_largest(difference), _note(config, tables, remark))


@on_condensation(
    "rd-closed",
    "RD is that of the linearised flow, condensed cells (largest |log ratio|).",
    at_most(0.15),
    kind="reproduction",
)
def rd_closed(config: Config, tables: Tables) -> Measured:
    """The largest |log ratio|."""
    members = tables["members"]
    ratio = members["rd"] / members["rd_closed"]
    distance = np.abs(np.log(ratio))[_in_stage(members)]
    return Measured(_largest(distance), _note(config, tables))


@on_condensation(
    "alignment-closed",
    "Alignment is that of the linearised flow (largest difference).",
    at_most(0.05),
    kind="reproduction",
)
def alignment_closed(config: Config, tables: Tables) -> Measured:
    """The largest difference."""
    difference = _largest_difference(tables["members"], "alignment")
    return Measured(difference, _note(config, tables))


@on_time(
    "time-closed",
    "λT is that of the linearised flow, condensed cells (largest difference).",
    at_most(0.15),
    kind="reproduction",
)
def time_closed(config: Config, tables: Tables) -> Measured:
    """The largest difference in e-folds."""
    difference = _largest_difference(tables["members"], "growth")
    return Measured(difference, _note(config, tables))


@on_condensation(
    "sign",
    "RD grows with the width in the condensed regime, falls in the linear "
    "(share of cells).",
    at_least(1.0),
    kind="reproduction",
)
def sign(config: Config, tables: Tables) -> Measured:
    """Share of the cells off the boundary whose slope has the sign of their regime."""
    cells = tables["slopes"]
    boundary = np.maximum(1, 1 + cells["gamma_prime"])
    is_off = np.abs(cells["gamma"] - boundary) >= 0.25
    predicted = np.where(cells["regime"] == "condensed", 1, -1)
    is_right = (np.sign(cells["slope"]) == predicted)[is_off]
    share = float(is_right.mean()) if is_right.size else None
    remark = f"{is_right.size} cells off the boundary"
    return Measured(share, _note(config, tables, remark))
