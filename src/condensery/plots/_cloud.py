"""Scatters of any number of points: single points while they are few, occupied bins
when they are many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from condensery._errors import InvalidInputError
from condensery.plots._style import PAPER, Role

BINS = (240, 160)
_RASTER_ABOVE = 400


@dataclass(frozen=True, eq=False)
class Cloud:
    """Single points, or the counts of a grid of bins.

    Attributes:
        x: Abscissa (orientation) of each point; empty where binned.
        y: Ordinate (amplitude) of each point; empty where binned.
        counts: Points per bin; of shape (0, 0) where not binned.
        extent: Range of the bins: left, right, bottom, top.
    """

    x: Float[np.ndarray, " point"]
    y: Float[np.ndarray, " point"]
    counts: Int[np.ndarray, "column row"]
    extent: tuple[float, float, float, float]


def gather(
    x: Float[np.ndarray, " unit"],
    y: Float[np.ndarray, " unit"],
    *,
    span: tuple[float, float],
    at_most: int = 5000,
) -> Cloud:
    """The cloud of points (x, y), binned on a grid of 240 × 160 if there are more than
    `at_most`; non-finite ones go.

    Args:
        x: Abscissae; binned over `span`, those outside of it in the outermost bin.
        y: Ordinates, at least 0; binned from 0 to the larger of 1 and their maximum.
        span: Range of the abscissa.
        at_most: Largest number of points that are kept single.

    Example:
        >>> import numpy as np
        >>> gather(np.array([0.0, np.nan]), np.array([1.0, 1.0]), span=(-1, 1)).x
        array([0.])
        >>> many = gather(np.zeros(9000), np.ones(9000), span=(-1, 1))
        >>> many.x.size, many.counts.shape, int(many.counts[120, 159])
        (0, (240, 160), 9000)
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    top = max(1.0, float(y.max(initial=0.0)))
    extent = (*span, 0.0, top)
    if x.size <= at_most:
        return Cloud(
            x=x,
            y=y,
            counts=np.zeros((0, 0), dtype=np.int64),
            extent=extent,
        )
    columns, rows = BINS
    column = np.clip(
        ((x - span[0]) / (span[1] - span[0]) * columns).astype(np.int64), 0, columns - 1
    )
    row = np.clip((y / top * rows).astype(np.int64), 0, rows - 1)
    counts = np.bincount(column * rows + row, minlength=columns * rows).reshape(
        columns, rows
    )
    return Cloud(
        x=x[:0],
        y=y[:0],
        counts=counts,
        extent=extent,
    )


def opacity(
    counts: Int[np.ndarray, "column row"], *, floor: float = 0.3
) -> Float[np.ndarray, "column row"]:
    """0 where there is no point, else from `floor` (one point) to 1 (the fullest bin)
    with the logarithm of the count.

    Example:
        >>> import numpy as np
        >>> opacity(np.array([[0, 1, 10, 100]])).round(2).tolist()
        [[0.0, 0.3, 0.65, 1.0]]
    """
    weight = np.log(np.maximum(counts, 1.0))
    top = weight.max(initial=0.0)
    shade = (
        np.ones(weight.shape) if top <= 0.0 else floor + (1.0 - floor) * weight / top
    )
    return np.where(counts > 0, shade, 0.0)


def spread(
    shade: Float[np.ndarray, "column row"], mark: float
) -> Float[np.ndarray, "column row"]:
    """Widen each bin to a mark of about `mark` times the grid's extent in both
    directions; the strongest shade wins.

    Example:
        >>> import numpy as np
        >>> spread(np.array([[0.0], [0.0], [0.5], [0.0], [0.0]]), 0.5)[:, 0]
        array([0. , 0.5, 0.5, 0.5, 0. ])
    """
    for _ in range(2):  # along one axis, then along the other
        size = shade.shape[0]
        wide = shade.copy()
        for reach in range(1, int(mark * size / 2) + 1):
            np.maximum(wide[reach:], shade[:-reach], out=wide[reach:])
            np.maximum(wide[:-reach], shade[reach:], out=wide[:-reach])
        shade = wide.T
    return shade


def draw_counts(
    axes: Axes,
    counts: Int[np.ndarray, "column row"],
    extent: tuple[float, float, float, float],
    colour: str,
    *,
    mark: float = 0.0,
    floor: float = 0.3,
) -> None:
    """Draw occupied bins in one colour, the fuller the more opaque: a picture, whose
    size is that of the grid.
    """
    picture = np.empty((counts.shape[1], counts.shape[0], 4))
    picture[..., :3] = to_rgb(colour)
    picture[..., 3] = spread(opacity(counts, floor=floor), mark).T
    axes.imshow(
        picture,
        extent=extent,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )


def draw_cloud(axes: Axes, cloud: Cloud, role: Role) -> None:
    """Draw the cloud in the look of `role`; hundreds of points become pixels, so that a
    file stays small.
    """
    face, edge = ("none", role.colour) if role.hollow else (role.colour, "none")
    if cloud.counts.size:
        draw_counts(
            axes,
            cloud.counts,
            cloud.extent,
            role.colour,
            mark=0.022 if role.hollow else 0.0125,
            floor=0.5,
        )
    axes.scatter(
        cloud.x,
        cloud.y,
        s=role.size**2,
        marker=role.marker,
        facecolors=face,
        edgecolors=edge,
        linewidths=0.5 if role.hollow else 0.0,
        rasterized=cloud.x.size > _RASTER_ABOVE,
    )


def cloud_handle(role: Role, label: str) -> Line2D:
    """What a legend shows for a cloud, larger than in the panel."""
    face, edge = (PAPER, role.colour) if role.hollow else (role.colour, role.colour)
    return Line2D(
        [],
        [],
        ls="none",
        marker=role.marker,
        ms=3.6,
        mfc=face,
        mec=edge,
        mew=0.8,
        label=label,
    )


def orientation_span(orientation: str) -> tuple[float, float]:
    """The range of the abscissa: an angle in [−π, π), or the projection I = ŵ·p in [−1,
    1].

    Raises:
        InvalidInputError: For another word.
    """
    if orientation == "angle":
        return (-np.pi, np.pi)
    if orientation == "input":
        return (-1.0, 1.0)
    raise InvalidInputError(
        "orientation",
        given=orientation,
        allowed="angle, input",
        remedy="use angle for data on a line, input for images",
    )


def orientation_axis(
    axes: Axes,
    orientation: str,
    *,
    label: bool = True,
    ticks: bool = True,
) -> None:
    """Limits, ticks and label of the abscissa."""
    low, high = orientation_span(orientation)
    margin = 0.03 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    names = ["−π", "0", "π"] if orientation == "angle" else ["−1", "0", "1"]
    axes.set_xticks([low, 0.0, high], names if ticks else [""] * 3)
    if label:
        axes.set_xlabel(orientation_label(orientation))


def orientation_label(orientation: str) -> str:
    """What the abscissa is."""
    return (
        "orientation (rad)"
        if orientation == "angle"
        else "orientation $I=\\hat{w}\\cdot p$"
    )
