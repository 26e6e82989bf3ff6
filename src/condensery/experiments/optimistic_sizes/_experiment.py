"""The experiment: its work, its figure, and the value that declares it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from condensery.charts import (
    Axis,
    Chart,
    Guide,
    Legend,
    Lines,
    Look,
    Panel,
    Points,
    figure,
)
from condensery.declare import Declared, Work
from condensery.experiments.optimistic_sizes import _tables
from condensery.experiments.optimistic_sizes._claims import judges
from condensery.experiments.optimistic_sizes._config import Config
from condensery.experiments.optimistic_sizes._ranks import ranks
from condensery.experiments.optimistic_sizes._work import complete, plane
from condensery.records import FigureSpec
from condensery.theory import optimistic_convolution


def work(config: Config) -> Iterator[Work]:
    """One training per rank and initial scale, one per model of the plane, and the
    ranks.
    """
    for rank in range(1, config.size + 1):
        for scale in config.scales:
            label = f"matrices of rank {rank} from std {scale:g}"
            # smaller factors and more of them take longer to grow
            cost = float(rank) * (1 - np.log10(scale))
            yield complete.work(label, cost, rank=rank, scale=scale)
    for model in ("bilinear", "linear"):
        is_bilinear = model == "bilinear"
        yield plane.work(f"{model} model of the plane", 2.0, bilinear=is_bilinear)
    yield ranks.work("model ranks", 3.0)


ERROR = Axis(label="test error", scale="log", floor=1e-11)
FAINT = Look(size=2, alpha=0.35)
SOLID = Look(marker="o", size=4, width=1.0)
DASHED = Look(dashes=(0, (4, 2)), width=0.7)
error_lines = partial(Lines, table="medians", x="samples", y="test")
error_dots = partial(Points, table="dots", x="samples", y="test", look=FAINT)


def _matrices(config: Config) -> Panel:
    ranks = [str(rank) for rank in range(1, config.size + 1)]
    markers = "os^DvPX*"
    looks = {
        rank: Look(marker=markers[k % len(markers)]) for k, rank in enumerate(ranks)
    }
    small = {"model": "matrix", "start": "small"}
    large = {"model": "matrix", "start": "large"}
    return Panel(
        marks=(
            error_dots(only={"model": "matrix"}, by="rank", looks=looks),
            error_lines(
                only=small, by="rank", label="rank {}", look=SOLID, looks=looks
            ),
            error_lines(only=large, by="rank", look=DASHED),
        ),
        x=Axis(label="observed entries $-\\,(2rd - r^2)$", whole=True),
        y=ERROR,
        title="matrices, 4 ranks" if config.size == 4 else "matrices",
        legend="lower left",
    )


PLANE_LOOKS = {"bilinear": Look(marker="o"), "linear": Look(marker="s")}
on_plane = Panel(
    marks=(
        error_dots(only={"rank": 0}, by="model", looks=PLANE_LOOKS),
        error_lines(
            only={"rank": 0}, by="model", label="{}", look=SOLID, looks=PLANE_LOOKS
        ),
    ),
    x=Axis(label="points", whole=True),
    y=Axis(scale="log", floor=1e-11),
    title="$1 + x_1$",
    legend="center right",
)


def _formulas(config: Config) -> Panel:
    sizes = [optimistic_convolution(*image) for image in config.images]
    top = 1.5 * max(max(dense) for dense in sizes)
    names = {
        **PLANE_LOOKS,
        "matrix": Look(),
        "shared": Look(label="CNN, shared"),
        "local": Look(label="CNN, local"),
    }
    wider = Look(hollow=True, size=6.5)
    narrow = Look(size=3.2)
    formula_points = partial(Points, x="expected", y="rank", by="model")
    return Panel(
        marks=(
            Guide(x=(1, top), y=(1, top), look=Look(colour="grey", dashes="-")),
            formula_points(table="ranks", label="{}", look=narrow, looks=names),
            formula_points(table="wider", look=wider),
        ),
        x=Axis(label="formula", scale="log"),
        y=Axis(label="model rank", scale="log"),
        title="ranks",
        legend=Legend(place="upper left"),
    )


CAPTION = (
    "Left: test error of completed matrices, one colour per "
    "rank, against the number of observed "
    "entries less 2rd − r²; dots are single targets from the smallest "
    "initial factors, lines their "
    "medians, and thin dashed lines the medians from the largest. "
    "Middle: the same for 1 + x₁ fitted by a "
    "bilinear and a linear model against the number of points. Right: "
    "measured model ranks against their "
    "formulas; rings are wider nets of the same output."
)


def draws(config: Config) -> Sequence[FigureSpec]:
    """Recovery of matrices and of the plane, and measured ranks against their
    formulas.
    """
    panels = (_matrices(config), on_plane, _formulas(config))
    chart = Chart(panels=(panels,), height=2.7)
    return [figure("optimistic-sizes", CAPTION, chart)]


optimistic_sizes = Declared(
    name="optimistic-sizes",
    title="How few samples can be enough",
    summary="The model rank counts the samples that hold a target locally. Matrices of "
    "ranks 1 to 4 are completed from "
    "that many entries and from one less, a plane is fitted from two points and "
    "three, and the rank formulas of "
    "convolutional nets with shared weights, with local ones, and of dense nets "
    "are measured.",
    papers=("zhang2023optimistic",),
    Config=Config,
    presets={
        "quick": {"masks": 30},
        "paper": {
            "masks": 40,
            "around": [-2, -1, 0, 1, 2],
            "scales": [0.1, 1e-2, 1e-4, 1e-8],
            "steps": 200_000,
            "images": [
                [4, 2, 1],
                [5, 3, 1],
                [5, 3, 2],
                [6, 3, 1],
                [6, 3, 2],
                [7, 3, 1],
            ],
        },
    },
    work=work,
    makes={
        "fits": _tables.fits,
        "recovery": _tables.recovery,
        "ranks": _tables.model_ranks,
    },
    derives={
        "dots": _tables.dots,
        "medians": _tables.medians,
        "wider": _tables.wider,
    },
    judges=judges,
    draws=draws,
)
