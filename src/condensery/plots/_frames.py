"""A network at one step: its neurons by group, and its output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes

from condensery.plots._cloud import orientation_axis
from condensery.plots._style import AFTER, GREY, MARKERS, PALETTE, TARGET
from condensery.plots._tables import levels, need
from condensery.records import Table


@dataclass(frozen=True, eq=False)
class Frame:
    """The network at one step.

    Attributes:
        step: Training step.
        orientation: Angle of (w, b) of each neuron in [−π, π).
        amplitude: Its amplitude over the largest of this step.
        group: Condensed group of each neuron, the same number at all steps; −1 for a
            neuron that is not active.
        look: Index of the group's colour and mark, kept from frame to frame; −1 for a
            neuron that is not active.
        orientations: Number of orientations; −1 if it was not counted at this step.
        x: Abscissae of the output, ascending.
        model: The output.
        target: The function that made the data.
    """

    step: int
    orientation: Float[np.ndarray, " unit"]
    amplitude: Float[np.ndarray, " unit"]
    group: Int[np.ndarray, " unit"]
    look: Int[np.ndarray, " unit"]
    orientations: int
    x: Float[np.ndarray, " point"]
    model: Float[np.ndarray, " point"]
    target: Float[np.ndarray, " point"]


def frames_of_rows(
    snapshots: Table, output: Table, counted: Mapping[int, int]
) -> tuple[Frame, ...]:
    """Frames of tables with one row per neuron and one per point of the output."""
    frames = []
    for step in levels(snapshots["step"]).astype(int):
        units, line = snapshots.select(step=int(step)), output.select(step=int(step))
        group = units.columns.get("group", np.zeros(len(units), dtype=np.int64))
        frames.append(
            _frame(
                int(step),
                units["orientation"],
                units["amplitude"],
                group,
                [line[name] for name in ("x", "model", "target")],
                counted,
            )
        )
    return follow(frames)


def frames_of_stack(table: Table, counted: Mapping[int, int]) -> tuple[Frame, ...]:
    """Frames of a table with one row per frame."""
    need(
        {"frames": table},
        "frames",
        "step",
        "orientation",
        "amplitude",
        "x",
        "model",
        "target",
    )
    group = table.columns.get(
        "group", np.zeros(table["orientation"].shape, dtype=np.int64)
    )
    return follow(
        [
            _frame(
                int(table["step"][k]),
                table["orientation"][k],
                table["amplitude"][k],
                group[k],
                [table[name][k] for name in ("x", "model", "target")],
                counted,
            )
            for k in np.argsort(table["step"], kind="stable")
        ]
    )


def _frame(
    step: int,
    orientation: np.ndarray,
    amplitude: np.ndarray,
    group: np.ndarray,
    line: Sequence[np.ndarray],
    counted: Mapping[int, int],
) -> Frame:
    shown = np.isfinite(orientation) & np.isfinite(amplitude)
    largest = float(amplitude[shown].max(initial=0.0)) or 1.0
    x, model, target = (
        np.asarray(column, dtype=np.float64)[np.argsort(line[0], kind="stable")]
        for column in line
    )
    return Frame(
        step=step,
        orientation=np.asarray(orientation[shown], dtype=np.float64),
        amplitude=np.asarray(amplitude[shown], dtype=np.float64) / largest,
        group=group[shown],
        look=np.full(int(shown.sum()), -1),
        orientations=counted.get(step, -1),
        x=x,
        model=model,
        target=target,
    )


def follow(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """Give each group one look for all frames: when it first appears, the look that is
    rarest among the groups of this frame, and among those of the one before.

    The groups with the largest neurons choose first.
    """
    looks: dict[int, int] = {}
    earlier: list[int] = []
    followed = []
    for frame in frames:
        present = _groups_by_size(frame)
        for group in present:
            if group not in looks:
                looks[group] = _rarest(looks, present, earlier)
        look = [looks.get(group, -1) for group in frame.group.tolist()]
        followed.append(replace(frame, look=np.array(look, dtype=np.intp)))
        earlier = present
    return tuple(followed)


def _rarest(
    looks: Mapping[int, int],
    present: Sequence[int],
    earlier: Sequence[int],
) -> int:
    """The look of fewest groups of a frame and, among these, of fewest of the one
    before.
    """
    now = [looks[group] for group in present if group in looks]
    before = [looks[group] for group in earlier if group in looks]
    every = range(len(PALETTE))
    return min(every, key=lambda look: (now.count(look), before.count(look)))


def _groups_by_size(frame: Frame) -> list[int]:
    """The groups of a frame, that of the largest neuron first."""
    order = np.argsort(-frame.amplitude, kind="stable")
    groups = dict.fromkeys(frame.group[order].tolist())
    return [group for group in groups if group >= 0]


def draw_units(ax: Axes, frame: Frame, *, scale: float = 1.0) -> None:
    """(orientation, amplitude): one colour and mark per group, small grey dots for
    neurons that are not active.
    """
    idle = frame.look < 0
    ax.plot(
        frame.orientation[idle],
        frame.amplitude[idle],
        ".",
        color=GREY,
        ms=2.5 * scale,
        mew=0,
    )
    for index in np.unique(frame.look[~idle]):
        here = frame.look == index
        ax.plot(
            frame.orientation[here],
            frame.amplitude[here],
            MARKERS[index],
            color=PALETTE[index],
            ms=3.2 * scale,
            mew=0,
        )
    orientation_axis(ax, "angle", label=False)
    ax.set(ylim=(-0.04, 1.08), yticks=[0, 0.5, 1])


def draw_line(
    ax: Axes,
    frame: Frame,
    samples: tuple[np.ndarray, np.ndarray],
    limits: tuple[float, float],
) -> None:
    """The output over the data and the target."""
    ax.plot(
        *samples,
        "o",
        mfc="none",
        mec=GREY,
        ms=2.6,
        mew=0.5,
        label="data",
    )
    ax.plot(
        frame.x,
        frame.target,
        ls=TARGET.dashes,
        color=TARGET.colour,
        lw=1.1,
        label="target",
    )
    ax.plot(
        frame.x,
        frame.model,
        color=AFTER.colour,
        lw=1.4,
        label="network",
    )
    ax.set_ylim(limits)
    ax.locator_params(axis="x", nbins=3)


def output_limits(frames: Sequence[Frame], sample_y: np.ndarray) -> tuple[float, float]:
    """One ordinate for all frames."""
    values = np.concatenate(
        [
            sample_y,
            *(curve for frame in frames for curve in (frame.model, frame.target)),
        ]
    )
    values = values[np.isfinite(values)]
    low, high = (
        (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    )
    margin = 0.06 * (high - low or 1.0)
    return low - margin, high + margin
