"""Heat maps of the cosines between the units of a layer, sorted so that condensed
groups are blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from condensery._errors import InvalidInputError
from condensery.plots._style import PAGE, grid_of, lay_out, panels
from condensery.plots._tables import need
from condensery.plots.direction_field import TITLES
from condensery.records import Table

_MOST = 5
"""Maps per row."""


@dataclass(frozen=True, eq=False)
class CosineMap:
    """One heat map: its title and the cosines, in [−1, 1]."""

    title: str
    cosine: Float[np.ndarray, "unit unit"]


@dataclass(frozen=True, eq=False)
class CosineMaps:
    """What the figure shows.

    Attributes:
        maps: The heat maps, row by row.
        across: Maps per row.
    """

    maps: tuple[CosineMap, ...]
    across: int


def figure_data(
    tables: Mapping[str, Table], *, part: str = "five", across: int | None = None
) -> CosineMaps:
    """The numbers of the figure (Zhou et al. 2022, arXiv 2105.11686, Figs. 2 and 3;
    Zhou et al. 2023, 2305.09947).

    Args:
        tables: For the part ``deep`` the table ``deep`` (residual, layer, activation,
            draw, step, cosine), of which the second draw is shown if there is one;
            otherwise ``cosines`` (part, activation, optimiser, step, cosine).
        part: ``five``: the last step of Adam of every activation; ``deep``: every
            layer, with residuals above; any other: all maps of that part, under their
            column ``title`` if there is one.
        across: Maps per row; by default at most five.

    Raises:
        InvalidInputError: If the table or a column is missing, or has no such part.

    Example:
        >>> import numpy as np
        >>> from condensery.records import Table
        >>> columns = {
        ...     "part": ["five"],
        ...     "activation": ["tanh"],
        ...     "optimiser": ["Adam"],
        ...     "step": [100],
        ... }
        >>> data = figure_data(
        ...     {"cosines": Table(columns={**columns, "cosine": np.ones((1, 2, 2))})}
        ... )
        >>> data.maps[0].title
        'tanh'
    """
    if part == "deep":
        return _deep(
            need(
                tables,
                "deep",
                "residual",
                "layer",
                "activation",
                "draw",
                "step",
                "cosine",
            )
        )
    table = need(tables, "cosines", "part", "activation", "optimiser", "step", "cosine")
    chosen = table.select(part=part)
    if not len(chosen):
        raise InvalidInputError(
            "part",
            given=part,
            allowed=", ".join(np.unique(table["part"])),
            remedy="name a part that was run",
        )
    if "title" in chosen.columns:
        return _grid(chosen["title"].tolist(), chosen["cosine"], across=across)
    if part != "five":
        return _grid([_title(*row) for row in _rows(chosen)], chosen["cosine"])
    names = list(dict.fromkeys(chosen["activation"].tolist()))
    last = []
    for name in names:
        rows = chosen.select(activation=name, optimiser="Adam")
        last.append(rows["cosine"][int(np.argmax(rows["step"]))])
    return _grid([TITLES.get(name, name) for name in names], last)


def _rows(table: Table) -> list[tuple[str, int]]:
    return [
        (str(optimiser), int(step))
        for optimiser, step in zip(table["optimiser"], table["step"], strict=True)
    ]


def _title(optimiser: str, step: int) -> str:
    short = "descent" if optimiser == "gradient descent" else optimiser
    return "start" if step == 0 else f"{short}, step {step}"


def _grid(
    titles: Sequence[str],
    cosines: Sequence[np.ndarray] | np.ndarray,
    *,
    across: int | None = None,
) -> CosineMaps:
    if across is None:
        across = len(titles) if len(titles) <= _MOST else -(-len(titles) // 2)
    maps = tuple(
        CosineMap(title, np.asarray(cosine))
        for title, cosine in zip(titles, cosines, strict=True)
    )
    return CosineMaps(maps, min(across, _MOST))


def _deep(table: Table) -> CosineMaps:
    draw = int(np.unique(table["draw"])[:2][-1])
    shown = table.select(draw=draw)
    maps = []
    for residual in (True, False):
        rows = shown.select(residual=residual)
        for at in np.argsort(rows["layer"], kind="stable"):
            name = str(rows["activation"][at])
            title = (
                f"{TITLES.get(name, name)}, step {int(rows['step'][at])}"
                if residual
                else "without residuals"
            )
            maps.append(CosineMap(title, rows["cosine"][at]))
    return CosineMaps(tuple(maps), len(np.unique(table["layer"])))


def draw(data: CosineMaps, axes: Sequence[Axes] | np.ndarray | None = None) -> Figure:
    """Draw the heat maps, red for parallel and blue for opposite units, with one colour
    bar.

    Args:
        data: From `figure_data`.
        axes: As many Axes as there are maps; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are another number of Axes.
    """
    layout = grid_of(len(data.maps), across=data.across)
    side = (PAGE - 0.6) / max(data.across, 3)
    with panels(
        axes,
        layout,
        size=(min(PAGE, side * data.across + 0.8), (side + 0.2) * len(layout) + 0.1),
    ) as (
        figure,
        panel_axes,
    ):
        image = None
        for ax, panel in zip(panel_axes, data.maps, strict=True):
            image = ax.imshow(
                panel.cosine, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest"
            )
            ax.set_title(panel.title, fontsize="small" if data.across > 3 else None)
            ax.set(
                xticks=[],
                yticks=[],
            )
        if image is not None and axes is None:
            figure.colorbar(
                image,
                ax=panel_axes,
                pad=0.01,
                fraction=0.03,
                aspect=18,
                ticks=[-1, 0, 1],
            ).set_label("cosine")
            lay_out(figure)
    return figure
