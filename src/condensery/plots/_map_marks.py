"""What lies on top of the heat map: boundary estimates, theory, named
initialisations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from condensery.plots._map_data import Place, SlopeMap
from condensery.plots._style import INK, PAPER, halo, root_figure
from condensery.plots._tables import number

# The star fits into the ring, so that both show where the two estimates agree.
_STAR = {
    "marker": "*",
    "ms": 7.5,
    "mfc": "#FFE600",
    "mec": INK,
    "mew": 0.6,
}
_RING = {"marker": "o", "ms": 7.5, "mfc": "none", "mec": INK, "mew": 0.9}
DIAGONAL = {"ls": (0, (5, 1.5, 1, 1.5)), "color": INK, "lw": 1.0}
DIAMOND = {"marker": "D", "ms": 4.6, "mfc": INK, "mec": PAPER, "mew": 0.7}


def theory_line(data: SlopeMap) -> Float[np.ndarray, "point 2"]:
    """The theory boundary through all rows, straight on to the edges of the map."""
    rows, theory = data.boundary_gamma_prime, data.theory
    low, high = data.y_limits
    start, end = theory[0], theory[-1]
    if rows.size > 1:
        start += (low - rows[0]) * (theory[1] - theory[0]) / (rows[1] - rows[0])
        end += (high - rows[-1]) * (theory[-1] - theory[-2]) / (rows[-1] - rows[-2])
    return np.stack(
        [np.array([start, *theory, end]), np.array([low, *rows, high])], axis=1
    )


def draw_regimes(ax: Axes, data: SlopeMap) -> list[Annotation]:
    """The names of the regimes, between two rows of cells: on either side of the
    boundary, and on it.
    """
    rows, edges = data.boundary_gamma_prime, data.gamma_prime_edges
    if rows.size < 2 or edges.size < 4:
        return []
    left, right = data.gamma_edges[0], data.gamma_edges[-1]
    spots = []
    for name, edge, side in (("linear", -2, left), ("condensed", 1, right)):
        boundary = float(np.interp(edges[edge], rows, data.theory))
        spots.append((name, (boundary + side) / 2, float(edges[edge])))
    upper = float(edges[-2])
    on_boundary = float(np.interp(upper, rows, data.theory))
    spots.append(("critical", on_boundary, upper))
    return [
        ax.annotate(
            name,
            (gamma, gamma_prime),
            ha="center",
            va="center",
            fontsize="medium",
            fontweight="bold",
            path_effects=halo(2.2),
            zorder=8,
        )
        for name, gamma, gamma_prime in spots
        if left < gamma < right
    ]


def draw_boundary(ax: Axes, data: SlopeMap) -> None:
    """Theory as a line, row fits as stars with their standard errors, local crossings
    as rings.
    """
    rows = data.boundary_gamma_prime
    if not rows.size:
        return
    ax.plot(
        *theory_line(data).T,
        "--",
        color=INK,
        lw=1.2,
        zorder=3,
    )
    errors = np.where(np.isfinite(data.row_fit_se), data.row_fit_se, 0.0)
    ax.errorbar(
        data.row_fit,
        rows,
        xerr=errors,
        fmt="none",
        ecolor=INK,
        elinewidth=0.7,
        zorder=4,
    )
    ax.plot(
        data.row_fit,
        rows,
        ls="none",
        zorder=5,
        **_STAR,
    )
    ax.plot(
        data.local_crossing,
        rows,
        ls="none",
        zorder=6,
        **_RING,
    )


def draw_diagonal(ax: Axes, data: SlopeMap) -> None:
    """The line γ′ = γ, where it runs beside the cells."""
    if _diagonal_is_seen(data):
        low, high = data.x_limits[0], data.y_limits[1]
        ax.plot([low, high], [low, high], zorder=2, **DIAGONAL)


def _diagonal_is_seen(data: SlopeMap) -> bool:
    """Whether it enters the axes on the left of the cells."""
    enters = data.y_limits[0] < data.x_limits[0] < data.y_limits[1]
    return bool(data.diagonal) and enters


def draw_legend(ax: Axes, data: SlopeMap, *, new_figure: bool) -> None:
    """Above the map, in one row if it is wide enough; a user's layout makes room for it
    if it is not too wide.
    """
    handles = []
    if data.boundary_gamma_prime.size:
        handles = [
            Line2D(
                [],
                [],
                ls="--",
                color=INK,
                lw=1.2,
                label="boundary in theory",
            ),
            Line2D([], [], ls="none", label="row fit", **_STAR),
            Line2D([], [], ls="none", label="local crossing", **_RING),
        ]
    if data.places:
        handles.append(
            Line2D([], [], ls="none", label="named initialisation", **DIAMOND)
        )
    if _diagonal_is_seen(data):
        handles.append(Line2D([], [], label=data.diagonal, **DIAGONAL))
    if handles:
        for columns in (len(handles), (len(handles) + 1) // 2):
            legend = ax.legend(
                handles=handles,
                loc="lower center",
                bbox_to_anchor=(0.5, 1.0),
                ncols=columns,
            )
            fits = legend.get_window_extent().width < ax.get_window_extent().width
            if fits:
                break
        legend.set_in_layout(new_figure or fits)


def mark_positions(
    ax: Axes, data: SlopeMap, *, line: bool = True
) -> tuple[Float[np.ndarray, "mark 2"], Float[np.ndarray, " mark"]]:
    """Where marks and the theory line lie, in pixels, and the room each takes around
    it; without the line if it may be covered.
    """
    pixel = _pixels_per_point(ax)
    rows = data.boundary_gamma_prime
    spots = np.array(
        [
            *zip(data.row_fit, rows, strict=True),
            *zip(data.local_crossing, rows, strict=True),
            *((scheme.gamma, scheme.gamma_prime) for scheme in data.places),
        ]
    ).reshape(-1, 2)
    spots = ax.transData.transform(spots[np.isfinite(spots).all(axis=1)])
    lines = [np.empty((0, 2))]
    if _diagonal_is_seen(data):
        ends = np.array([data.x_limits[0], data.y_limits[1]])
        lines.append(_along(np.stack([ends, ends], axis=1)))
    if rows.size and line:
        lines.append(_along(theory_line(data)))
    on_lines = ax.transData.transform(np.concatenate(lines))
    radius = np.concatenate(
        [np.full(len(spots), 4.0 * pixel), np.full(len(on_lines), 0.8 * pixel)]
    )
    return np.concatenate([spots, on_lines]), radius


def _along(corners: Float[np.ndarray, "corner 2"]) -> Float[np.ndarray, "point 2"]:
    """A thousand points along a line with corners."""
    numbers = np.arange(len(corners))
    steps = np.linspace(0, len(corners) - 1, 1000)
    columns = [np.interp(steps, numbers, column) for column in corners.T]
    return np.stack(columns, axis=1)


def draw_places(ax: Axes, data: SlopeMap) -> list[Annotation]:
    """A diamond and a label per place; one outside of the axes is named at the edge
    with an arrow towards it.

    Labels take the nearest free spot; between two rows of cells first, where they cover
    no number.
    """
    labels: list[Annotation] = []
    marks, radius = mark_positions(ax, data)
    for scheme in data.places:
        x, y = (
            float(np.clip(scheme.gamma, *data.x_limits)),
            float(np.clip(scheme.gamma_prime, *data.y_limits)),
        )
        gamma, gamma_prime = number(scheme.gamma), number(scheme.gamma_prime)
        outward = np.sign([scheme.gamma - x, scheme.gamma_prime - y])
        within = not outward.any()
        text = scheme.label if within else f"{scheme.label}\n({gamma}, {gamma_prime})"
        label = ax.annotate(
            text,
            (x, y),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize="small",
            path_effects=halo(2.2),
            zorder=8,
            annotation_clip=False,
        )
        label.set_in_layout(False)
        spot = _settle(
            ax, data, label, _spots(ax, scheme, data, outward), labels, marks, radius
        )
        labels.append(label)
        if within:
            ax.plot(
                x,
                y,
                ls="none",
                zorder=7,
                clip_on=False,
                **DIAMOND,
            )
            if np.hypot(*spot) > 14:
                _line(ax, (x, y), spot, "-")
        else:
            _line(ax, (x, y), -11.0 * outward, "-|>")
    return labels


def _line(
    ax: Axes,
    tip: tuple[float, float],
    start: Sequence[float] | np.ndarray,
    arrowstyle: str,
) -> None:
    """A thin line to `tip` from an offset in points."""
    props = {
        "arrowstyle": arrowstyle,
        "color": INK,
        "lw": 0.7,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    ax.annotate(
        "",
        tip,
        xytext=(float(start[0]), float(start[1])),
        textcoords="offset points",
        arrowprops=props,
        zorder=7,
        annotation_clip=False,
    ).set_in_layout(False)


def _pixels_per_point(ax: Axes) -> float:
    return root_figure(ax).dpi / 72.0


def _spots(
    ax: Axes, scheme: Place, data: SlopeMap, outward: np.ndarray
) -> list[tuple[float, float]]:
    """Candidate offsets in points of the label's left end (or right end, if to the
    left), the best first.
    """
    if outward.any():
        sides = (-outward[0],) if outward[0] else (1.0, -1.0)
        return [
            (side * reach, rise)
            for reach in (13.0, 5.0)
            for rise in (-12.0, 12.0, -24.0, 24.0)
            for side in sides
        ]
    row = (
        int(np.searchsorted(data.gamma_prime_edges, scheme.gamma_prime, side="right"))
        - 1
    )
    if (
        0 <= row < data.gamma_prime_edges.size - 1
        and data.gamma_edges[0] <= scheme.gamma <= data.gamma_edges[-1]
    ):
        here = ax.transData.transform((scheme.gamma, scheme.gamma_prime))[1]
        edges = ax.transData.transform(
            np.stack([[0.0, 0.0], data.gamma_prime_edges[[row, row + 1]]], axis=1)
        )[:, 1]
        rises = [
            float(np.clip(rise, -16.0, 16.0))
            for rise in (edges - here) / _pixels_per_point(ax)
        ]
        return [
            (reach, rise)
            for reach in (-7.0, 7.0, -22.0, 22.0, -40.0, 40.0)
            for rise in rises
        ]
    return [
        (6.0, 0.0),
        (0.0, -9.0),
        (0.0, 9.0),
        (0.0, -13.5),
        (-6.0, 0.0),
        (6.0, -9.0),
        (6.0, 9.0),
    ]


def _settle(
    ax: Axes,
    data: SlopeMap,
    label: Annotation,
    spots: list[tuple[float, float]],
    settled: list[Annotation],
    marks: Float[np.ndarray, "mark 2"],
    radius: Float[np.ndarray, " mark"],
) -> tuple[float, float]:
    """Move the label to the spot where it covers least; the order of the spots decides
    between equals.
    """
    frame = ax.get_window_extent()
    taken = [neighbour.get_window_extent() for neighbour in settled]
    corners = [(data.gamma_edges[end], data.gamma_prime_edges[end]) for end in (0, -1)]
    cells = Bbox(ax.transData.transform(corners))

    def cost(spot: tuple[float, float]) -> float:
        _move(label, spot)
        box = label.get_window_extent()
        beyond = max(
            frame.x0 - box.x0,
            box.x1 - frame.x1,
            frame.y0 - box.y0,
            box.y1 - frame.y1,
            0.0,
        )
        covered = np.all(
            (marks > box.min - radius[:, None]) & (marks < box.max + radius[:, None]),
            axis=1,
        )
        spent = (
            1000.0 * box.count_overlaps(taken)
            + 10.0 * beyond
            + float(radius[covered].sum())
        )
        return spent + 200.0 * bool(box.padded(3.0).overlaps(cells))

    best = min(spots, key=cost)
    _move(label, best)
    return best


def _move(label: Annotation, spot: tuple[float, float]) -> None:
    label.set_position(spot)
    label.set(
        ha="center" if spot[0] == 0 else "left" if spot[0] > 0 else "right", va="center"
    )
