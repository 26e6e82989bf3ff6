"""What is claimed of recovery and condensation, and how it is measured."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import (
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
    equal_to,
)
from condensery.experiments.generalisation._config import Config
from condensery.metrics import mean_difference, share
from condensery.records import Table

optimistic = partial(claim, paper="zhang2023optimistic")


@optimistic(
    "rank",
    "The model rank of a sum of k tanh units is k(d + 1), and splitting or adding "
    "silent units keeps it (largest deviation).",
    equal_to(0.0),
    kind="identity",
    source="Sec. 5",
)
def rank(config: Config, tables: Tables) -> Measured:
    """Largest deviation over all targets and embeddings."""
    table = tables["ranks"]
    expected = table["units"] * (config.features + 1)
    deviations = [
        float(np.abs(table[name] - expected).max())
        for name in ("rank", "rank_split", "rank_null")
    ]
    return Measured(max(deviations))


@optimistic(
    "not-before",
    "No net, of whatever width and scale, recovers the target from fewer samples than "
    "k(d + 1) (smallest n that recovers most seeds, minus k(d + 1), over all k).",
    at_least(0.0),
    kind="reproduction",
    source="Lemma 1; Fig. 3",
)
def not_before(config: Config, tables: Tables) -> Measured:
    """The smallest margin."""
    table = tables["thresholds"]
    reached = table["earliest"] >= 0
    margin = (table["earliest"] - table["optimistic"])[reached]
    return Measured(float(margin.min()) if reached.any() else None)


def _needed(config: Config, tables: Tables) -> tuple[Table, np.ndarray]:
    """Thresholds of the smallest weights, and n that they need; none is twice the
    largest.
    """
    small = tables["thresholds"].select(scale=min(config.scales))
    threshold = small["threshold"]
    return small, np.where(threshold >= 0, threshold, 2 * max(config.samples))


@optimistic(
    "any-width",
    "From the smallest initial weights the number of samples that recovers the target "
    "does not depend on the width (largest over smallest, worst k; the grid of n has "
    "steps of one half, hence our bound).",
    at_most(1.5),
    kind="reproduction",
    source="Fig. 3",
)
def any_width(config: Config, tables: Tables) -> Measured:
    """Largest over smallest n of one k."""
    small, size = _needed(config, tables)
    columns = (small["units"], small["width"], small["threshold"])
    note = ", ".join(
        f"k={k}, m={m}: {n if n >= 0 else 'none'}"
        for k, m, n in zip(*columns, strict=True)
    )
    spreads = []
    for k in np.unique(small["units"]):
        of_k = size[small["units"] == k]
        spreads.append(float(of_k.max() / of_k.min()))
    return Measured(max(spreads), note)


@claim(
    "near",
    "How many times k(d + 1) samples the smallest initial weights need (worst width "
    "and k).",
    at_most(None),
    kind="observation",
    paper="condensery",
    source="this project, on near-optimism, an open question of Zhang et al. 2023",
)
def near(config: Config, tables: Tables) -> Measured:
    """The largest ratio."""
    small, size = _needed(config, tables)
    return Measured(float((size / small["optimistic"]).max()))


@optimistic(
    "scale-helps",
    "Small initial weights need no more samples than large ones (widest net: threshold "
    "at the largest scale minus that at the smallest, smallest over k; none reached "
    "counts as the next larger n).",
    at_least(0.0),
    kind="reproduction",
    source="Fig. 4",
)
def scale_helps(config: Config, tables: Tables) -> Measured:
    """The smallest gain over k."""
    widest = tables["thresholds"].select(width=max(config.widths))

    def threshold(k: int, scale: float) -> int:
        (reached,) = widest.select(units=k, scale=scale)["threshold"]
        return int(reached) if reached >= 0 else max(config.samples) + 1

    large, small = max(config.scales), min(config.scales)
    gains = [threshold(k, large) - threshold(k, small) for k in config.units]
    return Measured(float(min(gains)))


def _gain(k: int, config: Config, tables: Tables) -> Measured:
    gains = tables["gains"].select(units=k)
    paired = gains.take(gains["counts"] > 0)
    gain = mean_difference(paired["condensed"], paired["other"])
    if gain.pairs < 2:
        return Measured(None, needs="nets of both classes")
    fitted = tables["near"].select(units=k)
    condensed, other = (
        share(fitted.select(condensed=condensed)["recovered"])
        for condensed in (True, False)
    )
    note = (
        f"mean gain {gain} of {gain.pairs} data sets; of all nets: condensed "
        f"{condensed}, others {other}"
    )
    return Measured(gain.low, note)


condensed_gains = tuple(
    claim(
        f"condensed-{k}",
        f"Target of {k} unit{'s' if k > 1 else ''}: of nets that have fitted equally "
        "many samples, from k(d + 1) to twice that, those condensed to k effective "
        "neurons recover it more often than the others (lower end of the 95 % interval "
        "of the gain in share, over data sets).",
        at_least(0.0),
        kind="observation",
        paper="condensery",
        source="this project, on an open question of Xu et al. 2025: how condensation "
        "relates quantitatively to generalisation",
    )(partial(_gain, k))
    for k in (1, 2)
)
