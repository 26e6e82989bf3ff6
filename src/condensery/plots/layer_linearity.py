"""How linear the layers of deep nets are: one plateau for all depths, scores while
training, scores against data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery.plots._style import GREY, MARKERS, PAGE, PALETTE, panels
from condensery.plots._tables import levels, need
from condensery.records import Table

Curve = tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]]


@dataclass(frozen=True, eq=False)
class LayerLinearity:
    """What the three panels show.

    Attributes:
        losses: Per number of hidden layers: steps and median loss over seeds, for the
            most samples.
        plain: Steps and the least score of any layer (median over seeds), three hidden
            layers, most samples.
        normalised: The same with batch normalisation.
        samples: Numbers of samples.
        final: Per number of samples the least score of any layer at the end, one value
            per seed.
    """

    losses: dict[int, Curve]
    plain: Curve
    normalised: Curve
    samples: Float[np.ndarray, " count"]
    final: tuple[Float[np.ndarray, " seed"], ...]


def figure_data(tables: Mapping[str, Table]) -> LayerLinearity:
    """The numbers of the figure (after Bai et al. 2024, arXiv 2205.13283).

    Args:
        tables: ``curves`` (hidden, samples, batch_norm, seed, step, loss) and
            ``scores`` (with layer, score for loss).

    Raises:
        InvalidInputError: If a table or a column is missing.
    """
    curves = need(
        tables, "curves", "hidden", "samples", "batch_norm", "seed", "step", "loss"
    )
    scores = need(
        tables,
        "scores",
        "hidden",
        "samples",
        "batch_norm",
        "seed",
        "step",
        "layer",
        "score",
    )
    most = int(levels(curves["samples"])[-1])
    losses = {}
    for hidden in levels(curves["hidden"]).astype(int):
        losses[int(hidden)] = _over_steps(
            curves.select(hidden=hidden, samples=most, batch_norm=0), "loss"
        )
    deep = scores.select(hidden=int(scores["hidden"].max()))
    plain = deep.select(batch_norm=0)
    counts = levels(plain["samples"])
    last = int(plain["step"].max())
    return LayerLinearity(
        losses=losses,
        plain=_over_steps(plain.select(samples=most), "score"),
        normalised=_over_steps(deep.select(batch_norm=1, samples=most), "score"),
        samples=counts,
        final=tuple(
            _per_seed(plain.select(samples=int(count), step=last)) for count in counts
        ),
    )


def _least(values: np.ndarray) -> float:
    return float(np.nanmin(values)) if np.isfinite(values).any() else np.nan


def _per_seed(table: Table) -> np.ndarray:
    return np.array(
        [
            _least(table.select(seed=int(seed))["score"])
            for seed in levels(table["seed"])
        ]
    )


def _over_steps(table: Table, column: str) -> Curve:
    """Median over seeds, of the loss or of the least score of any layer."""
    steps = levels(table["step"])
    if column == "loss":
        return steps, np.array(
            [np.median(table.select(step=int(step))[column]) for step in steps]
        )
    return steps, np.array(
        [np.median(_per_seed(table.select(step=int(step)))) for step in steps]
    )


def draw(
    data: LayerLinearity, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw loss against step for every depth, the score while training, and the score
    at the end against samples.

    Args:
        data: From `figure_data`.
        axes: Three Axes; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not three Axes.
    """
    with panels(axes, [["loss", "score", "samples"]], size=(PAGE, 2.4)) as (
        figure,
        (left, middle, right),
    ):
        for place, (hidden, (step, loss)) in enumerate(data.losses.items()):
            layers = "layer" if hidden == 1 else "layers"
            left.plot(
                step,
                loss,
                color=PALETTE[place],
                lw=1.3,
                label=f"{hidden} hidden {layers}",
            )
        left.set(xscale="log", yscale="log", xlabel="step", ylabel="loss")
        left.legend(loc="lower left", fontsize="small")
        for (step, score), colour, label in zip(
            (data.plain, data.normalised),
            PALETTE,
            ("without", "with batch norm"),
            strict=False,
        ):
            middle.plot(step, score, color=colour, lw=1.3, label=label)
        middle.axhline(1.0, color=GREY, lw=0.6)
        middle.set(xscale="log", xlabel="step", ylabel="least score of a layer")
        middle.legend(loc="lower left", fontsize="small")
        for count, values in zip(data.samples, data.final, strict=True):
            right.plot(
                np.full(len(values), count),
                values,
                MARKERS[0],
                color=PALETTE[0],
                ms=3.5,
                mfc="none",
            )
        right.plot(
            data.samples,
            [np.median(values) for values in data.final],
            color=PALETTE[0],
            lw=1.0,
        )
        right.set(xscale="log", xlabel="samples", ylabel="least score at the end")
        right.set_xticks(data.samples, [f"{count:g}" for count in data.samples])
        right.minorticks_off()
    return figure
