"""How two units stay related on their way: f_u = c·f_v + d, followed from the layer
that makes them to their readers.

The rules at each activation are those of the exact-merge table in `condensery.theory`;
here they are applied to every pair of a layer at once, through batch norm, depth-wise
filters, pooling, index arithmetic and residual sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from condensery.torch._surgery._follow_activations import follow_point, follow_prelu
from condensery.torch._surgery._follow_layers import (
    follow_add_weight,
    follow_depthwise,
    follow_make,
    follow_multiply_weight,
    follow_read,
    follow_scale,
)
from condensery.torch._surgery._follow_values import (
    follow_add,
    follow_add_common,
    follow_cat,
    follow_gather,
    follow_multiply,
    follow_multiply_common,
    follow_pool,
    follow_scaled,
    follow_unchanged,
)
from condensery.torch._surgery._relation import Pairs, Relation, Transfer, Weights
from condensery.torch._surgery._units import Coupling

_FOLLOW: Mapping[str, Callable[..., Relation]] = MappingProxyType(
    {
        "make": follow_make,
        "scale": follow_scale,
        "depthwise": follow_depthwise,
        "multiply-weight": follow_multiply_weight,
        "add-weight": follow_add_weight,
        "point": follow_point,
        "prelu": follow_prelu,
        "unchanged": follow_unchanged,
        "scaled": follow_scaled,
        "add-common": follow_add_common,
        "multiply-common": follow_multiply_common,
        "pool": follow_pool,
        "gather": follow_gather,
        "cat": follow_cat,
        "add": follow_add,
        "multiply": follow_multiply,
    }
)
"""Kind of a step to what it does to relations; the readers come apart."""


def follow(
    coupling: Coupling,
    weights: Weights,
    pair: Mapping[int, int],
    *,
    tolerance: float | None,
    sizes: Mapping[int, float] | None = None,
) -> Transfer:
    """One pass through a model's steps for given pairs.

    Args:
        coupling: The steps.
        weights: Their weights.
        pair: Unit to the unit that takes its place; a unit that maps to `CONSTANT` has
            no input weights, and is a constant.
        tolerance: What counts as equal, relative to the rows' size; None to take every
            pair for parallel.
        sizes: Without a tolerance: sizes of rows that have been given new values, as
            they were before.
    """
    pairs = Pairs(coupling, weights, pair, tolerance=tolerance, sizes=sizes)
    relations: dict[str, Relation] = {}
    for step in coupling.steps:
        if step.kind == "read":
            follow_read(pairs, step, relations[step.source[0]])
            continue
        before = [relations.get(name) for name in step.source]
        relations[step.node.name] = _FOLLOW[step.kind](pairs, step, *before)
    return pairs.transfer
