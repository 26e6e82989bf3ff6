"""What Zhang and Xu (2024) state of images, on what measures it: medians over seeds."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import Measured, Tables, at_least, at_most, claim
from condensery.experiments.dropout_images._config import (
    PART_REFERENCE,
    PARTS,
    REFERENCE,
    Config,
)
from condensery.experiments.dropout_images._tables import ALIKE, PAIRS
from condensery.records import Table

LEAST_GAIN = {"digits": 5.0, "mnist": 5.0, "fashion-mnist": 0.0}
"""Points that R_drop and R_S + R1 gain over R_S.

The source has nine for MNIST and gives none for Fashion-MNIST, where only the sign is
judged.
"""
SMALLEST = 1e-300
"""What is divided by is at least this."""
MIXED = PAIRS[len(ALIKE) :]
"""One solution with R1 and one without."""


published = partial(claim, paper="zhang2024dropout")
of_p = partial(published, source="Fig. 2", when=REFERENCE)
of_parts = partial(published, source="Fig. 13", when=PART_REFERENCE)
of_lines = partial(published, source="Fig. 14", when=PART_REFERENCE)


def _median(table: Table, column: str, kind: str, keep: float) -> float:
    return float(np.median(table.select(kind=kind, keep=keep)[column]))


def _images(config: Config) -> str:
    return f"{config.data}, {config.samples} images"


# ---------------------------------------------------------------------------- over p


def _medians(config: Config, tables: Tables, column: str, kind: str) -> np.ndarray:
    """Of every p."""
    table = tables["runs"]
    return np.array([_median(table, column, kind, keep) for keep in config.keeps])


def _adam(config: Config, tables: Tables) -> str:
    """The setting, as a note."""
    return (
        f"{_images(config)}, {config.steps:,} steps of Adam (the source: gradient "
        f"descent); {_settled(tables['courses'])}"
    )


def _settled(courses: Table) -> str:
    """How far R_drop and R_S + R1 have settled: what changes in the last half of the
    steps, the largest of all runs.
    """
    falls, moves = [], []
    kinds, keeps = courses["kind"], courses["keep"]
    runs = {(str(kind), float(keep)) for kind, keep in zip(kinds, keeps, strict=True)}
    for kind, keep in sorted(runs):
        if kind not in ("dropout", "expected"):
            continue
        course = courses.select(
            kind=kind,
            keep=keep,
            seed=0,
        )
        step = course["step"]
        half = int(np.flatnonzero(step <= step.max() / 2)[-1])
        total = course["loss"] + course["r1"]
        falls.append(float(total[half] - total[-1]))
        moves.append(100 * float(np.ptp(course["accuracy"][half:])))
    return (
        f"in the last half of the steps R_S + R1 falls by at most {max(falls):.1g}, "
        f"accuracy moves by at most {max(moves):.1f} points"
    )


@of_p(
    "same-accuracy",
    "R_drop and R_S + R1 have the same test accuracy (largest difference over p, in "
    "points; 0.1 in the source).",
    at_most(1.0),
    kind="reproduction",
)
def same_accuracy(config: Config, tables: Tables) -> Measured:
    """Largest difference over p."""
    dropout = _medians(config, tables, "accuracy", "dropout")
    expected = _medians(config, tables, "accuracy", "expected")
    apart = 100 * float(np.max(np.abs(dropout - expected)))
    return Measured(apart, _adam(config, tables))


@of_p(
    "better",
    "Both are better than R_S (least gain over p, in points; 9 in the source).",
    at_least(LEAST_GAIN["digits"]),
    kind="reproduction",
)
def better(config: Config, tables: Tables) -> Measured:
    """Least gain over p; what is expected follows the data."""
    plain = _median(tables["runs"], "accuracy", "plain", 1.0)
    kinds = ("dropout", "expected")
    accuracy = [_medians(config, tables, "accuracy", kind).min() for kind in kinds]
    gain = 100 * float(min(accuracy) - plain)
    note = f"R_S {100 * plain:.1f} %; {_adam(config, tables)}"
    return Measured(gain, note, at_least(LEAST_GAIN[config.data]))


@of_p(
    "falls-with-p",
    "With R_S + R1 the accuracy at the smallest p is at least that at the largest "
    "(points; 1 in the source).",
    at_least(0.0, slack=0.5),
    kind="reproduction",
)
def falls_with_p(config: Config, tables: Tables) -> Measured:
    """What the smallest p has more than the largest."""
    accuracy = _medians(config, tables, "accuracy", "expected")
    order = np.argsort(config.keeps)
    fall = 100 * float(accuracy[order[0]] - accuracy[order[-1]])
    return Measured(fall, _adam(config, tables))


@of_p(
    "same-terms",
    "R1 of the two solutions is the same (largest of all p of |log10| of their ratio).",
    at_most(0.3),
    kind="reproduction",
)
def same_terms(config: Config, tables: Tables) -> Measured:
    """Largest logarithm of the ratio."""
    dropout, expected = (
        np.maximum(_medians(config, tables, "r1", kind), SMALLEST)
        for kind in ("dropout", "expected")
    )
    away = np.abs(np.log10(dropout / expected))
    return Measured(float(away.max()), _adam(config, tables))


# ------------------------------------------------------------------- the four losses


def _descent(config: Config) -> str:
    """The setting, as a note."""
    chosen = (
        "a setting chosen among seven for showing the pattern of L1 to L4: under Adam "
        "L2 and L4 fail"
    )
    remark = chosen if config.data == "digits" else "far from settled"
    return (
        f"{_images(config)}, {config.part_steps:,} steps of gradient descent with "
        f"momentum, {remark}"
    )


def _gains(config: Config, tables: Tables) -> dict[str, float]:
    """Points that L1 to L4 gain over R_S."""
    table, keep = tables["runs"], config.part_keeps[0]
    plain = _median(table, "accuracy", "descent", 1.0)
    return {
        part: 100 * (_median(table, "accuracy", part, keep) - plain) for part in PARTS
    }


def _gains_note(config: Config, gains: dict[str, float]) -> str:
    listed = ", ".join(f"{part} {gain:+.1f}" for part, gain in gains.items())
    against = f"points against R_S at p = {config.part_keeps[0]:g}"
    return f"{listed} {against}; {_descent(config)}"


def _ratio(part: str, config: Config, tables: Tables) -> Measured:
    """What a loss gains, over what L1 gains."""
    gains = _gains(config, tables)
    ratio = abs(gains[part]) / max(abs(gains["L1"]), 1e-9)
    return Measured(ratio, _gains_note(config, gains))


r1_not_r2 = of_parts(
    "r1-not-r2",
    "L2 = R_S + R2~ gains over R_S less than half of what L1 = R_S + R1 gains (ratio "
    "of the gains).",
    at_most(0.5),
    kind="reproduction",
)(partial(_ratio, "L2"))


@of_parts(
    "without-r2",
    "Dropout without R2~, L3 = R_drop − R2~, is as good as L1 (difference in points).",
    at_most(2.0),
    kind="reproduction",
)
def without_r2(config: Config, tables: Tables) -> Measured:
    """Difference of the two gains."""
    gains = _gains(config, tables)
    return Measured(abs(gains["L3"] - gains["L1"]), _gains_note(config, gains))


without_r1 = of_parts(
    "without-r1",
    "Dropout without R1, L4 = R_drop − R1, gains less than half of what L1 gains "
    "(ratio of the gains).",
    at_most(0.5),
    kind="reproduction",
)(partial(_ratio, "L4"))


# ------------------------------------------ lines; bounds set before the first run


def _line(tables: Tables, pair: tuple[str, str], keep: float, column: str) -> float:
    first, second = pair
    line = tables["barriers"].select(
        first=first,
        second=second,
        keep=keep,
    )
    return float(np.median(line[column]))


def _mixed_barriers(config: Config, tables: Tables) -> dict[float, list[float]]:
    """Barriers per p of the four pairs with R1 at one end alone."""
    return {
        keep: [_line(tables, pair, keep, "barrier") for pair in MIXED]
        for keep in config.part_keeps
    }


def _barriers_note(config: Config, barriers: dict[float, list[float]]) -> str:
    ranges = ", ".join(
        f"p = {keep:g}: {min(heights):.2g} to {max(heights):.2g}"
        for keep, heights in barriers.items()
    )
    return f"{ranges}; {_descent(config)}"


@of_lines(
    "no-barrier",
    "On the straight lines from L1 to L3, both with R1, and from L2 to L4, both "
    "without, R_S has no barrier (the higher of the two, largest over p).",
    at_most(1e-3),
    kind="reproduction",
)
def no_barrier(config: Config, tables: Tables) -> Measured:
    """Highest barrier; the bound is the source's."""
    heights = [
        _line(tables, pair, keep, "barrier")
        for pair in ALIKE
        for keep in config.part_keeps
    ]
    return Measured(max(heights), _descent(config))


@of_lines(
    "barrier",
    "From one with R1 to one without there is a barrier (lowest of four pairs, least "
    "over p; 0.013 to 0.033 in the source).",
    at_least(1e-3),
    kind="reproduction",
)
def has_barrier(config: Config, tables: Tables) -> Measured:
    """Lowest barrier."""
    barriers = _mixed_barriers(config, tables)
    lowest = min(map(min, barriers.values()))
    return Measured(lowest, _barriers_note(config, barriers))


@of_lines(
    "barrier-grows",
    "It grows as p falls (mean of the four pairs at the smallest p over that at the "
    "largest).",
    at_least(1.0),
    kind="reproduction",
)
def barrier_grows(config: Config, tables: Tables) -> Measured:
    """Ratio of the means; None where there is one p."""
    barriers = _mixed_barriers(config, tables)
    note = _barriers_note(config, barriers)
    low, high = min(config.part_keeps), max(config.part_keeps)
    if low == high:
        return Measured(None, note)
    at_low, at_high = np.mean(barriers[low]), np.mean(barriers[high])
    return Measured(float(at_low / max(at_high, SMALLEST)), note)


@of_lines(
    "flatter-with-r1",
    "On these lines R_S is flatter at the end with R1 (its second derivative there "
    "over that at the other end, largest of the pairs and of p).",
    at_most(0.5),
    kind="reproduction",
)
def flatter_with_r1(config: Config, tables: Tables) -> Measured:
    """Largest ratio of the second derivatives."""
    ratios = []
    for pair in MIXED:
        for keep in config.part_keeps:
            with_r1 = _line(tables, pair, keep, "bend_first")
            without = _line(tables, pair, keep, "bend_second")
            ratios.append(with_r1 / max(without, SMALLEST))
    return Measured(max(ratios), _descent(config))


CLAIMS = (
    *(same_accuracy, better, falls_with_p, same_terms),
    *(r1_not_r2, without_r2, without_r1),
    *(no_barrier, has_barrier, barrier_grows, flatter_with_r1),
)
