"""Tables of the figures: counts, medians and ranges over the draws."""

from __future__ import annotations

import numpy as np

from condensery.declare import Blocks, Tables, table
from condensery.experiments.initial_condensation._config import Config
from condensery.experiments.initial_condensation._tables import ADAM
from condensery.records import Table

MOST = 6
"""The largest number of lines with a column of its own in the figure."""


NOTHING = Table(
    columns=dict.fromkeys(
        ("part", "activation", "optimiser", "last"),
        np.zeros(0, dtype=np.str_),
    )
)


def _measured(tables: Tables, **equals: object) -> Table:
    """Some of the measures; none where no part was run that has them."""
    return tables.get("measures", NOTHING).select(**equals)


def _names(measures: Table, column: str) -> list[str]:
    """What stands in a column, each once."""
    return list(dict.fromkeys(measures[column].tolist()))


@table()
def line_counts(config: Config, tables: Tables) -> Blocks:
    """In how many draws how many lines are counted in five dimensions, per activation;
    nan where there is none.
    """
    last = _measured(tables, part="five", optimiser=ADAM, last=True)
    numbers = [*map(str, range(MOST)), f"≥ {MOST}"]
    for activation in _names(last, "activation"):
        lines = last.select(activation=activation)["lines"]
        shown = np.minimum(lines.astype(int), MOST)
        counts = np.bincount(shown, minlength=MOST + 1)
        yield {
            "lines": numbers,
            "activation": activation,
            "draws": np.where(counts > 0, counts, np.nan),
        }


@table()
def moved(config: Config, tables: Tables) -> Blocks:
    """Median shares of the neurons on the line that have moved, per activation and
    optimiser; of Adam where the lines are counted.
    """
    line = _measured(tables, part="line")
    optimisers = _names(line, "optimiser")
    controlled = line
    if optimisers:
        controlled = line.select(optimiser=optimisers[-1])
    for activation in _names(controlled, "activation"):
        for optimiser in optimisers:
            course = line.select(activation=activation, optimiser=optimiser)
            before_last = np.unique(course["step"])[-2:][0]
            chosen = course["last"]
            if optimiser == ADAM:
                chosen = course["step"] == before_last
            yield {
                "activation": activation,
                "optimiser": optimiser,
                "moved": np.median(course["moved"][chosen]),
            }


@table()
def courses(config: Config, tables: Tables) -> Blocks:
    """Alignment of the notebook's neurons: per optimiser and step the median over the
    draws and their range.
    """
    chosen = _measured(tables, part="demo-b")
    for optimiser in _names(chosen, "optimiser"):
        course = chosen.select(optimiser=optimiser)
        draws = len(np.unique(course["draw"]))
        for step in np.unique(course["step"]).tolist():
            drawn = course.select(step=step)
            aligned = drawn["aligned"]
            # a step that not all draws recorded is where one of them ended
            if len(drawn) == draws:
                yield {
                    "optimiser": optimiser,
                    "step": step,
                    "aligned": np.median(aligned),
                    "low": aligned.min(),
                    "high": aligned.max(),
                    "sign_aligned": np.median(drawn["sign_aligned"]),
                }
