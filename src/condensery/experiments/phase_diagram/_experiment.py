"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, JsonValue

from condensery.experiments.phase_diagram._config import Config
from condensery.experiments.phase_diagram._paper import STATEMENTS
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

ROW_GAMMAS = (0.5, 1.0, 1.75)
ROW_WIDTH = 1000
COARSE = 0.02
"""Tolerance on RD where members are trained for the picture of their neurons only."""
_HERE = "condensery.experiments.phase_diagram._tasks"


class PhaseDiagram:
    """S_w over (γ, γ'): how the relative distance of the input weights grows with the
    width.
    """

    name: ClassVar[str] = "phase-diagram"
    title: ClassVar[str] = "Phase diagram of two-layer networks"
    summary: ClassVar[str] = (
        "Two-layer networks of growing width are trained from initialisations m^−γ "
        "(output) and m^−γ' (ratio of the "
        "layers). Where the relative distance RD of the input weights falls with "
        "the width the training is linear, "
        "where it grows the neurons condense; the line between is critical."
    )
    papers: ClassVar[tuple[str, ...]] = ("luo2021phase",)
    task_version: ClassVar[str] = "2"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"size": "quick"},
        "paper": {"size": "paper"},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Digest of the samples and targets."""
        from condensery.data import load

        source = _known(config).source()
        return load(
            # pyrefly: ignore[bad-argument-type]
            **{key: value for key, value in source.items() if value is not None}
        ).digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """Two tasks per row of the map; on the line also the row of Figs. 2 and 3 and
        the checks of the flow.
        """
        return [task for _, task in _parts(_known(config))]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Members, slopes, boundaries, counts for the grid of scatters, and the details
        of Figs. 2 and 3.
        """
        from condensery.experiments.phase_diagram._tables import build_tables

        known = _known(config)
        return build_tables(known, [part for part, _ in _parts(known)], shards)

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """A claim for every statement."""
        from condensery.experiments.phase_diagram._claims import judge

        return judge(_known(config), tables)

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """The figures that `figures` names and the data allow."""
        known = _known(config)
        orientation = "input" if known.kind == "images" else "angle"
        with_row = known.kind == "line"
        gammas, primes = _grid_cells(known)
        specs = {
            "phase-diagram": FigureSpec(
                name="phase-diagram",
                plot="condensery.plots.slope_map",
                caption="Width slope S_w of RD over (γ, γ'). Blue: RD falls with "
                "the width (linear); red: it grows "
                "(condensed). The line is the theory's boundary, the marks are the "
                "two estimates of it from the data.",
            ),
            "rd-against-width": FigureSpec(
                name="rd-against-width",
                plot="condensery.plots.rd_against_width",
                caption="RD of the input weights against the width; the slope of "
                "each line is S_w.",
                options={
                    "cells": [[gamma, 0.0] for gamma in ROW_GAMMAS],
                    "slopes": "row_slopes",
                }
                if with_row
                else {},
            ),
            "regimes": FigureSpec(
                name="regimes",
                plot="condensery.plots.regimes",
                caption="Above: outputs before and after training in the linear, "
                "critical and condensed regime. Below: "
                "orientation and amplitude of the neurons; in the condensed regime "
                "they gather at the inner samples.",
                options={
                    "orientation": orientation,
                    "names": ["linear", "critical", "condensed"],
                },
            ),
            "scatter-grid": FigureSpec(
                name="scatter-grid",
                plot="condensery.plots.scatter_grid",
                caption="Orientation and amplitude of the neurons after training "
                "over (γ, γ'), widths overlaid. Right "
                "of the boundary (boxes) condensation sharpens with the width.",
                options={
                    "orientation": orientation,
                    "gammas": list(gammas),
                    "gamma_primes": list(primes),
                },
            ),
        }
        possible = [name for name in known.figures if with_row or name != "regimes"]
        return [
            specs[name]
            for name in possible
            if name != "scatter-grid" or known.scatter_widths
        ]


def _known(config: BaseModel) -> Config:
    return (
        config
        if isinstance(config, Config)
        else Config.model_validate(config.model_dump())
    )


def _grid_cells(config: Config) -> tuple[list[float], list[float]]:
    """γ and γ' of the grid of scatters: at most seven by seven, as in the paper, those
    on multiples of a tenth.
    """
    gammas = [
        gamma
        for gamma in config.gammas
        if 0.7 <= gamma <= 1.3 and abs(gamma * 10 - round(gamma * 10)) < 1e-9
    ]
    primes = [prime for prime in config.gamma_primes if abs(prime) <= 0.3 + 1e-9]
    return (
        (gammas, primes)
        if gammas and primes
        else (list(config.gammas), list(config.gamma_primes))
    )


def _parts(config: Config) -> list[tuple[str, Task]]:
    """The tasks with the part of the run that each belongs to."""
    counted = [width for width in config.scatter_widths if width in config.widths]
    parts: list[tuple[str, Task]] = []
    # The row of the smallest γ' takes as long as the rest together: halves keep two
    # workers busy to the end.
    at_once = (len(config.gammas) + 1) // 2
    for prime in config.gamma_primes:
        for first in range(0, len(config.gammas), at_once):
            cells = [(gamma, prime) for gamma in config.gammas[first : first + at_once]]
            parts.append(
                (
                    "map",
                    _training(
                        config, cells, config.widths, config.seeds, counts_at=counted
                    ),
                )
            )
    gammas, primes = _grid_cells(config)
    for width in config.scatter_widths:
        if width not in config.widths:
            for prime in primes:
                cells = [(gamma, prime) for gamma in gammas]
                widths = [config.widths[0], width]
                parts.append(
                    (
                        "wide",
                        _training(
                            config,
                            cells,
                            widths,
                            1,
                            tolerance=COARSE,
                            counts_at=[width],
                        ),
                    )
                )
    if config.kind == "line":
        widths, cells = (
            sorted({ROW_WIDTH, *config.widths}),
            [(gamma, 0.0) for gamma in ROW_GAMMAS],
        )
        parts.append(
            (
                "row",
                _training(
                    config, cells, widths, config.row_seeds, details_at=ROW_WIDTH
                ),
            )
        )
        parts.append(
            ("flow", _task("check_flow", {}, cost=3e5, label="checks of the flow"))
        )
    return parts


def _training(
    config: Config,
    cells: Sequence[tuple[float, float]],
    widths: Sequence[int],
    seeds: int,
    *,
    tolerance: float = 0.0,
    counts_at: Sequence[int] = (),
    details_at: int | None = None,
) -> Task:
    parameters: dict[str, JsonValue] = {
        "data": config.source(),
        "activation": config.activation,
        "asi": config.asi,
        "target_loss": config.target_loss,
        "tolerance": max(config.tolerance, tolerance),
        "max_steps": config.max_steps,
        "cells": [list(cell) for cell in cells],
        "widths": list(widths),
        "seeds": seeds,
        "counts_at": list(counts_at),
        "details_at": details_at,
    }
    # Condensed cells with γ' < 0 take the smallest steps: they go first, so that no
    # worker ends late.
    hard = sum(1.0 + 100.0 * max(0.0, -prime) ** 2 * gamma**4 for gamma, prime in cells)
    gammas = [gamma for gamma, _ in cells]
    label = (
        f"γ = {min(gammas):g} to {max(gammas):g}, γ' = {cells[0][1]:+.2g}, m to "
        f"{max(widths)}"
    )
    return _task("train", parameters, cost=hard * seeds * sum(widths), label=label)


def _task(
    function: str, parameters: dict[str, JsonValue], *, cost: float, label: str
) -> Task:
    return Task(
        function=f"{_HERE}:{function}",
        parameters=parameters,
        version=PhaseDiagram.task_version,
        cost=cost,
        label=label,
    )
