"""Activations: which relations of two units they keep, by the exact-merge table."""

from __future__ import annotations

import numpy as np
import torch

from condensery.theory import merge_rule
from condensery.torch._surgery._relation import Pairs, Relation
from condensery.torch._surgery._units import Step


def follow_point(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """A function of one number, applied to every entry."""
    name = step.facts["activation"] or ""
    if name == "softplus" and len(step.node.args) > 1:
        name = ""
    c, d = _enter(pairs, step, before, name)
    new_c, new_d = _through(pairs, step, c, name)
    constant = pairs.constant(step.node.name)
    if constant.any():
        values = torch.from_numpy(d[constant])
        node = step.node
        after = node.target(
            values,
            *node.args[1:],
            **node.kwargs,
        )
        new_c[constant] = 0.0
        new_d[constant] = after.numpy()
    return Relation(new_c, new_d, None)


def follow_prelu(pairs: Pairs, step: Step, before: Relation) -> Relation:
    """A ReLU with a trained slope."""
    name = step.node.name
    slopes = pairs.weights[step.facts["weight"]].ravel()
    if step.facts["each"]:
        uneven = np.flatnonzero(slopes != slopes[pairs.partner(name)])
        pairs.split(name, uneven, "their slopes differ")
    c, d = _enter(pairs, step, before, "relu")
    new_c, new_d = _through(pairs, step, c, "relu")
    constant = pairs.constant(name)
    slope = slopes if step.facts["each"] else np.full(len(c), slopes[0])
    after = np.where(d > 0, d, slope * d)
    return Relation(
        np.where(constant, 0.0, new_c), np.where(constant, after, new_d), None
    )


def _enter(
    pairs: Pairs, step: Step, before: Relation, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """C and d at an activation, where biases must be in proportion."""
    pairs.key(step.source[0], before, name)
    c, d = at_activation(
        pairs,
        step.source[0],
        before,
    )
    if pairs.exact:
        moved = _moved_units(pairs, step)
        uneven = np.abs(d[moved]) > pairs.slack(before, moved, c)
        reason = "their biases are not in proportion"
        pairs.split(step.node.name, moved[uneven], reason)
    return c, d


def _moved_units(pairs: Pairs, step: Step) -> np.ndarray:
    """Positions whose units go into another one, not into a constant."""
    moved = pairs.moved(step.node.name)
    return moved[~pairs.constant(step.node.name)[moved]]


def _through(
    pairs: Pairs, step: Step, c: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """The exact-merge table: σ(c·z) as a multiple of σ(z) plus a constant."""
    new_c, new_d = np.ones_like(c), np.zeros_like(c)
    forbidden = []
    for position in _moved_units(pairs, step).tolist():
        rule = _rule(pairs, name, float(c[position]))
        if rule is None:
            forbidden.append(position)
        else:
            new_c[position], new_d[position] = rule
    reason = f"{name or 'this activation'} does not take such a factor out"
    pairs.split(
        step.node.name,
        np.asarray(forbidden, dtype=np.int64),
        reason,
    )
    return new_c, new_d


def _rule(pairs: Pairs, name: str, ratio: float) -> tuple[float, float] | None:
    if pairs.exact and abs(abs(ratio) - 1) <= pairs.tolerance:
        ratio = float(np.sign(ratio))
    if not np.isfinite(ratio) or ratio == 0:
        return None
    if not name:
        return _rule_without_facts(ratio, exact=pairs.exact)
    rule = merge_rule(name, ratio)
    size = 1.0
    if rule is None and not pairs.exact:
        # The approximate rule of Zhang et al. takes every activation for homogeneous
        # of degree 1.
        size = abs(ratio)
        rule = merge_rule(name, float(np.sign(ratio)))
    if rule is None or not rule.exact:
        return None
    return rule.factor * size, rule.constant


def _rule_without_facts(ratio: float, *, exact: bool) -> tuple[float, float] | None:
    """Whatever the function is, it has equal values for equal arguments."""
    if ratio == 1:
        return 1.0, 0.0
    return (ratio, 0.0) if ratio > 0 and not exact else None


def at_activation(
    pairs: Pairs, source: str, before: Relation
) -> tuple[np.ndarray, np.ndarray]:
    """C and d; in the approximate mode the ratio of the augmented rows' sizes, with the
    sign of their cosine.
    """
    rows = before.rows
    if pairs.exact or rows is None:
        return before.c, before.d
    moved = pairs.moved(source)
    theirs = pairs.partner(source)[moved]
    size = np.linalg.norm(rows, axis=1)
    if pairs.sizes:
        for position, unit in enumerate(pairs.mark(source).units.tolist()):
            size[position] = pairs.sizes.get(unit, size[position])
    sign = np.sign(
        np.einsum(
            "ij,ij->i",
            rows[moved],
            rows[theirs],
        )
    )
    ratio = np.divide(
        size[moved], size[theirs], out=np.zeros(len(moved)), where=size[theirs] > 0
    )
    factor = before.base_at(moved) * sign * ratio
    constant = pairs.constant(source)[moved]
    c, d = before.c.copy(), before.d.copy()
    c[moved] = np.where(
        constant,
        c[moved],
        factor,
    )
    d[moved] = np.where(
        constant,
        d[moved],
        0.0,
    )
    return c, d
