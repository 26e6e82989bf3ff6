"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, JsonValue

from condensery.experiments.three_layer._claims import STATEMENTS, judge
from condensery.experiments.three_layer._config import SHOWN_GAMMAS, Config
from condensery.experiments.three_layer._tables import build_tables
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

_HERE = "condensery.experiments.three_layer._tasks"
_WHOLE_BELOW = 300
"""Widths below this are one task: what is compiled for a width is then compiled
once.
"""


class ThreeLayer:
    """S_W1 and S_W2 over (γ₂, γ₃): which layer of a three-layer network condenses."""

    name: ClassVar[str] = "phase-diagram-three-layer"
    title: ClassVar[str] = "Phase diagram of three-layer networks"
    summary: ClassVar[str] = (
        "Three-layer networks of growing width are trained from initialisations at "
        "(γ₂, γ₃). Each layer has a relative "
        "distance and a regime of its own, and one can condense while the other "
        "stays where it was."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhou2022three", "luo2021phase")
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {},
        "paper": {
            "gamma2s": [-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0],
            "gamma3s": [
                0.9,
                1.05,
                1.2,
                1.35,
                1.5,
                1.65,
                1.8,
                1.95,
                2.1,
                2.4,
                2.7,
                3.0,
                3.3,
            ],
            "widths": [100, 200, 400, 1000],
            "seeds": 3,
            "row_seeds": 6,
            "shown_width": 1000,
            "eta": 0.05,
        },
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One task per width, for wide networks one per width and γ₂; at last the
        networks that are drawn.
        """
        known = _known(config)
        rows = [
            [
                [g2, g3, known.row_seeds if g2 == 0 else known.seeds]
                for g3 in known.gamma3s
            ]
            for g2 in known.gamma2s
        ]
        tasks = []
        for width in known.widths:
            whole = width < _WHOLE_BELOW
            for part in [[cell for row in rows for cell in row]] if whole else rows:
                label = f"m = {width}" + ("" if whole else f", γ₂ = {part[0][0]:+g}")
                parameters: dict[str, JsonValue] = {
                    **_options(known),
                    "width": width,
                    # pyrefly: ignore[bad-assignment]
                    "rows": [*part],
                }
                cost = float(width) ** 2 * sum(cell[2] * cell[1] for cell in part)
                tasks.append(_task("train", parameters, cost=cost, label=label))
        shown: dict[str, JsonValue] = {
            **_options(known),
            "width": known.shown_width,
            "gamma3s": [*SHOWN_GAMMAS],
        }
        return [
            *tasks,
            _task(
                "show",
                shown,
                cost=6.0 * known.shown_width**2,
                label="outputs and neurons",
            ),
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Members, slopes of both layers, boundaries, outputs and neurons."""
        return build_tables(_known(config), shards)

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """A claim for every statement."""
        return judge(_known(config), tables)

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """The maps of both layers, RD against the width, outputs and neurons."""
        return [
            FigureSpec(
                name="layer-maps",
                plot="condensery.plots.layer_maps",
                caption="Width slopes of the relative distances of both layers over "
                "(γ₃, γ₂). Blue: linear; red: "
                "condensed. Lines: where a balance of the layers makes each slope "
                "0; they part the plane in four.",
            ),
            FigureSpec(
                name="layer-distance",
                plot="condensery.plots.layer_distance",
                caption="Relative distance of both layers against the width at γ₂ = "
                "0. The first layer's lines turn "
                "from falling to rising at γ₃ = 3/2; the second layer's still fall "
                "there.",
            ),
            FigureSpec(
                name="layer-neurons",
                plot="condensery.plots.layer_neurons",
                caption="At γ₂ = 0: outputs before and after training, and weight "
                "and bias of every first-layer "
                "neuron. With growing γ₃ the neurons leave the initial cloud along "
                "a few rays.",
            ),
        ]


def _known(config: BaseModel) -> Config:
    return (
        config
        if isinstance(config, Config)
        else Config.model_validate(config.model_dump())
    )


def _options(config: Config) -> dict[str, JsonValue]:
    return {
        "eta": config.eta,
        "target_loss": config.target_loss,
        "max_steps": config.max_steps,
    }


def _task(
    function: str, parameters: dict[str, JsonValue], *, cost: float, label: str
) -> Task:
    return Task(
        function=f"{_HERE}:{function}",
        parameters=parameters,
        version=ThreeLayer.task_version,
        cost=cost,
        label=label,
    )
