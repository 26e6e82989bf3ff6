"""How long gradient descent stays at an embedded critical point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError
from condensery.engine import SGD, descend, mean_square
from condensery.landscape._network import Layer, Problem, check_parameters, loss
from condensery.models import TwoLayer

LOWER = 0.99
"""A net has left the point once its loss is below this share of the point's."""


@dataclass(frozen=True)
class Push:
    """What moves a net off the point.

    Attributes:
        noise: Standard deviation of the normal push that every number of a unit gets,
            in the coordinates in which the net is trained.
        count: Number of pushes, each an escape of its own.
        seed: Of the pushes: number k is drawn by Philox from (seed, k).
    """

    noise: float
    count: int
    seed: int = 0


@dataclass(frozen=True)
class Escapes:
    """When nets left an embedded point.

    Attributes:
        steps: Until the loss was 1 % below the point's, per push; all of them where it
            stayed.
        status: `condensery.records.Status`: CONVERGED where the net left.
    """

    steps: Int[np.ndarray, " push"]
    status: Int[np.ndarray, " push"]


def escapes(  # ruff: ignore[too-many-arguments] the point, and options of the descent
    parameters: Sequence[Layer],
    problem: Problem,
    *,
    shares: Float[np.ndarray, "... copy"],
    push: Push,
    rate: float,
    steps: int,
    mean_field: bool = True,
    on_progress: Callable[[str, float], None] | None = None,
) -> Escapes:
    """Push a unit's copies off the point where they compute the unit, and descend.

    Formula:
        f = (1/m) Σ_k a_k σ(w_k·x + b_k) from a_k = m·α_k·a, with the learning rate
        m·`rate` (mean-field time: steps times `rate`, in which a unit moves as fast in
        a wide net as in a narrow one), or f = Σ_k a_k σ(w_k·x + b_k) from a_k = α_k·a
        with the learning rate `rate`.

    Args:
        parameters: A critical net of one unit, ``(W, b)`` and ``(A, None)``.
        problem: Data of one output.
        shares: α_k of the m copies, the same for all pushes or a row for each; the
            sum of a row is 1.
        push: What moves the copies apart.
        rate: Learning rate, of a unit in mean-field time.
        steps: Steps after which a net counts as staying.
        mean_field: Which of the two formulas.
        on_progress: Progress callback, ``(text, fraction)``.

    Returns:
        Steps and statuses, one per push.

    Raises:
        InvalidInputError: A net of more than one unit or output, or with an output
            bias; or shares whose sum is not 1.

    Source:
        The critical set is that of Zhang et al. 2021 (arXiv 2105.14573), Sec. 4; the
        measure is this project's.

    Example:
        The net f = a·tanh(wx) with a = 0 rests at the loss of the zero function, and
        leaves it at once where its amplitude is pushed:

        >>> import numpy as np
        >>> from condensery.landscape import Problem, Push, escapes
        >>> problem = Problem(np.array([[-1.0], [1.0]]), np.array([-1.0, 1.0]))
        >>> rest = [(np.ones((1, 1)), np.zeros(1)), (np.zeros((1, 1)), None)]
        >>> push = Push(noise=0.01, count=2)
        >>> gone = escapes(
        ...     rest, problem, shares=np.ones(1), push=push, rate=0.1, steps=50
        ... )
        >>> bool((gone.steps < 5).all())
        True
    """
    row, amplitude = _only_unit(parameters)
    width = shares.shape[-1]
    deviation = np.abs(shares.sum(axis=-1) - 1).max()
    if not deviation <= 1e-9:
        raise InvalidInputError(
            "shares",
            given=f"a sum that is off by {deviation:g}",
            allowed="a sum of 1",
            remedy="divide them by their sum",
        )
    scale = 1 / width if mean_field else 1.0
    amplitudes = amplitude * (shares / scale)
    of_each = np.broadcast_to(amplitudes, (push.count, width))
    members = []
    for number, of_net in enumerate(of_each):
        key = [push.seed, number]
        random = np.random.Generator(np.random.Philox(key=key))
        moved = random.standard_normal((width, len(row) + 1)) * push.noise
        rows = np.tile(row, (width, 1)) + moved[:, :-1]
        members.append({"a": of_net + moved[:, -1], "w": rows})
    model = TwoLayer(problem.activation, scale=scale)
    result = descend(
        members,
        mean_square(model, factor=problem.factor),
        problem.x,
        problem.y[:, 0],
        optimiser=SGD(rate * width if mean_field else rate),
        steps=steps,
        schedule=[],
        stop_loss=LOWER * loss(parameters, problem),
        on_progress=on_progress,
    )
    return Escapes(result.steps, result.status)


def _only_unit(parameters: Sequence[Layer]) -> tuple[np.ndarray, float]:
    """(w, b) and the amplitude of a net of one unit.

    Raises:
        InvalidInputError: Any other net.
    """
    layers = check_parameters(parameters)
    shapes = [weight.shape for weight, _ in layers]
    (weight, bias), (output, shift) = layers[0], layers[-1]
    is_one = len(layers) == 2 and len(weight) == len(output) == 1
    if not is_one or bias is None or shift is not None:
        raise InvalidInputError(
            "parameters",
            given=f"layers of shapes {shapes}",
            allowed="one unit with a bias and one output without",
            remedy="find a critical point of width 1 with find_critical",
        )
    row = np.concatenate([weight[0], bias])
    return row, float(output[0, 0])
