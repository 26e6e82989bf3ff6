"""The tables of condensation-dynamics: members, events, and the tree of the first
seed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from condensery.declare import Blocks, Results, Tables, rows, table
from condensery.experiments.condensation_dynamics._config import TARGETS, Config
from condensery.experiments.condensation_dynamics._tasks import KINDS, MERGE, train
from condensery.protocols import Arrays

MEASURES = ("cosine", "parent_cosine", "rank")
"""What is measured at a birth."""


def _first_runs(results: Results) -> Iterator[tuple[str, Arrays]]:
    """Of every target the run that begins with seed 0."""
    for arguments, run in results.of(train):
        if run["seed"][0] == 0:
            yield arguments["target"], run


@table()
def members(config: Config, results: Results) -> Blocks:
    """One row per target and seed."""
    for arguments, run in results.of(train):
        collapse, groups = run["collapse"], run["groups"]
        starts = zip(groups, collapse, strict=True)
        later = [row[start:] for row, start in starts]
        falls = [np.max(np.maximum.accumulate(row) - row) for row in later]
        owner = run["event_member"].astype(int)
        merged = run["event_kind"] == MERGE
        size = len(run["seed"])
        yield {
            "seed": run["seed"],
            "target": arguments["target"],
            "status": run["status"],
            "loss": run["loss"][:, -1],
            "collapse_step": run["step"][collapse],
            "groups_collapse": [row[0] for row in later],
            "groups_end": groups[:, -1],
            "fall_back": np.array(falls, dtype=np.float64),
            "covered": run["covered"],
            "births": np.bincount(owner[~merged], minlength=size),
            "merges": np.bincount(owner[merged], minlength=size),
        }


@table()
def events(config: Config, results: Results) -> Blocks:
    """One row per birth and merge after the collapse."""
    for arguments, run in results.of(train):
        owner, frame, kind = (
            run[f"event_{name}"].astype(int) for name in ("member", "place", "kind")
        )
        last = len(run["step"]) - 1
        block = {
            "target": arguments["target"],
            "seed": run["seed"][owner],
            "step": run["step"][np.minimum(frame, last)],
            "kind": np.array(KINDS)[kind],
            "near_fall": run["event_near"].astype(bool),
        }
        for name in MEASURES:
            block[name] = run[f"event_{name}"].astype(float)
        yield block


@table()
def curves(config: Config, results: Results) -> Blocks:
    """Loss and number of groups of the first seed."""
    for target, run in _first_runs(results):
        yield {
            "step": run["step"],
            "target": target,
            "loss": run["loss"][0],
            "groups": run["groups"][0],
            "falls": run["falls"].astype(bool),
        }


@table()
def paths(config: Config, results: Results) -> Blocks:
    """Where every group of the first seed points."""
    for target, run in _first_runs(results):
        frame = run["path_place"].astype(int)
        yield {
            "target": target,
            "lineage": run["path_lineage"].astype(int),
            "step": run["step"][frame],
            "angle": run["path_angle"].astype(float),
            "share": run["path_share"].astype(float),
        }


@table()
def tree(config: Config, results: Results) -> Blocks:
    """Birth, end, parent and heir of every group of the first seed."""
    for target, run in _first_runs(results):
        step = run["step"]
        born, ended, parent, merged = (
            run[name].astype(int) for name in ("born", "ended", "parent", "merged")
        )
        yield {
            "target": target,
            "lineage": np.arange(len(born)),
            "born": step[born],
            "ended": step[ended],
            "parent": parent,
            "merged": merged,
            "after_collapse": born > int(run["collapse"][0]),
        }


@table()
def targets(config: Config, results: Results) -> Blocks:
    """Titles and learning rates."""
    for name in config.targets:
        target = TARGETS[name]
        yield {
            "target": name,
            "title": target.title,
            "rate": target.rate,
        }


@table(share="of the births with at most this value")
def births(config: Config, tables: Tables) -> Blocks:
    """Distribution functions of what is measured at the births, per target."""
    no_row = {"value": np.zeros(0)}
    yield rows(no_row, target="", label="", measure="", share=0.0)
    events = tables["events"]
    for target in dict.fromkeys(events["target"].tolist()):
        happened = events.select(target=target)
        born = happened.take(happened["kind"] != "merge")
        count = int(np.isfinite(born["cosine"]).sum())
        for measure in MEASURES:
            column = born[measure]
            values = np.sort(column[np.isfinite(column)])
            ranks = np.arange(1, len(values) + 1)
            shares = ranks / len(values)
            yield {
                "value": [*values[:1], *values],
                "target": target,
                "label": f"{target} ({count} births)",
                "measure": measure,
                "share": [0.0, *shares] if len(values) else [],
            }
