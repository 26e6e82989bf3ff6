"""The work of condensation-dynamics: training with a record of every group, and the
events of its tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from condensery.declare import Work, task
from condensery.experiments.condensation_dynamics._config import TARGETS, Config
from condensery.metrics import (
    Lineages,
    condensation,
    falling,
    lineages,
    within_decades,
)
from condensery.protocols import Advance, Arrays
from condensery.theory import residual_drive, resting_angles, resting_rank

ACTIVE = 0.05
SEEDS_PER_TASK = 4
KINDS = ("split", "emerged", "merge")
"""A group born out of another; one born of neurons in no group; one that ends in
another.
"""
MERGE = KINDS.index("merge")


@task(Config)
def train(
    config: Config,
    seed: int,
    advance: Advance,
    *,
    target: str,
    count: int,
) -> Arrays:
    """Train a few seeds on one target and follow their groups.

    Args:
        config: The configuration.
        seed: The first seed.
        advance: Progress callback, (text, fraction).
        target: Name of the target.
        count: How many seeds from `seed` on.

    Returns:
        step; per member (seed, status, loss (member, step), groups (member, step),
        collapse (index of a recorded step), covered (share of the later log time near a
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

    sampled = TARGETS[target]
    x = np.linspace(sampled.lower, sampled.upper, config.samples)
    full, y = np.asarray(with_bias(x)), sampled.function(x)
    ensemble = Ensemble.grid(
        widths=[config.width],
        gammas=[2 * config.exponent],
        seeds=range(seed, seed + count),
    )
    result = descend(
        ensemble.draw(features=2),
        mean_square(TwoLayer("relu")),
        x[:, None],
        y,
        optimiser=SGD(sampled.rate),
        steps=config.steps,
        schedule=log_steps(config.steps, per_decade=config.per_decade).tolist(),
        probes={"parameters": RecordParameters()},
        on_progress=lambda text, fraction: advance(text, 0.7 * fraction),
    )
    step = result.recorded
    leaves = result.probed["parameters"]
    members = []
    for member in range(count):
        advance(f"groups of seed {seed + member}", 0.7 + 0.3 * member / count)
        a, w = (leaves[name][:, member] for name in ("a", "w"))
        run = Run(
            step=step,
            loss=result.loss[member],
            a=a,
            w=w,
            x=full,
            y=y,
        )
        members.append(_groups_of(config, run))
    return {
        "step": step,
        "seed": np.arange(seed, seed + count),
        "status": result.status,
        "loss": result.loss,
        **_joined(members),
    }


def work(config: Config) -> Iterator[Work]:
    """Blocks of four seeds per target."""
    for target in config.targets:
        for first in range(0, config.seeds, SEEDS_PER_TASK):
            count = min(SEEDS_PER_TASK, config.seeds - first)
            cost = float(count * config.steps) * config.width
            label = f"{target}, seeds {first} to {first + count - 1}"
            yield train.work(
                label,
                cost,
                first,
                target=target,
                count=count,
            )


def _joined(members: Sequence[dict[str, Any]]) -> Arrays:
    """Numbers of all members, events one after another, and the tree of the first."""
    arrays = {}
    for name, value in members[0].items():
        if name.startswith("event_"):
            events = [event for member in members for event in member[name]]
            arrays[name] = np.asarray(events)
        elif name in {"groups", "collapse", "covered"}:
            arrays[name] = np.asarray([member[name] for member in members])
        else:
            arrays[name] = np.asarray(value)
    counts = [len(member["event_kind"]) for member in members]
    arrays["event_member"] = np.repeat(np.arange(len(members)), counts)
    return arrays


@dataclass(
    frozen=True,
    eq=False,
)
class Run:
    """One network over its recorded steps, and its data."""

    step: np.ndarray
    loss: np.ndarray
    a: np.ndarray
    w: np.ndarray
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Event:
    """What happens to a group at a recorded step."""

    lineage: int
    frame: int
    kind: int


def _groups_of(config: Config, run: Run) -> dict[str, Any]:
    """The groups of one network over its recorded steps."""
    threshold = config.threshold
    labels = [
        condensation(
            w,
            amplitude="input",
            threshold=threshold,
            active=ACTIVE,
        ).groups
        for w in run.w
    ]
    lengths = np.linalg.norm(run.w, axis=2)
    tree = lineages(np.stack(labels), lengths, persistence=config.frames)
    groups = tree.count()
    # The first fewest of the first tenth of the training: later a group may vanish
    # without any gathering.
    tenth = np.searchsorted(run.step, config.steps // 10) + 1
    collapse = int(np.argmin(groups[:tenth]))
    falls = falling(run.step, run.loss, slope=config.falling)
    fall = within_decades(run.step, falls, decades=config.persistence)
    later = np.arange(len(run.step)) > collapse
    # Recorded steps are even in log time only where they are whole numbers apart: weigh
    # each by what it stands for.
    weight = np.gradient(np.log10(np.maximum(run.step, 1).astype(float)))
    covered = weight[later & fall].sum() / max(weight[later].sum(), 1e-300)
    events = _events(tree, collapse)
    births = np.array([_at_birth(tree, event, run) for event in events])
    cosine, parent_cosine, rank = births.reshape(-1, 3).T
    return {
        "groups": groups,
        "collapse": collapse,
        "falls": falls,
        "covered": float(covered),
        "event_place": [event.frame for event in events],
        "event_kind": [event.kind for event in events],
        "event_near": [bool(fall[event.frame]) for event in events],
        "event_cosine": cosine.tolist(),
        "event_parent_cosine": parent_cosine.tolist(),
        "event_rank": rank.tolist(),
        **_paths(tree, run.w, lengths),
        "born": tree.born,
        "ended": tree.ended,
        "parent": tree.parent,
        "merged": tree.merged,
    }


def _events(tree: Lineages, collapse: int) -> list[Event]:
    """What happens after the collapse, in order of time."""
    events = []
    for lineage in range(len(tree)):
        if tree.born[lineage] > collapse:
            kind = 0 if tree.parent[lineage] >= 0 else 1
            events.append(Event(lineage, int(tree.born[lineage]), kind))
    for lineage in range(len(tree)):
        if tree.merged[lineage] >= 0 and tree.ended[lineage] >= collapse:
            events.append(Event(lineage, int(tree.ended[lineage]) + 1, MERGE))
    return sorted(events, key=lambda event: (event.frame, event.lineage))


def _at_birth(
    tree: Lineages,
    event: Event,
    run: Run,
) -> tuple[float, float, float]:
    """Cosine of a newborn group with its drive, the same for its parent, and the rank
    of its distance to rest.
    """
    from condensery.models import Network

    if event.kind == MERGE:
        return np.nan, np.nan, np.nan
    a, w = run.a[event.frame], run.w[event.frame]
    members = tree.member_of[event.frame]
    e = Network.of({"a": a, "w": w}, "relu").forward(run.x) - run.y

    def cosine(lineage: int) -> tuple[float, np.ndarray, float]:
        group = members == lineage
        if not group.any():
            return np.nan, np.zeros(2), 1.0
        mean = w[group].sum(axis=0)
        u = mean / np.linalg.norm(mean)
        sign = float(np.sign(a[group].sum()) or 1.0)
        pull = sign * residual_drive(u[None], run.x, e)[0]
        length = max(np.linalg.norm(pull), 1e-300)
        return float(u @ pull / length), u, sign

    newborn, u, sign = cosine(event.lineage)
    parent = np.nan
    if event.kind == 0:
        parent, _, _ = cosine(int(tree.parent[event.lineage]))
    resting = resting_angles(run.x, e, sign)
    angle = float(np.arctan2(u[1], u[0]))
    return newborn, parent, resting_rank(angle, run.x, resting)


def _paths(tree: Lineages, w: np.ndarray, lengths: np.ndarray) -> Arrays:
    """Where every group points at its recorded steps, and its share of the
    amplitude.
    """
    names = ("lineage", "place", "angle", "share")
    paths = [_path(tree, lineage, w, lengths) for lineage in range(len(tree))]
    if not paths:
        return {f"path_{name}": np.zeros(0) for name in names}
    columns = map(np.concatenate, zip(*paths, strict=True))
    return {f"path_{name}": c for name, c in zip(names, columns, strict=True)}


def _path(
    tree: Lineages,
    lineage: int,
    w: np.ndarray,
    lengths: np.ndarray,
) -> tuple[np.ndarray, ...]:
    frames = np.arange(tree.born[lineage], tree.ended[lineage] + 1)
    group = tree.member_of[frames] == lineage
    mean = np.sum(group[..., None] * w[frames], axis=1)
    amplitude = np.sum(group * lengths[frames], axis=1)
    share = amplitude / lengths[frames].sum(axis=1)
    angle = np.arctan2(mean[:, 1], mean[:, 0])
    return np.full(len(frames), lineage), frames, angle, share
