"""What is claimed of embeddings in depth, and how it is measured: each at the worst
case, or the median over seeds where it says so.
"""

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
from condensery.experiments.embedding_depth._config import LINEAR, Config
from condensery.records import Table

depth_claim = partial(claim, paper="bai2024depth", source="Abstract")
KINDS = ("negative", "zero", "positive")


@depth_claim(
    "output",
    "A lift preserves the network's outputs on the training inputs.",
    at_most(1e-10),
    kind="identity",
)
def output(config: Config, tables: Tables) -> Measured:
    """The largest relative change."""
    lifts = tables["lifts"]
    points = set(zip(lifts["activation"], lifts["point"], strict=True))
    note = (
        f"{len(lifts)} lifts of {len(points)} critical points; relative to the "
        "largest output"
    )
    return Measured(float(lifts["change"].max()) if len(lifts) else None, note)


@depth_claim(
    "critical",
    "A lift takes critical points to critical points.",
    at_most(1e-8),
    kind="identity",
)
def critical(config: Config, tables: Tables) -> Measured:
    """The largest gradient at a lift."""
    lifts = tables["lifts"]
    if not len(lifts):
        return Measured(None, "no critical point was found")
    before, after = lifts["gradient_before"], lifts["gradient_after"]
    # a lift with large weights turns the rounding of the narrow gradient into more
    worst = int(np.argmax(after))
    note = (
        "the 1-norm of the gradient, at most 1e-10·(1 + R) before; "
        f"{before[worst]:.1g} before in the worst lift, and "
        f"{np.median(after):.1g} after in the median one"
    )
    return Measured(float(after.max()), note)


@depth_claim(
    "inertia",
    "A lift adds one zero eigenvalue per new parameter and changes nothing else.",
    equal_to(1.0),
    kind="identity",
    source="Abstract, made precise in this program (ADR 021)",
)
def inertia(config: Config, tables: Tables) -> Measured:
    """Share of the lifts with the predicted counts."""
    decided = tables["lifts"].select(decided=1)
    right = np.all(
        [decided[f"after_{kind}"] == decided[f"predicted_{kind}"] for kind in KINDS],
        axis=0,
    )
    note = (
        f"share of {len(decided)} lifts with a decided spectrum; "
        "predicted (n₋, n₀ + D, n₊)"
    )
    return Measured(float(right.mean()) if right.size else None, note)


@depth_claim(
    "saddle",
    "A local minimum can be lifted to a strict saddle.",
    at_least(None),
    kind="reproduction",
    source="Abstract of the 2022 version",
)
def saddle(config: Config, tables: Tables) -> Measured:
    """Number of lifts of minima with a negative eigenvalue."""
    decided = tables["lifts"].select(decided=1)
    minima = decided["before_negative"] == 0
    saddles = int(((decided["after_negative"] > 0) & minima).sum())
    note = (
        f"reported, not judged: of {int(minima.sum())} lifts of points without "
        "negative eigenvalues, those that "
        "have one; exact lifts by affine pieces cannot, and the abstract's "
        "later version does not say it"
    )
    return Measured(float(saddles) if len(decided) else None, note)


@depth_claim(
    "shared-plateau",
    "Nets of different depth stagnate at the same loss.",
    at_most(0.1),
    kind="reproduction",
)
def shared_plateau(config: Config, tables: Tables) -> Measured:
    """Largest relative difference of the plateaus."""
    of_most = tables["pruned"].select(samples=config.most)
    shallow, *deeper = (
        np.median(of_most.select(hidden=hidden)["plateau_loss"]) for hidden in (1, 2, 3)
    )
    spread = np.abs(np.asarray(deeper) / shallow - 1)
    note = (
        "largest relative difference from the plateau loss of "
        f"one hidden layer, {float(shallow):.4g}"
    )
    return Measured(float(np.max(spread)), note)


@depth_claim(
    "data",
    "More data shrink the lifted manifolds: trained layers are less linear.",
    at_most(0.0),
    kind="reproduction",
)
def data(config: Config, tables: Tables) -> Measured:
    """Change of the final score from the fewest to the most samples."""
    fewest, most = min(config.samples), config.most
    few, many = (_final(tables["scores"], samples) for samples in (fewest, most))
    note = (
        f"median least score at the end: {few:.4f} of {fewest} "
        f"samples, {many:.4f} of {most}"
    )
    return Measured(many - few, note)


def _final(scores: Table, samples: int) -> float:
    """Median over seeds of the least score of any layer at the end."""
    nets = scores.select(hidden=3, samples=samples, batch_norm=0)
    last = nets.select(step=int(nets["step"].max()))
    seeds = np.unique(last["seed"])
    least = [np.nanmin(last.select(seed=int(seed))["score"]) for seed in seeds]
    return float(np.median(least))


@depth_claim(
    "batch-norm",
    "Batch normalisation suppresses the linearisation of layers.",
    at_most(0.0),
    kind="reproduction",
)
def batch_norm(config: Config, tables: Tables) -> Measured:
    """Change of the share of steps with a linear layer."""
    plain, normed = (
        _linear_share(tables["scores"], config.most, flag) for flag in (0, 1)
    )
    note = (
        f"share of recorded steps with a linear layer (score ≥ {LINEAR}): "
        f"{plain:.2f} without, {normed:.2f} with"
    )
    return Measured(normed - plain, note)


def _linear_share(scores: Table, samples: int, flag: int) -> float:
    """Share of recorded steps, over all seeds, at which some layer is linear."""
    nets = scores.select(hidden=3, samples=samples, batch_norm=flag)
    layers = int(nets["layer"].max())
    highest = np.nanmax(nets["score"].reshape(-1, layers), axis=1)
    return float(np.mean(highest >= LINEAR))


@depth_claim(
    "pruning",
    "Linear layers can be pruned: the shallower net goes on from the same loss.",
    at_most(1.05),
    kind="reproduction",
)
def pruning(config: Config, tables: Tables) -> Measured:
    """The worst net that lost a layer."""
    deep = tables["pruned"].select(hidden=3, samples=config.most)
    was_cut = deep["removed"] > 0
    lowest = np.minimum(deep["pruned_loss"], deep["retrained_narrow"])
    ratio = (lowest / deep["plateau_loss"])[was_cut]
    note = (
        "largest loss within the retraining over that of the plateau; "
        f"{int(deep['removed'].sum())} layers of "
        f"{len(deep)} nets were linear and taken out"
    )
    return Measured(float(ratio.max()) if ratio.size else None, note)


JUDGES = (
    output,
    critical,
    inertia,
    saddle,
    shared_plateau,
    data,
    batch_norm,
    pruning,
)
