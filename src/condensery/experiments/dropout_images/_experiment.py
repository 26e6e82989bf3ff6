"""Dropout on small images: its mean R_S + R1 does as well as dropout, and R1 rather
than R2 is the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, JsonValue

from condensery.experiments.dropout_images._claims import STATEMENTS, claims_of
from condensery.experiments.dropout_images._config import (
    Config,
    by_descent,
    load_images,
    runs,
)
from condensery.experiments.dropout_images._tables import tables_of
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table


class DropoutImages:
    """Which part of dropout makes a network generalise."""

    name: ClassVar[str] = "dropout-images"
    title: ClassVar[str] = "Dropout on images: R1 does it"
    summary: ClassVar[str] = (
        "A network with one hidden layer learns some hundred images. Dropout raises "
        "its test accuracy by many points; "
        "so does its explicit mean R_S + R1, without any randomness. Taking R1 away "
        "takes most of the gain away, "
        "taking away R2, the term of the finite step, does not."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhang2024dropout",)
    task_version: ClassVar[str] = "2"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"size": "quick"},
        "paper": {"size": "paper"},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Of the images, those for testing included."""
        known = Config.model_validate(config.model_dump())
        return load_images(known.model_dump()).digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One per loss and p."""
        known = Config.model_validate(config.model_dump())
        differ = {
            "steps",
            "rate",
            "init_exponent",
            "part_steps",
            "part_exponent",
            "descent_rate",
            "part_rate",
        }
        shared = known.model_dump(
            mode="json", exclude={"seeds", "keeps", "size", "part_keeps", *differ}
        )
        adam = {
            "steps": known.steps,
            "rate": known.rate,
            "init_exponent": known.init_exponent,
        }
        descent = {
            "steps": known.part_steps,
            "rate": known.descent_rate,
            "init_exponent": known.part_exponent,
            "part_rate": known.part_rate,
        }
        weights = {"plain": 1.0, "descent": 1.0, "L2": 3.0, "L3": 3.0, "L4": 2.0}
        tasks = []
        for kind, keep in runs(known):
            own = descent if by_descent(kind) else adam
            tasks.append(
                Task(
                    function="condensery.experiments.dropout_images._tasks:train",
                    parameters={
                        **shared,
                        **own,
                        "kind": kind,
                        "keep": keep,
                        "count": known.seeds,
                    },
                    version=self.task_version,
                    cost=weights.get(kind, 1.3) * own["steps"] * known.seeds,
                    label=f"{kind}, p = {keep:g}",
                )
            )
        return tasks

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """See `condensery.experiments.dropout_images._tables`."""
        return tables_of(Config.model_validate(config.model_dump()), shards)

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """See `condensery.experiments.dropout_images._claims`."""
        return claims_of(Config.model_validate(config.model_dump()), tables)

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Accuracy and terms over p with the four parts, and the lines between
        these.
        """
        return [
            FigureSpec(
                name="dropout-images",
                plot="condensery.plots.dropout_images",
                caption=(
                    "Test accuracy of R_drop and R_S + R1 over p against that of "
                    "R_S; R_S and R1 of both solutions; "
                    "and the accuracies of the four losses that take dropout apart."
                ),
            ),
            FigureSpec(
                name="dropout-paths",
                plot="condensery.plots.dropout_paths",
                caption=(
                    "R_S on the straight lines between the solutions of the four "
                    "losses, which all start from the same "
                    "parameters. Between two with R1, or two without, the line "
                    "stays low; between one with and one "
                    "without it passes a barrier, and the end with R1 is the "
                    "flatter one."
                ),
            ),
        ]
