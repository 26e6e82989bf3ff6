"""The experiment: tasks, claims and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, JsonValue

from condensery.experiments.dropout_features._config import Config, fits, parameters_of
from condensery.experiments.dropout_features._tables import tables_of
from condensery.experiments.dropout_features._vectors import KINDS, vector_parameters
from condensery.protocols import Arrays, Task
from condensery.records import Claim, FigureSpec, Relation, Statement, Table

FIT = "at p = 0.9 against p = 1"


def _statement(name: str, relation: Relation, statement: str, source: str) -> Statement:
    return Statement(
        id=name,
        paper="zhang2024dropout",
        statement=statement,
        relation=relation,
        source=source,
    )


OF_FITS = (
    _statement(
        "overshoot",
        ">=",
        "tanh, two layers: the largest error between the samples at p = 1 is more "
        f"than twice that {FIT[:10]}.",
        "Fig. 4",
    ),
    _statement(
        "fits",
        "<=",
        "The solution found with dropout fits: R_S without masks is small.",
        "Fig. 4",
    ),
    _statement(
        "condenses-tanh",
        "<=",
        f"tanh, two layers: effective orientations {FIT} (ratio).",
        "Fig. 4",
    ),
    _statement(
        "condenses-relu",
        "<=",
        f"ReLU, two layers: effective orientations {FIT} (ratio).",
        "Fig. 1",
    ),
    _statement(
        "condenses-tanh-3",
        "<=",
        f"tanh, three layers, first layer: the same {FIT} (ratio).",
        "Fig. 4",
    ),
    _statement(
        "condenses-relu-3",
        "<=",
        f"ReLU, three layers, first layer: the same {FIT} (ratio).",
        "Fig. A15",
    ),
    _statement(
        "on-target-tanh",
        ">=",
        "tanh, two layers, p = 0.9: share of the amplitude within 0.15 rad of "
        "±1.406 and ±1.736, the "
        "orientations of which the target is made.",
        "Fig. 4",
    ),
    _statement(
        "on-target-relu", ">=", "ReLU, the same at −0.322 and −2.820.", "Fig. 1"
    ),
    _statement(
        "stays-without",
        ">=",
        "tanh, two layers, p = 1: features stay as they were (effective "
        "orientations over the initial ones).",
        "Fig. 4",
    ),
    _statement(
        "noise-is-not-enough",
        "within",
        "Mini-batches of two without dropout condense nothing (effective "
        "orientations over the initial ones).",
        "Fig. 6",
    ),
)
OF_SWITCH = (
    _statement(
        "switch-r1",
        ">=",
        "After the switch R1 is less than half of what it was at the R_S minimum "
        "(least ratio of before to "
        "after, for R_drop and R_S + R1).",
        "Fig. 5",
    ),
    _statement(
        "switch-agree",
        "<=",
        "R_drop and R_S + R1 reach the same output (relative L2 difference).",
        "Fig. 5",
    ),
    _statement(
        "switch-condenses",
        "<=",
        "Both condense, staying on R_S does not (largest ratio of effective "
        "orientations to those on R_S).",
        "Fig. 5",
    ),
)
FLATTER = _statement(
    "flatter",
    ">=",
    "Along random directions R_S rises less with dropout (two layers: least ratio "
    "over the targets of the "
    "rise at half a length, p = 1 over p = 0.9).",
    "Figs. 1 and 12",
)
OF_VECTORS = (
    _statement(
        "blocks",
        ">=",
        "tanh, ten inputs, p = 0.5: the cosine matrix is two blocks, any two live "
        "units are parallel or "
        "opposite (least |cosine|).",
        "Fig. 7b",
    ),
    _statement(
        "two-signs",
        "equal",
        "tanh, ten inputs, p = 0.5: units of both signs occur (number of signs).",
        "Fig. 7b",
    ),
    _statement(
        "no-blocks",
        "<=",
        "tanh, ten inputs, p = 1: no blocks (mean |cosine| of two live units).",
        "Fig. 7a",
    ),
)
STATEMENTS = (*OF_FITS, *OF_SWITCH, FLATTER, *OF_VECTORS)


class DropoutFeatures:
    """One-dimensional fits with and without dropout."""

    name: ClassVar[str] = "dropout-features"
    title: ClassVar[str] = "Dropout makes features condense"
    summary: ClassVar[str] = (
        "Wide networks fit a few points from a large initialisation, where without "
        "dropout their features stay as "
        "drawn. With dropout the features gather in the few orientations of which "
        "the target is made and the output "
        "loses its wiggles; a switch to dropout, or to its explicit mean, does the "
        "same to a network that fits already."
    )
    papers: ClassVar[tuple[str, ...]] = ("zhang2024dropout",)
    task_version: ClassVar[str] = "2"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {"seeds": 1},
        "paper": {
            "seeds": 3,
            "steps": 1_000_000,
            "deep_width": 500,
            "deep_steps": 100_000,
            "switch_steps": [200_000, 800_000],
            "vector_steps": 2_000_000,
        },
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """The data are made, not read."""
        return ""

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One per fit, one for the switch, and two for the vectors."""
        known = Config.model_validate(config.model_dump())
        tasks = []
        for fit in fits(known):
            told = parameters_of(known, fit)
            weight = (
                30.0 * (known.deep_width / 200)
                if fit.layers == 3
                else 3.0
                if fit.kind == "dropout"
                else 2.0
            )
            steps = known.deep_steps if fit.layers == 3 else known.steps
            tasks.append(
                self._task(
                    "train",
                    told,
                    weight * steps * known.seeds,
                    f"{fit.target}, {fit.layers} layers, {fit.kind}",
                )
            )
        given: dict[str, JsonValue] = {
            "target": known.targets[0],
            "keep": known.keep,
            "samples": known.samples,
            "width": known.width,
            "init_exponent": known.init_exponent,
            "first": known.switch_steps[0],
            "second": known.switch_steps[1],
            "rate": known.rate,
            "count": known.seeds,
        }
        cost = 2.0 * known.switch_steps[0] + 8.0 * known.switch_steps[1]
        vectors = [
            self._task(
                "train_vectors",
                vector_parameters(known, kind),
                0.3 * known.vector_steps * known.seeds,
                f"ten inputs, {kind}",
                module="_vectors",
            )
            for kind in KINDS
        ]
        return [
            *tasks,
            self._task("switch", given, cost * known.seeds, "the switch"),
            *vectors,
        ]

    def _task(
        self,
        function: str,
        given: dict[str, JsonValue],
        cost: float,
        label: str,
        *,
        module: str = "_tasks",
    ) -> Task:
        return Task(
            function=f"condensery.experiments.dropout_features.{module}:{function}",
            parameters=given,
            seed=0,
            version=self.task_version,
            cost=cost,
            label=label,
        )

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """See `condensery.experiments.dropout_features._tables`."""
        return tables_of(Config.model_validate(config.model_dump()), shards)

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Asserted at the recipe's setting, medians over seeds."""
        known = Config.model_validate(config.model_dump())
        return [
            *_of_fits(known, tables["fits"]),
            *_of_switch(known, tables),
            _of_profiles(known, tables["profiles"]),
            *_of_vectors(known, tables["vectors"]),
        ]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Outputs and features per target, the switch, the controls, and the cosines in
        ten dimensions.
        """
        known = Config.model_validate(config.model_dump())
        made = [
            FigureSpec(
                name=f"dropout-features-{name}",
                plot="condensery.plots.dropout_features",
                caption=(
                    "Outputs, zoomed outputs, and the features of the first layer "
                    "before (blue rings) and after "
                    "(vermilion), without and with dropout. With dropout the "
                    "features stand on the dashed lines, the "
                    "orientations of which the target is made."
                ),
                options={"target": name},
            )
            for name in known.targets
        ]
        return [
            *made,
            FigureSpec(
                name="dropout-switch",
                plot="condensery.plots.dropout_switch",
                caption=(
                    "A network at a minimum of R_S goes on with R_S, with dropout, "
                    "or with R_S + R1: R_S, R1, the "
                    "number of effective orientations, and the outputs at the end."
                ),
            ),
            FigureSpec(
                name="dropout-controls",
                plot="condensery.plots.dropout_controls",
                caption=(
                    "Effective orientations while training: dropout condenses, the "
                    "noise of mini-batches does not. "
                    "Right: the loss along random directions around the solutions."
                ),
            ),
            FigureSpec(
                name="dropout-cosines",
                plot="condensery.plots.cosine_maps",
                caption=(
                    "Cosines between the input weights of all units of a network "
                    "with ten inputs, sorted. Without "
                    "dropout there is no order; with it there are two blocks, one "
                    "direction and its opposite. The "
                    "distribution of the inputs and the number of steps are our "
                    "choice, the source gives neither."
                ),
                options={"part": "vectors"},
            ),
        ]


def _middle(table: Table, column: str, **which: object) -> float | None:
    found = table.select(**which)[column]
    return float(np.median(found)) if found.size else None


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None or below == 0 else above / below


def _of_fits(config: Config, table: Table) -> list[Claim]:
    overshoot, fit, tanh, relu, tanh3, relu3, on_tanh, on_relu, stays, noise = OF_FITS
    known, deep = config.is_reference, config.is_deep_reference
    steps = (
        f"{config.steps:,} steps of Adam at rate {config.rate:g}; the paper "
        "runs up to 1,000,000"
    )
    note = steps if known else "no prediction for this setting"
    errors = [
        _middle(table, "off", target="tanh", layers=2, kind=kind)
        for kind in ("plain", "dropout")
    ]
    losses = [
        _middle(table, "loss", target=name, layers=2, kind="dropout")
        for name in config.targets
    ]
    worst = max(loss for loss in losses if loss is not None)
    claims = [
        overshoot.check(_ratio(*errors), 2.0 if known else None, note=note),
        fit.check(worst, 1e-2 if known else None, note=note),
    ]
    for statement, name, layers in (
        (tanh, "tanh", 2),
        (relu, "relu", 2),
        (tanh3, "tanh", 3),
        (relu3, "relu", 3),
    ):
        found = [
            _middle(
                table, "effective_orientations", target=name, layers=layers, kind=kind
            )
            for kind in ("dropout", "plain")
        ]
        asserted = known if layers == 2 else deep
        remark = (
            note
            if layers == 2 or not deep
            else f"width {config.deep_width}, {config.deep_steps:,} steps"
        )
        value = _ratio(*found)
        if value is not None:
            remark += f"; {found[0]:.1f} against {found[1]:.1f}"
        claims.append(statement.check(value, 0.5 if asserted else None, note=remark))
    for statement, name in ((on_tanh, "tanh"), (on_relu, "relu")):
        value = _middle(table, "near", target=name, layers=2, kind="dropout")
        claims.append(statement.check(value, 0.9 if known else None, note=note))
    for statement, kind, where in (
        (stays, "plain", "tanh"),
        (noise, "batches", config.targets[0]),
    ):
        rows = table.select(target=where, layers=2, kind=kind)
        value = (
            float(
                np.median(rows["effective_orientations"] / rows["initial_orientations"])
            )
            if len(rows)
            else None
        )
        expected, slack = (0.8, None) if kind == "plain" else (1.0, 0.1)
        claims.append(
            statement.check(
                value, expected if known else None, tolerance=slack, note=note
            )
        )
    return claims


def _of_switch(config: Config, tables: Mapping[str, Table]) -> list[Claim]:
    falls, agree, condenses = OF_SWITCH
    known = config.is_reference and config.targets[0] == "tanh"
    first, second = config.switch_steps
    note = (
        f"{first:,} steps, then {second:,}"
        if known
        else "no prediction for this setting"
    )
    table = tables["switch"]
    last = {
        branch: table.select(branch=branch)
        for branch in ("first", "plain", "dropout", "expected")
    }
    last = {
        branch: rows.select(step=int(rows["step"].max()))
        for branch, rows in last.items()
    }
    ratios = [
        float(np.median(last["first"]["r1"] / np.maximum(last[one]["r1"], 1e-300)))
        for one in ("dropout", "expected")
    ]
    outputs = tables["switch_outputs"]
    ends = {
        one: outputs.select(branch=one)["final"].reshape(config.seeds, -1)
        for one in ("dropout", "expected")
    }
    apart = np.linalg.norm(ends["dropout"] - ends["expected"], axis=1) / np.linalg.norm(
        ends["expected"], axis=1
    )
    counts = {
        one: float(np.median(last[one]["effective_orientations"]))
        for one in ("plain", "dropout", "expected")
    }
    shown = (
        f"{note}; R_S {counts['plain']:.1f}, R_drop {counts['dropout']:.1f}, "
        f"R_S + R1 {counts['expected']:.1f}"
    )
    return [
        falls.check(min(ratios), 2.0 if known else None, note=note),
        agree.check(float(np.median(apart)), 0.1 if known else None, note=note),
        condenses.check(
            max(counts["dropout"], counts["expected"]) / max(counts["plain"], 1e-300),
            0.5 if known else None,
            note=shown,
        ),
    ]


def _of_profiles(config: Config, table: Table) -> Claim:
    ratios = []
    for name in config.targets:
        rise = {}
        for kind in ("plain", "dropout"):
            rows = table.select(target=name, layers=2, kind=kind)
            at = np.argsort(np.abs(rows["distance"]))
            edge = np.isclose(np.abs(rows["distance"]), np.abs(rows["distance"]).max())
            rise[kind] = float(rows["loss"][edge].mean() - rows["loss"][at[0]])
        ratios.append(rise["plain"] / rise["dropout"])
    known = config.is_reference
    shown = ", ".join(
        f"{name} {ratio:.2g}"
        for name, ratio in zip(config.targets, ratios, strict=True)
    )
    return FLATTER.check(min(ratios), 1.0 if known else None, note=shown)


def _of_vectors(config: Config, table: Table) -> list[Claim]:
    blocks, signs, scattered = OF_VECTORS
    known = config.is_vector_reference
    dropped, plain = table.select(kind="dropout"), table.select(kind="plain")
    shown = (
        f"{int(np.median(dropped['live']))} of {config.vector_width} units live, "
        f"R_S {np.median(dropped['loss']):.1g}; "
        f"our choice: inputs uniform in [−1, 1], {config.vector_steps:,} steps, the "
        "last third at a tenth of the rate"
        if known
        else "no prediction for this setting"
    )
    mean = float(np.median(plain["mean_cosine"]))
    return [
        blocks.check(
            float(np.median(dropped["least_cosine"])),
            0.95 if known else None,
            note=shown,
        ),
        signs.check(
            float(np.median(dropped["signs"])), 2.0 if known else None, note=shown
        ),
        scattered.check(
            mean,
            0.5 if known else None,
            note=f"{np.median(plain['initial_mean_cosine']):.2f} at the start",
        ),
    ]
