"""How the search from one start ended, and points on the way to infinity."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise

import jax.numpy as jnp
import numpy as np

from condensery.landscape._inertia import KINK, kink_distance
from condensery.landscape._network import (
    Parameters,
    Problem,
    features,
    preactivations,
    unit_inputs,
    unit_rows,
)
from condensery.models import activation
from condensery.theory import activation_facts

PINNED = 1e-6
"""A unit whose σ′(z)x̃ has a smaller relative singular value is not held by the data:
it is on its way to infinity.
"""

NEAR, EQUAL, CANCELS = 0.1, 1e-6, 0.1
"""Two units this near and not equal, with output weights that cancel to this share, are
a channel to infinity.
"""

FLAT = 1e-6
"""‖Hg‖ below this share of ‖H‖‖g‖: a minimum of ‖g‖ that is no critical point."""


class SearchStatus(IntEnum):
    """How the search from one start ended."""

    FOUND = 0
    GRADIENT_FLAT = 1
    AT_INFINITY = 2
    AT_KINK = 3
    OUT_OF_STEPS = 4
    NOT_FINITE = 5

    @property
    def remedy(self) -> str:
        """What to change so that a critical point is found (empty when it was)."""
        return {
            SearchStatus.FOUND: "",
            SearchStatus.GRADIENT_FLAT: "start elsewhere: ‖g‖ has a minimum here "
            "that is not zero",
            SearchStatus.AT_INFINITY: "start elsewhere: a unit saturates, and the "
            "loss is lowest at infinite weights",
            SearchStatus.AT_KINK: "use a smooth activation: the Hessian is "
            "undefined here",
            SearchStatus.OUT_OF_STEPS: "raise steps",
            SearchStatus.NOT_FINITE: "start with smaller parameters",
        }[self]


def judge(
    end: Parameters, problem: Problem, measured: Sequence[float], *, tolerance: float
) -> SearchStatus:
    loss, norm, flat = measured
    if not (np.isfinite(loss) and np.isfinite(norm)):
        return SearchStatus.NOT_FINITE
    if kink_distance(end, problem)[0] <= KINK:
        return SearchStatus.AT_KINK
    if norm > tolerance * (1 + loss):
        if _runs_away(end, problem):
            return SearchStatus.AT_INFINITY
        return SearchStatus.GRADIENT_FLAT if flat < FLAT else SearchStatus.OUT_OF_STEPS
    return SearchStatus.AT_INFINITY if _runs_away(end, problem) else SearchStatus.FOUND


def _runs_away(parameters: Parameters, problem: Problem) -> bool:
    """Whether weights grow without bound: some unit saturates, or two units form a
    channel to infinity.
    """
    if activation_facts(problem.activation).affine_pieces:
        return False  # a piece on which σ is affine is no limit
    return _saturates(parameters, problem) or _has_channel(
        parameters, problem.activation
    )


def _has_channel(parameters: Parameters, activation_name: str) -> bool:
    """Whether two units that become one have growing output weights of opposite signs:
    their limit is a derivative.
    """
    parity = activation_facts(activation_name).parity
    turns = [(1.0, 1.0)]
    if parity != "none":
        turns.append((-1.0, -1.0 if parity == "odd" else 1.0))
    for layer, (after, _) in pairwise(parameters):
        rows = unit_rows(layer)
        for turn, sign in turns:
            near = _near_pairs(rows, turn)
            cancelling = _cancelling_pairs(after, sign)
            if np.triu(near & cancelling, k=1).any():
                return True
    return False


def _near_pairs(rows: np.ndarray, turn: float) -> np.ndarray:
    """Pairs of units that are near, and not equal."""
    sizes = np.linalg.norm(rows, axis=1)
    scale = np.maximum(sizes[:, None], sizes[None])
    differences = rows[:, None] - turn * rows[None]
    gaps = np.linalg.norm(differences, axis=-1)
    return (gaps < NEAR * scale) & (gaps > EQUAL * scale)


def _cancelling_pairs(after: np.ndarray, sign: float) -> np.ndarray:
    """Pairs of units whose output weights cancel."""
    sizes = np.linalg.norm(after, axis=0)
    sums = after[:, :, None] + sign * after[:, None, :]
    left = np.linalg.norm(sums, axis=0)
    return left < CANCELS * (sizes[:, None] + sizes[None])


def _saturates(parameters: Parameters, problem: Problem) -> bool:
    """Whether some unit's σ′(z_i)x̃_i span less than the x̃_i do, so that its weights
    can grow without any effect.
    """
    prime = activation(problem.activation).sigma_prime
    before = preactivations(parameters, problem.x, problem.activation)
    below = features(parameters, problem.x, problem.activation)
    for z, x, layer in zip(before[:-1], below, parameters, strict=False):
        inputs = unit_inputs(x, layer)
        slopes = np.asarray(prime(jnp.asarray(z)))
        pulls = slopes.T[:, :, None] * inputs
        full = np.linalg.matrix_rank(inputs, rtol=PINNED)
        values = np.linalg.svd(pulls, compute_uv=False)
        reference = np.linalg.svd(inputs, compute_uv=False)[0]
        if (values[:, full - 1] <= PINNED * reference).any():
            return True
    return False
