"""Tables of the figures: counts, medians and ranges over the draws."""

from __future__ import annotations

import numpy as np

from condensery.declare import Results, rows
from condensery.experiments.initial_condensation._config import Config
from condensery.experiments.initial_condensation._tables import (
    ADAM,
    measures,
    stacked,
    table_of,
)
from condensery.records import Table

MOST = 6
"""The largest number of lines with a column of its own in the figure."""


def line_counts(config: Config, results: Results) -> Table | None:
    """In how many draws how many lines are counted in five dimensions."""
    table = measures(config, results)
    return None if table is None else count_lines(table)


def count_lines(measures: Table) -> Table | None:
    """Draws per activation and number of lines; nan where there is none."""
    last = measures.select(
        part="five",
        optimiser=ADAM,
        last=True,
    )
    numbers = [*map(str, range(MOST)), f"≥ {MOST}"]
    blocks = []
    for activation in dict.fromkeys(last["activation"].tolist()):
        lines = last.select(activation=activation)["lines"].astype(int)
        counts = np.bincount(np.minimum(lines, MOST), minlength=MOST + 1)
        draws = np.where(counts > 0, counts, np.nan)
        blocks.append(
            rows(
                {"lines": numbers},
                activation=activation,
                draws=draws,
            )
        )
    return stacked(blocks)


def moved(config: Config, results: Results) -> Table | None:
    """Median shares of the neurons on the line that have moved."""
    table = measures(config, results)
    return None if table is None else count_moved(table)


def count_moved(measures: Table) -> Table | None:
    """Medians per activation and optimiser; of Adam where the lines are counted."""
    line = measures.select(part="line")
    optimisers = list(dict.fromkeys(line["optimiser"].tolist()))
    if not optimisers:
        return None
    controlled = line.select(optimiser=optimisers[-1])["activation"].tolist()
    entries = []
    for activation in dict.fromkeys(controlled):
        for optimiser in optimisers:
            table = line.select(
                activation=activation,
                optimiser=optimiser,
            )
            before_last = np.unique(table["step"])[-2:][0]
            is_adam = optimiser == ADAM
            chosen = table["step"] == before_last if is_adam else table["last"]
            median = np.median(table["moved"][chosen])
            row = {
                "activation": activation,
                "optimiser": optimiser,
                "moved": median,
            }
            entries.append(row)
    return table_of(entries)


def courses(config: Config, results: Results) -> Table | None:
    """Alignment of the notebook's neurons over the draws."""
    table = measures(config, results)
    return None if table is None else summarise_courses(table)


def summarise_courses(measures: Table) -> Table | None:
    """Per optimiser and step the median over the draws and their range."""
    entries = []
    chosen = measures.select(part="demo-b")
    for optimiser in dict.fromkeys(chosen["optimiser"].tolist()):
        table = chosen.select(optimiser=optimiser)
        draws = len(np.unique(table["draw"]))
        for step in np.unique(table["step"]).tolist():
            drawn = table.select(step=step)
            # a step that not all draws recorded is where one of them ended
            if len(drawn) != draws:
                continue
            row = {
                "optimiser": optimiser,
                "step": step,
                "aligned": np.median(drawn["aligned"]),
                "low": drawn["aligned"].min(),
                "high": drawn["aligned"].max(),
                "sign_aligned": np.median(drawn["sign_aligned"]),
            }
            entries.append(row)
    return table_of(entries)
