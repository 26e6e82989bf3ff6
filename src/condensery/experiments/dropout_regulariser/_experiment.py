"""The experiment: its configuration, tasks, tables, claims and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Relation, Statement, Table

LOSSES = ("plain", "expected", "dropped")
"""R_S, R_S + R1, R_drop."""
GRID = 65
WANTED = (1.0, 0.4)
"""o*, what the two vectors of the picture have to add up to."""


class Config(BaseModel):
    """What dropout-regulariser can be told.

    Attributes:
        keep: The keep probability p of the modified flow and of the two-unit pictures,
            in (0, 1].
        keeps: Values of p at which R1 is compared with all masks, each in (0, 1).
        nets: Random nets of every kind (ReLU and tanh, two and three layers, one and
            three outputs).
        masks: Masks drawn for the averages (the source takes 3000).
        rate: The learning rate ε of R2.
        picture_rate: Learning rate of the two-unit pictures.
        picture_steps: Their steps.
        seed: First seed of nets and masks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    keep: float = Field(default=0.9, gt=0.0, le=1.0)
    keeps: tuple[float, ...] = Field(
        default=(0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95), min_length=1
    )
    nets: int = Field(default=3, ge=1, le=1000)
    masks: int = Field(default=20_000, ge=2)
    rate: float = Field(default=0.01, gt=0.0)
    picture_rate: float = Field(default=0.05, gt=0.0)
    picture_steps: int = Field(default=20_000, ge=1)
    seed: int = Field(default=0, ge=0)

    @field_validator("keeps")
    @classmethod
    def _inside(cls, keeps: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0.0 < p < 1.0 for p in keeps) or len(set(keeps)) < len(keeps):
            raise ValueError("different numbers with 0 < p < 1")
        return keeps


def _statement(name: str, relation: Relation, statement: str, source: str) -> Statement:
    return Statement(
        id=name,
        paper="zhang2024dropout",
        statement=statement,
        relation=relation,
        source=source,
    )


STATEMENTS = (
    _statement(
        "lemma-1",
        "<=",
        "The mean of R_drop over all masks is R_S + R1 (largest difference).",
        "Lemma 1",
    ),
    _statement(
        "monte-carlo",
        "<=",
        "Averages over drawn masks agree with R_S + R1 for masks per sample and for "
        "shared masks (in standard "
        "errors, the largest of all p).",
        "Lemma 1",
    ),
    _statement(
        "odds",
        "<=",
        "R1 is proportional to (1 − p)/p (largest relative deviation).",
        "Lemma 1",
    ),
    _statement(
        "bound",
        ">=",
        "R1 is at least (1 − p)/(2npm) Σ‖f − b‖² (least ratio of the two).",
        "toy model, for any width",
    ),
    _statement(
        "flatter",
        "<=",
        "At a zero of R_S the flow of R1 lowers (1/n) Σ‖∇f‖², the trace of the "
        "Hessian (largest rate).",
        "Theorem 2",
    ),
    _statement(
        "flatter-by",
        "<=",
        "The rate is the closed form (largest relative difference).",
        "Theorem 2",
    ),
    _statement(
        "order-plain",
        "within",
        "One step of size ε is ε² away from the flow of R_drop.",
        "modified flow",
    ),
    _statement(
        "order-modified",
        "within",
        "It is ε³ away from the flow of R_drop + (ε/4)‖∇R_drop‖².",
        "modified flow",
    ),
    _statement(
        "order-mean", "within", "So are the means over 64 masks.", "modified flow"
    ),
    _statement(
        "r2-sharing",
        ">=",
        "R2, unlike R1, depends on whether samples share a mask: it is larger where "
        "they do (least ratio).",
        "R2",
    ),
    _statement(
        "parallel",
        ">=",
        "Of two contributions with a given sum, R_S + R1 makes parallel ones "
        "(cosine at the end).",
        "toy model, m = 2",
    ),
    _statement(
        "equal",
        "<=",
        "and equal ones, each half of o*/(1 + (1 − p)/(2p)) (largest distance over "
        "‖o*‖).",
        "toy model, m = 2",
    ),
    _statement(
        "plain-stays",
        ">=",
        "R_S alone leaves them apart (distance of the two over ‖o*‖ at the end).",
        "toy model, m = 2",
    ),
)


class DropoutRegulariser:
    """Dropout is, on average, a loss with one more term, and that term wants few and
    equal contributions.
    """

    name: ClassVar[str] = "dropout-regulariser"
    title: ClassVar[str] = "What dropout adds to the loss"
    summary: ClassVar[str] = (
        "Averaged over its masks, the loss of dropout is the ordinary loss plus one "
        "explicit term R1, exactly. R1 sums "
        "the squares of what the neurons contribute; for a given output that sum is "
        "least when all contributions are "
        "parallel and equal, which is condensation."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhang2024dropout",)
    task_version: ClassVar[str] = "1"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"nets": 3, "masks": 20_000},
        "paper": {"nets": 30, "masks": 100_000},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """Identities, orders of the modified flow, and pictures of two units."""
        known = Config.model_validate(config.model_dump())
        given = known.model_dump(mode="json")
        module = "condensery.experiments.dropout_regulariser._tasks"
        parts = {
            "identities": (
                ("keeps", "nets", "masks", "rate"),
                float(known.nets * len(known.keeps) + known.masks),
            ),
            "orders": (("keep",), 1000.0),
            "pictures": (
                ("keep", "picture_rate", "picture_steps"),
                float(known.picture_steps),
            ),
        }
        return [
            Task(
                function=f"{module}:{name}",
                parameters={key: given[key] for key in keys},
                seed=known.seed,
                version=self.task_version,
                cost=cost,
                label=name,
            )
            for name, (keys, cost) in parts.items()
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """Nets, drawn masks, flattening, orders, paths of two numbers and of two
        vectors.
        """
        identities, orders, pictures = shards
        return {
            "nets": _prefixed(
                identities, "net_", units={"excess": "E R_drop − R_S over all masks"}
            ),
            "drawn": _prefixed(
                identities,
                "drawn_",
                units={"excess": "mean of R_drop over drawn masks − R_S"},
            ),
            "flattening": _prefixed(
                identities, "flat_", units={"closed": "d/dt of (1/n) Σ‖∇f‖²"}
            ),
            "orders": Table(
                columns={name: np.asarray(array) for name, array in orders.items()}
            ),
            "paths": _paths(pictures),
            "vectors": _vectors(pictures),
            "landscape": _landscape(Config.model_validate(config.model_dump()).keep),
        }

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Identities everywhere; the pictures where there is dropout."""
        known = Config.model_validate(config.model_dump())
        return [
            *_of_identities(tables),
            *_of_orders(tables, asserted=known.keep < 1),
            *_of_vectors(tables, known),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """R1 and R2, the orders, the two vectors; and the contours of the loss."""
        return [
            FigureSpec(
                name="dropout-regulariser",
                plot="condensery.plots.dropout_regulariser",
                caption=(
                    "R1 against the mean over all masks for random nets; R1 and R2 "
                    "against p; distance of one step "
                    "from the flow and from the modified flow; two contributions "
                    "before and after training."
                ),
            ),
            FigureSpec(
                name="dropout-contours",
                plot="condensery.plots.dropout_contours",
                caption=(
                    "The plane of two contributions: R_S has a valley of zeros, R1 "
                    "a bowl, and their sum one point, "
                    "where both are equal. Training on R_S stops where it meets the "
                    "valley; dropout goes on along it."
                ),
            ),
        ]


def _prefixed(shard: Arrays, prefix: str, *, units: dict[str, str]) -> Table:
    columns = {
        name.removeprefix(prefix): np.asarray(array)
        for name, array in shard.items()
        if name.startswith(prefix)
    }
    return Table(columns=columns, units=units)


def _paths(shard: Arrays) -> Table:
    """One row per loss, start and step: the contributions of both units on one
    sample.
    """
    step = np.asarray(shard["path_step"])
    starts = np.asarray(shard["path_plain"]).shape[0]
    whole = np.stack([np.asarray(shard[f"path_{name}"])[..., 0] for name in LOSSES])
    rows = len(LOSSES) * starts * len(step)
    return Table(
        columns={
            "loss": np.repeat(LOSSES, starts * len(step)),
            "start": np.tile(np.repeat(np.arange(starts), len(step)), 3),
            "step": np.tile(step, rows // len(step)),
            "first": whole[..., 0].ravel(),
            "second": whole[..., 1].ravel(),
        },
        units={"loss": "what is minimised; dropped is the mean of 64 runs"},
    )


def _vectors(shard: Arrays) -> Table:
    """One row per loss and unit: its contribution on two samples at the start and at
    the end.
    """
    ends = np.concatenate(
        [np.asarray(shard[f"vector_{name}"])[0, -1] for name in LOSSES]
    )
    starts = np.concatenate(
        [np.asarray(shard[f"vector_{name}"])[0, 0] for name in LOSSES]
    )
    return Table(
        columns={
            "loss": np.repeat(LOSSES, 2),
            "unit": np.tile([0, 1], len(LOSSES)),
            "start_x": starts[:, 0],
            "start_y": starts[:, 1],
            "end_x": ends[:, 0],
            "end_y": ends[:, 1],
        }
    )


def _landscape(keep: float) -> Table:
    """R_S = ½(o1 + o2 − 1)² and R1 = (1 − p)/(2p)·(o1² + o2²) on a grid of
    contributions on one sample.
    """
    side = np.linspace(-0.1, 1.5, GRID)
    first, second = (part.ravel() for part in np.meshgrid(side, side))
    return Table(
        columns={
            "first": first,
            "second": second,
            "plain": (first + second - 1) ** 2 / 2,
            "r1": (1 - keep) / (2 * keep) * (first**2 + second**2),
        }
    )


def _of_identities(tables: Mapping[str, Table]) -> list[Claim]:
    nets, drawn, flat = tables["nets"], tables["drawn"], tables["flattening"]
    lemma, drawn_claim, odds, bound, flatter, flatter_by = STATEMENTS[:6]
    keep = nets["keep"]
    per_odds = nets["r1"] / ((1 - keep) / keep)
    order = np.lexsort(
        (keep, nets["seed"], nets["layers"], nets["outputs"], nets["tanh"])
    )
    groups = per_odds[order].reshape(-1, len(np.unique(keep)))
    off = float(np.max(np.ptp(groups, axis=1) / groups.mean(axis=1)))
    scores = np.abs(drawn["excess"] - drawn["r1"]) / drawn["excess_error"]
    close = np.abs(flat["closed"] - flat["measured"]) / np.abs(flat["closed"])
    return [
        lemma.check(
            float(np.max(np.abs(nets["r1"] - nets["excess"]))),
            1e-12,
            note=f"{len(nets)} nets and p",
        ),
        drawn_claim.check(float(scores.max()), 4.0, note=f"{len(drawn)} averages"),
        odds.check(off, 1e-12),
        bound.check(float(np.min(nets["r1"] / nets["bound"])), 1.0),
        flatter.check(
            float(flat["measured"].max()), 0.0, note=f"{len(flat)} nets, p = 0.8"
        ),
        flatter_by.check(float(close.max()), 1e-8),
    ]


def _of_orders(tables: Mapping[str, Table], *, asserted: bool) -> list[Claim]:
    orders, drawn = tables["orders"], tables["drawn"]
    plain, modified, mean, sharing = STATEMENTS[6:10]
    size = np.log(orders["step_size"])
    # the smaller half of the step sizes: the orders are those of the limit
    slopes = {
        name: float(np.polyfit(size[3:], np.log(orders[name][3:]), 1)[0])
        for name in ("plain", "modified", "plain_mean", "modified_mean")
    }
    shared = drawn.select(shared=True)["r2"] / drawn.select(shared=False)["r2"]
    note = "" if asserted else "p = 1: there are no masks"
    return [
        plain.check(slopes["plain"], 2.0, tolerance=0.1, note=note),
        modified.check(slopes["modified"], 3.0, tolerance=0.1, note=note),
        mean.check(
            slopes["modified_mean"],
            3.0,
            tolerance=0.1,
            note=f"of the plain flow {slopes['plain_mean']:.2f}",
        ),
        sharing.check(float(shared.min()), 1.0),
    ]


def _of_vectors(tables: Mapping[str, Table], config: Config) -> list[Claim]:
    parallel, equal, stays = STATEMENTS[10:]
    table = tables["vectors"]
    ends = {
        name: np.column_stack(
            [table.select(loss=name)[key] for key in ("end_x", "end_y")]
        )
        for name in LOSSES
    }
    wanted = np.array(WANTED)
    size = float(np.linalg.norm(wanted))
    half = wanted / (2 + (1 - config.keep) / config.keep)
    first, second = ends["expected"]
    cosine = float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))
    asserted = config.keep < 1 and config.picture_steps * config.picture_rate >= 500
    note = "" if asserted else "no dropout, or too few steps to get there"
    apart = float(np.linalg.norm(ends["plain"][0] - ends["plain"][1])) / size
    away = float(np.max(np.linalg.norm(ends["expected"] - half, axis=1))) / size
    return [
        parallel.check(cosine, 0.999 if asserted else None, note=note),
        equal.check(away, 0.01 if asserted else None, note=note),
        stays.check(apart, 0.3 if asserted else None, note=note),
    ]
