"""Edits of a family at full width: merge, remove. What is removed keeps its place, with
nothing going out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from condensery.torch._surgery._relation import Transfer, partners
from condensery.torch._surgery._rules import Rule
from condensery.torch._surgery._statistics import Activity
from condensery.torch._surgery._units import Axis, Coupling, Mark, Step


@dataclass(eq=False)
class Plan:
    """What is to be done to one family.

    Attributes:
        pair: Unit to the unit that takes its place; `CONSTANT` for a unit without input
            weights, whose constant goes on.
        gone: Units that are removed silently, with the rule by which.
    """

    pair: dict[int, int] = field(default_factory=dict)
    gone: dict[int, Rule] = field(default_factory=dict)

    @property
    def removed(self) -> set[int]:
        """Everything that goes."""
        return {*self.pair, *self.gone}


def apply(
    weights: dict[str, np.ndarray],
    coupling: Coupling,
    plan: Plan,
    transfer: Transfer,
) -> dict[int, float]:
    """Sum the outgoing weights of merged units into those that stay; constants go into
    the next bias.

    Returns:
        Factor of every merged unit at its first reader.
    """
    factors: dict[int, float] = {}
    seen: set[Axis] = set()
    members = set(coupling.families[0].units.tolist())
    for step, c, d in transfer.reads:
        mark = coupling.marks[step.source[0]]
        units = mark.units.tolist()
        for position, unit in enumerate(units):
            if unit in plan.pair:
                factors.setdefault(unit, float(c[position]))
        axis = (step.facts["weight"], step.facts["axis"])
        if axis in seen or members.isdisjoint(units):
            continue
        seen.add(axis)
        gone = np.isin(mark.units, list(plan.gone))
        _sum_up(
            weights,
            step,
            mark,
            plan,
            np.where(gone, 0.0, c),
            np.where(gone, 0.0, d),
        )
    return factors


def _sum_up(
    weights: dict[str, np.ndarray],
    step: Step,
    mark: Mark,
    plan: Plan,
    c: np.ndarray,
    d: np.ndarray,
) -> None:
    """Sum c·(outgoing weights) into the partner's columns, d·(them) into the bias."""
    bias, groups = step.facts["bias"], step.facts["groups"]
    weight = np.moveaxis(
        weights[step.facts["weight"]],
        step.facts["axis"],
        0,
    )
    width = len(weight)
    rows = weight.shape[1] // groups
    partner = partners(mark, plan.pair)
    moved = np.isin(mark.units, list(plan.removed))
    for position in np.flatnonzero(moved).tolist():
        block, column = divmod(position, width)
        reads = slice(None)
        if groups > 1:
            first = block * rows
            reads = slice(first, first + rows)
        out = weight[column][reads].copy()
        target = int(partner[position])
        if target != position:
            weight[target - block * width][reads] += c[position] * out
        if bias is not None and d[position]:
            total = out.reshape(len(out), -1).sum(
                axis=1,
            )
            weights[bias][reads] += d[position] * total
        weight[column][reads] = 0.0


def by_least_squares(
    transfer: Transfer,
    coupling: Coupling,
    plan: Plan,
    activity: Mapping[str, Activity],
) -> Transfer:
    """The factors that fit best on the data: c = Σ f_u f_v / Σ f_v² over samples,
    positions and entries of a unit.
    """
    reads = []
    for step, c, d in transfer.reads:
        name = step.source[0]
        mark = coupling.marks[name]
        partner = partners(mark, plan.pair)
        moved = partner != np.arange(len(partner))
        fitted = _fitted(
            mark,
            partner,
            c,
            activity[name].moments,
        )
        rest = np.where(moved, 0.0, d)
        reads.append((step, fitted, rest))
    return replace(transfer, reads=reads)


def _fitted(
    mark: Mark, partner: np.ndarray, c: np.ndarray, gram: np.ndarray
) -> np.ndarray:
    units = mark.units.tolist()
    moved = np.flatnonzero(partner != np.arange(len(partner))).tolist()
    across: dict[int, float] = {}
    within: dict[int, float] = {}
    for mine in moved:
        unit, theirs = units[mine], partner[mine]
        across.setdefault(unit, 0.0)
        within.setdefault(unit, 0.0)
        across[unit] += gram[mine, theirs]
        within[unit] += gram[theirs, theirs]
    fitted = c.copy()
    for position in moved:
        unit = units[position]
        defined = within[unit] > 0
        fitted[position] = across[unit] / within[unit] if defined else 0.0
    return fitted
