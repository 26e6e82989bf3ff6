"""The experiment: what it declares to the workbench, its tables and its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, JsonValue

from condensery.experiments.condensation_dynamics._config import TARGETS, Config
from condensery.experiments.condensation_dynamics._tasks import KINDS
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Relation, Statement, Table

SEEDS_PER_TASK = 4
OPEN = "an open question: reported, not judged"


def _s(name: str, relation: Relation, statement: str) -> Statement:
    source = "the number of orientations grows with training; the mechanism is open"
    return Statement(
        id=name,
        paper="xu2025overview",
        statement=statement,
        relation=relation,
        source=source,
    )


class CondensationDynamics:
    """Births and merges of condensed groups while a network trains."""

    name: ClassVar[str] = "condensation-dynamics"
    title: ClassVar[str] = "Births and merges of condensed groups"
    summary: ClassVar[str] = (
        "Two-layer ReLU networks of 100 units with parameters of size m⁻² learn "
        "three targets on a line. Every "
        "condensed group is followed from step to step: where it is born, out of "
        "which other, where it merges, what "
        "the residual pulls it to at that moment, and whether the loss falls then."
    )
    papers: ClassVar[tuple[str, ...]] = ("xu2025overview", "zhou2022initial")
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"seeds": 3},
        "paper": {"seeds": 24},
    }
    statements: ClassVar[tuple[Statement, ...]] = (
        _s(
            "grows",
            ">=",
            "After the neurons have gathered, their groups become more (median over "
            "runs of the number "
            "at the end minus that at the collapse; smallest over the targets).",
        ),
        _s(
            "near-falls",
            ">=",
            "Groups are born where the loss falls: births within 0.1 decades of a "
            "fall, relative to "
            "births spread evenly over the logarithm of time (pooled).",
        ),
        _s(
            "monotone",
            "<=",
            "Once they grow the number of groups does not fall (mean over runs of "
            "the greatest fall "
            "below an earlier number).",
        ),
        _s(
            "collapse", ">=", "At first all neurons stand in one group (share of runs)."
        ),
        _s(
            "splits",
            ">=",
            "New groups split off others (share of births; the rest emerge from "
            "neurons in no group).",
        ),
        _s(
            "aligned",
            ">=",
            "A newborn group points where its own residual pulls it, Σ e_i "
            "σ'(w·x_i) x_i over its "
            "active samples (median cosine).",
        ),
        _s(
            "at-rest",
            "<=",
            "A newborn group stands near a direction at which the residual would "
            "let it rest (mean "
            "rank of the distance among all live directions, ½ by chance).",
        ),
    )

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """Blocks of four seeds per target."""
        known = _known(config)
        tasks = []
        for target in known.targets:
            for first in range(0, known.seeds, SEEDS_PER_TASK):
                count = min(SEEDS_PER_TASK, known.seeds - first)
                parameters = {
                    **known.model_dump(mode="json", exclude={"targets", "seeds"}),
                    "target": target,
                    "count": count,
                }
                tasks.append(
                    Task(
                        function="condensery.experiments.condensation_dynamics._tasks:train",
                        parameters=parameters,
                        seed=first,
                        version=self.task_version,
                        cost=float(count * known.steps) * known.width,
                        label=f"{target}, seeds {first} to {first + count - 1}",
                    )
                )
        return tasks

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Members, events, and of the first seed of every target the curves, the
        groups' paths and their tree.
        """
        known = _known(config)
        per_target = -(-known.seeds // SEEDS_PER_TASK)
        names = [name for name in known.targets for _ in range(per_target)]
        first = {name: shards[names.index(name)] for name in known.targets}
        return {
            "members": _stacked(
                [
                    _members(name, shard)
                    for name, shard in zip(names, shards, strict=True)
                ]
            ),
            "events": _stacked(
                [
                    _events(name, shard)
                    for name, shard in zip(names, shards, strict=True)
                ]
            ),
            "curves": _stacked([_curves(name, shard) for name, shard in first.items()]),
            "paths": _stacked([_paths(name, shard) for name, shard in first.items()]),
            "tree": _stacked([_tree(name, shard) for name, shard in first.items()]),
            "targets": Table(
                columns={
                    "target": [*known.targets],
                    "title": [TARGETS[name].title for name in known.targets],
                    "rate": [TARGETS[name].rate for name in known.targets],
                }
            ),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Two statements that can be made in advance are judged, the others
        reported.
        """
        known = _known(config)
        members, events = tables["members"], tables["events"]
        asserted = known.is_reference
        grows, falls, monotone, collapse, splits, aligned, rest = self.statements
        gained = members["groups_end"] - members["groups_collapse"]
        growth = {
            name: float(np.median(gained[members["target"] == name]))
            for name in known.targets
        }
        least = min(growth, key=lambda name: growth[name])
        born = events["kind"] != "merge"
        count, merges = int(born.sum()), int((~born).sum())
        expected = float(np.sum(members["covered"] * members["births"]))
        seen = float(events["near_fall"][born].sum())
        ratio = seen / expected if expected > 0 else None
        split = events["kind"] == "split"
        cosines, parents = events["cosine"][born], events["parent_cosine"][split]
        measured = (
            f"{seen:.0f} of {count} births, {expected:.1f} expected; a fall: −d log "
            "loss/d log step ≥ "
            f"{known.falling:g} over five recorded steps"
        )
        by_kind = (
            f"emerged {_median(events['cosine'][events['kind'] == 'emerged'])}, "
            f"split {_median(events['cosine'][split])}, the parents of these "
            f"{_median(parents)}"
        )
        setting = "" if asserted else "no prediction for this setting"
        return [
            grows.check(
                growth[least],
                1.0 if asserted else None,
                note=setting or growth_text(growth),
            ),
            falls.check(ratio, 1.0 if asserted else None, note=setting or measured),
            monotone.check(
                float(members["fall_back"].mean()),
                None,
                note=f"{OPEN}; {merges} merges to {count} births",
            ),
            collapse.check(
                float(np.mean(members["groups_collapse"] == 1)),
                None,
                note=f"{OPEN}; ReLU has no multiplicity",
            ),
            splits.check(
                float(split.sum() / count) if count else None, None, note=OPEN
            ),
            aligned.check(_median(cosines), None, note=f"{OPEN}; {by_kind}"),
            rest.check(
                float(np.nanmean(events["rank"][born])) if count else None,
                None,
                note=OPEN,
            ),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """The trees of the first seed, and how newborn groups stand."""
        return [
            FigureSpec(
                name="group-tree",
                plot="condensery.plots.group_tree",
                caption="Above: the loss (shaded where it falls) and the number of "
                "groups. Below: where every "
                "condensed group points, from birth to end; rings: splits; "
                "triangles: it emerges; crosses: merges.",
            ),
            FigureSpec(
                name="birth-alignment",
                plot="condensery.plots.birth_alignment",
                caption="At all births of all runs: cosine between a newborn group "
                "and what the residual pulls it to, "
                "and how near it stands to a direction of rest, as a rank; the "
                "diagonal is chance.",
            ),
        ]


def growth_text(growth: Mapping[str, float]) -> str:
    """``demo-c +4, waves +3``."""
    return ", ".join(f"{name} {value:+g}" for name, value in growth.items())


def _median(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return round(float(np.median(values)), 4) if len(values) else None


def _known(config: BaseModel) -> Config:
    return (
        config
        if isinstance(config, Config)
        else Config.model_validate(config.model_dump())
    )


def _stacked(parts: Sequence[Mapping[str, np.ndarray]]) -> Table:
    return Table(
        columns={
            name: np.concatenate([np.asarray(part[name]) for part in parts])
            for name in parts[0]
        }
    )


def _members(target: str, shard: Arrays) -> dict[str, np.ndarray]:
    seeds, groups, collapse = (
        np.asarray(shard[name]) for name in ("seed", "groups", "collapse")
    )
    owner, kind = (
        np.asarray(shard["event_member"], dtype=int),
        np.asarray(shard["event_kind"], dtype=int),
    )
    later = [row[at:] for row, at in zip(groups, collapse, strict=True)]
    return {
        "target": np.full(len(seeds), target),
        "seed": seeds,
        "status": np.asarray(shard["status"]),
        "loss": np.asarray(shard["loss"])[:, -1],
        "collapse_step": np.asarray(shard["step"])[collapse],
        "groups_collapse": np.array([row[0] for row in later]),
        "groups_end": groups[:, -1],
        "fall_back": np.array(
            [float(np.max(np.maximum.accumulate(row) - row)) for row in later]
        ),
        "covered": np.asarray(shard["covered"]),
        "births": np.array(
            [np.sum((owner == k) & (kind < 2)) for k in range(len(seeds))]
        ),
        "merges": np.array(
            [np.sum((owner == k) & (kind == 2)) for k in range(len(seeds))]
        ),
    }


def _events(target: str, shard: Arrays) -> dict[str, np.ndarray]:
    owner, place, kind = (
        np.asarray(shard[f"event_{name}"], dtype=int)
        for name in ("member", "place", "kind")
    )
    return {
        "target": np.full(len(owner), target),
        "seed": np.asarray(shard["seed"])[owner],
        "step": np.asarray(shard["step"])[np.minimum(place, len(shard["step"]) - 1)],
        "kind": np.array(KINDS)[kind],
        "near_fall": np.asarray(shard["event_near"], dtype=bool),
        **{
            name: np.asarray(shard[f"event_{name}"], float)
            for name in ("cosine", "parent_cosine", "rank")
        },
    }


def _curves(target: str, shard: Arrays) -> dict[str, np.ndarray]:
    step = np.asarray(shard["step"])
    return {
        "target": np.full(len(step), target),
        "step": step,
        "loss": np.asarray(shard["loss"])[0],
        "groups": np.asarray(shard["groups"])[0],
        "falls": np.asarray(shard["falls"], dtype=bool),
    }


def _paths(target: str, shard: Arrays) -> dict[str, np.ndarray]:
    lineage = np.asarray(shard["path_lineage"], dtype=int)
    return {
        "target": np.full(len(lineage), target),
        "lineage": lineage,
        "step": np.asarray(shard["step"])[np.asarray(shard["path_place"], dtype=int)],
        "angle": np.asarray(shard["path_angle"], float),
        "share": np.asarray(shard["path_share"], float),
    }


def _tree(target: str, shard: Arrays) -> dict[str, np.ndarray]:
    step = np.asarray(shard["step"])
    born, ended = (
        np.asarray(shard["born"], dtype=int),
        np.asarray(shard["ended"], dtype=int),
    )
    return {
        "target": np.full(len(born), target),
        "lineage": np.arange(len(born)),
        "born": step[born],
        "ended": step[ended],
        "parent": np.asarray(shard["parent"], dtype=int),
        "merged": np.asarray(shard["merged"], dtype=int),
        "after_collapse": born > int(np.asarray(shard["collapse"])[0]),
    }
