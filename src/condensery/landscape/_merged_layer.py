"""A layer while its units are merged: exactly, nearly, or by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from condensery._errors import InvalidInputError
from condensery.landscape._network import (
    Parameters,
    elementwise,
    unit_rows,
)
from condensery.models import activation
from condensery.theory import MergeRule, activation_facts, merge_rule

PARALLEL = 1e-12
"""Rows are exactly parallel if what is left after projection is below this part of
them: rounding of sums of copies.
"""


@dataclass(eq=False)
class LayerWork:
    """One layer while it is being merged.

    Attributes:
        rows: Input weights and, if there is one, bias of each unit.
        outgoing: Its weights in the next layer.
        next_bias: The next layer's bias.
        name: Of the activation.
        constant: σ(b) of the units whose input weights are zero, nan for the others.
        alive: Units that are left.
        moved_bias: What was added to the next bias.
        notes: What was left apart, and why.
    """

    rows: Float[np.ndarray, "unit input"]
    outgoing: Float[np.ndarray, "unit next"]
    next_bias: Float[np.ndarray, " next"] | None
    name: str
    constant: np.ndarray
    alive: np.ndarray
    moved_bias: np.ndarray
    notes: list[str] = field(default_factory=list)

    def amplitudes(self) -> Float[np.ndarray, " unit"]:
        sizes = np.linalg.norm(self.rows, axis=1)
        return sizes * np.linalg.norm(self.outgoing, axis=1)


def open_layer(layers: Parameters, level: int, name: str) -> LayerWork:
    """Hidden layer `level` of a net with an activation, to be merged."""
    weight, bias = layers[level - 1]
    after, next_bias = layers[level]
    shift = np.zeros(len(weight)) if bias is None else bias
    sigma = elementwise(activation(name).sigma, shift)
    return LayerWork(
        rows=unit_rows(layers[level - 1]).copy(),
        outgoing=after.T.copy(),
        next_bias=next_bias,
        name=name,
        constant=np.where(weight.any(axis=1), np.nan, sigma),
        alive=np.ones(len(weight), dtype=bool),
        moved_bias=np.zeros(len(after)),
    )


def close_layer(layers: Parameters, level: int, work: LayerWork) -> None:
    """Put the units that are left into the net."""
    weight, bias = layers[level - 1]
    rows = work.rows[work.alive]
    inputs = weight.shape[1]
    layers[level - 1] = (
        rows[:, :inputs],
        None if bias is None else rows[:, -1],
    )
    next_bias = work.next_bias
    if next_bias is not None:
        next_bias = next_bias + work.moved_bias
    layers[level] = (work.outgoing[work.alive].T, next_bias)


def absorb(work: LayerWork, shift: np.ndarray) -> bool:
    """Put a constant into the next layer's bias, if it needs and has one."""
    if work.next_bias is None:
        return not shift.any()
    work.moved_bias += shift
    return True


def merge_exact(work: LayerWork) -> None:
    """Merge all units that an identity of the activation makes one."""
    for first in range(len(work.rows)):
        if not work.alive[first] or not work.rows[first].any():
            continue
        ratios, exact = ratios_to(work, first)
        exact[: first + 1] = False
        for unit in np.flatnonzero(exact & work.alive):
            rule = merge_rule(work.name, float(ratios[unit]))
            if rule is None or not rule.exact:
                continue
            if absorb(work, rule.constant * work.outgoing[unit]):
                add_unit(work, first, int(unit), rule)


def ratios_to(work: LayerWork, first: int) -> tuple[np.ndarray, np.ndarray]:
    """The ratios c of w_k = c·w_first, and where that is exact."""
    base = work.rows[first]
    ratios = work.rows @ base / (base @ base)
    left = work.rows - ratios[:, None] * base
    sizes = np.linalg.norm(work.rows, axis=1)
    parallel = np.linalg.norm(left, axis=1) <= PARALLEL * sizes
    return ratios, parallel & (ratios != 0)


def add_unit(work: LayerWork, first: int, unit: int, rule: MergeRule) -> None:
    """Add one unit to another."""
    work.outgoing[first] += rule.factor * work.outgoing[unit]
    work.alive[unit] = False


CANCELLING = 0.1
"""Below this |Σ a‖w‖| / Σ|a|‖w‖ a group that is not exactly parallel is a difference,
not a sum.
"""


def _homogeneous(work: LayerWork) -> bool:
    return activation_facts(work.name).homogeneity == 1


def least_cosine(work: LayerWork, units: Sequence[int]) -> float:
    """The least cosine of a pair of these units."""
    rows = work.rows[units]
    directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return float((directions @ directions.T).min())


def cancelling(work: LayerWork, units: Sequence[int]) -> bool:
    """Whether the outgoing weights cancel, so that the group is a difference."""
    sizes = np.linalg.norm(work.rows[units], axis=1)
    outgoing = work.outgoing[units]
    total = (outgoing * sizes[:, None]).sum(axis=0)
    amplitudes = np.linalg.norm(outgoing, axis=1) * sizes
    return bool(np.linalg.norm(total) < CANCELLING * amplitudes.sum())


def parallel_groups(work: LayerWork, cosine: float) -> list[list[int]]:
    """Units of which every pair is parallel enough, by complete linkage; only groups of
    several.
    """
    units = np.flatnonzero(work.alive & work.rows.any(axis=1))
    if len(units) < 2:
        return []
    sizes = np.linalg.norm(work.rows[units], axis=1)
    directions = work.rows[units] / sizes[:, None]
    alike = directions @ directions.T
    if not _homogeneous(work):
        smaller = np.minimum.outer(sizes, sizes)
        larger = np.maximum.outer(sizes, sizes)
        alike = np.minimum(alike, smaller / larger)
    distance = np.maximum(1 - alike, 0.0)
    np.fill_diagonal(distance, 0.0)
    condensed = squareform(distance, checks=False)
    tree = linkage(condensed, method="complete")
    labels = fcluster(tree, 1 - cosine, criterion="distance")
    groups = [units[labels == label] for label in np.unique(labels)]
    return [members.tolist() for members in groups if len(members) > 1]


def merge_near(work: LayerWork, members: Sequence[int]) -> None:
    """One unit in the place of nearly parallel ones: the mean direction, weighted by
    amplitude.
    """
    rows = work.rows[members]
    outgoing = work.outgoing[members]
    sizes = np.linalg.norm(rows, axis=1)
    weights = sizes * np.linalg.norm(outgoing, axis=1)
    if weights.any():
        weights = weights / weights.sum()
    else:
        weights = np.full(len(members), 1 / len(members))
    first, *absorbed = members
    if _homogeneous(work):
        mean = weights @ (rows / sizes[:, None])
        length = float(weights @ sizes)
        work.rows[first] = mean / np.linalg.norm(mean) * length
        total = (outgoing * sizes[:, None]).sum(axis=0)
        work.outgoing[first] = total / length
    else:
        work.rows[first] = weights @ rows
        work.outgoing[first] = outgoing.sum(axis=0)
    work.alive[absorbed] = False


INFINITY = (
    "the units are on the way to channels to infinity: nearly parallel, with "
    "outgoing weights that cancel"
)


def merge_named(work: LayerWork, units: list[int], cosine: float | None) -> None:
    """Make these units one, or refuse.

    Raises:
        InvalidInputError: See `merge`.
    """
    first, *absorbed = units
    if not absorbed:
        raise InvalidInputError(
            "units",
            given=f"{units}",
            allowed="at least two units",
            remedy="name another one",
        )
    if not work.rows[units].any(axis=1).all():
        unit = next(unit for unit in units if not work.rows[unit].any())
        raise InvalidInputError(
            f"unit {unit}",
            given="no input weights: it is a constant",
            allowed="units with input weights",
            remedy="merge the layer without naming units to have it removed",
        )
    ratios, exact = ratios_to(work, first)
    if exact[absorbed].all():
        for unit in absorbed:
            rule = _rule_or_refusal(work, first, unit, float(ratios[unit]))
            add_unit(work, first, unit, rule)
        return
    if cancelling(work, units) and least_cosine(work, units) > 0.9:
        raise InvalidInputError(
            f"units {units}",
            given=INFINITY,
            allowed="exactly parallel units, or outgoing weights that add up",
            remedy="leave them apart",
        )
    least = least_cosine(work, units)
    if cosine is None or least < cosine:
        raise InvalidInputError(
            f"units {units}",
            given=f"rows with a least cosine of {least:.9f}",
            allowed="exactly parallel rows"
            if cosine is None
            else f"a cosine of at least {cosine}",
            remedy="give a lower cosine for an approximate merge, or leave them apart",
        )
    merge_near(work, units)


def _rule_or_refusal(work: LayerWork, first: int, unit: int, ratio: float) -> MergeRule:
    rule = merge_rule(work.name, ratio)
    if rule is None or not rule.exact:
        why = (
            "no identity"
            if rule is None
            else "an identity that needs a linear path past the activation"
        )
        raise InvalidInputError(
            f"units {first} and {unit}",
            given=f"rows with the ratio {ratio:.6g}, for which {work.name} has {why}",
            allowed="ratios of the merge table (condensery.theory.merge_rule)",
            remedy="leave them apart",
        )
    if not absorb(work, rule.constant * work.outgoing[unit]):
        raise InvalidInputError(
            f"units {first} and {unit}",
            given="a merge that moves a constant to the next layer",
            allowed="a next layer with a bias",
            remedy="give it a bias of zeros",
        )
    return rule
