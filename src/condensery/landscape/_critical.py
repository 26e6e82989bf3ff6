"""Critical points: found from many starts at once, judged one by one, counted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError
from condensery.landscape._inertia import KINK, kink_distance
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    _shapes,
    check_parameters,
    features,
    flatten,
    forward,
    gradient,
    preactivations,
    unflatten,
)
from condensery.landscape._search import (
    Net,
    begin_descent,
    begin_gradient,
    flatten_gradient,
    levenberg_marquardt,
    measure,
)
from condensery.metrics import plateaus
from condensery.models import activation
from condensery.theory import activation_facts

BLOCK = 256
"""Starts of one compiled call."""

TOLERANCE = 1e-10
"""A point is critical if ‖g‖₁ ≤ this · (1 + R)."""

FLAT = 1e-6
"""‖Hg‖ below this share of ‖H‖‖g‖: a minimum of ‖g‖ that is no critical point."""

PINNED = 1e-6
"""A unit whose σ′(z)x̃ has a smaller relative singular value is not held by the data:
it is on its way to infinity.
"""


NEAR, EQUAL, CANCELS = 0.1, 1e-6, 0.1
"""Two units this near and not equal, with output weights that cancel to this share, are
a channel to infinity.
"""


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


@dataclass(frozen=True, eq=False)
class CriticalSearch:
    """Where the searches ended, in the order of the starts.

    Attributes:
        theta: End points as flat parameters (see `flatten`).
        loss: R there.
        gradient_norm: ‖g‖₁ there.
        status: `SearchStatus` as a number.
        like: Parameters of the same shapes.
        problem: The problem searched.
    """

    theta: Float[np.ndarray, "start parameter"]
    loss: Float[np.ndarray, " start"]
    gradient_norm: Float[np.ndarray, " start"]
    status: Int[np.ndarray, " start"]
    like: Parameters
    problem: Problem

    def parameters(self, start: int) -> Parameters:
        """The end point of one start."""
        return unflatten(self.theta[start], self.like)

    @property
    def found(self) -> Int[np.ndarray, " found"]:
        """Which starts led to a critical point."""
        return np.flatnonzero(self.status == SearchStatus.FOUND)

    def distinct(
        self, *, by: Literal["point", "function"] = "point", tolerance: float = 1e-5
    ) -> list[CriticalPoint]:
        """The critical points without repetition, by ascending loss.

        Args:
            by: ``"point"``: equal up to the order of units and, for odd and even
                activations, their signs. ``"function"``: equal outputs, on the data and
                on points between and beyond them; all points of a critical manifold
                that comes from one narrow net are then one.
            tolerance: Largest difference of parameters or outputs, relative to the
                larger of 1 and their size.

        Returns:
            One entry per point with how many starts led to it; the representative has
            the least ‖g‖₁.
        """
        rows = self.found
        if by == "point":
            keys = np.array(
                [
                    canonical(self.parameters(row), self.problem.activation)
                    for row in rows
                ]
            )
        else:
            keys = np.array(
                [_outputs(self.parameters(row), self.problem) for row in rows]
            )
        groups: list[list[int]] = []
        for row in np.argsort(self.loss[rows], kind="stable"):
            for group in groups:
                scale = max(1.0, float(np.abs(keys[group[0]]).max()))
                near = (
                    abs(self.loss[rows[row]] - self.loss[rows[group[0]]]) <= tolerance
                )
                if (
                    near
                    and float(np.abs(keys[row] - keys[group[0]]).max())
                    <= tolerance * scale
                ):
                    group.append(int(row))
                    break
            else:
                groups.append([int(row)])
        points = []
        for group in groups:
            best = rows[min(group, key=lambda row: self.gradient_norm[rows[row]])]
            norm = float(self.gradient_norm[best])
            points.append(
                CriticalPoint(
                    self.parameters(int(best)), float(self.loss[best]), norm, len(group)
                )
            )
        return sorted(points, key=lambda point: point.loss)


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """One critical point.

    Attributes:
        parameters: ``(W, b)`` per layer.
        loss: R.
        gradient_norm: ‖g‖₁.
        starts: How many starts led to it.
    """

    parameters: Parameters
    loss: float
    gradient_norm: float
    starts: int


def find_critical(
    starts: Sequence[Sequence[Layer]],
    problem: Problem,
    *,
    method: Literal["minimum", "any"] = "minimum",
    steps: int = 300,
    tolerance: float = TOLERANCE,
) -> CriticalSearch:
    """Search a critical point from every start, all starts side by side in compiled
    code.

    ``"minimum"`` takes Levenberg–Marquardt steps on the residuals first. Then, and with
    ``"any"`` at once, ‖g‖ is lowered by steps −(H² + μ²)⁻¹Hg, which become the
    pseudo-inverse Newton step −H⁺g as μ falls and lead to saddles as well as minima. An
    end point is critical if ‖g‖₁ ≤ tolerance·(1 + R); minima of ‖g‖ that are not zero,
    points on the way to infinity (a unit that saturates on all samples but too few to
    hold its weights) and points at a kink are told apart by their status. A failed
    search is a value, never an exception. (Zhang et al. 2021, arXiv 2105.14573, take
    the iterate of least gradient of a long training, with ‖g‖₁ < 1e-10.)

    Args:
        starts: Parameters of one shape, one entry per start.
        problem: Data, activation and loss.
        method: ``"minimum"`` or ``"any"``.
        steps: Most steps of each kind.
        tolerance: Of ‖g‖₁/(1 + R).

    Returns:
        End points with losses, gradients and statuses; `CriticalSearch.distinct` counts
        each point once.

    Raises:
        InvalidInputError: No start, starts of different shapes or not finite, steps
            below 1, an unknown method.

    Example:
        f = a·tanh(w x) on x = 1, y = 0.5: all minima fit exactly.

        >>> import numpy as np
        >>> from condensery.landscape import Problem, find_critical
        >>> start = [(np.array([[0.5]]), None), (np.array([[2.0]]), None)]
        >>> found = find_critical(
        ...     [start], Problem(np.ones((1, 1)), np.array([0.5]), "tanh")
        ... )
        >>> found.status.tolist(), bool(found.loss[0] < 1e-20)
        ([0], True)
    """
    like, theta = _stacked(starts, steps=steps, method=method)
    net = Net(_shapes(like), problem.activation)
    data = (net, jnp.asarray(problem.x), jnp.asarray(problem.y), problem.factor)
    blocks = []
    for first in range(0, len(theta), BLOCK):
        block = theta[first : first + BLOCK]
        # a last block that is not full is filled up, so that it needs no program of its
        # own
        padded = jnp.asarray(
            np.concatenate(
                [block, np.repeat(block[-1:], _room(len(theta)) - len(block), axis=0)]
            )
        )
        if method == "minimum":
            padded = levenberg_marquardt(
                begin_descent(padded, *data), *data, steps=steps
            ).theta
        padded = flatten_gradient(
            begin_gradient(padded, *data), *data, steps=steps
        ).theta
        blocks.append(
            [
                np.asarray(column)[: len(block)]
                for column in (padded, *measure(padded, *data))
            ]
        )
    ends, loss, norm, flat, _ = (
        np.concatenate(column) for column in zip(*blocks, strict=True)
    )
    status = [
        _judge(unflatten(end, like), problem, measured, tolerance=tolerance)
        for end, *measured in zip(ends, loss, norm, flat, strict=True)
    ]
    return CriticalSearch(
        ends, loss, norm, np.asarray(status, dtype=np.int64), like, problem
    )


def _room(starts: int) -> int:
    return min(BLOCK, starts)


def _stacked(
    starts: Sequence[Sequence[Layer]], *, steps: int, method: str
) -> tuple[Parameters, Float[np.ndarray, "start parameter"]]:
    if steps < 1:
        raise InvalidInputError(
            "steps",
            given=steps,
            allowed="a whole number >= 1",
            remedy="use for example 300",
        )
    if method not in {"minimum", "any"}:
        raise InvalidInputError(
            "method", given=method, allowed="minimum, any", remedy="choose one of these"
        )
    checked = [check_parameters(start) for start in starts]
    shapes = {_shapes(start) for start in checked}
    if len(shapes) != 1:
        raise InvalidInputError(
            "starts",
            given=f"{len(checked)} starts of {len(shapes)} shapes",
            allowed="one or more of one shape",
            remedy="search each shape by itself",
        )
    return checked[0], np.stack([flatten(start) for start in checked])


def _judge(
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
    parity = {"odd": -1.0, "even": 1.0, "none": 0.0}[
        activation_facts(activation_name).parity
    ]
    for (weight, bias), (after, _) in pairwise(parameters):
        rows = weight if bias is None else np.column_stack([weight, bias])
        sizes, out = np.linalg.norm(rows, axis=1), np.linalg.norm(after, axis=0)
        for turn, sign in ((1.0, 1.0), (-1.0, parity)):
            gaps = np.linalg.norm(rows[:, None] - turn * rows[None], axis=-1)
            scale = np.maximum(sizes[:, None], sizes[None])
            rest = np.linalg.norm(after[:, :, None] + sign * after[:, None, :], axis=0)
            near = (gaps < NEAR * scale) & (gaps > EQUAL * scale)
            if (
                sign
                and np.triu(
                    near & (rest < CANCELS * (out[:, None] + out[None])), k=1
                ).any()
            ):
                return True
    return False


def _saturates(parameters: Parameters, problem: Problem) -> bool:
    """Whether some unit's σ′(z_i)x̃_i span less than the x̃_i do, so that its weights
    can grow without any effect.
    """
    prime = activation(problem.activation).sigma_prime
    before = preactivations(parameters, problem.x, problem.activation)
    below = features(parameters, problem.x, problem.activation)
    for z, x, (_, bias) in zip(before[:-1], below, parameters, strict=False):
        inputs = x if bias is None else np.column_stack([x, np.ones(len(x))])
        slopes = np.asarray(prime(jnp.asarray(z))).T[:, :, None] * inputs
        full = np.linalg.matrix_rank(inputs, rtol=PINNED)
        values = np.linalg.svd(slopes, compute_uv=False)
        reference = np.linalg.svd(inputs, compute_uv=False)[0]
        if (values[:, full - 1] <= PINNED * reference).any():
            return True
    return False


def canonical(
    parameters: Sequence[Layer], activation_name: str
) -> Float[np.ndarray, " parameter"]:
    """Flat parameters, the same for nets that differ in the order of their units and,
    where σ is odd or even, in signs.

    Units are turned and sorted by their product with a fixed vector of random numbers,
    layer by layer.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import canonical
        >>> one = [(np.array([[1.0], [2.0]]), None), (np.array([[3.0, 4.0]]), None)]
        >>> other = [(np.array([[-2.0], [1.0]]), None), (np.array([[-4.0, 3.0]]), None)]
        >>> bool((canonical(one, "tanh") == canonical(other, "tanh")).all())
        True
    """
    layers = [
        (weight.copy(), None if bias is None else bias.copy())
        for weight, bias in parameters
    ]
    parity = activation_facts(activation_name).parity
    for index in range(len(layers) - 1):
        weight, bias = layers[index]
        after = layers[index + 1][0]
        rows = weight if bias is None else np.column_stack([weight, bias])
        fixed = np.random.default_rng(index).standard_normal(rows.shape[1] + len(after))
        turn = np.where(
            (rows @ fixed[: rows.shape[1]] < 0) & (parity != "none"), -1.0, 1.0
        )
        rows, out = turn[:, None] * rows, after * (turn if parity == "odd" else 1.0)
        # the output weights tell parallel units apart; those of the layer after are not
        # sorted yet, so take norms there
        last = index == len(layers) - 2
        order = np.argsort(
            rows @ fixed[: rows.shape[1]]
            + (fixed[rows.shape[1] :] @ out if last else 0.0)
        )
        layers[index] = (
            rows[order, : weight.shape[1]],
            None if bias is None else rows[order, -1],
        )
        layers[index + 1] = (out[:, order], layers[index + 1][1])
    return flatten(layers)


def _outputs(parameters: Parameters, problem: Problem) -> np.ndarray:
    """Outputs on the data, and on as many points between and beyond them."""
    x = problem.x
    mixed = np.random.default_rng(0).dirichlet(np.ones(2), size=len(x))
    partner = np.roll(x, 1, axis=0)
    between = mixed[:, :1] * x + mixed[:, 1:] * partner
    beyond = x.mean(axis=0) + 1.5 * (x - x.mean(axis=0))
    return forward(
        parameters, np.concatenate([x, between, beyond]), problem.activation
    ).ravel()


def plateau_starts(
    steps: Int[np.ndarray, " step"],
    loss: Float[np.ndarray, " step"],
    snapshots: Sequence[Sequence[Layer]],
    problem: Problem,
) -> list[tuple[int, Parameters]]:
    """Starts for `find_critical` from a training: on each plateau of the loss the
    iterate of least ‖g‖₁.

    Zhang et al. 2021 (arXiv 2105.14573, Sec. 5) take the iterate of least gradient
    where the loss decays very slowly.

    Args:
        steps: Steps at which the training was recorded.
        loss: The loss at them.
        snapshots: The parameters at them.
        problem: The problem trained on.

    Returns:
        The step and the parameters, one pair per plateau (see
        `condensery.metrics.plateaus`); empty without a plateau.

    Raises:
        InvalidInputError: Numbers of steps, losses and snapshots that differ.
    """
    if not len(steps) == len(loss) == len(snapshots):
        raise InvalidInputError(
            "snapshots",
            given=f"{len(steps)} steps, {len(loss)} losses and {len(snapshots)} "
            "snapshots",
            allowed="as many of each",
            remedy="record all at the same steps",
        )
    starts = []
    for plateau in plateaus(steps, loss):
        rows = np.flatnonzero((steps >= plateau.first) & (steps <= plateau.last))
        norms = [
            float(np.abs(flatten(gradient(snapshots[int(row)], problem))).sum())
            for row in rows
        ]
        best = int(rows[int(np.argmin(norms))])
        starts.append((int(steps[best]), check_parameters(snapshots[best])))
    return starts
