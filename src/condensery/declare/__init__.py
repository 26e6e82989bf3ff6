"""What an experiment is declared with: settings, tasks, results, tables and claims.

An experiment is a value, not a class. `Declared` holds a configuration, functions and
claims, and is what the workbench asks for (`condensery.protocols.Experiment`). Every
function takes what it needs by name and type: the configuration arrives as itself, the
parameters of a task as keywords, and a claim stands on the function that measures it.

Example:
    >>> from condensery.declare import Measured, at_most, claim, rows
    >>> table = rows({"seed": [0, 1]}, loss=[0.2, 0.1])
    >>> table["loss"].tolist()
    [0.2, 0.1]
    >>> @claim(
    ...     "small",
    ...     "Losses end small.",
    ...     at_most(0.5),
    ...     kind="reproduction",
    ...     paper="me",
    ...     source="Fig. 1",
    ... )
    ... def largest_loss(config, tables):
    ...     return Measured(float(tables["runs"]["loss"].max()))
    >>> largest_loss.statement.relation
    '<='
"""

from __future__ import annotations

from condensery.declare._claims import (
    Expected,
    JudgedMeasure,
    Measured,
    Tables,
    at_least,
    at_most,
    between,
    claim,
    equal_to,
    within,
)
from condensery.declare._conditions import (
    ANY,
    Condition,
    exactly,
    needs,
    no_less,
)
from condensery.declare._declared import (
    Declared,
)
from condensery.declare._settings import (
    Count,
    Distinct,
    Exponent,
    Positive,
    Settings,
    Share,
)
from condensery.declare._tables import (
    Blocks,
    rows,
    stack,
    table,
)
from condensery.declare._tasks import (
    Results,
    TaskFunction,
    Work,
    task,
)

__all__ = [
    "ANY",
    "Blocks",
    "Condition",
    "Count",
    "Declared",
    "Distinct",
    "Expected",
    "Exponent",
    "JudgedMeasure",
    "Measured",
    "Positive",
    "Results",
    "Settings",
    "Share",
    "Tables",
    "TaskFunction",
    "Work",
    "at_least",
    "at_most",
    "between",
    "claim",
    "equal_to",
    "exactly",
    "needs",
    "no_less",
    "rows",
    "stack",
    "table",
    "task",
    "within",
]
