"""Tables and measured values of embedding-depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from condensery.protocols import Arrays
from condensery.records import Table

Setting = tuple[int, int, bool]


def depth_tables(
    shards: Sequence[Arrays],
    activations: Sequence[str],
    settings: Sequence[Setting],
    columns: Sequence[str],
) -> dict[str, Table]:
    """Lifts, spectra, curves, scores and prunings from the shards of both kinds of
    task.
    """
    lifts, trained = shards[: len(activations)], shards[len(activations) :]
    counts = [len(shard["lifts"]) for shard in lifts]
    stacked = np.concatenate([np.asarray(shard["lifts"]) for shard in lifts])
    whole = {"point", "width", "added", "decided"} | {
        name for name in columns if name.endswith(("ative", "zero"))
    }
    table = {"activation": np.repeat(np.asarray(activations), counts)}
    for name, column in zip(columns, stacked.T, strict=True):
        table[name] = (
            column.astype(np.int64)
            if name in whole or name.endswith("_positive")
            else column
        )
    return {
        "lifts": Table(
            columns=table,
            units={"added": "parameters of the deep net less those of the shallow one"},
        ),
        "spectra": _spectra(lifts, activations),
        "curves": _curves(trained, settings),
        "scores": _scores(trained, settings),
        "pruned": _pruned(trained, settings),
    }


def _spectra(lifts: Sequence[Arrays], activations: Sequence[str]) -> Table:
    parts = [
        (name, when, np.asarray(shard[f"spectrum_{when}"]))
        for name, shard in zip(activations, lifts, strict=True)
        for when in ("before", "after")
    ]
    sizes = [len(values) for _, _, values in parts]
    return Table(
        columns={
            "activation": np.repeat([name for name, _, _ in parts], sizes),
            "when": np.repeat([int(when == "after") for _, when, _ in parts], sizes),
            "eigenvalue": np.concatenate([values for _, _, values in parts]),
        },
        units={"when": "0 at the critical point, 1 at its lift"},
    )


def _setting(setting: Setting, count: int) -> dict[str, np.ndarray]:
    hidden, samples, normalised = setting
    return {
        "hidden": np.full(count, hidden),
        "samples": np.full(count, samples),
        "batch_norm": np.full(count, int(normalised)),
    }


def _stack(
    parts: Sequence[Mapping[str, np.ndarray]], units: dict[str, str] | None = None
) -> Table:
    return Table(
        columns={
            name: np.concatenate([part[name] for part in parts]) for name in parts[0]
        },
        units=units or {},
    )


def _curves(trained: Sequence[Arrays], settings: Sequence[Setting]) -> Table:
    parts = []
    for shard, setting in zip(trained, settings, strict=True):
        members, steps = np.shape(shard["loss"])
        parts.append(
            {
                **_setting(setting, members * steps),
                "seed": np.repeat(np.arange(members), steps),
                "step": np.tile(shard["step"], members),
                "loss": np.ravel(shard["loss"]),
            }
        )
    return _stack(parts)


def _scores(trained: Sequence[Arrays], settings: Sequence[Setting]) -> Table:
    parts = []
    for shard, setting in zip(trained, settings, strict=True):
        members, steps, layers = np.shape(shard["score"])
        parts.append(
            {
                **_setting(setting, members * steps * layers),
                "seed": np.repeat(np.arange(members), steps * layers),
                "step": np.tile(np.repeat(shard["step"], layers), members),
                "layer": np.tile(np.arange(1, layers + 1), members * steps),
                "score": np.ravel(shard["score"]),
            }
        )
    return _stack(
        parts,
        {
            "score": "least |correlation| of pre-activation and activation over the "
            "live units"
        },
    )


def _pruned(trained: Sequence[Arrays], settings: Sequence[Setting]) -> Table:
    names = (
        "plateau_step",
        "plateau_loss",
        "removed",
        "pruned_loss",
        "retrained_narrow",
        "retrained_deep",
    )
    parts = [
        {
            **_setting(setting, len(shard["removed"])),
            "seed": np.arange(len(shard["removed"])),
            **{name: np.asarray(shard[name]) for name in names},
        }
        for shard, setting in zip(trained, settings, strict=True)
        if "removed" in shard
    ]
    return _stack(parts, {"removed": "hidden layers taken out"})


def measured(
    tables: Mapping[str, Table], samples: Sequence[int], linear: float
) -> tuple[dict[str, float | None], dict[str, str]]:
    """The value of every claim, None where there is nothing to measure, and what to say
    beside it.
    """
    lifts, pruned = tables["lifts"], tables["pruned"]
    some = len(lifts) > 0
    judged = lifts.select(decided=1)
    kinds = ("negative", "zero", "positive")
    right = np.all(
        [judged[f"after_{kind}"] == judged[f"predicted_{kind}"] for kind in kinds],
        axis=0,
    )
    minima = judged["before_negative"] == 0
    saddles = int(((judged["after_negative"] > 0) & minima).sum())
    plateau, spread = _plateaus(pruned, max(samples))
    few, many = (
        _final(tables["scores"], count) for count in (min(samples), max(samples))
    )
    plain, normed = (
        _linear_share(tables["scores"], max(samples), flag, linear) for flag in (0, 1)
    )
    cut = pruned.select(hidden=3, samples=max(samples))
    cut_some = cut["removed"] > 0
    ratio = (
        np.minimum(cut["pruned_loss"], cut["retrained_narrow"]) / cut["plateau_loss"]
    )
    values: dict[str, float | None] = {
        "output": float(lifts["change"].max()) if some else None,
        "critical": float(lifts["gradient_after"].max()) if some else None,
        "inertia": float(right.mean()) if right.size else None,
        "saddle": float(saddles) if right.size else None,
        "shared-plateau": spread,
        "data": many - few,
        "batch-norm": normed - plain,
        "pruning": float(ratio[cut_some].max()) if cut_some.any() else None,
    }
    points = len(
        {
            (name, point)
            for name, point in zip(lifts["activation"], lifts["point"], strict=True)
        }
    )
    notes = {
        "output": f"{len(lifts)} lifts of {points} critical points; relative to the "
        "largest output",
        "critical": _worst_gradient(lifts) if some else "no critical point was found",
        "inertia": f"share of {len(judged)} lifts with a decided spectrum; "
        "predicted (n₋, n₀ + D, n₊)",
        "saddle": (
            f"reported, not judged: of {int(minima.sum())} lifts of points without "
            "negative eigenvalues, those that "
            "have one; exact lifts by affine pieces cannot, and the abstract's "
            "later version does not say it"
        ),
        "shared-plateau": "largest relative difference from the plateau loss of "
        f"one hidden layer, {plateau:.4g}",
        "data": f"median least score at the end: {few:.4f} of {min(samples)} "
        f"samples, {many:.4f} of {max(samples)}",
        "batch-norm": (
            f"share of recorded steps with a linear layer (score ≥ {linear}): "
            f"{plain:.2f} without, {normed:.2f} with"
        ),
        "pruning": (
            "largest loss within the retraining over that of the plateau; "
            f"{int(cut['removed'].sum())} layers of "
            f"{len(cut)} nets were linear and taken out"
        ),
    }
    return values, notes


def _plateaus(pruned: Table, samples: int) -> tuple[float, float]:
    losses = [
        np.median(pruned.select(hidden=hidden, samples=samples)["plateau_loss"])
        for hidden in (1, 2, 3)
    ]
    return float(losses[0]), float(
        np.max(np.abs(np.asarray(losses[1:]) / losses[0] - 1))
    )


def _final(scores: Table, samples: int) -> float:
    """Median over seeds of the least score of any layer at the end."""
    part = scores.select(hidden=3, samples=samples, batch_norm=0)
    last = part.select(step=int(part["step"].max()))
    return float(
        np.median(
            [
                np.nanmin(last.select(seed=int(seed))["score"])
                for seed in np.unique(last["seed"])
            ]
        )
    )


def _linear_share(scores: Table, samples: int, flag: int, linear: float) -> float:
    """Share of recorded steps, over all seeds, at which some layer is linear."""
    part = scores.select(hidden=3, samples=samples, batch_norm=flag)
    layers = int(part["layer"].max())
    return float(
        np.mean(np.nanmax(part["score"].reshape(-1, layers), axis=1) >= linear)
    )


def _worst_gradient(lifts: Table) -> str:
    """A lift with large weights turns the rounding of the narrow gradient into more."""
    before, after = lifts["gradient_before"], lifts["gradient_after"]
    worst = int(np.argmax(after))
    return (
        "the 1-norm of the gradient, at most 1e-10·(1 + R) before; "
        f"{before[worst]:.1g} before in the worst lift, and "
        f"{np.median(after):.1g} after in the median one"
    )
