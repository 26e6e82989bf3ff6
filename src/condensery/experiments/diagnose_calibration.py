"""How often `condensery.torch.diagnose` is right, on two-layer networks whose regime
the theory knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table
from condensery.theory import boundary, phase_slope, regime

CLEAR = 0.1
"""Cells with |S| at least this are the ones on which a verdict is asked for."""
LAYERS = ("hidden", "output")
_SLACK = 1e-9


class Config(BaseModel):
    """What diagnose-calibration can be told.

    The margins of the verdicts were chosen on γ ∈ {0.6, 0.8, 0.9, 1, 1.1, 1.2, 1.4}, γ'
    ∈ {−0.4, −0.2, 0, 0.2, 0.4} with the seeds 100 to 105. The presets have other γ' in
    every row, and other seeds.

    Attributes:
        gammas: γ of the cells.
        gamma_primes: γ' of the cells.
        widths: What `diagnose` is given, at least three.
        seeds: How many seeds, from 0 on; at least two.
        relative_loss: Share of the initial loss at which the widths are compared.
        steps: Most steps of a run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gammas: tuple[float, ...] = (
        0.65,
        0.75,
        0.85,
        0.95,
        1.0,
        1.05,
        1.15,
        1.25,
        1.35,
        1.5,
    )
    gamma_primes: tuple[float, ...] = (-0.3, -0.1, 0.1, 0.3)
    widths: tuple[int, ...] = (256, 512, 1024, 2048, 4096)
    seeds: int = Field(default=3, ge=2, le=100)
    relative_loss: float = Field(default=0.01, gt=0.0, lt=1.0)
    steps: int = Field(default=1500, ge=1)

    @field_validator("gammas", "gamma_primes")
    @classmethod
    def _cells(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if (
            not values
            or len(set(values)) != len(values)
            or not np.isfinite(values).all()
        ):
            raise ValueError("give at least one finite number, each once")
        return values

    @field_validator("widths")
    @classmethod
    def _three(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(values)) != len(values) or len(values) < 3 or min(values) < 1:
            raise ValueError("give at least three different widths >= 1")
        return values


def diagnose_cell(
    parameters: dict[str, JsonValue], seed: int, advance: Advance
) -> Arrays:
    """Diagnose the network at one cell.

    Args:
        parameters: gamma, gamma_prime, widths, seeds (a count), relative_loss, steps.
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        The columns of the verdicts' table, an entry for each layer, and the model's
        regime.
    """
    from condensery.torch.studies import calibrate_cell

    given: dict[str, Any] = dict(parameters)
    return calibrate_cell(
        given["gamma"],
        given["gamma_prime"],
        widths=given["widths"],
        seeds=range(seed, seed + given["seeds"]),
        relative_loss=given["relative_loss"],
        steps=given["steps"],
        progress=advance,
    )


def is_right(verdict: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Whether verdicts agree with exponents: linear S < 0, condensed S > 0, critical
    |S| < 0.1; undetermined agrees.
    """
    sign = np.where(np.abs(slope) < _SLACK, 0, np.sign(slope))
    return (
        (verdict == "undetermined")
        | ((verdict == "linear") & (sign < 0))
        | ((verdict == "condensed") & (sign > 0))
        | ((verdict == "critical") & (np.abs(slope) < CLEAR - _SLACK))
    )


def _statement(
    name: str, relation: Literal["<=", ">=", "equal"], statement: str
) -> Statement:
    source = (
        "Theorems 6 and 8 for the sign of S; the numbers are an aim of this project"
    )
    return Statement(
        id=name,
        paper="luo2021phase",
        statement=statement,
        relation=relation,
        source=source,
    )


STATEMENTS = (
    _statement(
        "clear-decided",
        ">=",
        "Where |S| >= 0.1 the hidden layer gets a verdict in at least 70 % of the "
        "cells.",
    ),
    _statement(
        "clear-wrong",
        "equal",
        "Where |S| >= 0.1 no verdict on the hidden layer is wrong.",
    ),
    _statement(
        "near-wrong",
        "<=",
        "Where |S| < 0.1 at most 5 % of the hidden layer's cells get a wrong verdict.",
    ),
    _statement(
        "output-wrong",
        "equal",
        "Where |S_a| >= 0.1 no verdict on the output layer is wrong.",
    ),
)


class DiagnoseCalibration:
    """`diagnose` on networks whose regime is known."""

    name: ClassVar[str] = "diagnose-calibration"
    title: ClassVar[str] = "Calibration: is diagnose right where the answer is known?"
    summary: ClassVar[str] = (
        "Two-layer ReLU networks at points (γ, γ′) of the phase diagram, without "
        "antisymmetric initialisation, are "
        "given to condensery.torch.diagnose, which is not told the point. Its "
        "verdicts are compared with the theory, "
        "on cells and seeds that had no part in choosing its margins. Needs PyTorch."
    )
    papers: ClassVar[tuple[str, ...]] = ("luo2021phase",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {},
        "paper": {
            "gammas": [
                0.55,
                0.65,
                0.75,
                0.85,
                0.95,
                1.0,
                1.05,
                1.15,
                1.25,
                1.35,
                1.5,
                1.75,
            ],
            "gamma_primes": [-0.35, -0.25, -0.15, -0.05, 0.05, 0.15, 0.25, 0.35],
            "widths": [256, 512, 1024, 2048, 4096, 8192],
            "seeds": 5,
        },
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One for each cell."""
        known = Config.model_validate(config.model_dump())
        shared = known.model_dump(mode="json", exclude={"gammas", "gamma_primes"})
        return [
            Task(
                function="condensery.experiments.diagnose_calibration:diagnose_cell",
                parameters={"gamma": gamma, "gamma_prime": gamma_prime, **shared},
                version=self.task_version,
                # Small γ and large |γ'| are stiff: they take most steps.
                cost=float(sum(known.widths) * known.seeds)
                * (1.0 + max(1.2 - gamma, 0.0) + 2.0 * abs(gamma_prime)),
                label=f"γ = {gamma:g}, γ′ = {gamma_prime:g}",
            )
            for gamma_prime in known.gamma_primes
            for gamma in known.gammas
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """A row per cell and layer, and the boundary of the theory."""
        known = Config.model_validate(config.model_dump())
        cells = [
            (gamma, prime) for prime in known.gamma_primes for gamma in known.gammas
        ]
        gamma, prime = (
            np.repeat(np.array(column), len(LAYERS))
            for column in zip(*cells, strict=True)
        )
        theory = np.ravel(
            [[phase_slope(*cell, of=part) for part in ("w", "a")] for cell in cells]
        )
        whole = {
            name: np.concatenate([np.asarray(shard[name]) for shard in shards])
            for name in (
                "slope",
                "slope_se",
                "margin",
                "drift_slope",
                "drift_slope_se",
                "condensed",
                "condensed_se",
            )
        }
        verdict = np.concatenate([np.asarray(shard["regime"]) for shard in shards])
        rows = {
            "gamma": gamma,
            "gamma_prime": prime,
            "layer": np.tile(LAYERS, len(cells)),
            "theory": theory,
            "clear": np.abs(theory) >= CLEAR - _SLACK,
            **whole,
            "verdict": verdict,
            "right": is_right(verdict, theory),
            "stage": np.repeat(
                [float(shard["stage"][0]) for shard in shards], len(LAYERS)
            ),
            "steps": np.repeat(
                [int(shard["steps"].max()) for shard in shards], len(LAYERS)
            ),
        }
        heights = np.array(sorted(known.gamma_primes))
        return {
            "verdicts": Table(
                columns=rows,
                units={
                    "theory": "exponent at infinite width",
                    "stage": "share of the initial loss",
                    "steps": "most",
                },
            ),
            "models": Table(
                columns={
                    "gamma": [cell[0] for cell in cells],
                    "gamma_prime": [cell[1] for cell in cells],
                    "regime": [regime(*cell) for cell in cells],
                    "verdict": [str(shard["model"][0]) for shard in shards],
                }
            ),
            "boundary": Table(
                columns={"gamma_prime": heights, "theory": boundary(heights)}
            ),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """How many verdicts there are, and how many are wrong."""
        decided, clear_wrong, near_wrong, output_wrong = self.statements
        hidden, output = (tables["verdicts"].select(layer=layer) for layer in LAYERS)
        clear, near = (hidden.select(clear=where) for where in (True, False))
        share = _share(clear["verdict"] != "undetermined")
        given = near["verdict"][near["verdict"] != "undetermined"]
        beyond = output.select(clear=True)
        told = int(np.sum(beyond["verdict"] != "undetermined"))
        return [
            decided.check(share, 0.7, note=_count(clear)),
            clear_wrong.check(
                _wrong(clear), 0.0 if len(clear) else None, note=_count(clear)
            ),
            near_wrong.check(
                _share(~near["right"]),
                0.05,
                note=f"{len(near)} cells, {len(given)} with a verdict, "
                f"{int(np.sum(given == 'critical'))} of them critical, which is "
                "right for |S| < 0.1",
            ),
            output_wrong.check(
                _wrong(beyond),
                0.0 if len(beyond) else None,
                note=f"{len(beyond)} cells, {told} with a verdict",
            ),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """The verdicts over the plane."""
        return [
            FigureSpec(
                name="verdicts",
                plot="condensery.plots.verdicts",
                caption=(
                    "Verdicts of diagnose on the hidden and on the output layer "
                    "over the phase plane, with the "
                    "boundary of the theory (for the output layer its mirror image, "
                    "γ′ → −γ′). Small dots: "
                    "undetermined. A wrong verdict is ringed."
                ),
            )
        ]


def _share(which: np.ndarray) -> float | None:
    return float(np.mean(which)) if which.size else None


def _wrong(cells: Table) -> float | None:
    return float(np.sum(~cells["right"])) if len(cells) else None


def _count(cells: Table) -> str:
    words = cells["verdict"]
    return f"{len(cells)} cells: " + ", ".join(
        f"{int(np.sum(words == word))} {word}"
        for word in ("linear", "critical", "condensed", "undetermined")
    )
