"""Verdicts over the phase plane, one panel per layer, with the boundary of the
theory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from condensery._errors import InvalidInputError
from condensery.plots._style import GREY, INK, PAGE, PALETTE, PAPER, panels
from condensery.plots._tables import need
from condensery.records import Table

WORDS = ("linear", "critical", "condensed", "undetermined")
_LOOK: dict[str, dict[str, Any]] = {
    "linear": {"marker": "s", "mfc": PALETTE[0], "ms": 5.0},
    "critical": {"marker": "D", "mfc": PALETTE[6], "ms": 4.6},
    "condensed": {"marker": "o", "mfc": PALETTE[1], "ms": 5.4},
    "undetermined": {"marker": ".", "mfc": GREY, "ms": 4.0},
}
_REACH = 0.08
"""How far the axes go beyond the outer cells."""


@dataclass(frozen=True, eq=False)
class LayerVerdicts:
    """One panel.

    Attributes:
        layer: Name of the layer.
        gamma: γ of every cell.
        gamma_prime: γ' of every cell.
        verdict: The verdicts.
        right: Whether each agrees with the theory (undetermined does).
        line: Corners of the boundary in theory, within the axes.
    """

    layer: str
    gamma: Float[np.ndarray, " cell"]
    gamma_prime: Float[np.ndarray, " cell"]
    verdict: np.ndarray
    right: Bool[np.ndarray, " cell"]
    line: Float[np.ndarray, "corner 2"]


def figure_data(
    tables: Mapping[str, Table], *, layers: Sequence[str] = ("hidden", "output")
) -> list[LayerVerdicts]:
    """The numbers of the figure.

    Args:
        tables: ``verdicts`` with layer, gamma, gamma_prime, theory, verdict and right.
        layers: The panels.

    Raises:
        InvalidInputError: If the table, a column, or a layer is missing.

    Example:
        >>> from condensery.records import Table
        >>> place = {"layer": ["hidden"], "gamma": [0.5], "gamma_prime": [0.0]}
        >>> table = Table(columns={**place, "verdict": ["linear"], "right": [True]})
        >>> figure_data({"verdicts": table}, layers=["hidden"])[0].verdict.tolist()
        ['linear']
    """
    table = need(
        tables, "verdicts", "layer", "gamma", "gamma_prime", "verdict", "right"
    )
    measured = []
    for layer in layers:
        rows = table.select(layer=layer)
        if not len(rows):
            raise InvalidInputError(
                "layers",
                given=layer,
                allowed=", ".join(sorted(set(table["layer"].tolist()))),
                remedy="name layers that were diagnosed",
            )
        low, high = (
            rows["gamma_prime"].min() - _REACH,
            rows["gamma_prime"].max() + _REACH,
        )
        measured.append(
            LayerVerdicts(
                layer,
                rows["gamma"],
                rows["gamma_prime"],
                rows["verdict"],
                rows["right"].astype(bool),
                _line(low, high, mirrored=layer == "output"),
            )
        )
    return measured


def _line(low: float, high: float, *, mirrored: bool) -> np.ndarray:
    """γ = max(1, 1 + γ') between two heights; `mirrored` is γ = max(1, 1 − γ'), the
    boundary of the output weights.
    """
    heights = np.array(sorted({low, high, *([0.0] if low < 0 < high else [])}))
    return np.column_stack(
        [1.0 + np.maximum(0.0, -heights if mirrored else heights), heights]
    )


def draw(
    data: Sequence[LayerVerdicts],
    axes: Axes | Sequence[Axes] | np.ndarray | None = None,
) -> Figure:
    """Draw a panel per layer.

    Args:
        data: From `figure_data`.
        axes: None for a new figure, or as many Axes as panels.

    Raises:
        InvalidInputError: If `axes` are not as many Axes as there are layers.
    """
    names = [f"layer {k}" for k in range(len(data))]
    with panels(axes, [names], size=(PAGE, 3.1)) as (figure, panel_axes):
        for ax, verdicts in zip(panel_axes, data, strict=True):
            _panel(ax, verdicts)
        panel_axes[0].set_ylabel("$γ\\prime$")
        entries = _entries(
            wrong=any(bool(np.any(~verdicts.right)) for verdicts in data)
        )
        if axes is None:
            figure.legend(
                handles=entries, loc="outside upper center", ncols=len(entries)
            )
        else:
            panel_axes[0].legend(handles=entries, loc="best")
    return figure


def _panel(ax: Axes, data: LayerVerdicts) -> None:
    ax.plot(
        *data.line.T,
        "--",
        color=INK,
        lw=1.2,
        zorder=2,
    )
    for word in WORDS:
        here = data.verdict == word
        ax.plot(
            data.gamma[here],
            data.gamma_prime[here],
            ls="none",
            mec=PAPER,
            mew=0.4,
            zorder=3,
            label=word,
            **_LOOK[word],
        )
    wrong = ~data.right
    ax.plot(
        data.gamma[wrong],
        data.gamma_prime[wrong],
        ls="none",
        marker="o",
        ms=10,
        mfc="none",
        mec=INK,
        zorder=4,
    )
    ax.set(
        xlabel="$γ$",
        title=f"{data.layer} layer",
        xlim=(data.gamma.min() - _REACH, data.gamma.max() + _REACH),
        ylim=(data.gamma_prime.min() - _REACH, data.gamma_prime.max() + _REACH),
    )


def _entries(*, wrong: bool) -> list[Line2D]:
    entries = [
        Line2D([], [], ls="none", mec=PAPER, mew=0.4, label=word, **_LOOK[word])
        for word in WORDS
    ]
    entries.append(
        Line2D([], [], ls="--", color=INK, lw=1.2, label="boundary in theory")
    )
    if wrong:
        entries.append(
            Line2D(
                [], [], ls="none", marker="o", ms=9, mfc="none", mec=INK, label="wrong"
            )
        )
    return entries
