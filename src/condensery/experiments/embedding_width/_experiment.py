"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, JsonValue

from condensery.experiments.embedding_width._claims import STATEMENTS, judge
from condensery.experiments.embedding_width._config import Config
from condensery.experiments.embedding_width._tables import build_tables
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

_HERE = "condensery.experiments.embedding_width._tasks"
_COSTS = {"embed_line": 3.0, "embed_iris": 2.0}


class EmbeddingWidth:
    """Critical points of narrow nets, embedded in wider ones: same loss, more zeros,
    and ways down.
    """

    name: ClassVar[str] = "embedding-width"
    title: ClassVar[str] = "The embedding principle in width"
    summary: ClassVar[str] = (
        "Critical points of tanh nets of widths 1, 2 and 3 are found to ‖g‖ ≤ 1e-10 "
        "and embedded in wider nets by "
        "splitting neurons. The loss stays; each copy adds a zero eigenvalue, and "
        "where the inner Hessian of "
        "the neuron is not zero a direction of descent: a local minimum becomes a "
        "strict saddle."
    )
    papers: ClassVar[tuple[str, ...]] = (
        "zhang2021embedding",
        "zhang2022embedding",
        "fukumizu2000local",
    )
    task_version: ClassVar[str] = "2"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"starts": 128, "iris_starts": 128},
        "paper": {
            "starts": 1000,
            "iris_starts": 1000,
            "dense_up_to": 200,
            "escape_widths": [2, 3, 5, 10, 20, 50],
            "escape_seeds": 8,
            "escape_steps": 1_500_000,
        },
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Digest of the samples of the three steps."""
        from condensery.data import load

        return load("three-steps").digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """The points on a line, those of Iris, and the escapes, one task per width."""
        known = Config.model_validate(config.model_dump())
        parameters = known.model_dump(mode="json")
        points = [
            Task(
                function=f"{_HERE}:{name}",
                parameters=parameters,
                version=self.task_version,
                cost=cost,
                label=name.replace("_", " "),
            )
            for name, cost in _COSTS.items()
        ]
        escapes = [
            Task(
                function=f"{_HERE}:escape",
                parameters={**parameters, "width": width},
                version=self.task_version,
                cost=1.0 + 0.1 * width,
                label=f"escapes at width {width}",
            )
            for width in known.escape_widths
        ]
        return [*points, *escapes]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Points, splits with predicted and measured inertia, spectra, widths, curves
        of descent, escapes.
        """
        line, iris, *escapes = shards
        return build_tables(line, iris, escapes)

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """A claim for every statement."""
        return judge(tables)

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Spectra, and what the new directions are good for."""
        return [
            FigureSpec(
                name="embedding-spectra",
                plot="condensery.plots.embedding_spectra",
                caption="Eigenvalues of the Hessian at critical points of widths 1 "
                "and 2 and on Iris, before and after "
                "splitting one neuron in two or three equal copies, on an axis that "
                "is logarithmic on both sides of "
                "the band that counts as zero. Every copy adds eigenvalues below "
                "the band.",
            ),
            FigureSpec(
                name="embedding-descent",
                plot="condensery.plots.embedding_descent",
                caption="Left: the loss along a direction of descent that the "
                "narrow net does not have. Middle: number "
                "of directions of descent of the width-1 optimum against the width "
                "it is embedded in. Right: its most "
                "negative eigenvalue, and the time, steps times learning rate, that "
                "gradient descent needs to leave.",
            ),
        ]
