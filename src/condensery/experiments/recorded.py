"""A run that was not computed here: what a monitor wrote while a user's own model
trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

from condensery._errors import InvalidInputError
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table


class Config(BaseModel):
    """What names a recorded run.

    Attributes:
        name: The user's own name for the training.
        begun: When it began, so that two trainings of one name are two runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    begun: str


class Recorded:
    """What `condensery.record` keeps: it has a figure and tables, but no tasks and
    nothing to claim.
    """

    name: ClassVar[str] = "recorded"
    title: ClassVar[str] = "A training that was recorded"
    summary: ClassVar[str] = (
        "Measures of a user's own model, taken by a monitor while it trained."
    )
    papers: ClassVar[tuple[str, ...]] = ("xu2025overview",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"name": "", "begun": ""}
    }
    statements: ClassVar[tuple[Statement, ...]] = ()

    def data_digest(self, config: BaseModel) -> str:
        """Refuses: there is nothing to run.

        Raises:
            InvalidInputError: Always; a recorded run is made by `condensery.record`
                alone.
        """
        raise InvalidInputError(
            "experiment",
            given="recorded",
            allowed="an experiment that can be run",
            remedy="a recorded run is written by condensery.record(name) while your "
            "own model trains",
        )

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """None."""
        return []

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """They were written by the monitor."""
        return {}

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """None."""
        return []

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """A panel for every measured column."""
        return [
            FigureSpec(
                name="monitor",
                plot="condensery.plots.monitored",
                caption=(
                    "What a monitor measured while the model trained: a panel for "
                    "every measure, a curve for every layer. Where there is an "
                    "effective ratio (directions that cover a layer's neurons, over "
                    "their number), 1 means that every neuron has a direction of its "
                    "own, and near 0 they have gathered in few."
                ),
            )
        ]
