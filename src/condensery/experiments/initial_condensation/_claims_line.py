"""Statements on networks of one-dimensional input, and on the notebook's."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import Measured, Tables, at_least, at_most, within
from condensery.experiments.initial_condensation._config import Config, multiplicity
from condensery.experiments.initial_condensation._sources import (
    ABSENT,
    OPEN,
    judged,
    notebook,
    of_project,
    on_line,
    rows_of,
)
from condensery.experiments.initial_condensation._tables import DESCENT
from condensery.records import Table

SMOOTH = ("tanh", "xtanh", "x2tanh")

BY_ADAM = (
    "it is Adam, not the number of steps: with --set parts=line --set "
    "line_steps=100,500,1000 there are 2 lines of sigmoid and 3 of tanh at step 500, 1 "
    "and 5 at step 1000"
)
"""Why there are more lines, as the control and another run show."""


def _line(config: Config, tables: Tables, name: str) -> Table:
    """Rows of the step at which lines are counted."""
    return rows_of(tables, "line", name, step=config.line_steps[1])


@on_line(
    "line-most",
    "The neurons gather on at most p lines (number of lines less p, the largest of "
    "all activations of a multiplicity and all draws).",
    at_most(0.0),
    kind="reproduction",
)
def line_most(config: Config, tables: Tables) -> Measured:
    """The largest number of lines beyond the multiplicity."""
    excess: dict[str, float] = {}
    for name in config.activations:
        table = _line(config, tables, name)
        if multiplicity(name) and len(table):
            excess[name] = float(table["lines"].max()) - multiplicity(name)
    if not excess:
        return ABSENT
    listed = ", ".join(f"{name} {value:+g}" for name, value in excess.items())
    note = f"Adam; a line: a tenth of the neurons; {listed}"
    single = [name for name in excess if multiplicity(name) == 1]
    ends = [rows_of(tables, "line", name, optimiser=DESCENT) for name in single]
    descents = [float(table["lines"].max()) for table in ends if len(table)]
    if descents:
        note += f"; by gradient descent those of p = 1 end on {max(descents):g} at most"
    if max(excess.values()) > 0:
        note += f"; {BY_ADAM}"
    return Measured(max(excess.values()), note)


def lines_on_line(name: str, config: Config, tables: Tables) -> Measured:
    """Mean over draws."""
    table = _line(config, tables, name)
    if not len(table):
        return ABSENT
    note = (
        f"{len(table)} draws of the weights; the lines hold at least "
        f"{table['covered'].min():.0%} of the neurons"
    )
    return Measured(float(table["lines"].mean()), note)


line_xtanh = on_line(
    "line-xtanh",
    "x tanh x, of multiplicity 2, condenses on 2 lines (mean over draws).",
    within(2.0, 0.0),
    kind="reproduction",
)(partial(lines_on_line, "xtanh"))
line_x2tanh = on_line(
    "line-x2tanh",
    "x² tanh x, multiplicity 3, condenses on 3 lines (mean over draws).",
    within(3.0, 0.0),
    kind="reproduction",
)(partial(lines_on_line, "x2tanh"))


@on_line(
    "line-tanh",
    "tanh, multiplicity 1: one line holds most neurons (least share of a draw).",
    at_least(0.7),
    kind="reproduction",
)
def line_tanh(config: Config, tables: Tables) -> Measured:
    """Least share of a draw."""
    table = _line(config, tables, "tanh")
    if not len(table):
        return ABSENT
    largest = table["largest"]
    note = f"median {np.median(largest):.0%}; others are on their way through 0"
    return Measured(float(largest.min()), note)


def _smooth(config: Config, tables: Tables) -> dict[str, Table]:
    """Rows of the smooth activations that were run."""
    listed = {name: _line(config, tables, name) for name in SMOOTH}
    return {name: table for name, table in listed.items() if len(table)}


@on_line(
    "line-predicted",
    "tanh, x tanh, x² tanh: neurons lie on predicted lines (least median cosine).",
    at_least(0.99),
    kind="reproduction",
)
def line_predicted(config: Config, tables: Tables) -> Measured:
    """The least of the draws' medians."""
    smooth = _smooth(config, tables)
    if not smooth:
        return ABSENT
    least = {name: float(table["aligned"].min()) for name, table in smooth.items()}
    worst = min(least, key=lambda name: least[name])
    return Measured(least[worst], f"the least is that of {worst}")


@on_line(
    "polynomial",
    "tanh, x tanh, x² tanh: the output is a polynomial of degree p (residual).",
    at_most(0.01),
    kind="reproduction",
)
def polynomial(config: Config, tables: Tables) -> Measured:
    """The largest residual."""
    smooth = _smooth(config, tables)
    if not smooth:
        return ABSENT
    residuals = {
        name: float(np.nanmax(table["residual"])) for name, table in smooth.items()
    }
    note = ", ".join(f"{name} {value:.2g}" for name, value in residuals.items())
    return Measured(max(residuals.values()), note)


@on_line(
    "polynomial-relu",
    "ReLU, which has no multiplicity, is far from a line (residual).",
    at_least(0.2),
    kind="reproduction",
)
def polynomial_relu(config: Config, tables: Tables) -> Measured:
    """The residual of the first draw."""
    table = _line(config, tables, "relu")
    if not len(table):
        return ABSENT
    return Measured(float(np.nanmax(table["residual"])), "against a straight line")


# From m⁻⁴: the theorem by gradient descent, and the notebook by Adam


@judged(
    "theorem-descent",
    "tanh and sin by gradient descent from m⁻⁴: neurons align with ±Σ e_i x_i "
    "(least of "
    "the draws' medians).",
    at_least(0.999),
    kind="reproduction",
    source="Theorem on multiplicity 1",
)
def theorem_descent(config: Config, tables: Tables) -> Measured:
    """The least of the draws' medians."""
    descents = [
        rows_of(tables, part, name, optimiser=DESCENT)
        for part in ("five", "demo-b")
        for name in ("tanh", "sin")
    ]
    ended = [table for table in descents if len(table)]
    if not ended:
        return ABSENT
    reached = all((table["status"] == 1).all() for table in ended)
    note = "some ran out of steps"
    if reached:
        note = "stopped at a tenth of the drop that one line can bring"
    return Measured(min(float(table["aligned"].min()) for table in ended), note)


def _notebook(tables: Tables) -> tuple[Table, Table] | None:
    """The last and the first step of Adam."""
    last = rows_of(tables, "demo-b", "tanh")
    first = rows_of(tables, "demo-b", "tanh", step=1)
    return (last, first) if len(last) and len(first) else None


@of_project(
    "theorem-adam",
    "tanh by Adam from m⁻⁴: alignment with ±Σ e_i x_i at the end.",
    OPEN,
    source="this project, on the theorem of Zhou et al. 2022 on multiplicity 1",
)
def theorem_adam(config: Config, tables: Tables) -> Measured:
    """The median over draws."""
    steps = _notebook(tables)
    if steps is None:
        return ABSENT
    last, _ = steps
    note = "not asserted: the theorem is about gradient flow"
    return Measured(float(np.median(last["aligned"])), note)


@of_project(
    "descent-x2tanh",
    "x² tanh x by gradient descent, d = 1: share of neurons that moved.",
    OPEN,
    source="this project, beside Figs. 5 and 6 of Zhou et al. 2022, d = 1",
)
def descent_x2tanh(config: Config, tables: Tables) -> Measured:
    """The median over draws."""
    table = rows_of(tables, "line", "x2tanh", optimiser=DESCENT)
    if not len(table):
        return ABSENT
    note = (
        "not asserted; the three heaviest neurons hold "
        f"{np.median(table['heaviest']):.0%} of the amplitude"
    )
    return Measured(float(np.median(table["moved"])), note)


@notebook(
    "first-step",
    "Adam's first step from m⁻⁴ is along sign(z), z = Σ y_i x_i (median cosine).",
    at_least(0.99),
    kind="reproduction",
)
def first_step(config: Config, tables: Tables) -> Measured:
    """The median over draws."""
    steps = _notebook(tables)
    if steps is None:
        return ABSENT
    _, first = steps
    note = f"with z itself {float(np.median(first['aligned'])):.2f}"
    return Measured(float(np.median(first["sign_aligned"])), note)


@notebook(
    "demo-b",
    "tanh by Adam from m⁻⁴: |cosine| > .95 for 97 % of the pairs (median over draws).",
    at_least(0.97),
    kind="reproduction",
)
def demo_b(config: Config, tables: Tables) -> Measured:
    """The median over draws."""
    steps = _notebook(tables)
    if steps is None:
        return ABSENT
    last, first = steps
    pairs = last["pairs"]
    note = (
        f"{int(np.sum(pairs < 0.97))} of {len(last)} draws are below, the least at "
        f"{pairs.min():.2f}; after the first step "
        f"{float(np.median(first['pairs'])):.2f}"
    )
    return Measured(float(np.median(pairs)), note)
