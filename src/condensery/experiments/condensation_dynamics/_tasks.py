"""The work of condensation-dynamics: training with a record of every group, and the
events of its tree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import JsonValue

from condensery.experiments.condensation_dynamics._config import TARGETS, Config
from condensery.experiments.condensation_dynamics._measures import (
    drive,
    falling_frames,
    near,
    rank_of_gap,
    resting_angles,
)
from condensery.protocols import Advance, Arrays

ACTIVE = 0.05
KINDS = ("split", "emerged", "merge")
"""A group born out of another; one born of neurons in no group; one that ends in
another.
"""


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train a few seeds on one target and follow their groups.

    Args:
        parameters: The configuration without targets and seeds, target, count (how many
            seeds from `seed` on).
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        step; per member (seed, status, loss (member, step), groups (member, step),
        collapse (a recorded step's place), covered (share of the later log time near a
        fall of the loss)); per event (event_member, event_place, event_kind,
        event_near, event_cosine, event_parent_cosine, event_rank); per point of the
        first member's tree (path_lineage, path_place, path_angle, path_share), per
        lineage of it (born, ended, parent, merged), and whether its loss falls at each
        recorded step (falls).
    """
    from condensery.engine import (
        SGD,
        Ensemble,
        RecordParameters,
        descend,
        log_steps,
        mean_square,
    )
    from condensery.models import TwoLayer, with_bias

    given: dict[str, Any] = dict(parameters)
    name, count = given.pop("target"), int(given.pop("count"))
    config, target = Config.model_validate(given), TARGETS[name]
    x = np.linspace(target.lower, target.upper, config.samples)
    full, y = np.asarray(with_bias(x)), target.function(x)
    ensemble = Ensemble.grid(
        widths=[config.width],
        gammas=[2 * config.gamma],
        seeds=range(seed, seed + count),
    )
    result = descend(
        ensemble.draw(features=2),
        mean_square(TwoLayer("relu")),
        (full, y),
        optimiser=SGD(target.rate),
        steps=config.steps,
        schedule=log_steps(config.steps, per_decade=config.per_decade).tolist(),
        probes=[RecordParameters()],
        on_step=lambda step: advance(f"step {step}", 0.7 * step / config.steps),
    )
    rows: dict[str, list[Any]] = {}
    for member in range(count):
        advance(f"groups of seed {seed + member}", 0.7 + 0.3 * member / count)
        a, w = (result.probed[key][:, member] for key in ("a", "w"))
        for key, value in _followed(
            config, result.recorded, result.loss[member], a, w, (full, y)
        ).items():
            if key.startswith("event_"):
                rows.setdefault(key, []).extend(value)
            elif key in {"groups", "collapse", "covered"}:
                rows.setdefault(key, []).append(value)
            elif member == 0:
                rows[key] = value
        owners = rows.setdefault("event_member", [])
        owners += [member] * (len(rows["event_kind"]) - len(owners))
    return {
        "step": result.recorded,
        "seed": np.arange(seed, seed + count),
        "status": result.status,
        "loss": result.loss,
        **{key: np.asarray(value) for key, value in rows.items()},
    }


def _followed(
    config: Config,
    step: np.ndarray,
    loss: np.ndarray,
    a: np.ndarray,
    w: np.ndarray,
    data: tuple[np.ndarray, np.ndarray],
) -> dict[str, Any]:
    """The groups of one network over its recorded steps."""
    from condensery.metrics import condensation, lineages

    found = [
        condensation(one, amplitude="input", threshold=config.threshold, active=ACTIVE)
        for one in w
    ]
    labels, lengths = np.stack([one.groups for one in found]), np.linalg.norm(w, axis=2)
    tree = lineages(labels, lengths, persistence=config.frames)
    groups = tree.count()
    # The first fewest of the first tenth of the training: later a group may vanish
    # without any gathering.
    collapse = int(np.argmin(groups[: np.searchsorted(step, config.steps // 10) + 1]))
    falls = falling_frames(step, loss, config.falling)
    fall = near(step, falls, config.persistence)
    later = np.arange(len(step)) > collapse
    # Recorded steps are even in log time only where they are whole numbers apart: weigh
    # each by what it stands for.
    weight = np.gradient(np.log10(np.maximum(step, 1).astype(float)))
    events = _events(tree, collapse)
    measured = [_at_birth(tree, event, a, w, data) for event in events]
    paths = [_path(tree, k, w, lengths) for k in range(len(tree))]
    return {
        "groups": groups,
        "collapse": collapse,
        "falls": falls,
        "covered": float(weight[later & fall].sum() / max(weight[later].sum(), 1e-300)),
        "event_place": [event[1] for event in events],
        "event_kind": [event[2] for event in events],
        "event_near": [bool(fall[event[1]]) for event in events],
        "event_cosine": [one[0] for one in measured],
        "event_parent_cosine": [one[1] for one in measured],
        "event_rank": [one[2] for one in measured],
        **{
            f"path_{name}": np.concatenate([path[at] for path in paths])
            if paths
            else np.zeros(0)
            for at, name in enumerate(("lineage", "place", "angle", "share"))
        },
        "born": tree.born,
        "ended": tree.ended,
        "parent": tree.parent,
        "merged": tree.merged,
    }


def _events(tree: Any, collapse: int) -> list[tuple[int, int, int]]:
    """(lineage, place among the recorded steps, kind) of what happens after the
    collapse, in order of time.
    """
    every = range(len(tree))
    births = [
        (k, int(tree.born[k]), 0 if tree.parent[k] >= 0 else 1)
        for k in every
        if tree.born[k] > collapse
    ]
    merges = [
        (k, int(tree.ended[k]) + 1, 2)
        for k in every
        if tree.merged[k] >= 0 and tree.ended[k] >= collapse
    ]
    return sorted(births + merges, key=lambda event: (event[1], event[0]))


def _at_birth(
    tree: Any,
    event: tuple[int, int, int],
    a: np.ndarray,
    w: np.ndarray,
    data: tuple[np.ndarray, np.ndarray],
) -> tuple[float, float, float]:
    """Cosine of a newborn group with its drive, the same of its parent, and the rank of
    its distance to rest.
    """
    lineage, place, kind = event
    if kind == 2:
        return np.nan, np.nan, np.nan
    x, y = data
    e = np.maximum(x @ w[place].T, 0) @ a[place] - y

    def cosine(of: int) -> tuple[float, np.ndarray, float]:
        own = tree.member_of[place] == of
        if not own.any():
            return np.nan, np.zeros(2), 1.0
        mean = w[place][own].sum(axis=0)
        u, sign = (
            mean / np.linalg.norm(mean),
            float(np.sign(a[place][own].sum()) or 1.0),
        )
        pull = sign * drive(u[None], x, e)[0]
        return float(u @ pull / max(np.linalg.norm(pull), 1e-300)), u, sign

    own, u, sign = cosine(lineage)
    parent = cosine(int(tree.parent[lineage]))[0] if kind == 0 else np.nan
    return (
        own,
        parent,
        rank_of_gap(float(np.arctan2(u[1], u[0])), x, resting_angles(x, e, sign)),
    )


def _path(
    tree: Any, lineage: int, w: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Where one group points at every recorded step, and its share of the amplitude."""
    places = np.arange(tree.born[lineage], tree.ended[lineage] + 1)
    own = (tree.member_of[places] == lineage)[..., None]
    mean = np.sum(own * w[places], axis=1)
    share = np.sum(own[..., 0] * lengths[places], axis=1) / lengths[places].sum(axis=1)
    return (
        np.full(len(places), lineage),
        places,
        np.arctan2(mean[:, 1], mean[:, 0]),
        share,
    )
