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
    for rank in config.ranks:
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
SHARE = Axis(label="share recovered", limits=(-0.04, 1.04))
SPREAD = partial(Lines, table="shares", x="samples", y="recovered", spread="bars")
FAINT = Look(size=2.5, alpha=0.5)
SOLID = Look(marker="o", size=4, width=1.0)
DASHED = Look(marker="o", size=4, hollow=True, dashes=(0, (4, 2)), width=0.8)
MARKERS = "os^DvPX*"
share_lines = partial(SPREAD, low="low", high="high")
error_dots = partial(Points, table="dots", x="samples", y="test", look=FAINT)


def _entries(config: Config) -> Axis:
    ticks = {f"{offset:+d}".replace("-", "−"): offset for offset in config.around}
    ticks = {name.replace("+0", "0"): place for name, place in ticks.items()}
    return Axis(label="observed entries $-\\,(2rd - r^2)$", ticks=ticks)


def _rank_looks(config: Config) -> dict[str, Look]:
    return {
        str(rank): Look(marker=MARKERS[rank % len(MARKERS) - 1])
        for rank in config.ranks
    }


def _errors(config: Config) -> Panel:
    small = f"from std {min(config.scales):g}"
    bound = Guide(y=(config.recovered,), label="recovered below")
    matrices = error_dots(
        only={"model": "matrix"},
        by="rank",
        looks=_rank_looks(config),
        label="rank {}",
    )
    return Panel(
        marks=(bound, matrices),
        x=_entries(config),
        y=ERROR,
        title=f"{config.size} × {config.size} matrices, {small}",
        legend="lower left",
    )


def _shares(config: Config) -> Panel:
    looks = _rank_looks(config)
    small = share_lines(
        only={"model": "matrix", "start": "small"},
        by="rank",
        label=f"rank {{}}, std {min(config.scales):g}",
        look=SOLID,
        looks=looks,
    )
    large = share_lines(
        only={"model": "matrix", "start": "large"},
        by="rank",
        label=f"rank {{}}, std {max(config.scales):g}",
        look=DASHED,
        looks=looks,
    )
    marks = (small, large) if len(config.scales) > 1 else (small,)
    return Panel(
        marks=marks,
        x=_entries(config),
        y=SHARE,
        title="matrices recovered",
        legend="upper left",
    )


PLANE_LOOKS = {"bilinear": Look(marker="o"), "linear": Look(marker="s", dashes="--")}
on_plane = Panel(
    marks=(
        share_lines(
            only={"rank": 0}, by="model", label="{}", look=SOLID, looks=PLANE_LOOKS
        ),
    ),
    x=Axis(label="points", whole=True),
    y=SHARE,
    title="$1 + x_1$ recovered",
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
    "Top left: test error of single completed matrices over the entries that were not "
    "observed, against the number of observed entries less 2rd − r², from the smallest "
    "initial factors; the dashed line is the error below which a matrix counts as "
    "recovered. Top right: the share recovered with its 95 % interval, from the "
    "smallest (solid) and the largest initial factors (dashed, hollow). Bottom left: "
    "the same for 1 + x₁ fitted by a bilinear and a linear model against the number of "
    "points. Bottom right: measured model ranks against their formulas; rings are "
    "wider nets of the same output."
)


def draws(config: Config) -> Sequence[FigureSpec]:
    """Recovery of matrices and of the plane, and measured ranks against their
    formulas.
    """
    above = (_errors(config), _shares(config))
    below = (on_plane, _formulas(config))
    chart = Chart(panels=(above, below), height=5.0)
    return [figure("optimistic-sizes", CAPTION, chart)]


optimistic_sizes = Declared(
    name="optimistic-sizes",
    title="How few samples can be enough",
    summary="The model rank counts the samples that hold a target locally. Matrices of "
    "all ranks but the full one are completed from "
    "that many entries and from one less, a plane is fitted from two points and "
    "three, and the rank formulas of "
    "convolutional nets with shared weights, with local ones, and of dense nets "
    "are measured.",
    papers=("zhang2023optimistic",),
    task_version="2",
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
        "shares": _tables.shares,
        "wider": _tables.wider,
    },
    judges=judges,
    draws=draws,
)
