"""What is claimed of coordinates and of the flow itself."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import Measured, Tables, at_least, at_most, within
from condensery.experiments.phase_diagram._config import Config
from condensery.experiments.phase_diagram._judging import (
    line_claim,
    on_any,
    printed_claim,
)

conserved = partial(line_claim, source="Eq. 77")


@printed_claim(
    "coordinates",
    "The named initialisations have the coordinates of Table 1 (greatest deviation of "
    "the slopes of −log κ and −log κ' between m = 10⁴ and 10⁶).",
    at_most(0.01),
    kind="identity",
    source="Table 1",
    on=on_any,
    needs="coordinates",
)
def coordinates(config: Config, tables: Tables) -> Measured:
    """The greatest deviation, over both coordinates."""
    table = tables["coordinates"]
    gap = np.maximum(
        np.abs(table["finite_gamma"] - table["gamma"]),
        np.abs(table["finite_gamma_prime"] - table["gamma_prime"]),
    )
    worst = table["name"][int(np.argmax(gap))]
    return Measured(float(gap.max()), f"largest for {worst}")


@conserved(
    "conservation-order",
    "κ'²a² − ‖w‖² of every neuron is conserved: the mean drift falls at least in "
    "proportion to the step (factor for a tenth).",
    at_least(8.0),
    kind="identity",
    needs="flow_drift",
)
def conservation_order(config: Config, tables: Tables) -> Measured:
    """Drift at eta = 0.1 over that at 0.01."""
    coarse, tenth = tables["flow_drift"]["value"]
    note = f"{coarse:.2g} at eta = 0.1, {tenth:.2g} at 0.01"
    return Measured(float(coarse / tenth), note)


@conserved(
    "conservation",
    "κ'²a² − ‖w‖² of every neuron is conserved (largest drift by a fine fourth-order "
    "rule).",
    at_most(1e-6),
    kind="identity",
    needs="flow_drift_fine",
)
def conservation(config: Config, tables: Tables) -> Measured:
    """The largest drift."""
    drift = tables["flow_drift_fine"]["value"][0]
    return Measured(float(drift), "m = 1000, (1, 0), to t = 3000")


@line_claim(
    "other-solver",
    "The flow is the solution of its equations (relative difference of RD from a fine "
    "fourth-order rule).",
    at_most(0.005),
    kind="identity",
    source="Eqs. 9-12",
    needs="flow_solvers",
)
def other_solver(config: Config, tables: Tables) -> Measured:
    """Relative difference of RD."""
    fine, flow = tables["flow_solvers"]["value"]
    return Measured(float(abs(flow / fine - 1)), "m = 1000, (1, 0), at t = 3000")


@line_claim(
    "scaling",
    "RD depends on (κ, κ') only: equal for three (β1, β2) after mapped steps (relative "
    "spread).",
    at_most(1e-8),
    kind="identity",
    source="Sec. 2.2",
    needs="flow_scalings",
)
def scaling(config: Config, tables: Tables) -> Measured:
    """Relative spread of RD."""
    distances = tables["flow_scalings"]["value"]
    spread = np.ptp(distances) / distances.mean()
    return Measured(float(spread), "m = 200, (1.2, 0), β1 = β2 = 1, m^−½, m^−1")


@line_claim(
    "rd-without-asi",
    "Antisymmetric initialisation matters: without it RD = 0.48 ± 15 % at (1, 0).",
    within(0.48, 0.072),
    kind="reproduction",
    source="Sec. 3",
    needs="flow_without_asi",
)
def rd_without_asi(config: Config, tables: Tables) -> Measured:
    """Mean RD over the seeds."""
    distances = tables["flow_without_asi"]["value"]
    note = f"m = 2000, mean of {len(distances)} seeds"
    return Measured(float(distances.mean()), note)
