"""What Zhang and Xu (2024) state about dropout and features, and how it is measured;
medians over seeds.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import (
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
    within,
)
from condensery.experiments.dropout_features._config import (
    DEEP_REFERENCE,
    REFERENCE,
    SWITCH_REFERENCE,
    VECTOR_REFERENCE,
    Config,
    TargetName,
)
from condensery.records import Table

TINY = 1e-300
"""What is divided by is at least this."""


published = partial(claim, paper="zhang2024dropout", when=REFERENCE)


# ----------------------------------------------------------------------------- fits


def _length(config: Config) -> str:
    return (
        f"{config.steps:,} steps of Adam at rate {config.rate:g}; the paper runs up to "
        "1,000,000"
    )


def _median(table: Table, column: str, **cell: object) -> float | None:
    values = table.select(**cell)[column]
    return float(np.median(values)) if values.size else None


def _ratio(above: float | None, below: float | None) -> float | None:
    if above is None or below is None or below == 0:
        return None
    return above / below


@published(
    "overshoot",
    "tanh, two layers: the largest error between the samples at p = 1 is more than "
    "twice that at p = 0.9.",
    at_least(2.0),
    kind="reproduction",
    source="Fig. 4",
)
def overshoot(config: Config, tables: Tables) -> Measured:
    """Ratio of the errors."""
    of_tanh = partial(_median, tables["fits"], "off", target="tanh", layers=2)
    ratio = _ratio(of_tanh(kind="plain"), of_tanh(kind="dropout"))
    return Measured(ratio, _length(config))


@published(
    "fits",
    "The solution found with dropout fits: R_S without masks is small.",
    at_most(1e-2),
    kind="reproduction",
    source="Fig. 4",
)
def small_loss(config: Config, tables: Tables) -> Measured:
    """The largest loss over the targets."""
    dropped = tables["fits"].select(layers=2, kind="dropout")
    losses = [np.median(dropped.select(target=name)["loss"]) for name in config.targets]
    return Measured(float(max(losses)), _length(config))


def _condenses(
    target: TargetName, layers: int, config: Config, tables: Tables
) -> Measured:
    """Ratio of the effective orientations, with dropout over without."""
    table = tables["fits"].select(target=target, layers=layers)
    dropped, plain = (
        _median(table, "effective_orientations", kind=kind)
        for kind in ("dropout", "plain")
    )
    note = _length(config)
    if layers == 3:
        note = f"width {config.deep_width}, {config.deep_steps:,} steps"
    ratio = _ratio(dropped, plain)
    if ratio is not None:
        note += f"; {dropped:.1f} against {plain:.1f}"
    return Measured(ratio, note)


_SHALLOW = "two layers: effective orientations at p = 0.9 against p = 1 (ratio)."
_DEEP = "three layers, first layer: the same at p = 0.9 against p = 1 (ratio)."
_CONDENSED: tuple[tuple[str, TargetName, int, str, str], ...] = (
    ("condenses-tanh", "tanh", 2, f"tanh, {_SHALLOW}", "Fig. 4"),
    ("condenses-relu", "relu", 2, f"ReLU, {_SHALLOW}", "Fig. 1"),
    ("condenses-tanh-3", "tanh", 3, f"tanh, {_DEEP}", "Fig. 4"),
    ("condenses-relu-3", "relu", 3, f"ReLU, {_DEEP}", "Fig. A15"),
)

condenses = tuple(
    published(
        name,
        sentence,
        at_most(0.5),
        kind="reproduction",
        source=source,
        when=REFERENCE if layers == 2 else DEEP_REFERENCE,
    )(partial(_condenses, target, layers))
    for name, target, layers, sentence, source in _CONDENSED
)


def _on_target(target: TargetName, config: Config, tables: Tables) -> Measured:
    """Share of the amplitude near the target's orientations."""
    share = _median(tables["fits"], "near", target=target, layers=2, kind="dropout")
    return Measured(share, _length(config))


_TARGETED: tuple[tuple[str, TargetName, str, str], ...] = (
    (
        "on-target-tanh",
        "tanh",
        "tanh, two layers, p = 0.9: share of the amplitude within 0.15 rad of ±1.406 "
        "and ±1.736, the orientations that make up the target.",
        "Fig. 4",
    ),
    (
        "on-target-relu",
        "relu",
        "ReLU, the same at −0.322 and −2.820.",
        "Fig. 1",
    ),
)

on_target = tuple(
    published(
        name,
        sentence,
        at_least(0.9),
        kind="reproduction",
        source=source,
    )(partial(_on_target, target))
    for name, target, sentence, source in _TARGETED
)


def _kept(table: Table) -> float | None:
    """Median of the effective orientations over the initial ones."""
    if not len(table):
        return None
    ratios = table["effective_orientations"] / table["initial_orientations"]
    return float(np.median(ratios))


@published(
    "stays-without",
    "tanh, two layers, p = 1: features stay as they were (effective orientations over "
    "the initial ones).",
    at_least(0.8),
    kind="reproduction",
    source="Fig. 4",
)
def stays_without(config: Config, tables: Tables) -> Measured:
    """Ratio of the counts."""
    plain = tables["fits"].select(target="tanh", layers=2, kind="plain")
    return Measured(_kept(plain), _length(config))


@published(
    "noise-is-not-enough",
    "Mini-batches of two without dropout condense nothing (effective orientations over "
    "the initial ones).",
    within(1.0, 0.1),
    kind="reproduction",
    source="Fig. 6",
)
def noise_is_not_enough(config: Config, tables: Tables) -> Measured:
    """Ratio of the counts."""
    name = config.targets[0]
    batches = tables["fits"].select(target=name, layers=2, kind="batches")
    return Measured(_kept(batches), _length(config))


# --------------------------------------------------------------------------- switch


of_switch = partial(published, source="Fig. 5", when=SWITCH_REFERENCE)


def _steps(config: Config) -> str:
    first, second = config.switch_steps
    return f"{first:,} steps, then {second:,}"


def _last(tables: Tables, branch: str) -> Table:
    """The last step of a branch."""
    table = tables["switch"].select(branch=branch)
    return table.select(step=int(table["step"].max()))


@of_switch(
    "switch-r1",
    "After the switch R1 is less than half of what it was at the R_S minimum (least "
    "ratio of before to after, for R_drop and R_S + R1).",
    at_least(2.0),
    kind="reproduction",
)
def switch_r1(config: Config, tables: Tables) -> Measured:
    """The smaller of the ratios."""
    before = _last(tables, "first")["r1"]
    ratios = []
    for branch in ("dropout", "expected"):
        after = np.maximum(_last(tables, branch)["r1"], TINY)
        ratios.append(float(np.median(before / after)))
    return Measured(min(ratios), _steps(config))


@of_switch(
    "switch-agree",
    "R_drop and R_S + R1 reach the same output (relative L2 difference).",
    at_most(0.1),
    kind="reproduction",
)
def switch_agree(config: Config, tables: Tables) -> Measured:
    """Median difference over the seeds."""
    dropped, expected = (
        tables["switch_outputs"].select(branch=branch)["final"]
        for branch in ("dropout", "expected")
    )
    shape = (config.seeds, -1)
    gap = np.linalg.norm((dropped - expected).reshape(shape), axis=1)
    size = np.linalg.norm(expected.reshape(shape), axis=1)
    return Measured(float(np.median(gap / size)), _steps(config))


@of_switch(
    "switch-condenses",
    "Both condense, staying on R_S does not (largest ratio of effective orientations "
    "to those on R_S).",
    at_most(0.5),
    kind="reproduction",
)
def switch_condenses(config: Config, tables: Tables) -> Measured:
    """The larger ratio."""
    plain, dropped, expected = (
        float(np.median(_last(tables, branch)["effective_orientations"]))
        for branch in ("plain", "dropout", "expected")
    )
    note = (
        f"{_steps(config)}; R_S {plain:.1f}, R_drop {dropped:.1f}, R_S + R1 "
        f"{expected:.1f}"
    )
    return Measured(max(dropped, expected) / max(plain, TINY), note)


# ------------------------------------------------------------------------- profiles


def _rise(profile: Table) -> float:
    """How much R_S rises from the middle to the ends."""
    distance = np.abs(profile["distance"])
    loss = profile["loss"]
    at_ends = np.isclose(distance, distance.max())
    middle = np.argsort(distance)[0]
    return float(loss[at_ends].mean() - loss[middle])


@published(
    "flatter",
    "Along random directions R_S rises less with dropout (two layers: least ratio over "
    "the targets of the rise at half a length, p = 1 over p = 0.9).",
    at_least(1.0),
    kind="reproduction",
    source="Figs. 1 and 12",
)
def flatter(config: Config, tables: Tables) -> Measured:
    """The smallest ratio over the targets."""
    ratios = {}
    for name in config.targets:
        table = tables["profiles"].select(target=name, layers=2)
        plain, dropped = (
            _rise(table.select(kind=kind)) for kind in ("plain", "dropout")
        )
        ratios[name] = plain / dropped
    note = ", ".join(f"{name} {ratio:.2g}" for name, ratio in ratios.items())
    return Measured(min(ratios.values()), note)


# -------------------------------------------------------------------------- vectors


of_vectors = partial(published, when=VECTOR_REFERENCE)


def _live(config: Config, dropped: Table) -> str:
    live = int(np.median(dropped["live"]))
    loss = np.median(dropped["loss"])
    return (
        f"{live} of {config.vector_width} units live, R_S {loss:.1g}; our choice: "
        f"inputs uniform in [−1, 1], {config.vector_steps:,} steps, the last third at "
        "a tenth of the rate"
    )


def _of_live_units(column: str, config: Config, tables: Tables) -> Measured:
    """Median of a column with dropout."""
    dropped = tables["vectors"].select(kind="dropout")
    return Measured(float(np.median(dropped[column])), _live(config, dropped))


blocks = of_vectors(
    "blocks",
    "tanh, ten inputs, p = 0.5: the cosine matrix is two blocks, any two live units "
    "are parallel or opposite (least |cosine|).",
    at_least(0.95),
    kind="reproduction",
    source="Fig. 7b",
)(partial(_of_live_units, "least_cosine"))

adds_up = of_vectors(
    "adds-up",
    "tanh, ten inputs, p = 0.5: units do not cancel one another (length of the sum of "
    "their contributions over the sum of their lengths).",
    at_least(0.95),
    kind="reproduction",
    source="toy model of R1: a given sum of contributions, least squares",
)(partial(_of_live_units, "together"))


@of_vectors(
    "no-blocks",
    "tanh, ten inputs, p = 1: no blocks (mean |cosine| of two live units).",
    at_most(0.5),
    kind="reproduction",
    source="Fig. 7a",
)
def no_blocks(config: Config, tables: Tables) -> Measured:
    """The mean without dropout."""
    plain = tables["vectors"].select(kind="plain")
    start = np.median(plain["initial_mean_cosine"])
    return Measured(float(np.median(plain["mean_cosine"])), f"{start:.2f} at the start")
