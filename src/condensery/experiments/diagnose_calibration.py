"""How often `condensery.torch.diagnose` is right, on two-layer networks whose regime
the theory knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from pydantic import Field, field_validator

from condensery.declare import (
    Blocks,
    Count,
    Declared,
    Measured,
    Results,
    Settings,
    Tables,
    Work,
    at_least,
    at_most,
    claim,
    equal_to,
    rows,
    table,
    task,
)
from condensery.protocols import Advance, Arrays
from condensery.records import FigureSpec, Table
from condensery.theory import boundary, phase_slope, regime

CLEAR = 0.1
"""Cells with |S| at least this are the ones on which a verdict is asked for."""
LAYERS = ("hidden", "output")
WORDS = ("linear", "critical", "condensed", "undetermined")
_SLACK = 1e-9


class Config(Settings):
    """Parameters of diagnose-calibration.

    The margins of the verdicts were chosen on γ ∈ {0.6, 0.8, 0.9, 1, 1.1, 1.2, 1.4}, γ'
    ∈ {−0.4, −0.2, 0, 0.2, 0.4} with the seeds 100 to 105. The presets have other γ' in
    every row, and other seeds.
    """

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
    """Values of the phase coordinate γ of the cells."""
    gamma_primes: tuple[float, ...] = (-0.3, -0.1, 0.1, 0.3)
    """Values of the phase coordinate γ' of the cells."""
    widths: tuple[int, ...] = (256, 512, 1024, 2048, 4096)
    """Widths that `diagnose` compares, at least three."""
    seeds: int = Field(default=3, ge=2, le=100)
    """How many seeds, from 0 on; at least two."""
    relative_loss: float = Field(default=0.01, gt=0.0, lt=1.0)
    """Share of the initial loss at which the widths are compared."""
    steps: Count = 1500
    """Most steps of a run."""

    @field_validator("gammas", "gamma_primes")
    @classmethod
    def _cells(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        repeated = len(set(values)) != len(values)
        if not values or repeated or not np.isfinite(values).all():
            raise ValueError("give at least one finite number, each once")
        return values

    @field_validator("widths")
    @classmethod
    def _three(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        repeated = len(set(values)) != len(values)
        if repeated or len(values) < 3 or min(values) < 1:
            raise ValueError("give at least three different widths >= 1")
        return values


@task(Config)
def diagnose_cell(
    config: Config, seed: int, advance: Advance, *, gamma: float, gamma_prime: float
) -> Arrays:
    """Diagnose the network at one cell.

    Args:
        config: The configuration.
        seed: The first seed.
        advance: Progress callback, (text, fraction).
        gamma: γ of the cell.
        gamma_prime: γ' of the cell.

    Returns:
        The columns of the verdicts' table, an entry for each layer, and the model's
        regime.
    """
    from condensery.torch.studies import calibrate_cell

    return calibrate_cell(
        gamma,
        gamma_prime,
        widths=list(config.widths),
        seeds=range(seed, seed + config.seeds),
        relative_loss=config.relative_loss,
        steps=config.steps,
        progress=advance,
    )


def work(config: Config) -> Iterator[Work]:
    """One diagnosis per cell."""
    updates = float(sum(config.widths) * config.seeds)
    for gamma_prime in config.gamma_primes:
        for gamma in config.gammas:
            # small γ and large |γ'| are stiff: they take most steps
            stiffness = 1.0 + max(1.2 - gamma, 0.0) + 2.0 * abs(gamma_prime)
            label = f"γ = {gamma:g}, γ′ = {gamma_prime:g}"
            cell = {"gamma": gamma, "gamma_prime": gamma_prime}
            yield diagnose_cell.work(label, updates * stiffness, **cell)


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


MEASURES = (
    "slope",
    "slope_se",
    "margin",
    "drift_slope",
    "drift_slope_se",
    "condensed",
    "condensed_se",
)


@table(
    theory="exponent at infinite width", stage="share of the initial loss", steps="most"
)
def verdicts(config: Config, results: Results) -> Blocks:
    """A row per cell and layer."""
    for cell, run in results.of(diagnose_cell):
        exponents = [phase_slope(**cell, of=weights) for weights in ("w", "a")]
        theory = np.array(exponents)
        yield rows(
            {"layer": LAYERS},
            **cell,
            theory=theory,
            clear=np.abs(theory) >= CLEAR - _SLACK,
            **{name: run[name] for name in MEASURES},
            verdict=run["regime"],
            right=is_right(run["regime"], theory),
            stage=float(run["stage"][0]),
            steps=int(run["steps"].max()),
        )


@table()
def models(config: Config, results: Results) -> Blocks:
    """A row per cell: the regime of the theory and the model's verdict."""
    for cell, run in results.of(diagnose_cell):
        words = {"regime": regime(**cell), "verdict": str(run["model"][0])}
        yield {**cell, **words}


@table()
def boundaries(config: Config, results: Results) -> Blocks:
    """The boundary of the theory."""
    heights = np.array(sorted(config.gamma_primes))
    yield rows({"gamma_prime": heights}, theory=boundary(heights))


calibration = partial(
    claim,
    kind="aim",
    paper="condensery",
    source="this project; the sign of S is that of Theorems 6 and 8 of Luo et al. 2021",
)


@calibration(
    "clear-decided",
    "Where |S| >= 0.1 the hidden layer gets a verdict in at least 70 % of the cells.",
    at_least(0.7),
)
def clear_decided(config: Config, tables: Tables) -> Measured:
    """The share of cells with a verdict."""
    cells = tables["verdicts"].select(layer="hidden", clear=True)
    decided = cells["verdict"] != "undetermined"
    return Measured(_share(decided), _count(cells))


@calibration(
    "clear-wrong",
    "Where |S| >= 0.1 no verdict on the hidden layer is wrong.",
    equal_to(0.0),
)
def clear_wrong(config: Config, tables: Tables) -> Measured:
    """The number of wrong verdicts."""
    cells = tables["verdicts"].select(layer="hidden", clear=True)
    return _wrong(cells, _count(cells))


@calibration(
    "near-wrong",
    "Where |S| < 0.1 at most 5 % of the hidden layer's cells get a wrong verdict.",
    at_most(0.05),
)
def near_wrong(config: Config, tables: Tables) -> Measured:
    """The share of wrong verdicts."""
    cells = tables["verdicts"].select(layer="hidden", clear=False)
    decided = cells["verdict"] != "undetermined"
    critical = cells["verdict"] == "critical"
    note = (
        f"{len(cells)} cells, {int(np.sum(decided))} with a verdict, "
        f"{int(np.sum(critical))} of them critical, which is "
        "right for |S| < 0.1"
    )
    return Measured(_share(~cells["right"]), note)


@calibration(
    "output-wrong",
    "Where |S_a| >= 0.1 no verdict on the output layer is wrong.",
    equal_to(0.0),
)
def output_wrong(config: Config, tables: Tables) -> Measured:
    """The number of wrong verdicts."""
    cells = tables["verdicts"].select(layer="output", clear=True)
    decided = int(np.sum(cells["verdict"] != "undetermined"))
    return _wrong(cells, f"{len(cells)} cells, {decided} with a verdict")


def _share(which: np.ndarray) -> float | None:
    return float(np.mean(which)) if which.size else None


def _wrong(cells: Table, note: str) -> Measured:
    """Nothing is predicted where there are no such cells."""
    if not len(cells):
        return Measured(None, note, equal_to(None))
    return Measured(float(np.sum(~cells["right"])), note)


def _count(cells: Table) -> str:
    verdict = cells["verdict"]
    counts = [f"{int(np.sum(verdict == word))} {word}" for word in WORDS]
    return f"{len(cells)} cells: " + ", ".join(counts)


diagnose_calibration = Declared(
    name="diagnose-calibration",
    title="Calibration: is diagnose right where the answer is known?",
    summary="Two-layer ReLU networks at points (γ, γ′) of the phase diagram, without "
    "antisymmetric initialisation, are "
    "given to condensery.torch.diagnose, which is not told the point. Its "
    "verdicts are compared with the theory, "
    "on cells and seeds that had no part in choosing its margins. Needs PyTorch.",
    papers=("luo2021phase", "condensery"),
    Config=Config,
    presets={
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
    },
    work=work,
    makes={"verdicts": verdicts, "models": models, "boundary": boundaries},
    judges=(clear_decided, clear_wrong, near_wrong, output_wrong),
    draws=(
        FigureSpec(
            name="verdicts",
            plot="condensery.plots.verdicts",
            caption="Verdicts of diagnose on the hidden and on the output layer "
            "over the phase plane, with the "
            "boundary of the theory (for the output layer its mirror image, "
            "γ′ → −γ′). Small dots: "
            "undetermined. A wrong verdict is ringed.",
        ),
    ),
)
