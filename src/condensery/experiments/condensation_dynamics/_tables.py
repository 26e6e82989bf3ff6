"""The tables of condensation-dynamics: members, events, and the tree of the first
seed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from condensery.declare import Results, rows, stack
from condensery.experiments.condensation_dynamics._config import TARGETS, Config
from condensery.experiments.condensation_dynamics._tasks import KINDS, MERGE, train
from condensery.protocols import Arrays
from condensery.records import Table


def _first_runs(results: Results) -> Iterator[tuple[str, Arrays]]:
    """Of every target the run that begins with seed 0."""
    for arguments, run in results.of(train):
        if run["seed"][0] == 0:
            yield arguments["target"], run


def members(config: Config, results: Results) -> Table:
    """One row per target and seed."""
    blocks = []
    for arguments, run in results.of(train):
        collapse, groups = run["collapse"], run["groups"]
        later = [
            row[at:]
            for row, at in zip(
                groups,
                collapse,
                strict=True,
            )
        ]
        falls = [np.max(np.maximum.accumulate(row) - row) for row in later]
        owner, kind = run["event_member"], run["event_kind"]
        size = len(run["seed"])
        block = rows(
            {"seed": run["seed"]},
            target=arguments["target"],
            status=run["status"],
            loss=run["loss"][:, -1],
            collapse_step=run["step"][collapse],
            groups_collapse=[row[0] for row in later],
            groups_end=groups[:, -1],
            fall_back=np.array(falls, dtype=np.float64),
            covered=run["covered"],
            births=np.bincount(
                owner[kind < MERGE].astype(int),
                minlength=size,
            ),
            merges=np.bincount(owner[kind == MERGE].astype(int), minlength=size),
        )
        blocks.append(block)
    return stack(blocks)


def events(config: Config, results: Results) -> Table:
    """One row per birth and merge after the collapse."""
    blocks = []
    for arguments, run in results.of(train):
        owner = run["event_member"].astype(int)
        frame = run["event_place"].astype(int)
        last = len(run["step"]) - 1
        measures = ("cosine", "parent_cosine", "rank")
        block = {
            "target": np.full(len(owner), arguments["target"]),
            "seed": run["seed"][owner],
            "step": run["step"][np.minimum(frame, last)],
            "kind": np.array(KINDS)[run["event_kind"].astype(int)],
            "near_fall": run["event_near"].astype(bool),
        }
        block |= {name: run[f"event_{name}"].astype(float) for name in measures}
        blocks.append(block)
    return stack(blocks)


def curves(config: Config, results: Results) -> Table:
    """Loss and number of groups of the first seed."""
    blocks = []
    for target, run in _first_runs(results):
        block = rows(
            {"step": run["step"]},
            target=target,
            loss=run["loss"][0],
            groups=run["groups"][0],
            falls=run["falls"].astype(bool),
        )
        blocks.append(block)
    return stack(blocks)


def paths(config: Config, results: Results) -> Table:
    """Where every group of the first seed points."""
    blocks = []
    for target, run in _first_runs(results):
        lineage = run["path_lineage"].astype(int)
        block = {
            "target": np.full(len(lineage), target),
            "lineage": lineage,
            "step": run["step"][run["path_place"].astype(int)],
            "angle": run["path_angle"].astype(float),
            "share": run["path_share"].astype(float),
        }
        blocks.append(block)
    return stack(blocks)


def tree(config: Config, results: Results) -> Table:
    """Birth, end, parent and heir of every group of the first seed."""
    blocks = []
    for target, run in _first_runs(results):
        step, born = run["step"], run["born"].astype(int)
        block = {
            "target": np.full(len(born), target),
            "lineage": np.arange(len(born)),
            "born": step[born],
            "ended": step[run["ended"].astype(int)],
            "parent": run["parent"].astype(int),
            "merged": run["merged"].astype(int),
            "after_collapse": born > int(run["collapse"][0]),
        }
        blocks.append(block)
    return stack(blocks)


def targets(config: Config, results: Results) -> Table:
    """Titles and learning rates."""
    sampled = [TARGETS[name] for name in config.targets]
    columns = {
        "target": config.targets,
        "title": [target.title for target in sampled],
        "rate": [target.rate for target in sampled],
    }
    return stack([columns])


def births(config: Config, results: Results) -> Table:
    """Distribution functions of what is measured at the births."""
    return distributions(events(config, results))


def distributions(events: Table) -> Table:
    """Per target and measure the share of births with at most a value."""
    empty = rows(
        {"value": np.zeros(0)},
        target="",
        label="",
        measure="",
        share=0.0,
    )
    blocks = [empty]
    for target in dict.fromkeys(events["target"].tolist()):
        happened = events.select(target=target)
        born = happened["kind"] != "merge"
        count = int(np.isfinite(happened["cosine"][born]).sum())
        for measure in ("cosine", "parent_cosine", "rank"):
            column = happened[measure][born]
            values = np.sort(column[np.isfinite(column)])
            shares = np.arange(1, len(values) + 1) / len(values)
            block = rows(
                {"value": [*values[:1], *values]},
                target=target,
                label=f"{target} ({count} births)",
                measure=measure,
                share=[0.0, *shares] if len(values) else 0.0,
            )
            blocks.append(block)
    return stack(blocks, share="of the births with at most this value")
