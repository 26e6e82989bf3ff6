"""The look of every figure, and where it is drawn: on a figure of its own or on a
user's Axes.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib import style as matplotlib_style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke

from condensery._errors import InvalidInputError

PAGE, COLUMN = 7.0, 3.4
"""Widths in inches of a journal's page and of one of its two columns; figures are drawn
at the size of print.
"""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#000000", "#56B4E9", "#CC79A7", "#E69F00")
"""Okabe and Ito's colours, ordered so that the first ones differ most for every eye;
their yellow vanishes on paper.
"""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One shape per colour, for readers who see no colours."""

HATCHES = ("", "////", "....", "xxxx")
"""One hatching per colour of bars, for the same readers."""

INK, GREY, PAPER = "#000000", "#8C8C8C", "#FFFFFF"


@dataclass(frozen=True)
class Role:
    """How one kind of thing looks in every figure where it appears."""

    colour: str
    marker: str
    size: float
    hollow: bool = False
    dashes: str | tuple[float, tuple[float, ...]] = "-"


BEFORE = Role(
    "#56B4E9", "o", 3.4, hollow=True, dashes=(0, (4, 1.5))
)  # a ring, so that a later dot shows inside it
AFTER = Role("#D55E00", "o", 1.7)
TARGET = Role(INK, "", 0.0, dashes=":")
SAMPLES = Role(INK, "D", 3.4)

LAST_RED = 0.84
"""Where the reds of the map of signs end."""

_DARK = 0.25
"""Relative luminance below which white stands out more than black."""

# rcParams belong to the whole process: two threads must not enter and leave the style
# crosswise.
_lock = threading.RLock()


@contextmanager
def style() -> Generator[None]:
    """Matplotlib's defaults plus `condensery.mplstyle`, whatever the user's settings
    are; they are put back after.
    """
    with (
        _lock,
        matplotlib_style.context("condensery.plots.condensery", after_reset=True),
    ):
        yield


def colour_map(name: str) -> Colormap:
    """A colour map of matplotlib, or ``signs``: white in the middle, and its red end
    lighter than its blue one, so that the signs differ in grey.
    """
    if name != "signs":
        return colormaps[name]
    whole = colormaps["RdBu_r"]
    blue = whole(np.linspace(0, 0.5, 128))
    red = whole(np.linspace(0.5, LAST_RED, 128))
    return ListedColormap(np.concatenate([blue, red]), name=name)


def ink_on(cmap: Colormap, fraction: float) -> str:
    """Black or white, whichever stands out on the colour at `fraction` of the map."""
    red, green, blue, _ = cmap(
        float(
            np.clip(
                fraction,
                0.0,
                1.0,
            )
        )
    )
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return PAPER if luminance < _DARK else INK


def halo(width: float = 1.6, colour: str = PAPER) -> list[AbstractPathEffect]:
    """An outline that keeps text legible on any ground."""
    return [withStroke(linewidth=width, foreground=colour)]


@contextmanager
def panels(
    axes: Axes | Sequence[Axes] | np.ndarray | None,
    layout: list[list[str]],
    *,
    size: tuple[float, float],
    heights: list[float] | None = None,
) -> Generator[tuple[Figure, list[Axes]]]:
    """Where to draw: the user's Axes under the user's own style, or a new figure under
    ours.

    Args:
        axes: None, one Axes, or a sequence or array of as many Axes as `layout` has
            names (row by row).
        layout: Names of the panels row by row, as for `Figure.subplot_mosaic`; a
            repeated name spans its cells and a dot leaves its cell empty.
        size: Width and height of a new figure in inches.
        heights: Relative heights of the rows.

    Yields:
        The figure and its panels in the order of their first mention.

    Raises:
        InvalidInputError: If `axes` are not as many Axes as there are panels.
    """
    names = list(dict.fromkeys(name for row in layout for name in row if name != "."))
    if axes is not None:
        flat = check_axes(axes, len(names))
        yield root_figure(flat[0]), flat
        return
    with style():
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(
            figure
            # keeps one renderer, where the default canvas makes one for every measured
            # text
        )
        # pyrefly: ignore[no-matching-overload]
        made: dict[str, Axes] = figure.subplot_mosaic(
            layout, gridspec_kw={"height_ratios": heights}
        )
        # A figure that could not be drawn is not worth finishing: nothing to catch or
        # to clean up.
        yield figure, [made[name] for name in names]  # ruff: ignore[fallible-context-manager]
        lay_out(figure)
        # One more layout at every drawing would move things by a hair and change the
        # bytes of a file. Ticks are made at the first drawing with the settings of that
        # moment, so that it has to be here.
        figure.set_layout_engine("none")
        figure.draw_without_rendering()


def grid_of(count: int, *, across: int) -> list[list[str]]:
    """The `layout` of `panels` for so many panels in rows of `across`, the last row
    filled up with empty cells.
    """
    rows = -(-count // across)
    names = [f"p{k}" if k < count else "." for k in range(rows * across)]
    return [names[row * across : (row + 1) * across] for row in range(rows)]


def lay_out(figure: Figure) -> None:
    """Give every panel its place; a layout changes the ticks, which changes the layout:
    go on until it stands still.
    """
    engine = figure.get_layout_engine()
    bounds = np.array([ax.get_position().bounds for ax in figure.axes])
    if engine is None:
        return
    for _ in range(4):
        engine.execute(figure)
        before, bounds = (
            bounds,
            np.array([ax.get_position().bounds for ax in figure.axes]),
        )
        if np.abs(bounds - before).max(initial=0.0) < 2e-3:
            break


def check_axes(axes: Axes | Sequence[Axes] | np.ndarray, count: int) -> list[Axes]:
    """The given Axes as a list.

    Raises:
        InvalidInputError: If they are not `count` matplotlib Axes.
    """
    flat = (
        [axes]
        if isinstance(axes, Axes)
        else list(np.asarray(axes, dtype=object).ravel())
    )
    if len(flat) != count or not all(isinstance(ax, Axes) for ax in flat):
        kinds = sorted({type(ax).__name__ for ax in flat})
        raise InvalidInputError(
            "axes",
            given=f"{len(flat)} of type {', '.join(kinds) or 'nothing'}",
            allowed=f"{count} matplotlib Axes",
            remedy="pass as many Axes as the figure has panels, or none to have a "
            "new figure",
        )
    return flat


def root_figure(axes: Axes) -> Figure:
    """The figure that an Axes is part of.

    Raises:
        InvalidInputError: If it was removed from its figure.
    """
    figure = axes.get_figure(root=True)
    if figure is None:
        raise InvalidInputError(
            "axes",
            given="an Axes without a figure",
            allowed="an Axes of a figure",
            remedy="make new Axes",
        )
    return figure
