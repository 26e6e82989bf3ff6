"""The claims of condensation-dynamics, its figures, and the experiment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from condensery.charts import Axis, Chart, Guide, Lines, Look, Panel, Points, figure
from condensery.declare import (
    Declared,
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
    exactly,
)
from condensery.experiments.condensation_dynamics import _tables
from condensery.experiments.condensation_dynamics._config import Config
from condensery.experiments.condensation_dynamics._tasks import work
from condensery.metrics import mean_difference
from condensery.records import FigureSpec, Table

OPEN = "an open question: reported, not judged"

reported = partial(
    claim,
    kind="observation",
    paper="condensery",
    source="this project, on an open question of Xu et al. 2025: by what mechanism the "
    "number of orientations grows",
)
REFERENCE = exactly(exponent=2.0, width=100, samples=40, steps=100_000)


def _births(tables: Tables) -> Table:
    events = tables["events"]
    return events.take(events["kind"] != "merge")


@claim(
    "grows",
    "After the neurons have gathered, their groups become more (median over runs of "
    "the "
    "number at the end minus that at the collapse; smallest over the targets).",
    at_least(1.0),
    kind="reproduction",
    paper="xu2025overview",
    source="the number of orientations grows with training; the mechanism is open",
    when=REFERENCE,
)
def growth(config: Config, tables: Tables) -> Measured:
    """The smallest median over the targets."""
    members = tables["members"]
    gained = members["groups_end"] - members["groups_collapse"]
    medians = {
        target: float(np.median(gained[members["target"] == target]))
        for target in config.targets
    }
    return Measured(min(medians.values()), growth_text(medians))


def growth_text(growth: Mapping[str, float]) -> str:
    """``demo-c +4, waves +3``."""
    return ", ".join(f"{name} {value:+g}" for name, value in growth.items())


@reported(
    "near-falls",
    "Groups are born where the loss falls: births within 0.1 decades of a fall less "
    "those expected of births spread evenly over the logarithm of time (per run; lower "
    "end of the 95 % interval over the runs).",
    at_least(0.0),
    when=REFERENCE,
)
def near_falls(config: Config, tables: Tables) -> Measured:
    """Births near falls beyond chance; births of one run are not independent."""
    members, births = tables["members"], _births(tables)
    chance = members["covered"] * members["births"]
    runs = zip(members["target"].tolist(), members["seed"].tolist(), strict=True)
    near = [
        births.select(target=target, seed=seed)["near_fall"].sum()
        for target, seed in runs
    ]
    beyond = mean_difference(np.array(near, dtype=np.float64), chance)
    note = (
        f"{sum(near):.0f} of {len(births)} births, {chance.sum():.1f} expected; a run "
        f"{beyond} over {beyond.pairs} runs; a fall: −d log loss/d log step ≥ "
        f"{config.falling:g} over five recorded steps"
    )
    return Measured(beyond.low if beyond.pairs > 1 else None, note)


@reported(
    "monotone",
    "Once they grow the number of groups does not fall (mean over runs of the greatest "
    "fall below an earlier number).",
    at_most(None),
)
def greatest_fall(config: Config, tables: Tables) -> Measured:
    """Mean over runs."""
    births = len(_births(tables))
    merges = len(tables["events"]) - births
    note = f"{OPEN}; {merges} merges to {births} births"
    return Measured(float(tables["members"]["fall_back"].mean()), note)


@reported(
    "collapse",
    "At first all neurons stand in one group (share of runs).",
    at_least(None),
)
def collapsed(config: Config, tables: Tables) -> Measured:
    """Share of runs."""
    share = np.mean(tables["members"]["groups_collapse"] == 1)
    return Measured(float(share), f"{OPEN}; ReLU has no multiplicity")


@reported(
    "splits",
    "New groups split off others (share of births; the rest emerge from neurons in no "
    "group).",
    at_least(None),
)
def splits(config: Config, tables: Tables) -> Measured:
    """Share of births."""
    births = _births(tables)
    count = (births["kind"] == "split").sum()
    return Measured(float(count / len(births)) if len(births) else None, OPEN)


@reported(
    "aligned",
    "A newborn group points where its own residual pulls it, Σ e_i σ'(w·x_i) x_i over "
    "its active samples (median cosine).",
    at_least(None),
)
def alignment(config: Config, tables: Tables) -> Measured:
    """Median cosine of the births."""
    births = _births(tables)
    emerged, split = (births.select(kind=kind) for kind in ("emerged", "split"))
    note = (
        f"{OPEN}; emerged {_median(emerged['cosine'])}, split "
        f"{_median(split['cosine'])}, the parents of these "
        f"{_median(split['parent_cosine'])}"
    )
    return Measured(_median(births["cosine"]), note)


def _median(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return round(float(np.median(values)), 4) if len(values) else None


@reported(
    "at-rest",
    "A newborn group stands near a direction at which the residual would let it rest "
    "(mean rank of the distance among all live directions, ½ by chance).",
    at_most(None),
)
def rank_at_birth(config: Config, tables: Tables) -> Measured:
    """Mean rank of the births."""
    births = _births(tables)
    mean = float(np.nanmean(births["rank"])) if len(births) else None
    return Measured(mean, OPEN)


# Figures

SHARE = Axis(limits=(-0.03, 1.05))


def _distribution(measure: str, look: Look) -> Lines:
    return Lines(
        table="births",
        x="value",
        y="share",
        by="label",
        only={"measure": measure},
        look=look,
        steps=True,
    )


def _births_of(measure: str, *, label: str = "") -> Points:
    """A shape per target, for readers who see no colours."""
    return Points(
        table="births",
        x="value",
        y="share",
        by="label",
        only={"measure": measure},
        label=label,
        look=Look(size=3.4, hollow=True),
    )


WHOLE = Look(width=1.3)


cosines = Panel(
    marks=(
        _distribution("cosine", WHOLE),
        _births_of("cosine", label="{}"),
        _distribution("parent_cosine", Look(width=0.9, dashes="--")),
    ),
    title="newborn groups (dashed: their parents)",
    x=Axis(label="cosine with the residual's pull", limits=(-1.08, 1.08)),
    y=Axis(label="share of births", limits=(-0.03, 1.05)),
    legend="upper left",
)
ranks = Panel(
    marks=(
        _distribution("rank", WHOLE),
        _births_of("rank"),
        Guide(x=(0, 1), y=(0, 1), look=Look(colour="grey", dashes=":", width=1.0)),
    ),
    title="nearness to rest (dotted: chance)",
    x=Axis(label="rank of the distance to rest", limits=(-0.04, 1.04)),
    y=SHARE,
)

condensation_dynamics = Declared(
    name="condensation-dynamics",
    title="Births and merges of condensed groups",
    summary="Two-layer ReLU networks of 100 units with parameters of size m⁻² learn "
    "three targets on a line. Every condensed group is followed from step to step: "
    "where it is born, out of which other, where it merges, what the residual pulls it "
    "to at that moment, and whether the loss falls then.",
    papers=("xu2025overview", "zhou2022initial", "condensery"),
    task_version="2",
    Config=Config,
    presets={"quick": {"seeds": 3}, "paper": {"seeds": 24}},
    work=work,
    makes={
        "members": _tables.members,
        "events": _tables.events,
        "curves": _tables.curves,
        "paths": _tables.paths,
        "tree": _tables.tree,
        "targets": _tables.targets,
    },
    derives={"births": _tables.births},
    judges=(
        growth,
        near_falls,
        greatest_fall,
        collapsed,
        splits,
        alignment,
        rank_at_birth,
    ),
    draws=(
        FigureSpec(
            name="group-tree",
            plot="condensery.plots.group_tree",
            caption="Above: the loss (shaded where it falls) and the number of groups. "
            "Below: where every condensed group points, from birth to end; rings: "
            "splits; triangles: it emerges; crosses: merges.",
        ),
        figure(
            "birth-alignment",
            "At all births of all runs: cosine between a newborn group and what the "
            "residual pulls it to (dashed: its parent), and how near it stands to a "
            "direction of rest, as a rank; the diagonal is chance.",
            Chart(panels=((cosines, ranks),), width=6.0, height=2.8),
        ),
    ),
)
