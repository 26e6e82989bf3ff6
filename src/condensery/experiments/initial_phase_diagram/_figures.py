"""The figures: the followed cells against the width, and the maps."""

from __future__ import annotations

from collections.abc import Sequence

from condensery.charts import (
    Axis,
    Chart,
    Guide,
    Legend,
    Lines,
    Look,
    Matrix,
    Panel,
    Points,
    figure,
)
from condensery.experiments.initial_phase_diagram._config import Config
from condensery.records import FigureSpec

BOUNDARY = "condensed below ($γ' = γ - 1$)"
AT_ONCE = "moves at once below ($γ' = 1 - γ$)"


def figures(config: Config) -> Sequence[FigureSpec]:
    """RD, alignment and time: against the width, and over the plane."""
    return [_widths(), _maps(config)]


def _widths() -> FigureSpec:
    rd = _against_width("rd", Axis(label="RD", scale="log"))
    share = Axis(label="‖Wẑ‖ / ‖W‖", limits=(0, 1.04))
    alignment = _against_width("alignment", share)
    growth = _against_width("growth", Axis(label="λT"))
    return figure(
        "initial-widths",
        "RD, alignment with ẑ, and e-folds λT until the loss has fallen by a "
        "tenth, against the width. Marks: trained networks, every seed; lines: the "
        "linearised flow, without a free parameter.",
        Chart(
            panels=((rd, alignment, growth),),
            height=2.8,
            legend=Legend(place="outside upper center", columns=5),
        ),
    )


def _against_width(quantity: str, y: Axis) -> Panel:
    closed = Lines(
        table="row_courses",
        x="width",
        y=f"{quantity}_closed",
        by="cell",
        look=Look(width=1.0),
    )
    measured = Points(
        table="row_courses",
        x="width",
        y=quantity,
        by="cell",
        label="{}",
        look=Look(size=3.5, alpha=0.8),
    )
    return Panel(
        marks=(closed, measured),
        x=Axis(label="width $m$", scale="log"),
        y=y,
    )


def _maps(config: Config) -> FigureSpec:
    return figure(
        "initial-map",
        "Slope of log RD, alignment at the largest width, and slope of λT over "
        "(γ, γ'). Condensed is below the solid line γ' = γ − 1; below the dashed line "
        "γ' = 1 − γ the input weights move at once.",
        Chart(
            panels=(
                (
                    _map(config, "slope", "slope of log RD", "RdBu_r", 1.5),
                    _map(config, "alignment", "alignment", "viridis", 1.0),
                    _map(config, "time_slope", "slope of λT", "viridis", 1.0),
                ),
            ),
            height=2.9,
            legend=Legend(place="outside lower center", columns=3),
        ),
    )


def _map(config: Config, column: str, name: str, colours: str, high: float) -> Panel:
    is_slope = column == "slope"
    cells = Matrix(
        table="slopes",
        x="gamma",
        y="gamma_prime",
        value=column,
        error="slope_se" if is_slope else "",
        label="within two s.e. of 0",
        limits=(-high if is_slope else 0, high),
        colours=colours,
        bar=name,
        numbers="short",
    )
    right = max(config.gammas) + 1.0
    solid = Look(colour="ink", dashes="-", width=1.1)
    dashed = Look(colour="ink", dashes=(0, (4, 2)), width=1.1)
    primes = sorted(config.gamma_primes)
    return Panel(
        marks=(
            cells,
            Guide(x=(1, right), y=(0, right - 1), label=BOUNDARY, look=solid),
            Guide(x=(1, right), y=(0, 1 - right), label=AT_ONCE, look=dashed),
        ),
        x=Axis(label="γ"),
        y=Axis(
            label="γ′" if is_slope else "",
            ticks={f"{prime:g}".replace("-", "−"): prime for prime in primes},
        ),
    )
