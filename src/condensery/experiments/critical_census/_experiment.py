"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, JsonValue

from condensery.experiments.critical_census._config import Config
from condensery.experiments.critical_census._tables import build_tables
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

LOSSES = {1: 0.10902, 2: 0.06979, 3: 0.0}
_FIG4 = "Fig. 4"


def _open(name: str, statement: str) -> Statement:
    source = "open question: which critical points are no embedding?"
    return Statement(
        id=name,
        paper="zhang2022embedding",
        statement=statement,
        relation=">=",
        source=source,
    )


STATEMENTS = (
    *(
        Statement(
            id=f"loss-{width}",
            paper="zhang2021embedding",
            relation="within",
            source=_FIG4,
            statement=f"The lowest critical loss found at width {width} is {loss:g}.",
        )
        for width, loss in LOSSES.items()
    ),
    Statement(
        id="never-fewer",
        paper="zhang2022embedding",
        relation=">=",
        source="Thm 6.2",
        statement="No embedded class has fewer negative eigenvalues than the class "
        "it comes from (smallest change).",
    ),
    Statement(
        id="becomes-saddle",
        paper="zhang2021embedding",
        relation=">=",
        source="Sec. 4; Fig. 4",
        statement="Every local minimum with a loss above 0 that was found again in "
        "a wider net was found there as a "
        "strict saddle (share).",
    ),
    _open(
        "again",
        "Share of the classes of narrower nets that some start of a wider net led to.",
    ),
    _open(
        "new-minima-2",
        "Local minima of width 2 that are no embedding and are not the best one "
        "(published: none).",
    ),
    _open("new-2", "Classes of width 2 that are no embedding."),
    _open("new-3", "Classes of width 3 that are no embedding."),
    _open(
        "unknown",
        "Classes that are an embedding of a narrower net, where no start of that "
        "width led to it.",
    ),
)


class CriticalCensus:
    """All critical points that many starts lead to, width by width, and which embed in
    which.
    """

    name: ClassVar[str] = "critical-census"
    title: ClassVar[str] = "A census of critical points"
    summary: ClassVar[str] = (
        "From hundreds of random places critical points of tanh nets of widths 1, 2 "
        "and 3 are searched, each is "
        "reduced to the smallest net with its function, and classes of equal "
        "functions are linked across widths. Those "
        "that are no embedding of a narrower net are counted: how many there are is "
        "an open question."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhang2021embedding", "zhang2022embedding")
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"starts": 512},
        "paper": {"starts": 8192, "blocks": 8, "widths": [1, 2, 3, 4]},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Digest of the samples of the three steps."""
        from condensery.data import load

        return load("three-steps").digest

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """Blocks of starts, every width in each."""
        known = Config.model_validate(config.model_dump())
        edges = np.linspace(0, known.starts, known.blocks + 1).round().astype(int)
        return [
            Task(
                function="condensery.experiments.critical_census._tasks:search",
                parameters={
                    "width": width,
                    "steps": known.steps,
                    "first": int(first),
                    "count": int(last - first),
                },
                version=self.task_version,
                cost=float(width**2 * (last - first)),
                label=f"width {width} from {first}",
            )
            for first, last in pairwise(edges)
            for width in known.widths
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """How the searches ended, the classes of critical points, and the edges between
        them.
        """
        return build_tables(Config.model_validate(config.model_dump()), shards)

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """The published losses and theorems; counts without a verdict for the open
        question.
        """
        classes, edges = tables["classes"], tables["edges"]
        by_id = {statement.id: statement for statement in self.statements}
        claims = []
        for width, expected in LOSSES.items():
            found = classes.select(width=width)["loss"]
            value = float(found.min()) if found.size else None
            claims.append(by_id[f"loss-{width}"].check(value, expected, tolerance=1e-5))
        return [
            *claims,
            *_of_edges(by_id, classes, edges),
            *_of_classes(by_id, classes),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """The lattice."""
        return [
            FigureSpec(
                name="census-lattice",
                plot="condensery.plots.census_lattice",
                caption="Classes of critical points by width and loss. Filled: no "
                "narrower net has this function; "
                "hollow: an embedding. A line joins a class to its embeddings; "
                "dashed where it must be by the theorem "
                "and no start found it. Colours: directions of descent. Right: how "
                "the searches ended.",
            )
        ]


def _of_edges(
    by_id: Mapping[str, Statement], classes: Table, edges: Table
) -> list[Claim]:
    pairs = [
        (int(one), int(other))
        for one, other in zip(edges["class"], edges["embedded"], strict=True)
        if other >= 0
    ]
    sure = [
        (one, other)
        for one, other in pairs
        if classes["decided"][one] and classes["decided"][other]
    ]
    change = [
        int(classes["negative"][other] - classes["negative"][one])
        for one, other in sure
    ]
    minima = [
        int(classes["most_negative"][other] > 0)
        for one, other in sure
        if classes["width"][one] > 0
        and classes["negative"][one] == 0
        and classes["loss"][one] > 1e-9
    ]
    again = float(edges["found"].mean()) if len(edges) else None
    note = f"{len(sure)} embedded classes with decided inertias"
    return [
        by_id["never-fewer"].check(
            float(min(change)) if change else None, 0.0, note=note
        ),
        by_id["becomes-saddle"].check(
            float(np.mean(minima)) if minima else None,
            1.0,
            note=f"{len(minima)} embedded minima",
        ),
        by_id["again"].check(
            again, None, note=f"{len(edges)} embeddings that exist by theorem"
        ),
    ]


def _of_classes(by_id: Mapping[str, Statement], classes: Table) -> list[Claim]:
    new, sure = classes["new"], classes["decided"]
    at = {width: new & (classes["width"] == width) for width in (2, 3)}
    extra = (
        at[2]
        & sure
        & (classes["negative"] == 0)
        & (abs(classes["loss"] - LOSSES[2]) > 1e-5)
    )
    functions = {
        (int(units), round(float(loss), 7))
        for units, loss in zip(classes["units"], classes["loss"], strict=True)
    }
    known = {
        (int(width), round(float(loss), 7))
        for width, loss, own in zip(classes["width"], classes["loss"], new, strict=True)
        if own
    }
    minima = int((at[3] & sure & (classes["negative"] == 0)).sum())
    losses = ", ".join(
        f"{loss:.5f}" for loss in np.unique(classes["loss"][extra].round(7))
    )
    return [
        by_id["new-minima-2"].check(
            float(extra.sum()), None, note=f"losses {losses}" if losses else ""
        ),
        by_id["new-2"].check(float(at[2].sum()), None),
        by_id["new-3"].check(
            float(at[3].sum()), None, note=f"{minima} of them local minima"
        ),
        by_id["unknown"].check(float(len(functions - known)), None),
    ]
