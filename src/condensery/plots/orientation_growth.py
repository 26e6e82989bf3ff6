"""Growth of the number of orientations while a network trains, with its neurons and its
output at snapshots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, ScalarFormatter
from PIL import Image

from condensery.plots._frames import (
    Frame,
    draw_line,
    draw_units,
    frames_of_rows,
    frames_of_stack,
    output_limits,
)
from condensery.plots._style import GREY, PAGE, PALETTE, panels, style
from condensery.plots._tables import need, thousands
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class OrientationGrowth:
    """What the figure and the animation show.

    Attributes:
        step: Steps at which orientations were counted, ascending.
        orientations: Their number over neurons of a large ‖(w, b)‖.
        orientations_product: Their number over neurons of a large |a|·‖(w, b)‖; empty
            if not counted.
        snapshots: The frames of the figure.
        frames: The frames of the animation; all snapshots if there are no others.
        sample_x: Training data.
        sample_y: Training data.
    """

    step: Int[np.ndarray, " step"]
    orientations: Int[np.ndarray, " step"]
    orientations_product: Int[np.ndarray, " _step"]
    snapshots: tuple[Frame, ...]
    frames: tuple[Frame, ...]
    sample_x: Float[np.ndarray, " sample"]
    sample_y: Float[np.ndarray, " sample"]


def figure_data(tables: Mapping[str, Table], *, at_most: int = 6) -> OrientationGrowth:
    """The numbers of the figure (Xu et al. 2025, arXiv 2504.09484: condensation during
    training).

    Args:
        tables: ``growth`` (step, orientations, and orientations_product if counted);
            ``snapshots`` (step, orientation, amplitude, and group if known, the same
            number at all steps, −1 for neurons that are not active) and ``output``
            (step, x, model, target), one row per neuron or point; if present ``data``
            (x, y) and ``frames``, one row per frame of the animation (step;
            orientation, amplitude and, if known, group of shape (frame, unit); x,
            model, target of shape (frame, point)).
        at_most: Snapshots of the figure; of more, so many are chosen evenly, with the
            first and the last.

    Raises:
        InvalidInputError: If a table or a column is missing.

    Example:
        >>> from condensery.records import Table
        >>> tables = {
        ...     "growth": Table(columns={"step": [1, 10], "orientations": [1, 2]}),
        ...     "snapshots": Table(
        ...         columns={
        ...             "step": [10, 10],
        ...             "orientation": [0.0, 1.0],
        ...             "amplitude": [2.0, 1.0],
        ...         }
        ...     ),
        ...     "output": Table(
        ...         columns={
        ...             "step": [10, 10],
        ...             "x": [0.0, 1.0],
        ...             "model": [0.0, 0.9],
        ...             "target": [0.0, 1.0],
        ...         }
        ...     ),
        ... }
        >>> frame = figure_data(tables).snapshots[0]
        >>> frame.step, frame.orientations, frame.amplitude
        (10, 2, array([1. , 0.5]))
    """
    growth = need(tables, "growth", "step", "orientations")
    snapshots = need(tables, "snapshots", "step", "orientation", "amplitude")
    output = need(tables, "output", "step", "x", "model", "target")
    order = np.argsort(growth["step"], kind="stable")
    product = growth.columns.get("orientations_product", np.empty(0, dtype=np.int64))
    counted = {
        int(step): int(count)
        for step, count in zip(growth["step"], growth["orientations"], strict=True)
    }
    recorded = frames_of_rows(snapshots, output, counted)
    data = tables.get("data", Table(columns={"x": np.empty(0), "y": np.empty(0)}))
    return OrientationGrowth(
        step=growth["step"][order],
        orientations=growth["orientations"][order],
        orientations_product=product[order] if product.size else product,
        snapshots=_evenly(recorded, at_most),
        frames=frames_of_stack(tables["frames"], counted)
        if "frames" in tables
        else recorded,
        sample_x=np.ravel(data["x"]),
        sample_y=np.ravel(data["y"]),
    )


def _evenly(frames: Sequence[Frame], at_most: int) -> tuple[Frame, ...]:
    picked = np.unique(
        np.linspace(0, len(frames) - 1, min(at_most, len(frames))).round().astype(int)
    )
    return tuple(frames[k] for k in picked)


def draw(
    data: OrientationGrowth, axes: Axes | Sequence[Axes] | np.ndarray | None = None
) -> Figure:
    """Draw the count against the step (logarithmic), below it each snapshot's neurons,
    and below those its output.

    Groups differ in colour and mark and keep both from snapshot to snapshot; grey dots
    are neurons that are not active.

    Args:
        data: From `figure_data`.
        axes: 1 + 2k Axes for k snapshots: the count, then k for the neurons, then k for
            the outputs; None makes a figure.

    Raises:
        InvalidInputError: If `axes` are not that many.
    """
    count = len(data.snapshots)
    layout = [
        ["growth"] * count,
        [f"units {k}" for k in range(count)],
        [f"output {k}" for k in range(count)],
    ]
    size = (max(3.4, min(PAGE, 0.7 + 1.1 * count)), 4.7)
    with panels(axes, layout, size=size, heights=[1.15, 1.0, 1.0]) as (figure, flat):
        _draw_growth(flat[0], data)
        limits = output_limits(data.snapshots, data.sample_y)
        for k, frame in enumerate(data.snapshots):
            units, output = flat[1 + k], flat[1 + count + k]
            draw_units(units, frame)
            units.set_title(caption(frame, "\n"), fontsize="small")
            draw_line(output, frame, (data.sample_x, data.sample_y), limits)
            if k:
                units.set_yticklabels([])
                output.set_yticklabels([])
            units.set_xlabel("orientation")
            output.set_xlabel("$x$")
        flat[1].set_ylabel("amplitude / max.")
        flat[1 + count].set_ylabel("output")
        if axes is None:
            figure.legend(
                *flat[-1].get_legend_handles_labels(),
                loc="outside lower center",
                ncols=3,
            )
        else:
            flat[-1].legend(loc="best")
    return figure


def _draw_growth(ax: Axes, data: OrientationGrowth) -> None:
    for frame in data.snapshots:
        ax.axvline(
            max(frame.step, 1),
            color=GREY,
            lw=0.7,
            ls=(0, (2, 2)),
            zorder=1,
        )
    step = np.maximum(data.step, 1)
    if data.orientations_product.size:
        ax.plot(
            step,
            data.orientations_product,
            "s--",
            mfc="none",
            color=PALETTE[4],
            ms=3.2,
            lw=0.9,
            label="amplitude $|a|\\,‖(w,b)‖$",
        )
    ax.plot(
        step,
        data.orientations,
        "o-",
        color=PALETTE[0],
        ms=3.2,
        lw=1.2,
        label="amplitude $‖(w,b)‖$",
    )
    ax.set(
        xscale="log",
        xlabel="step",
        ylabel="orientations",
    )
    highest = int(
        max(data.orientations.max(), data.orientations_product.max(initial=1))
    )
    if (
        highest > 15
        # all neurons differ at the start; the growth from one to a few has to be seen
        # beside that
    ):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(
            FixedLocator([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])
        )
        ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.set_ylim(0, highest + 0.6)
        ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if data.orientations_product.size:
        ax.legend(loc="best")


def caption(frame: Frame, between: str) -> str:
    """``step 1 000`` and the number of orientations, where it was counted."""
    text = f"step {thousands(frame.step)}"
    if frame.orientations < 0:
        return text
    return (
        f"{text}{between}{frame.orientations} "
        f"orientation{'s' * (frame.orientations != 1)}"
    )


def _pictures(frames: Sequence[Frame], data: OrientationGrowth) -> list[Image.Image]:
    limits = output_limits(frames, data.sample_y)
    pictures = []
    with style():
        figure = Figure(figsize=(6.4, 3.0), dpi=100)
        canvas = FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        figure.subplots_adjust(
            left=0.085,
            right=0.985,
            bottom=0.155,
            top=0.88,
            wspace=0.24,
        )
        draw_line(right, frames[0], (data.sample_x, data.sample_y), limits)
        right.set(xlabel="$x$", ylabel="output")
        right.legend(loc="upper center", ncols=3)
        draw_units(left, frames[0], scale=1.5)
        left.set(xlabel="orientation (rad)", ylabel="amplitude / max.")
        above = left.text(0.0, 1.03, "", transform=left.transAxes)
        target, model = moving = right.lines[-2:]
        for artist in (*left.lines, *moving):
            artist.set_visible(False)
        canvas.draw()
        ground = canvas.copy_from_bbox(
            figure.bbox
        )  # axes, labels and legend are the same in all frames
        for frame in frames:
            for line in list(left.lines):
                line.remove()
            draw_units(left, frame, scale=1.5)
            above.set_text(caption(frame, ":  "))
            target.set(data=(frame.x, frame.target), visible=True)
            model.set(data=(frame.x, frame.model), visible=True)
            canvas.restore_region(ground)
            for artist in (*left.lines, above):
                left.draw_artist(artist)
            for artist in moving:
                right.draw_artist(artist)
            pictures.append(
                Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
            )
    return pictures


def animate(
    data: OrientationGrowth,
    path_or_buffer: str | PathLike[str] | BinaryIO | BufferedIOBase,
    *,
    at_most: int = 100,
    milliseconds: int = 120,
) -> None:
    """Write an animated GIF: per frame the neurons with, beside them, the output; the
    last frame stays for 2 s.

    Equal data give equal bytes; 100 frames take about 1 MB.

    Args:
        data: From `figure_data`.
        path_or_buffer: A path, or an open binary file.
        at_most: Of more frames, so many are chosen evenly, with the first and the last.
        milliseconds: How long each frame stays.

    Example:
        >>> import io
        >>> from condensery.records import Table
        >>> data = figure_data(
        ...     {
        ...         "growth": Table(columns={"step": [1], "orientations": [1]}),
        ...         "snapshots": Table(
        ...             columns={
        ...                 "step": [1, 9],
        ...                 "orientation": [0.0, 1.0],
        ...                 "amplitude": [2.0, 1.0],
        ...             }
        ...         ),
        ...         "output": Table(
        ...             columns={
        ...                 "step": [1, 9],
        ...                 "x": [0.0, 1.0],
        ...                 "model": [0.0, 0.9],
        ...                 "target": [0.0, 1.0],
        ...             }
        ...         ),
        ...     }
        ... )
        >>> buffer = io.BytesIO()
        >>> animate(data, buffer)
        >>> Image.open(buffer).n_frames
        2
    """
    frames = _evenly(data.frames, at_most)
    pictures = _pictures(frames, data)
    # One palette for all frames: none of them flickers, and the file says it once.
    sample = Image.fromarray(
        np.concatenate(
            [
                np.asarray(pictures[k])
                for k in {0, len(pictures) // 2, len(pictures) - 1}
            ]
        )
    )
    palette = sample.quantize(colors=64, method=Image.Quantize.MAXCOVERAGE)
    still = [
        picture.quantize(palette=palette, dither=Image.Dither.NONE)
        for picture in pictures
    ]
    # Pillow takes every binary file, but names only IO[bytes]
    buffer: Any = path_or_buffer
    still[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=still[1:],
        loop=0,
        optimize=False,
        duration=[milliseconds] * (len(still) - 1) + [2000],
    )
