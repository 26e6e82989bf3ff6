"""One claim of every kind, and claims that are of other configurations."""

from __future__ import annotations

import numpy as np

from condensery.declare import (
    Declared,
    Measured,
    Settings,
    at_most,
    claim,
    exactly,
    needs,
    no_less,
    rows,
    stack,
    task,
)


class Config(Settings):
    value: float = 1.0
    """What every claim compares with 2."""
    data: str = "digits"
    """Name of the data."""
    width: int = 10
    """Number of units."""


@task(Config)
def measure(config, seed, advance):
    return {"value": np.array([config.value])}


def values(config, results):
    return stack(rows({"": [0]}, **arrays) for _, arrays in results.of(measure))


def stored(config, tables):
    return Measured(float(tables["values"]["value"][0]))


def nothing(config, tables):
    return Measured(None, needs="a longer table")


def stated(name, kind, expected=2.0, **conditions):
    return claim(
        name,
        f"The value is small ({name}).",
        at_most(expected),
        kind=kind,
        paper="me",
        source="Fig. 1",
        **conditions,
    )


ON_LINE = needs("data=line", lambda config: config.data == "line")
kinds = Declared(
    name="kinds",
    title="Kinds",
    summary="One claim of every kind.",
    papers=("me",),
    Config=Config,
    presets={"quick": {}, "paper": {"width": 1000}},
    work=lambda config: [measure.work("value", 1.0)],
    makes={"values": values},
    judges=(
        stated("theorem", "identity")(stored),
        stated("figure", "reproduction")(stored),
        stated("finding", "observation", None)(stored),
        stated("bar", "aim")(stored),
        stated("line-1", "reproduction", when=ON_LINE)(stored),
        stated("line-2", "identity", -1.0, when=ON_LINE)(stored),
        stated("wide", "aim", when=exactly(width=1000) & no_less(value=5))(stored),
        stated("long", "aim")(nothing),
    ),
    draws=[],
)
