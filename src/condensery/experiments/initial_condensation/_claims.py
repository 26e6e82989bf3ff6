"""Statements of the paper, and how the tables answer them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from condensery.experiments.initial_condensation._config import (
    DEEP,
    Config,
    multiplicity,
)
from condensery.experiments.initial_condensation._tables import ADAM, DESCENT
from condensery.records import Claim, Relation, Statement, Table

PAPER = "zhou2022initial"
SHARE, LEAST = 0.95, 0.8


def _statement(
    name: str, relation: Relation, statement: str, source: str, *, paper: str = PAPER
) -> Statement:
    return Statement(
        id=name, paper=paper, statement=statement, relation=relation, source=source
    )


_LINE, _FIVE, _DEEP = "Figs. 5 and 6, d = 1", "Fig. 2, d = 5", "Fig. 3, six layers"
_THEOREM, _NOTEBOOK = "Theorem on multiplicity 1", "demonstration notebook"
_SINGLE = [
    (layer + 1, name)
    for layer, name in enumerate(DEEP)
    if name not in ("xtanh", "x2tanh")
]
_SEVERAL = [
    (layer + 1, name) for layer, name in enumerate(DEEP) if name in ("xtanh", "x2tanh")
]
_ONE_LINE = "one line holds 80 % of the neurons (median over draws)."
STATEMENTS = (
    _statement(
        "roots",
        "<=",
        "The degree-p equation has at most p real roots, so p lines (largest excess).",
        _LINE,
    ),
    _statement(
        "line-xtanh",
        "within",
        "x tanh x, of multiplicity 2, condenses on 2 lines (mean over draws).",
        _LINE,
    ),
    _statement(
        "line-x2tanh",
        "within",
        "x² tanh x, multiplicity 3, condenses on 3 lines (mean over draws).",
        _LINE,
    ),
    _statement(
        "line-tanh",
        ">=",
        "tanh, multiplicity 1: one line holds most neurons (least share of a draw).",
        _LINE,
    ),
    _statement(
        "line-predicted",
        ">=",
        "tanh, x tanh, x² tanh: neurons lie on predicted lines (least median cosine).",
        _LINE,
    ),
    _statement(
        "polynomial",
        "<=",
        "tanh, x tanh, x² tanh: the output is a polynomial of degree p (residual).",
        _LINE,
    ),
    _statement(
        "polynomial-relu",
        ">=",
        "ReLU, which has no multiplicity, is far from a line (residual).",
        _LINE,
    ),
    _statement(
        "five-start",
        "<=",
        "At the start hardly any neurons are aligned (largest share of pairs).",
        _FIVE,
    ),
    _statement(
        "five-tanh",
        ">=",
        "tanh: one line holds 95 % of the neurons (share of draws).",
        _FIVE,
    ),
    _statement(
        "five-sigmoid",
        ">=",
        "sigmoid: one line holds 95 % of the neurons (share of draws).",
        _FIVE,
    ),
    _statement(
        "five-tanh-all",
        ">=",
        "tanh: one line holds 80 % of the neurons (least of all draws).",
        _FIVE,
    ),
    _statement(
        "five-sigmoid-all",
        ">=",
        "sigmoid: one line holds 80 % of the neurons (least of all draws).",
        _FIVE,
    ),
    _statement(
        "five-softplus",
        ">=",
        "softplus: one line holds 55 % of the neurons (least of all draws).",
        _FIVE,
    ),
    _statement(
        "five-xtanh-count",
        "between",
        "x tanh x: number of lines (mean over draws).",
        _FIVE,
    ),
    _statement(
        "five-x2tanh-count",
        "between",
        "x² tanh x: number of lines (mean over draws).",
        _FIVE,
    ),
    _statement(
        "five-relu-count", "between", "ReLU: number of lines (mean over draws).", _FIVE
    ),
    _statement(
        "theorem-descent",
        ">=",
        "tanh and sin by gradient descent from m⁻⁴: neurons align with ±Σ e_i x_i "
        "(least "
        "of the draws' medians).",
        _THEOREM,
    ),
    _statement(
        "theorem-adam",
        "between",
        "tanh by Adam from m⁻⁴: alignment with ±Σ e_i x_i at the end.",
        _THEOREM,
    ),
    _statement(
        "descent-x2tanh",
        "between",
        "x² tanh x by gradient descent, d = 1: share of neurons that moved.",
        _LINE,
    ),
    _statement(
        "first-step",
        ">=",
        "Adam's first step from m⁻⁴ is along sign(z), z = Σ y_i x_i (median cosine).",
        _NOTEBOOK,
        paper="xu2025overview",
    ),
    _statement(
        "demo-b",
        ">=",
        "tanh by Adam from m⁻⁴: |cosine| > .95 for 97 % of the pairs (median over "
        "draws).",
        _NOTEBOOK,
        paper="xu2025overview",
    ),
    *(
        _statement(f"deep-{layer}", ">=", f"Layer {layer}, {name}: {_ONE_LINE}", _DEEP)
        for layer, name in _SINGLE
    ),
    *(
        _statement(
            f"deep-{layer}-plain",
            ">=",
            f"Layer {layer}, {name}, no residuals: {_ONE_LINE}",
            _DEEP,
        )
        for layer, name in _SINGLE
    ),
    *(
        _statement(
            f"deep-{layer}-count",
            "between",
            f"Layer {layer}, {name}: number of lines (mean of draws).",
            _DEEP,
        )
        for layer, name in _SEVERAL
    ),
)
BY_ID = {statement.id: statement for statement in STATEMENTS}
_OTHER = "no prediction: the statements are for the paper's numbers of steps"
_ABSENT = "not run: its part or activation is not among those chosen"


def judge(config: Config, tables: Mapping[str, Table]) -> list[Claim]:
    """One claim per statement, in their order."""
    found = {
        **_line(config, tables),
        **_five(config, tables),
        **_small(tables),
        **_deep(tables),
    }
    claims = []
    for statement in STATEMENTS:
        value, expected, tolerance, note = found.get(
            statement.id, (None, None, None, _ABSENT)
        )
        if value is not None and expected is not None and not config.is_reference:
            expected, note = None, _OTHER
        claims.append(statement.check(value, expected, tolerance=tolerance, note=note))
    return claims


_NO_THEOREM = "no prediction: there is no theorem for p > 1 in more than one dimension"
Answer = tuple[float | None, float | None, float | None, str]


def _rows(
    tables: Mapping[str, Table],
    part: str,
    name: str,
    *,
    optimiser: str = ADAM,
    **equals: object,
) -> Table:
    """Rows of one part and activation; without further conditions those of the last
    step.
    """
    table = tables.get("measures", Table(columns={"part": np.array([], dtype="U1")}))
    if not len(table):
        return table
    return table.select(
        part=part, activation=name, optimiser=optimiser, **(equals or {"last": True})
    )


def _line(config: Config, tables: Mapping[str, Table]) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    first = config.line_steps[1]
    at = {name: _rows(tables, "line", name, step=first) for name in config.activations}
    at = {name: rows for name, rows in at.items() if len(rows)}
    smooth = [name for name in ("tanh", "xtanh", "x2tanh") if name in at]
    if "predicted" in tables:
        named = tables["predicted"]["activation"]
        excess = [
            int(np.sum(named == name)) - multiplicity(name)
            for name in at
            if multiplicity(name)
        ]
        answers["roots"] = (
            (float(max(excess)), 0.0, None, f"{len(excess)} activations")
            if excess
            else (None,) * 3 + ("",)
        )
    for name, count in (("xtanh", 2.0), ("x2tanh", 3.0)):
        if name in at:
            covered = at[name]["covered"].min()
            note = (
                f"{len(at[name])} draws of the weights; the lines hold at least "
                f"{covered:.0%} of the neurons"
            )
            answers[f"line-{name}"] = (
                float(at[name]["lines"].mean()),
                count,
                0.0,
                note,
            )
    if "tanh" in at:
        note = (
            f"median {np.median(at['tanh']['largest']):.0%}; others are on their "
            "way through 0"
        )
        answers["line-tanh"] = (float(at["tanh"]["largest"].min()), 0.7, None, note)
    if smooth:
        worst = min(smooth, key=lambda name: at[name]["aligned"].min())
        answers["line-predicted"] = (
            float(at[worst]["aligned"].min()),
            0.99,
            None,
            f"the least is that of {worst}",
        )
        residuals = {name: float(np.nanmax(at[name]["residual"])) for name in smooth}
        note = ", ".join(f"{name} {value:.2g}" for name, value in residuals.items())
        answers["polynomial"] = (max(residuals.values()), 0.01, None, note)
    if "relu" in at:
        answers["polynomial-relu"] = (
            float(np.nanmax(at["relu"]["residual"])),
            0.2,
            None,
            "against a straight line",
        )
    return answers


def _five(config: Config, tables: Mapping[str, Table]) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    starts = [_rows(tables, "five", name, step=0) for name in config.activations]
    shares = [float(rows["pairs"].max()) for rows in starts if len(rows)]
    if shares:
        answers["five-start"] = (
            max(shares),
            0.01,
            None,
            f"{len(shares)} activations, {config.draws} draws",
        )
    for name in config.activations:
        rows = _rows(tables, "five", name)
        if not len(rows):
            continue
        largest = rows["largest"]
        note = (
            f"{len(rows)} draws: least {largest.min():.2f}, median "
            f"{np.median(largest):.2f}"
        )
        if name in ("tanh", "sigmoid"):
            answers[f"five-{name}"] = (
                float(np.mean(largest >= SHARE)),
                0.75,
                None,
                note,
            )
            failing, share = largest < LEAST, rows["explained"]
            if failing.any():
                note += (
                    f"; the line explains {share[failing].max():.1%} of the "
                    "target at most in the draws that fail, "
                )
                note += f"{np.median(share):.1%} in the median draw"
            answers[f"five-{name}-all"] = (float(largest.min()), LEAST, None, note)
        elif name == "softplus":
            answers["five-softplus"] = (float(largest.min()), 0.55, None, note)
        elif f"five-{name}-count" in BY_ID:
            counts, times = np.unique(rows["lines"].astype(int), return_counts=True)
            spread = ", ".join(
                f"{count} lines {often}×"
                for count, often in zip(counts, times, strict=True)
            )
            why = (
                _NO_THEOREM
                if multiplicity(name)
                else "no prediction: it has no multiplicity"
            )
            answers[f"five-{name}-count"] = (
                float(rows["lines"].mean()),
                None,
                None,
                f"{why}; {spread}",
            )
    return answers


def _small(tables: Mapping[str, Table]) -> dict[str, Answer]:
    """From m⁻⁴: the notebook by Adam, and the theorem by gradient descent."""
    answers: dict[str, Answer] = {}
    descents = [
        _rows(tables, part, name, optimiser=DESCENT)
        for part in ("five", "demo-b")
        for name in ("tanh", "sin")
    ]
    found = [rows for rows in descents if len(rows)]
    if found:
        reached = all((rows["status"] == 1).all() for rows in found)
        least = min(float(rows["aligned"].min()) for rows in found)
        note = (
            "stopped at a tenth of the drop that one line can bring"
            if reached
            else "some ran out of steps"
        )
        answers["theorem-descent"] = (least, 0.999, None, note)
    blown = _rows(tables, "line", "x2tanh", optimiser=DESCENT)
    if len(blown):
        note = (
            "not asserted; the three heaviest neurons hold "
            f"{np.median(blown['heaviest']):.0%} of the amplitude"
        )
        answers["descent-x2tanh"] = (float(np.median(blown["moved"])), None, None, note)
    last, first = (
        _rows(tables, "demo-b", "tanh"),
        _rows(tables, "demo-b", "tanh", step=1),
    )
    if len(last) and len(first):
        note = "not asserted: the theorem is about gradient flow"
        answers["theorem-adam"] = (float(np.median(last["aligned"])), None, None, note)
        cosine = float(np.median(first["aligned"]))
        answers["first-step"] = (
            float(np.median(first["sign_aligned"])),
            0.99,
            None,
            f"with z itself {cosine:.2f}",
        )
        below = int(np.sum(last["pairs"] < 0.97))
        note = (
            f"{below} of {len(last)} draws are below, the least at "
            f"{last['pairs'].min():.2f}"
        )
        early = float(np.median(first["pairs"]))
        answers["demo-b"] = (
            float(np.median(last["pairs"])),
            0.97,
            None,
            f"{note}; after the first step {early:.2f}",
        )
    return answers


def _deep(tables: Mapping[str, Table]) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    if "deep" not in tables:
        return answers
    for layer, _ in _SINGLE:
        for residual, ending in ((True, ""), (False, "-plain")):
            rows = tables["deep"].select(layer=layer, residual=residual)
            note = "draws: " + ", ".join(
                f"{share:.2f}"
                for share in np.quantile(rows["largest"], [0, 0.25, 0.75, 1])
            )
            note += f" (least, quartiles, most of {len(rows)})"
            answers[f"deep-{layer}{ending}"] = (
                float(np.median(rows["largest"])),
                LEAST,
                None,
                note,
            )
    for layer, name in _SEVERAL:
        rows = tables["deep"].select(layer=layer, residual=True)
        note = f"{_NO_THEOREM}; printed is {multiplicity(name)}"
        answers[f"deep-{layer}-count"] = (float(rows["lines"].mean()), None, None, note)
    return answers
