"""The phase diagram of initial condensation: how far, along what and when two-layer
tanh networks condense first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, FigureSpec, Relation, Statement, Table

ROW = ((2.0, 0.0), (2.0, -0.5), (3.0, 0.0), (2.0, 0.5), (1.5, 0.7))
"""Cells that are followed over the width: condensed ones, one near the boundary, and a
linear one.
"""
SAMPLES, FEATURES = 20, 4
RESOLUTION = 300
"""Steps that the predicted e-folds are cut into."""
WIDE = 1000
"""Closed forms are means over the units: they are held against networks of at least so
many.
"""


def data() -> tuple[np.ndarray, np.ndarray]:
    """Twenty inputs of four features and the constant one, and a smooth target with a
    slope (our choice).
    """
    x = np.random.Generator(np.random.Philox(key=[0, 11])).standard_normal(
        (SAMPLES, FEATURES)
    )
    y = np.sin(x @ np.array([1.0, -0.7, 0.5, 0.3])) + 0.5 * x[:, 0]
    return np.column_stack([x, np.ones(SAMPLES)]), y


class Config(BaseModel):
    """What initial-phase-diagram can be told.

    Attributes:
        gammas: γ of the map, at least 1: below, the output is not small at the start.
        gamma_primes: γ' of the map.
        widths: Widths of the map, at least two.
        row_widths: Widths of the cells that are followed, at least two.
        seeds: Runs per cell and width of the map.
        row_seeds: The same of the cells that are followed.
        activation: A name of the registry; the predictions are for tanh, sin, hardtanh
            and linear, where σ(0) = 0 and σ'(0) = 1.
        drop: The share of the loss at which the initial stage is over.
        max_steps: Steps after which a member is given up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    gammas: tuple[float, ...] = Field(default=(1.0, 1.5, 2.0, 2.5, 3.0), min_length=1)
    gamma_primes: tuple[float, ...] = Field(
        default=(-1.0, -0.5, 0.0, 0.5, 1.0), min_length=1
    )
    widths: tuple[int, ...] = Field(default=(100, 300, 1000, 3000), min_length=2)
    row_widths: tuple[int, ...] = Field(
        default=(100, 300, 1000, 3000, 10_000), min_length=2
    )
    seeds: int = Field(default=1, ge=1, le=1000)
    row_seeds: int = Field(default=3, ge=1, le=1000)
    activation: str = "tanh"
    drop: float = Field(default=0.1, gt=0.0, lt=1.0)
    max_steps: int = Field(default=20_000, ge=1)

    @field_validator("activation")
    @classmethod
    def _known(cls, name: str) -> str:
        from condensery.theory import ACTIVATION_NAMES

        if name not in ACTIVATION_NAMES:
            raise ValueError(f"one of {', '.join(ACTIVATION_NAMES)}")
        return name

    @field_validator("gammas", "gamma_primes", "widths", "row_widths")
    @classmethod
    def _distinct(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(values)) < len(values):
            raise ValueError("values that differ from one another")
        return values

    @field_validator("widths", "row_widths")
    @classmethod
    def _units(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if min(widths) < 2 or max(widths) > 10_000_000:
            raise ValueError("whole numbers from 2 to 10,000,000")
        return widths

    @field_validator("gammas", "gamma_primes")
    @classmethod
    def _within(cls, values: tuple[float, ...], info: Any) -> tuple[float, ...]:
        least = 1.0 if info.field_name == "gammas" else -5.0
        if min(values) < least or max(values) > 5.0:
            raise ValueError(f"numbers from {least:g} to 5")
        return values

    @property
    def has_prediction(self) -> bool:
        """Whether the closed forms are for this activation and end."""
        from condensery.theory import activation_facts

        facts = activation_facts(self.activation)
        return (facts.value_at_zero, facts.leading_derivative, facts.multiplicity) == (
            0.0,
            1.0,
            1,
        )


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train all widths and seeds of some cells by gradient descent until the loss has
    fallen by the share `drop`.

    Args:
        parameters: cells [[gamma, gamma_prime], …], widths, seeds (a count),
            activation, drop, max_steps.
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        Columns of the table of members.
    """
    from condensery.engine import (
        SGD,
        Ensemble,
        PerMember,
        descend,
        mean_square,
        per_member,
    )
    from condensery.metrics import relative_distance
    from condensery.models import TwoLayer

    given: dict[str, Any] = dict(parameters)
    x, y = data()
    rows = [
        (width, seed + k, *cell)
        for width in given["widths"]
        for cell in given["cells"]
        for k in range(given["seeds"])
    ]
    ensemble = Ensemble(*(np.array(column) for column in zip(*rows, strict=True)))
    networks, objective = (
        ensemble.draw(features=FEATURES + 1),
        mean_square(TwoLayer(given["activation"]), factor=0.5),
    )
    rates = _rates(ensemble, x, y, given["drop"])
    advance("descending", 0.1)
    start = descend(networks, objective, (x, y), optimiser=SGD(1.0), steps=0).loss[:, 0]
    result = descend(
        per_member(networks, units=start.tolist(), paces=rates.tolist()),
        PerMember(objective),
        (x[None], y[None]),
        optimiser=SGD(1.0),
        steps=given["max_steps"],
        schedule=[0],
        stop_loss=1.0 - given["drop"],
        on_step=lambda step: advance(
            "descending", 0.1 + 0.9 * step / given["max_steps"]
        ),
    )
    pull = y @ x / len(y)
    lam = float(np.linalg.norm(pull))
    final = [tree["net"]["w"] for tree in result.parameters]
    return {
        **ensemble.columns(),
        "status": result.status,
        "steps": result.steps,
        "loss": result.loss[:, -1],
        "rd": np.array(
            [
                relative_distance(net["w"], w)
                for net, w in zip(networks, final, strict=True)
            ]
        ),
        "alignment": np.array(
            [np.linalg.norm(w @ pull) / lam / np.linalg.norm(w) for w in final]
        ),
        # under descent the growing mode gains log(1 + λ·rate) e-folds per step
        "growth": result.steps * np.log1p(lam * rates),
    }


def _rates(ensemble: Any, x: np.ndarray, y: np.ndarray, drop: float) -> np.ndarray:
    """Learning rates that cut the predicted stage into equal steps, well below what is
    stable.
    """
    from condensery.theory import early_growth

    lam = float(np.linalg.norm(y @ x / len(y)))
    stage = early_growth(
        x,
        y,
        width=ensemble.widths,
        gamma=ensemble.gammas,
        gamma_prime=ensemble.gamma_primes,
        drop=min(drop, 0.3),
    )
    largest = np.maximum(
        ensemble.kappa * ensemble.kappa_prime, ensemble.kappa / ensemble.kappa_prime
    )
    kernel = ensemble.widths * largest * float(np.linalg.norm(x.T @ x / len(x), 2))
    return np.minimum(
        np.where(np.isfinite(stage), stage, 1.0) / (RESOLUTION * lam),
        0.05 / np.maximum(kernel, lam),
    )


_THEOREM, _TIME = "Theorem on the condensed regime", "time of initial condensation"


def _statement(
    name: str, relation: Relation, statement: str, source: str = _THEOREM
) -> Statement:
    return Statement(
        id=name,
        paper="chen2023phase",
        statement=statement,
        relation=relation,
        source=source,
    )


STATEMENTS = (
    _statement(
        "rd-condensed",
        "within",
        "At (3, 0) RD of the input weights grows as m^1 (slope of log RD).",
    ),
    _statement(
        "alignment-condensed",
        ">=",
        "At (3, 0) all widths from 100 on are aligned: least ‖Wẑ‖/‖W‖.",
    ),
    _statement(
        "rd-linear",
        "<=",
        "At (1.5, 0.7), in the linear regime, the input weights stay (largest RD).",
    ),
    _statement(
        "time",
        "within",
        "At (2, 0) λT grows by ½ ln 10 with every decade of the width.",
        _TIME,
    ),
    _statement(
        "slope-closed",
        "<=",
        "Slopes of RD are those of the linearised flow (largest difference).",
    ),
    _statement(
        "rd-closed",
        "<=",
        "RD is that of the linearised flow, condensed cells (largest |log ratio|).",
    ),
    _statement(
        "alignment-closed",
        "<=",
        "Alignment is that of the linearised flow (largest difference).",
    ),
    _statement(
        "time-closed",
        "<=",
        "λT is that of the linearised flow, condensed cells (largest difference).",
        _TIME,
    ),
    _statement(
        "sign",
        ">=",
        "RD grows with the width in the condensed regime, falls in the linear "
        "(share of cells).",
    ),
)


class InitialPhaseDiagram:
    """RD, alignment and time of the initial stage over (γ, γ') and the width, against
    closed forms.
    """

    name: ClassVar[str] = "initial-phase-diagram"
    title: ClassVar[str] = "Phase diagram of initial condensation"
    summary: ClassVar[str] = (
        "Two-layer tanh networks are trained until the loss has fallen by a tenth. "
        "In the condensed regime, γ > 1 and "
        "γ' < γ − 1, their input weights have by then moved far and all along one "
        "direction, ẑ, and how far, how well "
        "aligned and how long after the start is told by the linearised flow "
        "without a free parameter."
    )
    papers: ClassVar[tuple[str, ...]] = ("chen2023phase",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {},
        "paper": {
            "gammas": [1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0],
            "gamma_primes": [-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0],
            "widths": [100, 1000, 10_000],
            "row_widths": [100, 300, 1000, 3000, 10_000, 30_000, 100_000],
            "seeds": 3,
            "row_seeds": 5,
        },
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One task per row of the map, and one per cell that is followed over the
        width.
        """
        known = _known(config)
        rows = [
            [[gamma, prime] for gamma in known.gammas] for prime in known.gamma_primes
        ]
        tasks = [
            _task(known, cells, known.widths, known.seeds, f"γ' = {cells[0][1]:+.2g}")
            for cells in rows
        ]
        single = [[list(cell)] for cell in ROW]
        tasks += [
            _task(
                known, c, known.row_widths, known.row_seeds, f"(γ, γ') = {tuple(c[0])}"
            )
            for c in single
        ]
        return tasks

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Members with the closed forms beside them, and slopes over the width."""
        known = _known(config)
        parts = ["map"] * len(known.gamma_primes) + ["row"] * len(ROW)
        columns = {
            name: np.concatenate([np.asarray(shard[name]) for shard in shards])
            for name in shards[0]
        }
        part = np.repeat(parts, [len(shard["width"]) for shard in shards])
        members = Table(
            columns={"part": part, **columns, **_closed_forms(known, columns)},
            units={
                "growth": "λT in e-folds",
                "alignment": "‖Wẑ‖/‖W‖",
                "rd_closed": "at the measured λT",
                "alignment_closed": "at the measured λT",
                "growth_closed": "predicted from width, γ and γ'",
            },
        )
        return {
            "members": members,
            "slopes": _slopes(members, "map"),
            "row_slopes": _slopes(members, "row"),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """The closed forms, asserted for activations with σ(0) = 0 and σ'(0) = 1."""
        return judge(_known(config), tables)

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """The three numbers against the width, and their map."""
        return [
            FigureSpec(
                name="initial-widths",
                plot="condensery.plots.initial_widths",
                caption="RD, alignment with ẑ, and e-folds λT until the loss has "
                "fallen by a tenth, against the width. "
                "Marks: trained networks, every seed; lines: the linearised flow, "
                "without a free parameter.",
            ),
            FigureSpec(
                name="initial-map",
                plot="condensery.plots.initial_map",
                caption="Slope of log RD, alignment at the largest width, and slope "
                "of λT over (γ, γ'). Condensed is "
                "below the solid line γ' = γ − 1; below the dashed line γ' = 1 − γ "
                "the input weights move at once.",
            ),
        ]


def _known(config: BaseModel) -> Config:
    return (
        config
        if isinstance(config, Config)
        else Config.model_validate(config.model_dump())
    )


def _task(
    config: Config, cells: Sequence[Any], widths: Sequence[int], seeds: int, label: str
) -> Task:
    parameters: dict[str, JsonValue] = {
        "cells": list(cells),
        "widths": list(widths),
        "seeds": seeds,
        "activation": config.activation,
        "drop": config.drop,
        "max_steps": config.max_steps,
    }
    return Task(
        function="condensery.experiments.initial_phase_diagram:train",
        parameters=parameters,
        version=InitialPhaseDiagram.task_version,
        cost=float(len(cells) * seeds * sum(widths)),
        label=label,
    )


def _closed_forms(
    config: Config, columns: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    from condensery.theory import early_growth, early_measures

    x, y = data()
    width, gamma, prime = (
        columns[name].astype(np.float64) for name in ("width", "gamma", "gamma_prime")
    )
    found = early_measures(columns["growth"], width**-prime, features=FEATURES + 1)
    growth = early_growth(
        x, y, width=width, gamma=gamma, gamma_prime=prime, drop=config.drop
    )
    growth = np.where(
        np.isfinite(growth), growth, np.nan
    )  # no output along ẑ brings so large a drop
    expected = early_measures(
        np.nan_to_num(growth), width**-prime, features=FEATURES + 1
    )
    return {
        "rd_closed": found.rd,
        "alignment_closed": found.alignment,
        "growth_closed": growth,
        "rd_expected": np.where(np.isnan(growth), np.nan, expected.rd),
    }


_TIMES = ("growth", "growth_closed")


def _slopes(members: Table, part: str) -> Table:
    """One row per cell: slopes over log m of RD, of the closed RD, and of λT; alignment
    at the largest width.
    """
    from condensery.metrics import width_slope
    from condensery.theory import condensation_time, phase_slope, regime

    chosen = members.select(part=part)
    rows = []
    for gamma, prime in dict.fromkeys(
        zip(chosen["gamma"].tolist(), chosen["gamma_prime"].tolist(), strict=True)
    ):
        cell = chosen.select(gamma=gamma, gamma_prime=prime)
        found = width_slope(cell["width"], cell["rd"])
        closed = width_slope(cell["width"], cell["rd_expected"])
        log_m = np.log(cell["width"])
        time, ideal = (
            float(np.cov(log_m, cell[name])[0, 1] / np.var(log_m, ddof=1))
            for name in _TIMES
        )
        widest = cell["width"] == cell["width"].max()
        rows.append(
            {
                "gamma": gamma,
                "gamma_prime": prime,
                "slope": found.slope,
                "slope_se": found.slope_se,
                "slope_closed": closed.slope,
                "theory": phase_slope(gamma, prime),
                "time_slope": time,
                "time_slope_closed": ideal,
                "time_theory": condensation_time(gamma, prime),
                "alignment": float(cell["alignment"][widest].mean()),
                "regime": regime(gamma, prime),
            }
        )
    return Table(
        columns={name: np.array([row[name] for row in rows]) for name in rows[0]},
        units={
            "slope_closed": "of the linearised flow at these widths",
            "theory": "for m → ∞, trained to the end",
        },
    )


def judge(config: Config, tables: Mapping[str, Table]) -> list[Claim]:
    """One claim per statement."""
    members, row, cells = tables["members"], tables["row_slopes"], tables["slopes"]
    asserted = config.has_prediction
    note = "" if asserted else "no prediction: the theorem needs σ(0) = 0 and σ'(0) = 1"
    lost = int(np.sum(members["status"] != 1))
    note += f"{lost} networks did not get so far; " * bool(lost)
    deep = members.select(part="row", gamma=3.0, gamma_prime=0.0)
    still = members.select(part="row", gamma=1.5, gamma_prime=0.7)
    time = float(row.select(gamma=2.0, gamma_prime=0.0)["time_slope"][0]) * np.log(10)
    condensed = (members["gamma_prime"] < members["gamma"] - 1 - 1e-9) & (
        members["gamma"] > 1
    )
    wide = members["width"] >= WIDE
    stage = (
        condensed
        & wide
        & (np.abs(members["gamma_prime"]) < members["gamma"] - 1 - 1e-9)
    )
    off = np.abs(cells["gamma"] - np.maximum(1, 1 + cells["gamma_prime"])) >= 0.25
    right = np.sign(cells["slope"]) == np.where(cells["regime"] == "condensed", 1, -1)
    short = f"{note}widths {min(config.row_widths)} to {max(config.row_widths)}"
    values: dict[str, tuple[float | None, float, float | None, str]] = {
        "rd-condensed": (
            float(row.select(gamma=3.0, gamma_prime=0.0)["slope"][0]),
            1.0,
            0.05,
            short,
        ),
        "alignment-condensed": (
            _extreme(np.min, deep["alignment"][deep["width"] >= 100]),
            0.995,
            None,
            note,
        ),
        "rd-linear": (float(still["rd"].max()), 0.01, None, note),
        "time": (time, 0.5 * float(np.log(10)), 0.08, short),
        "slope-closed": (
            float(np.abs(row["slope"] - row["slope_closed"])[:4].max()),
            0.05,
            None,
            f"{note}the four condensed cells, at the same widths",
        ),
        "rd-closed": (
            _extreme(
                np.max, np.abs(np.log(members["rd"] / members["rd_closed"]))[stage]
            ),
            0.15,
            None,
            note,
        ),
        "alignment-closed": (
            _extreme(
                np.max,
                np.abs(members["alignment"] - members["alignment_closed"])[stage],
            ),
            0.05,
            None,
            note,
        ),
        "time-closed": (
            _extreme(
                np.max, np.abs(members["growth"] - members["growth_closed"])[stage]
            ),
            0.15,
            None,
            note,
        ),
        "sign": (
            _extreme(np.mean, right[off]),
            1.0,
            None,
            f"{note}{int(off.sum())} cells off the boundary",
        ),
    }
    claims = []
    for statement in STATEMENTS:
        value, expected, tolerance, remark = values[statement.id]
        claims.append(
            statement.check(
                value, expected if asserted else None, tolerance=tolerance, note=remark
            )
        )
    return claims


def _extreme(function: Any, values: np.ndarray) -> float | None:
    return float(function(values)) if values.size else None
