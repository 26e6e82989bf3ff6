"""Critical points: found from many starts at once, judged one by one, counted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError
from condensery.landscape._canonical import canonical, sampled_outputs
from condensery.landscape._derivatives import gradient
from condensery.landscape._end_point import SearchStatus, judge
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    check_parameters,
    flatten,
    shapes_of,
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

BLOCK = 256
"""Starts of one compiled call."""

TOLERANCE = 1e-10
"""A point is critical if ‖g‖₁ ≤ this · (1 + R)."""


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
                [sampled_outputs(self.parameters(row), self.problem) for row in rows]
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
    net = Net(shapes_of(like), problem.activation)
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
        judge(unflatten(end, like), problem, measured, tolerance=tolerance)
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
    shapes = {shapes_of(start) for start in checked}
    if len(shapes) != 1:
        raise InvalidInputError(
            "starts",
            given=f"{len(checked)} starts of {len(shapes)} shapes",
            allowed="one or more of one shape",
            remedy="search each shape by itself",
        )
    return checked[0], np.stack([flatten(start) for start in checked])


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
