"""Fits with and without dropout: outputs, zoomed outputs, and the features of the first
layer before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery._errors import InvalidInputError
from condensery.plots._cloud import (
    Cloud,
    cloud_handle,
    draw_cloud,
    gather,
    orientation_axis,
    orientation_span,
)
from condensery.plots._style import (
    AFTER,
    BEFORE,
    INK,
    PAGE,
    PALETTE,
    SAMPLES,
    TARGET,
    panels,
)
from condensery.plots._tables import levels, need
from condensery.records import Table

KINDS = (("plain", "without dropout"), ("dropout", "with dropout"))
_ZOOM = {"tanh": (2.0, 10.0), "relu": (-0.75, 0.75)}


@dataclass(frozen=True, eq=False)
class FitPair:
    """Nets of one depth without and with dropout.

    Attributes:
        layers: Their depth.
        x: Abscissae of the outputs.
        wanted: The function that made the data.
        outputs: Per kind (plain, dropout) the output after training.
        before: Per kind the features at the start.
        after: Per kind the features at the end.
    """

    layers: int
    x: Float[np.ndarray, " point"]
    wanted: Float[np.ndarray, " point"]
    outputs: dict[str, Float[np.ndarray, " point"]]
    before: dict[str, Cloud]
    after: dict[str, Cloud]


@dataclass(frozen=True, eq=False)
class DropoutFeatures:
    """What the rows show.

    Attributes:
        pairs: One per depth.
        sample_x: Training data.
        sample_y: Training data.
        predicted: Orientations of the units that make up the target.
        zoom: Range of the zoomed outputs.
    """

    pairs: tuple[FitPair, ...]
    sample_x: Float[np.ndarray, " sample"]
    sample_y: Float[np.ndarray, " sample"]
    predicted: Float[np.ndarray, " orientation"]
    zoom: tuple[float, float]


def figure_data(
    tables: Mapping[str, Table], *, target: str = "tanh"
) -> DropoutFeatures:
    """The numbers of the figure (Zhang and Xu 2024, arXiv 2207.05952, Figs. 1 and 4).

    Args:
        tables: ``outputs`` (target, layers, kind, x, final, wanted), ``features``
            (target, layers, kind, when, orientation, amplitude), ``data`` (target, x,
            y), ``predicted`` (target, orientation).
        target: ``tanh`` or ``relu``.

    Raises:
        InvalidInputError: If a table or a column is missing, or the target was not
            fitted.
    """
    outputs = need(
        tables, "outputs", "target", "layers", "kind", "x", "final", "wanted"
    )
    features = need(
        tables,
        "features",
        "target",
        "layers",
        "kind",
        "when",
        "orientation",
        "amplitude",
    )
    data = need(tables, "data", "target", "x", "y").select(target=target)
    predicted = need(tables, "predicted", "target", "orientation").select(target=target)
    fitted = np.unique(outputs["target"]).tolist()
    if target not in fitted:
        raise InvalidInputError(
            "target",
            given=target,
            allowed=", ".join(fitted),
            remedy="choose one that was fitted",
        )
    depths = levels(outputs.select(target=target)["layers"]).astype(int)
    return DropoutFeatures(
        pairs=tuple(_pair(outputs, features, target, int(layers)) for layers in depths),
        sample_x=data["x"],
        sample_y=data["y"],
        predicted=np.sort(predicted["orientation"]),
        zoom=_ZOOM[target],
    )


def _pair(outputs: Table, features: Table, target: str, layers: int) -> FitPair:
    lines = {
        kind: outputs.select(target=target, layers=layers, kind=kind)
        for kind, _ in KINDS
    }
    units = {
        kind: features.select(target=target, layers=layers, kind=kind)
        for kind, _ in KINDS
    }
    clouds = [
        {
            kind: gather(
                *(
                    table.select(when=when)[name]
                    for name in ("orientation", "amplitude")
                ),
                span=orientation_span("angle"),
            )
            for kind, table in units.items()
        }
        for when in (0, 1)
    ]
    return FitPair(
        layers=layers,
        x=lines["plain"]["x"],
        wanted=lines["plain"]["wanted"],
        outputs={kind: line["final"] for kind, line in lines.items()},
        before=clouds[0],
        after=clouds[1],
    )


def draw(
    data: DropoutFeatures, axes: Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw one row per depth: output, zoomed output, features without and with dropout.

    Args:
        data: From `figure_data`.
        axes: Four Axes per depth; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not as many.
    """
    layout = [
        [f"{name}{pair.layers}" for name in ("output", "zoom", "plain", "dropout")]
        for pair in data.pairs
    ]
    size = (PAGE, 0.5 + 1.9 * len(layout))
    with panels(axes, layout, size=size) as (figure, panel_axes):
        for row, pair in enumerate(data.pairs):
            output, zoom, *scatters = panel_axes[4 * row : 4 * row + 4]
            for ax in (output, zoom):
                _outputs(ax, data, pair)
            _zoomed(zoom, data, pair)
            output.set_ylabel(f"{pair.layers} layers\noutput")
            for ax, (kind, title) in zip(scatters, KINDS, strict=True):
                _scatter(ax, data, pair, kind)
                if row == 0:
                    ax.set_title(title)
            scatters[0].set_ylabel("amplitude / max.")
            if row == 0:
                output.set_title("outputs")
                zoom.set_title("zoomed")
                output.legend(
                    loc="upper center" if data.zoom[0] < 0 else "upper left", fontsize=7
                )
                handles = [
                    cloud_handle(BEFORE, "initial"),
                    cloud_handle(AFTER, "final"),
                ]
                scatters[1].legend(
                    handles=handles, loc="upper center", handlelength=0.8, fontsize=7
                )
    return figure


def _outputs(ax: Axes, data: DropoutFeatures, pair: FitPair) -> None:
    ax.plot(pair.x, pair.outputs["plain"], color=PALETTE[4], lw=1.0, label="$p=1$")
    ax.plot(
        pair.x, pair.outputs["dropout"], color=AFTER.colour, lw=1.5, label="dropout"
    )
    ax.plot(
        pair.x,
        pair.wanted,
        ls=TARGET.dashes,
        color=TARGET.colour,
        lw=1.0,
        label="target",
    )
    ax.plot(data.sample_x, data.sample_y, SAMPLES.marker, color=INK, ms=2.4, mew=0)
    ax.set_xlabel("$x$")
    ax.locator_params(nbins=4)


def _zoomed(ax: Axes, data: DropoutFeatures, pair: FitPair) -> None:
    low, high = data.zoom
    inside = (pair.x >= low) & (pair.x <= high)
    shown = np.concatenate([pair.wanted[inside], pair.outputs["dropout"][inside]])
    margin = 0.25 * float(np.ptp(shown)) or 1.0
    ax.set(
        xlim=(low, high),
        ylim=(float(shown.min()) - margin, float(shown.max()) + margin),
    )


def _scatter(ax: Axes, data: DropoutFeatures, pair: FitPair, kind: str) -> None:
    for angle in data.predicted:
        ax.axvline(angle, ls=(0, (3, 2)), color=INK, lw=0.7, zorder=1)
    draw_cloud(ax, pair.before[kind], BEFORE)
    draw_cloud(ax, pair.after[kind], AFTER)
    orientation_axis(ax, "angle")
    ax.set(ylim=(-0.04, 1.06), yticks=[0, 0.5, 1])
