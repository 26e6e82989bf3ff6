"""Reduction: a condensed network is merged group by group, and trains on as if nothing
had happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, DataPath, FigureSpec, Statement, Table

if TYPE_CHECKING:
    from condensery.data import Dataset
    from condensery.engine import DescentState, Optimiser
    from condensery.landscape import Moved

CLASSES = 10
COSINES = (0.8, 0.85, 0.9, 0.95, 0.98)
"""Thresholds at which the widths are compared; the paper's is 0.9."""
DROP = 0.02
"""Units with less than this part of the largest amplitude are taken out first; the
paper does not say how small.
"""
PAPER_RATE = 3e-5


class Config(BaseModel):
    """What reduction can be told.

    Attributes:
        data: ``digits``, or ``mnist`` or ``fashion-mnist`` from the IDX files at
            `data_path`.
        data_path: A folder of IDX files, or the image file; empty to search (see
            `condensery.data.load`).
        samples: Images to train on.
        held_out: Images on which predictions are compared, those after `samples`.
        width: Hidden units.
        gamma: Weights and biases start from N(0, std²) with std = width^−gamma.
        rate: Learning rate of Adam.
        steps: Full-batch steps.
        seeds: How many runs, with seeds 0, 1, ….
        cosine: Units of a group have at least this cosine pairwise.
        retrain: Steps of the merged network, and of the wide one beside it.
        dtype: Arithmetic of the training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Literal["digits", "mnist", "fashion-mnist"] = "digits"
    data_path: Annotated[str, DataPath()] = ""
    samples: int = Field(default=1000, ge=2, le=60_000)
    held_out: int = Field(default=797, ge=1, le=60_000)
    width: int = Field(default=400, ge=1, le=100_000)
    gamma: float = Field(default=3.0, ge=0.0, le=10.0)
    rate: float = Field(default=PAPER_RATE, gt=0.0, allow_inf_nan=False)
    steps: int = Field(default=2500, ge=1)
    seeds: int = Field(default=3, ge=1, le=1000)
    cosine: float = Field(default=0.9, gt=0.0, lt=1.0)
    retrain: int = Field(default=200, ge=1)
    dtype: Literal["float32", "float64"] = "float32"

    @property
    def is_reference(self) -> bool:
        """Whether the setting is the paper's but for the images, the rate, and the
        time.
        """
        return (self.width, self.gamma, self.samples, self.cosine) == (
            400,
            3.0,
            1000,
            0.9,
        )


def _images(config: Config) -> Dataset:
    from condensery.data import load

    path = Path(config.data_path) if config.data_path else None
    return load(config.data, path=path, samples=config.samples + config.held_out)


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one network, merge it where its loss falls most slowly, and train both on.

    Args:
        parameters: Everything of `Config` but the seeds.
        seed: Of the initialisation.
        advance: Told how far it is.

    Returns:
        step, loss, width (groups) of the recorded steps; chosen, its place among them;
        retrain_step, retrain_wide, retrain_narrow; cosine, sweep_width,
        sweep_agreement, sweep_loss; agreement, accuracy, change, cosines.
    """
    from condensery.engine import Adam, init_descent
    from condensery.models import mlp_normal

    config = Config.model_validate(parameters)
    images = _images(config)
    y = np.eye(CLASSES)[images.y.astype(int)]
    data = images.x[: config.samples], y[: config.samples]
    net = mlp_normal(
        [data[0].shape[1], config.width, CLASSES],
        seed=seed,
        std=float(config.width) ** -config.gamma,
    )
    rule = Adam(config.rate)
    start = init_descent([net], optimiser=rule, dtype=config.dtype)
    steps = recorded_steps(config.steps)
    losses, kept = [], []
    for number, step in enumerate(steps):
        start, loss = _advanced(start, data, rule, int(step))
        losses.append(loss)
        kept.append(start)
        advance(f"step {step} of {config.steps}", 0.9 * (number + 1) / len(steps))
    chosen = slowest(steps, np.asarray(losses))
    found = _reduced(
        config,
        kept[chosen],
        data,
        images.x[config.samples :],
        images.y[config.samples :].astype(int),
    )
    return {
        "step": steps,
        "loss": np.asarray(losses),
        "chosen": np.array(chosen),
        "width": np.array(
            [_narrow(config, one, data, config.cosine)[1].widths[1][1] for one in kept]
        ),
        **found,
    }


def recorded_steps(last: int) -> np.ndarray:
    """A tenth of a decade apart up to a fifth of the way, then forty even ones."""
    early = np.unique(
        np.round(np.logspace(0, np.log10(max(last // 5, 1)), 20)).astype(int)
    )
    return np.unique(
        np.concatenate(
            [early, np.round(np.linspace(max(last // 5, 1), last, 41)).astype(int)]
        )
    )


def slowest(steps: np.ndarray, losses: np.ndarray) -> int:
    """The recorded step at which the loss falls most slowly on a logarithmic scale,
    once the first plateau is left.

    The first plateau, a constant output, is left when the loss is below 0.9 of it; the
    search ends at half of it. The plateau is the loss at the place of slowest fall of
    the whole run.
    """
    slope = -np.gradient(
        np.log(np.maximum(losses, np.finfo(np.float64).tiny)), np.log(steps)
    )
    settled = losses < 0.99 * losses[0]
    plateau = (
        losses[np.flatnonzero(settled)[np.argmin(slope[settled])]]
        if settled.any()
        else losses[0]
    )
    inside = np.flatnonzero((losses < 0.9 * plateau) & (losses > 0.5 * plateau))
    return int(inside[np.argmin(slope[inside])]) if inside.size else len(steps) - 1


def _advanced(
    state: DescentState, data: tuple[np.ndarray, np.ndarray], rule: Optimiser, step: int
) -> tuple[DescentState, float]:
    from condensery.engine import descend, mean_square
    from condensery.models import Mlp

    result = descend(
        state,
        mean_square(Mlp("relu")),
        data,
        optimiser=rule,
        steps=step - state.step,
        schedule=[],  # pyrefly: ignore
    )
    return result.state, float(result.loss[0, -1])


def _narrow(
    config: Config,
    state: DescentState,
    data: tuple[np.ndarray, np.ndarray],
    cosine: float,
) -> Moved:
    from condensery.landscape import Problem, merge

    net = [
        (np.asarray(W, np.float64), np.asarray(b, np.float64))
        for W, b in state.parameters[0]
    ]
    return merge(
        net,
        Problem(*data, "relu"),
        cosine=cosine,
        drop_below=DROP,
        dead=True,
        spectrum=False,
    )


def _reduced(
    config: Config,
    state: DescentState,
    data: tuple[np.ndarray, np.ndarray],
    x: np.ndarray,
    labels: np.ndarray,
) -> dict[str, np.ndarray]:
    from condensery.engine import Adam, init_descent
    from condensery.landscape import forward

    wide = [
        (np.asarray(W, np.float64), np.asarray(b, np.float64))
        for W, b in state.parameters[0]
    ]
    said = forward(wide, x, "relu").argmax(axis=1)
    sweep = [_narrow(config, state, data, cosine) for cosine in COSINES]
    narrow, receipt = _narrow(config, state, data, config.cosine)
    rule = Adam(config.rate)
    fresh = init_descent([narrow], optimiser=rule, dtype=config.dtype)
    again = init_descent([wide], optimiser=rule, dtype=config.dtype)
    retrained = {
        "retrain_step": np.unique(
            np.round(np.linspace(0, config.retrain, 21)).astype(int)
        )
    }
    for name, begin in (("retrain_narrow", fresh), ("retrain_wide", again)):
        values = []
        for step in retrained["retrain_step"]:
            begin, loss = _advanced(begin, data, rule, int(step))
            values.append(loss)
        retrained[name] = np.asarray(values)
    return {
        **retrained,
        "cosine": np.asarray(COSINES),
        "sweep_width": np.array([receipt.widths[1][1] for _, receipt in sweep]),
        "sweep_agreement": np.array(
            [
                np.mean(forward(net, x, "relu").argmax(axis=1) == said)
                for net, _ in sweep
            ]
        ),
        "sweep_loss": np.array([receipt.loss[1] for _, receipt in sweep]),
        "agreement": np.array(
            np.mean(forward(narrow, x, "relu").argmax(axis=1) == said)
        ),
        "accuracy": np.array(
            [
                np.mean(net.argmax(axis=1) == labels)
                for net in (forward(wide, x, "relu"), forward(narrow, x, "relu"))
            ]
        ),
        "change": np.array(receipt.data_change_relative),
        "left_apart": np.array(len(receipt.notes)),
        "cosines": _grouped_cosines(wide),
    }


def _grouped_cosines(net: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Cosines between the units that are not taken out, in the order in which complete
    linkage joins them.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    rows = np.column_stack(net[0])
    sizes = np.linalg.norm(rows, axis=1) * np.linalg.norm(net[1][0], axis=0)
    rows = rows[sizes >= DROP * sizes.max()]
    cosines = _normed(rows) @ _normed(rows).T
    if len(rows) > 2:
        gaps = np.maximum(1 - cosines, 0.0)
        np.fill_diagonal(gaps, 0.0)
        order = leaves_list(linkage(squareform(gaps, checks=False), method="complete"))
        cosines = cosines[np.ix_(order, order)]
    return cosines.astype(np.float32)


def _normed(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _statement(
    name: str, relation: Literal["<=", ">=", "within"], statement: str
) -> Statement:
    return Statement(
        id=name,
        paper="zhang2021embedding",
        statement=statement,
        relation=relation,
        source="Fig. 5, Appendix",
    )


STATEMENTS = (
    _statement(
        "width",
        ">=",
        "A condensed network of width 400 is merged to a width at least 4 times "
        "smaller.",
    ),
    _statement(
        "agreement",
        ">=",
        "The merged network predicts the same class for at least 97 % of unseen "
        "images.",
    ),
    _statement(
        "returns",
        "<=",
        "Trained on for a few steps, it is back at the loss before the merge, "
        "within 5 %.",
    ),
    _statement(
        "paper-width",
        "within",
        "The effective width of the paper's network at its plateau is 58.",
    ),
)


class Reduction:
    """A wide ReLU network from a tiny initialisation on images, cut down in the middle
    of its training.
    """

    name: ClassVar[str] = "reduction"
    title: ClassVar[str] = "Reduction: a condensed network is merged and trains on"
    summary: ClassVar[str] = (
        "A two-layer ReLU network of width 400, started from N(0, m^−6), learns "
        "1000 images by full-batch Adam. Where "
        "its loss falls most slowly its neurons stand in a few dozen groups; each "
        "group is merged into one neuron, and "
        "the small network is compared with the large one and trained on."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhang2021embedding", "chen2024reduction")
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"seeds": 3},
        "paper": {"seeds": 8, "steps": 10_000, "retrain": 1000},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Of the images, so that other images never meet old shards."""
        return _images(Config.model_validate(config.model_dump())).digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One per seed."""
        known = Config.model_validate(config.model_dump())
        return [
            Task(
                function="condensery.experiments.reduction:train",
                parameters=known.model_dump(mode="json", exclude={"seeds"}),
                seed=seed,
                version=self.task_version,
                cost=float(known.steps) * known.width * known.samples,
                label=f"seed {seed}",
            )
            for seed in range(known.seeds)
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Training, retraining, the sweep of thresholds, one row per seed, and the
        cosines of seed 0.
        """
        return {
            "training": _rows(shards, step="step", loss="loss", width="width"),
            "retraining": _rows(
                shards,
                step="retrain_step",
                narrow="retrain_narrow",
                wide="retrain_wide",
            ),
            "sweep": _rows(
                shards,
                cosine="cosine",
                width="sweep_width",
                agreement="sweep_agreement",
                loss="sweep_loss",
            ),
            "members": _members(Config.model_validate(config.model_dump()), shards),
            "cosines": Table(columns={"cosine": np.asarray(shards[0]["cosines"])}),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Judged at the paper's width, initialisation, number of images and threshold;
        the worst seed counts.
        """
        known = Config.model_validate(config.model_dump())
        members = tables["members"]
        remark = (
            f"the least favourable of {known.seeds} seeds; {known.data}, rate "
            f"{known.rate:g}"
        )
        note = remark if known.is_reference else "another setting than the paper's"
        width, agreement, returns, paper = self.statements
        factor = float((known.width / members["width"]).min())
        least, off = (
            float(members["agreement"].min()),
            float(members["return_ratio"].max()),
        )
        median = float(np.median(members["width"]))
        images = (
            "not judged: the paper's images are MNIST and its stop is not "
            f"printed; median of {known.seeds} seeds"
        )
        return [
            width.check(factor, 4.0 if known.is_reference else None, note=note),
            agreement.check(least, 0.97 if known.is_reference else None, note=note),
            returns.check(
                off,
                1.05 if known.is_reference else None,
                note=f"{note}; within {known.retrain} steps",
            ),
            paper.check(median, None, tolerance=10.0, note=images),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """The training, the cosines, and what is left."""
        return [
            FigureSpec(
                name="reduction",
                plot="condensery.plots.reduction",
                caption=(
                    "Left: the loss of the wide network (one line per seed; merged "
                    "at the ring) and, on the "
                    "right axis, its number of groups. Middle: cosines between its "
                    "neurons, sorted: blocks are groups. "
                    "Right: the merged network trains on beside the wide one; "
                    "dashed, 5 % above the loss before the "
                    "merge."
                ),
            )
        ]


def _rows(shards: Sequence[Arrays], **names: str) -> Table:
    first = next(iter(names.values()))
    seeds = np.concatenate(
        [np.full(len(shard[first]), seed) for seed, shard in enumerate(shards)]
    )
    columns = {
        column: np.concatenate([np.asarray(shard[name]) for shard in shards])
        for column, name in names.items()
    }
    return Table(columns={"seed": seeds, **columns})


def _members(config: Config, shards: Sequence[Arrays]) -> Table:
    chosen = [int(shard["chosen"]) for shard in shards]
    before = np.array(
        [
            float(shard["loss"][place])
            for shard, place in zip(shards, chosen, strict=True)
        ]
    )
    return Table(
        columns={
            "seed": np.arange(len(shards)),
            "step": np.array(
                [
                    int(shard["step"][place])
                    for shard, place in zip(shards, chosen, strict=True)
                ]
            ),
            "loss": before,
            "width": np.array(
                [
                    int(shard["width"][place])
                    for shard, place in zip(shards, chosen, strict=True)
                ]
            ),
            "agreement": np.array([float(shard["agreement"]) for shard in shards]),
            "accuracy_wide": np.array(
                [float(shard["accuracy"][0]) for shard in shards]
            ),
            "accuracy_narrow": np.array(
                [float(shard["accuracy"][1]) for shard in shards]
            ),
            "change": np.array([float(shard["change"]) for shard in shards]),
            "left_apart": np.array([int(shard["left_apart"]) for shard in shards]),
            "return_ratio": np.array(
                [float(np.min(shard["retrain_narrow"])) for shard in shards]
            )
            / before,
        },
        units={
            "change": "max |Δf| over max |f| on the training images",
            "left_apart": "groups that the merge refused",
            "return_ratio": "least loss of the merged network while it trains on, "
            "over the loss before the merge",
        },
    )
