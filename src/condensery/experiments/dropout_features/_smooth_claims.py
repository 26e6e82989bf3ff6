"""What Zhang and Xu (2024) show of smooth outputs, judged over seeds.

That outputs with dropout are smoother is what their figures are shown for; how it is
measured was set before it was measured here.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import JudgedMeasure, Measured, Tables, at_least, claim
from condensery.experiments.dropout_features._claims import (
    DEEP_REFERENCE,
    REFERENCE,
    published,
)
from condensery.experiments.dropout_features._config import Config, TargetName
from condensery.experiments.dropout_features._smoothness import target_smoothness
from condensery.metrics import mean_difference

ABOVE = 1e-9
"""The least that is above 0: equal counts are not fewer."""


def _less(
    column: str, target: TargetName, layers: int, config: Config, tables: Tables
) -> Measured:
    """What the nets without dropout have more than those with it, at least, by the
    interval of the mean over seeds.
    """
    fits = tables["fits"].select(target=target, layers=layers)
    plain, dropped = (fits.select(kind=kind)[column] for kind in ("plain", "dropout"))
    if len(plain) < 2:
        return Measured(None, "two seeds or more are needed")
    fewer = mean_difference(plain, dropped)
    note = (
        f"{plain.mean():.3g} without dropout, {dropped.mean():.3g} with it, fewer by "
        f"{fewer} over {fewer.pairs} seeds"
    )
    if column == "changes":
        note += f"; the target has {target_smoothness(target)}"
    return Measured(fewer.low, note)


_SETTINGS: tuple[tuple[str, TargetName, int, str, str], ...] = (
    ("tanh", "tanh", 2, "tanh, two layers", "Fig. 4"),
    ("relu", "relu", 2, "ReLU, two layers", "Fig. 1"),
    ("tanh-3", "tanh", 3, "tanh, three layers", "Fig. 4"),
    ("relu-3", "relu", 3, "ReLU, three layers", "Fig. A15"),
)
_MEASURES = (
    (
        "bends-less",
        "changes",
        "with dropout the output changes less often from convex to concave and back "
        "(how much less at least, by the 95 % interval of the mean over seeds).",
    ),
    (
        "varies-less",
        "variation",
        "with dropout the output goes up and down less (total variation over that of "
        "the target, how much less at least, by the 95 % interval of the mean).",
    ),
)


def _smoother(row: int) -> tuple[JudgedMeasure[Config], ...]:
    """One claim per setting, by the measure of that row."""
    name, column, sentence = _MEASURES[row]
    return tuple(
        published(
            f"{name}-{setting}",
            f"{title}: {sentence}",
            at_least(ABOVE),
            kind="reproduction",
            source=source,
            when=REFERENCE if layers == 2 else DEEP_REFERENCE,
        )(partial(_less, column, target, layers))
        for setting, target, layers, title, source in _SETTINGS
    )


bends_less, varies_less = _smoother(0), _smoother(1)


@claim(
    "fewer-together",
    "Of all nets, those with fewer effective orientations change less often from "
    "convex to concave and back (Spearman's rank correlation).",
    at_least(0.5),
    kind="observation",
    paper="condensery",
    source="this project, beside Figs. 1 and 4 of Zhang and Xu 2024",
    when=REFERENCE,
)
def together(config: Config, tables: Tables) -> Measured:
    """Rank correlation over targets, depths, kinds and seeds."""
    from scipy.stats import spearmanr

    smooth = tables["smooth"]
    counts, changes = smooth["orientations"], smooth["changes"]
    is_finite = np.isfinite(changes)
    counts, changes = counts[is_finite], changes[is_finite]
    if len(counts) < 3 or np.ptp(counts) == 0 or np.ptp(changes) == 0:
        return Measured(None)
    correlation = spearmanr(counts, changes).statistic
    return Measured(float(correlation), f"{len(counts)} nets")
