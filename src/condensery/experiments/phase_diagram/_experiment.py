"""The experiment: its figures, and what it declares to the workbench."""

from __future__ import annotations

from functools import partial

from pydantic import JsonValue

from condensery.declare import Declared
from condensery.experiments.phase_diagram import (
    _details,
    _flow_claims,
    _map_claims,
    _row_claims,
    _tables,
)
from condensery.experiments.phase_diagram._config import Config
from condensery.experiments.phase_diagram._work import ROW_GAMMAS, work
from condensery.records import FigureSpec

FLOW = ("drift", "drift_fine", "solvers", "scalings", "without_asi")

MAP = FigureSpec(
    name="phase-diagram",
    plot="condensery.plots.slope_map",
    caption="Width slope S_w of RD over (γ, γ'). Blue: RD falls with the width "
    "(linear); red: it grows (condensed). The line is the theory's boundary, the marks "
    "are the two estimates of it from the data.",
)


PLANE = FigureSpec(
    name="phase-plane",
    plot="condensery.plots.phase_plane",
    caption="The plane by theory: left of and above the line RD goes to 0 with the "
    "width (linear), at the lower right it grows without bound (condensed), on the "
    "line it stays (critical). Diamonds and the dash-dotted line are the "
    "initialisations of Table 1.",
)


def _orientation(config: Config) -> str:
    return "input" if config.kind == "images" else "angle"


def _distances(config: Config) -> FigureSpec:
    cells: list[JsonValue] = [[gamma, 0.0] for gamma in ROW_GAMMAS]
    of_row: dict[str, JsonValue] = {"cells": cells, "slopes": "row_slopes"}
    return FigureSpec(
        name="rd-against-width",
        plot="condensery.plots.rd_against_width",
        caption="RD of the input weights against the width; the slope of each line is "
        "S_w.",
        options=of_row if config.kind == "line" else {},
    )


def _regimes(config: Config) -> FigureSpec:
    return FigureSpec(
        name="regimes",
        plot="condensery.plots.regimes",
        caption="Above: outputs before and after training in the linear, critical and "
        "condensed regime. Below: orientation and amplitude of the neurons; in the "
        "condensed regime they gather at the inner samples.",
        options={
            "orientation": _orientation(config),
            "names": ["linear", "critical", "condensed"],
        },
    )


def _scatters(config: Config) -> FigureSpec:
    gammas, primes = config.grid()
    return FigureSpec(
        name="scatter-grid",
        plot="condensery.plots.scatter_grid",
        caption="Orientation and amplitude of the neurons after training over (γ, γ'), "
        "widths overlaid. Right of the boundary (boxes) condensation sharpens with the "
        "width.",
        options={
            "orientation": _orientation(config),
            "gammas": list(gammas),
            "gamma_primes": list(primes),
        },
    )


def figures(config: Config) -> list[FigureSpec]:
    """The figures that `figures` names and the data allow."""
    specs = {"phase-diagram": MAP, "rd-against-width": _distances(config)}
    if config.kind == "line":
        specs["regimes"] = _regimes(config)
    if config.scatter_widths:
        specs["scatter-grid"] = _scatters(config)
    drawn = [specs[name] for name in config.figures if name in specs]
    return [PLANE, *drawn] if MAP in drawn else drawn


def _digest(config: Config) -> str:
    return config.load().digest


phase_diagram = Declared(
    name="phase-diagram",
    title="Phase diagram of two-layer networks",
    summary="Two-layer networks of growing width are trained from initialisations m^−γ "
    "(output) and m^−γ' (ratio of the layers). Where the relative distance RD of the "
    "input weights falls with the width the training is linear, where it grows the "
    "neurons condense; the line between is critical.",
    papers=("luo2021phase",),
    task_version="3",
    Config=Config,
    presets={"quick": {"size": "quick"}, "paper": {"size": "paper"}},
    work=work,
    makes={
        "members": _tables.members,
        "coordinates": _tables.named_coordinates,
        "data": _tables.data,
        "scatter_grid": _tables.scatter_grid,
        "outputs": _details.outputs,
        "scatter": _details.scatter,
        "neurons": _details.neurons,
        **{f"flow_{name}": partial(_tables.flow_values, name) for name in FLOW},
    },
    derives={
        "slopes": _tables.slopes,
        "boundary": _tables.boundaries,
        "initialisations": _tables.initialisations,
        "scatter_bins": _tables.scatter_bins,
        "row_slopes": _tables.row_slopes,
    },
    judges=(
        _flow_claims.coordinates,
        _flow_claims.conservation_order,
        _flow_claims.conservation,
        _flow_claims.other_solver,
        _row_claims.rd_linear,
        _row_claims.rd_ntk,
        _row_claims.rd_critical,
        _row_claims.slope_critical,
        _flow_claims.rd_without_asi,
        _row_claims.rd_condensed,
        _row_claims.slope_condensed,
        _map_claims.slopes_row,
        *_map_claims.fig4,
        _map_claims.stars,
        _map_claims.boundary,
        _flow_claims.scaling,
        _row_claims.seeds,
        _map_claims.linear_identity,
        _map_claims.condensed_identity,
        _map_claims.a_lazy,
        *_row_claims.groups,
        *_row_claims.scattered,
        _row_claims.output_condensed,
        *_row_claims.output_centres,
        _row_claims.output_linear,
        _map_claims.image_boundary,
        _map_claims.image_sign,
        _map_claims.fig5_max,
        _map_claims.fig5_stars,
    ),
    draws=figures,
    reads=_digest,
)
