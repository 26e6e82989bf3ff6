"""The experiment: what it declares to the workbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, JsonValue

from condensery.experiments.generalisation._config import Config
from condensery.experiments.generalisation._tables import build_tables
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table

_PAPER = "zhang2023optimistic"

STATEMENTS = (
    Statement(
        id="rank",
        paper=_PAPER,
        relation="equal",
        source="Sec. 5",
        statement="The model rank of a sum of k tanh units is k(d + 1), and "
        "splitting or adding silent units keeps it "
        "(largest deviation).",
    ),
    Statement(
        id="not-before",
        paper=_PAPER,
        relation=">=",
        source="Lemma 1; Fig. 3",
        statement="No net, of whatever width and scale, recovers the target from "
        "fewer samples than k(d + 1) (smallest "
        "n with a recovered median, minus k(d + 1), over all k).",
    ),
    Statement(
        id="any-width",
        paper=_PAPER,
        relation="<=",
        source="Fig. 3",
        statement="From the smallest initial weights the number of samples that "
        "recovers the target does not depend on "
        "the width (largest over smallest, worst k; the grid of n has steps of one "
        "half, hence our bound).",
    ),
    Statement(
        id="near",
        paper=_PAPER,
        relation="<=",
        source="near-optimism, an open question",
        statement="How many times k(d + 1) samples the smallest initial weights "
        "need (worst width and k).",
    ),
    Statement(
        id="scale-helps",
        paper=_PAPER,
        relation=">=",
        source="Fig. 4",
        statement="Small initial weights need no more samples than large ones "
        "(widest net: threshold at the largest "
        "scale minus that at the smallest, smallest over k; none reached counts as "
        "the next larger n).",
    ),
    *(
        Statement(
            id=f"slope-{k}",
            paper="xu2025overview",
            relation=">=",
            source="open question: how does condensation relate quantitatively to "
            "generalisation?",
            statement="Slope of log test error against log (effective neurons / "
            f"k), target of {k} units, fitted "
            "nets with n between one and two times k(d + 1).",
        )
        for k in (1, 2)
    ),
)


class Generalisation:
    """Recovery of narrow targets from few samples, against width, initial scale and
    condensation.
    """

    name: ClassVar[str] = "generalisation"
    title: ClassVar[str] = "Condensation and generalisation"
    summary: ClassVar[str] = (
        "Two-layer tanh nets of several widths and initial scales are fitted to n "
        "samples of a target of k units. The "
        "optimistic estimate says that k(d + 1) samples can be enough at any width; "
        "whether they are depends on how "
        "far the trained net condenses, which is measured and set against the test "
        "error."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhang2023optimistic", "xu2025overview")
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"seeds": 3},
        "paper": {
            "seeds": 10,
            "units": [1, 2, 3],
            "widths": [3, 10, 30, 100],
            "steps": 50_000,
            "samples": [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 20, 24],
            "scales": [1.0, 0.3, 0.1, 0.01, 0.001],
        },
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One task per target: k and seed."""
        known = Config.model_validate(config.model_dump())
        return [
            Task(
                function="condensery.experiments.generalisation._tasks:fit",
                parameters={**known.model_dump(mode="json"), "k": k},
                seed=seed,
                version=self.task_version,
                cost=float(k),
                label=f"target of {k} units, seed {seed}",
            )
            for k, seed in _parts(known)
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Every net; medians of the recovery and its thresholds; the fit; model
        ranks.
        """
        known = Config.model_validate(config.model_dump())
        return build_tables(known, _parts(known), shards)

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """The optimistic estimate; the slopes without a verdict."""
        known = Config.model_validate(config.model_dump())
        rank, before, any_width, near, helps, *slopes = self.statements
        ranks, thresholds = tables["ranks"], tables["thresholds"]
        expected = ranks["units"] * (known.features + 1)
        deviation = max(
            float(np.abs(ranks[name] - expected).max())
            for name in ("rank", "rank_split", "rank_null")
        )
        reached = thresholds["earliest"] >= 0
        margin = thresholds["earliest"] - thresholds["optimistic"]
        small = thresholds.select(scale=min(known.scales))
        size = np.where(
            small["threshold"] >= 0, small["threshold"], 2 * max(known.samples)
        )
        texts = ", ".join(
            f"k={k}, m={m}: {n if n >= 0 else 'none'}"
            for k, m, n in zip(
                small["units"], small["width"], small["threshold"], strict=True
            )
        )
        return [
            rank.check(deviation, 0.0),
            before.check(float(margin[reached].min()) if reached.any() else None, 0.0),
            any_width.check(_spread(small["units"], size), 1.5, note=texts),
            near.check(float((size / small["optimistic"]).max()), None),
            helps.check(_gain(known, thresholds), 0.0),
            *_slopes(slopes, tables["fit"]),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Recovery, and error against effective neurons."""
        return [
            FigureSpec(
                name="generalisation",
                plot="condensery.plots.generalisation",
                caption="Above: median test error against the number of samples for "
                "targets of k units; one colour per "
                "initial scale, one mark per width; the dashed line is the "
                "optimistic sample size k(d + 1). Below: "
                "test error of every fitted net with between one and two times that "
                "many samples, against its "
                "effective neurons over k, with the fitted line and its 95 % "
                "bootstrap interval.",
            )
        ]


def _parts(config: Config) -> list[tuple[int, int]]:
    return [(k, seed) for k in config.units for seed in range(config.seeds)]


def _spread(units: np.ndarray, size: np.ndarray) -> float:
    return max(
        float(size[units == k].max() / size[units == k].min()) for k in np.unique(units)
    )


def _gain(config: Config, thresholds: Table) -> float | None:
    widest, gains = thresholds.select(width=max(config.widths)), []
    beyond = max(config.samples) + 1
    for k in config.units:
        ends = [
            int(widest.select(units=k, scale=scale)["threshold"][0])
            for scale in (max(config.scales), min(config.scales))
        ]
        large, little = (beyond if end < 0 else end for end in ends)
        gains.append(float(large - little))
    return min(gains, default=None)


def _slopes(statements: Sequence[Statement], fit: Table) -> list[Claim]:
    claims = []
    for statement, k in zip(statements, (1, 2), strict=True):
        row = fit.select(units=float(k))
        if not len(row) or not np.isfinite(row["slope"][0]):
            claims.append(statement.check(None, None, note="no fitted nets to compare"))
            continue
        slope, low, high, rho = (
            float(row[name][0]) for name in ("slope", "low", "high", "rho")
        )
        note = (
            f"95 % bootstrap interval {low:.2f} to {high:.2f}, "
            f"{int(row['nets'][0])} nets, Spearman {rho:.2f}"
        )
        claims.append(statement.check(slope, None, note=note))
    return claims
