"""The figures: slopes over the plane, distances against the width, neurons."""

from __future__ import annotations

from functools import partial

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
    Texts,
    figure,
)
from condensery.experiments.three_layer._config import (
    FEW,
    SHOWN_GAMMAS,
    Config,
    shown_gammas,
)
from condensery.records import FigureSpec

SYMBOLS = {"first": "W^{[1]}", "second": "W^{[2]}"}
PAGE = 7.0


def figures(config: Config) -> list[FigureSpec]:
    """Slopes over the plane; where the row γ₂ = 0 is run, distances; and neurons."""
    with_row = [_distances(config)] if shown_gammas(config) else []
    return [_maps(config), _orientations(config), *with_row, _neurons()]


def _maps(config: Config) -> FigureSpec:
    panels = tuple(_map(config, layer) for layer in SYMBOLS)
    height = min(max(2.0 + 0.3 * len(config.gamma2s), 3.0), 5.5)
    return figure(
        "layer-maps",
        "Width slopes of the relative distances of both layers over (γ₃, γ₂). "
        "Blue: linear; red: condensed; hatched: not told from 0. Lines: where a "
        "balance of the layers makes each slope 0; they part the plane in four.",
        Chart(
            panels=(panels,),
            height=height,
            legend=Legend(place="outside lower center", columns=3),
        ),
    )


def _map(config: Config, layer: str) -> Panel:
    cells = Matrix(
        table="slopes",
        x="gamma3",
        y="gamma2",
        value=layer,
        error=f"{layer}_se",
        label="within two s.e. of 0",
        limits=(-1, 1),
        bar="slope   (linear < 0 < condensed)",
        numbers="short",
    )
    lines = (_balance("first"), _balance("second"))
    ticks = {f"{value:g}".replace("-", "−"): value for value in config.gamma2s}
    return Panel(
        marks=(cells, *lines),
        title=f"$S_{{{SYMBOLS[layer]}}}$",
        x=Axis(label="γ₃", count=6),
        y=Axis(label="γ₂" if layer == "first" else "", ticks=ticks),
    )


def _orientations(config: Config) -> FigureSpec:
    maps = tuple(_share_map(config, layer) for layer in SYMBOLS)
    shares = tuple(_share_against_slope(layer) for layer in SYMBOLS)
    height = min(max(4.2 + 0.3 * len(config.gamma2s), 4.8), 7.0)
    return figure(
        "layer-orientations",
        "Condensation over the plane: share of the orientations of the longest tenth "
        f"of a layer's neurons that is left after training, m = {max(config.widths)}. "
        "Below: the same against the slope of the cell. Where the first layer is "
        "linear (slope < 0) its neurons keep their orientations; where it is not they "
        "condense.",
        Chart(
            panels=(maps, shares),
            height=height,
            legend=Legend(place="outside lower center", columns=3),
        ),
    )


def _share_map(config: Config, layer: str) -> Panel:
    cells = Matrix(
        table="plane",
        x="gamma3",
        y="gamma2",
        value=layer,
        limits=(0, 1),
        colours="cividis",
        bar="share left   (condensed = 0)",
        numbers="short",
    )
    ticks = {f"{value:g}".replace("-", "−"): value for value in config.gamma2s}
    return Panel(
        marks=(cells, _balance(layer)),
        title=f"orientations of ${SYMBOLS[layer]}$",
        x=Axis(label="γ₃", count=6),
        y=Axis(label="γ₂" if layer == "first" else "", ticks=ticks),
    )


def _share_against_slope(layer: str) -> Panel:
    decided = Look(colour="0", marker="o", size=4.5)
    undecided = Look(colour="grey", marker="s", size=4.0, hollow=True)
    looks = {"decided": decided, "within two s.e. of 0": undecided}
    cells = Points(
        table="plane",
        x=f"{layer}_slope",
        y=layer,
        by=f"{layer}_decided",
        label="slope {}",
        looks=looks,
    )
    return Panel(
        marks=(
            Guide(x=(0.0,)),
            Guide(y=(FEW,), label="few: a half", look=Look(colour="ink", dashes=":")),
            cells,
        ),
        x=Axis(label=f"$S_{{{SYMBOLS[layer]}}}$"),
        y=Axis(label="share left" if layer == "first" else "", limits=(0.0, 1.1)),
    )


def _balance(layer: str) -> Lines:
    dashes = {"first": "--", "second": (0, (1.2, 1.4))}
    return Lines(
        table="boundary",
        x=layer,
        y="gamma2",
        look=Look(colour="ink", dashes=dashes[layer], width=1.2),
        label=f"$S_{{{SYMBOLS[layer]}}} = 0$ by balance",
    )


def _distances(config: Config) -> FigureSpec:
    panels = tuple(_against_width(config, layer) for layer in SYMBOLS)
    return figure(
        "layer-distance",
        "Relative distance of both layers against the width at γ₂ = 0, geometric means "
        "over seeds; lines have the fitted slopes. The first layer's lines turn from "
        "falling to rising at γ₃ = 3/2; the second layer's still fall there.",
        Chart(panels=(panels,), width=5.6, height=4.0),
    )


def _against_width(config: Config, layer: str) -> Panel:
    line = Lines(
        table="row_distances",
        x="width",
        y=f"{layer}_line",
        by=f"{layer}_name",
        look=Look(width=1.1),
    )
    mean = Points(
        table="row_distances",
        x="width",
        y=layer,
        low=f"{layer}_low",
        high=f"{layer}_high",
        by=f"{layer}_name",
        label="{}",
        look=Look(size=4.5),
    )
    widths = sorted(config.widths)
    ticks = {f"{width:,}".replace(",", "\u202f"): float(width) for width in widths}
    ends = (widths[0] / 1.4, widths[-1] * 1.4)
    few = len(widths) <= 6
    return Panel(
        marks=(line, mean),
        x=Axis(label="width $m$", scale="log", limits=ends, ticks=ticks if few else {}),
        y=Axis(label=f"RD$({SYMBOLS[layer]})$", scale="log"),
        # above the panel, where no line can pass under it
        legend=Legend(place="lower left", anchor=(0, 1.0), title="slope ± s.e."),
    )


def _neurons() -> FigureSpec:
    gammas = SHOWN_GAMMAS
    above = tuple(_output(gamma3) for gamma3 in gammas)
    below = tuple(_pairs(gamma3) for gamma3 in gammas)
    return figure(
        "layer-neurons",
        "At γ₂ = 0: outputs before and after training, and weight and bias of "
        "every first-layer neuron. With growing γ₃ the neurons leave the initial "
        "cloud along a few rays.",
        Chart(panels=(above, below), width=PAGE, height=4.4),
    )


def _output(gamma3: float) -> Panel:
    is_first = gamma3 == SHOWN_GAMMAS[0]
    curve = partial(Lines, table="outputs", x="x", only={"gamma3": gamma3})
    return Panel(
        marks=(
            curve(y="initial", role="before", label="initial"),
            curve(y="final", role="after", label="final"),
            curve(y="reference", role="target", label="linear spline"),
            Points(table="data", x="x", y="y", role="samples", label="data"),
        ),
        title=f"γ₃ = {gamma3:g}",
        x=Axis(label="$x$"),
        y=Axis(label="output" if is_first else ""),
        legend="best" if is_first else None,
    )


def _pairs(gamma3: float) -> Panel:
    is_first = gamma3 == SHOWN_GAMMAS[0]
    units = partial(Points, table="pairs", x="weight", y="bias")
    count = Texts(
        table="neurons",
        x=0.5,
        y=1.05,
        text="orientations",
        template="orientations of the longest: {}",
        only={"gamma3": gamma3},
        inside="panel",
    )
    return Panel(
        marks=(
            units(only={"gamma3": gamma3, "when": 0}, role="before", label="initial"),
            units(only={"gamma3": gamma3, "when": 1}, role="after", label="final"),
            count,
        ),
        x=Axis(label="weight $w$", count=5),
        y=Axis(label="bias $b$" if is_first else ""),
        legend="best" if is_first else None,
    )
