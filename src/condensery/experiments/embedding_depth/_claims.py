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
from condensery.experiments.embedding_depth._config import Config
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
    "A lift takes critical points to critical points (gradient over what it would be "
    "if nothing cancelled).",
    at_most(1e-10),
    kind="identity",
)
def critical(config: Config, tables: Tables) -> Measured:
    """The largest relative gradient at a lift."""
    lifts = tables["lifts"]
    if not len(lifts):
        return Measured(None, "no critical point was found")
    before, after = lifts["relative_before"], lifts["relative_after"]
    worst = int(np.argmax(after))
    absolute = lifts["gradient_after"]
    note = (
        f"{before[worst]:.1g} before in the worst lift, at most {before.max():.1g} in "
        f"any; the 1-norm of the gradient after is at most {absolute.max():.1g}, "
        "which grows with the weights of the lift"
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


of_project = partial(
    claim,
    paper="condensery",
    kind="observation",
    source="this project, on a sentence of the abstract of Bai et al. 2024",
)


@of_project(
    "shared-plateau",
    "Nets of one, two and three hidden layers stagnate at nearly the same loss: within "
    "10 % of that of one hidden layer (largest relative difference of the medians).",
    at_most(0.1),
)
def shared_plateau(config: Config, tables: Tables) -> Measured:
    """Largest relative difference of the plateaus."""
    of_most = tables["pruned"].select(samples=config.most)
    plateaus = {
        hidden: float(np.median(of_most.select(hidden=hidden)["plateau_loss"]))
        for hidden in (1, 2, 3)
    }
    shallow, *deeper = plateaus.values()
    spread = np.abs(np.asarray(deeper) / shallow - 1)
    losses = ", ".join(
        f"{hidden} hidden: {loss:.4g}" for hidden, loss in plateaus.items()
    )
    note = f"{losses}; not the same loss: the deeper the net, the lower it rests"
    return Measured(float(np.max(spread)), note)


@of_project(
    "data",
    "Layers trained on the fewest samples stay more linear than those trained on more "
    "(median least score at the end: the highest of the larger sets, less that of the "
    "smallest).",
    at_most(0.0),
)
def data(config: Config, tables: Tables) -> Measured:
    """The worst of the larger sets of samples."""
    fewest, *larger = sorted(config.samples)
    least = tables["least_scores"].select(batch_norm=0)
    last = least.select(step=int(least["step"].max()))
    medians, listed = {}, []
    for samples in (fewest, *larger):
        scores = last.select(samples=samples)["score"]
        medians[samples] = float(np.median(scores))
        listed.append(
            f"{samples} samples: {medians[samples]:.3f} "
            f"({scores.min():.3f} to {scores.max():.3f})"
        )
    highest = max(medians[samples] for samples in larger)
    note = "; ".join([*listed, "no trend is claimed among the larger sets"])
    return Measured(highest - medians[fewest], note)


@depth_claim(
    "batch-norm",
    "Batch normalisation suppresses the linearisation of layers: where the loss has "
    "come down to the plateau of the net without, the least linear layer is less "
    "linear with it (change of the median score).",
    at_most(0.0),
    kind="reproduction",
)
def batch_norm(config: Config, tables: Tables) -> Measured:
    """With less without, at equal loss."""
    level = float(tables["plateau_levels"]["loss"][0])
    least = tables["least_scores"].select(samples=config.most)
    plain, normed = (
        _scores_at(least.select(batch_norm=flag), level) for flag in (0, 1)
    )
    if not (plain and normed):
        return Measured(None, f"no net came down to the loss {level:.4g}")
    last = least.select(step=int(least["step"].max()))
    ends = [float(np.median(last.select(batch_norm=flag)["score"])) for flag in (0, 1)]
    note = (
        f"at the loss {level:.4g}: {min(plain):.3f} to {max(plain):.3f} without, "
        f"{min(normed):.3f} to {max(normed):.3f} with; at the end it is the "
        f"contrary: {ends[0]:.3f} without, {ends[1]:.3f} with"
    )
    return Measured(float(np.median(normed) - np.median(plain)), note)


def _scores_at(nets: Table, level: float) -> list[float]:
    """Of every net the score at the first record whose loss is at most a level."""
    scores = []
    for seed in np.unique(nets["seed"]).tolist():
        net = nets.select(seed=seed)
        below = np.flatnonzero(net["loss"] <= level)
        if below.size:
            scores.append(float(net["score"][below[0]]))
    return scores


@depth_claim(
    "pruning",
    "Linear layers can be pruned: without them, and before any retraining, the net has "
    "the loss of the plateau (largest ratio).",
    at_most(1.05),
    kind="reproduction",
)
def pruning(config: Config, tables: Tables) -> Measured:
    """The worst net that lost a layer, at the moment of pruning."""
    deep = tables["pruned"].select(hidden=3, samples=config.most)
    cut = deep.take(deep["removed"] > 0)
    ratios = cut["pruned_loss"] / cut["plateau_loss"]
    after = cut["retrained_narrow"] / cut["plateau_loss"]
    note = (
        f"{int(deep['removed'].sum())} layers of {len(deep)} nets were linear and "
        "taken out"
    )
    if not len(cut):
        return Measured(None, note)
    note += f"; after {config.retrain} steps more: {after.max():.3f} of the plateau"
    return Measured(float(ratios.max()), note)


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
