"""Targets given by a formula, on evenly spaced points of a line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from condensery._doors import door
from condensery.data._dataset import Dataset, Target, check_count, from_arrays

_MOST_POINTS = 10_000_000


@door("condensery.data")
def line_target(x: ArrayLike) -> Float[np.ndarray, " ..."]:
    """x², elementwise: the target of the four points of Luo et al. 2021, arXiv
    2007.07497 (read off their Fig. 2).

    Example:
        >>> from condensery.data import line_target
        >>> line_target([-0.5, 0.0, 0.5]).tolist()
        [0.25, 0.0, 0.25]
    """
    return np.asarray(np.square(np.asarray(x, dtype=np.float64)))


@door("condensery.data")
def demo_a_target(x: ArrayLike) -> Float[np.ndarray, " ..."]:
    """0.2·ReLU(x − 1/3) + 0.2·ReLU(−x − 1/3), elementwise: two neurons suffice for it.

    From the notebook ``condense.ipynb`` that goes with the overview of Xu et al. 2025,
    arXiv 2504.09484.

    Example:
        >>> from condensery.data import demo_a_target
        >>> demo_a_target([-4 / 3, 0.0, 4 / 3]).round(12).tolist()
        [0.2, 0.0, 0.2]
    """
    at = np.asarray(x, dtype=np.float64)
    return np.asarray(
        0.2 * np.maximum(at - 1 / 3, 0.0) + 0.2 * np.maximum(-at - 1 / 3, 0.0)
    )


@door("condensery.data")
def demo_c_target(x: ArrayLike) -> Float[np.ndarray, " ..."]:
    """−σ(x) + σ(2(x + 0.3)) − σ(1.5(x − 0.4)) + σ(0.5(x − 0.8)) with σ = ReLU,
    elementwise: four neurons.

    From the worked example that goes with the overview of Xu et al. 2025, arXiv
    2504.09484.

    Example:
        >>> from condensery.data import demo_c_target
        >>> demo_c_target([-1.0, 0.0, 1.0]).round(12).tolist()
        [0.0, 0.6, 0.8]
    """
    at = np.asarray(x, dtype=np.float64)
    return np.asarray(
        -np.maximum(at, 0.0)
        + np.maximum(2 * (at + 0.3), 0.0)
        - np.maximum(1.5 * (at - 0.4), 0.0)
        + np.maximum(0.5 * (at - 0.8), 0.0)
    )


@door("condensery.data")
def three_steps_target(x: ArrayLike) -> Float[np.ndarray, " ..."]:
    """tanh(x − 7) + tanh(x) + tanh(x + 7), elementwise: three tanh neurons, steps from
    −3 to 3.

    The target of Zhang et al. 2021, arXiv 2105.14573, Figs. 1, 3 and 4, which do not
    print it; on 50 points of [−15, 15] the best fits of one and two tanh neurons have
    the losses .109 and .0698 of their Fig. 4.

    Example:
        >>> from condensery.data import three_steps_target
        >>> three_steps_target([-15.0, 0.0, 15.0]).round(5).tolist()
        [-3.0, 0.0, 3.0]
    """
    at = np.asarray(x, dtype=np.float64)
    return np.asarray(np.tanh(at - 7) + np.tanh(at) + np.tanh(at + 7))


@door("condensery.data")
def two_steps_target(x: ArrayLike) -> Float[np.ndarray, " ..."]:
    """tanh(x − 6) + tanh(x + 6), elementwise: two tanh neurons, steps from −2 to 2.

    A second target for what is claimed of `three_steps_target`; it is this project's
    own.

    Example:
        >>> from condensery.data import two_steps_target
        >>> two_steps_target([-15.0, 0.0, 15.0]).round(5).tolist()
        [-2.0, 0.0, 2.0]
    """
    at = np.asarray(x, dtype=np.float64)
    return np.asarray(np.tanh(at - 6) + np.tanh(at + 6))


@dataclass(frozen=True)
class _Formula:
    lower: float
    upper: float
    points: int
    target: Target
    text: str


_FORMULAS = {
    "line": _Formula(-0.5, 0.5, 4, line_target, "y = x²"),
    "demo-a": _Formula(
        -1.0, 1.0, 4, demo_a_target, "y = 0.2 ReLU(x − 1/3) + 0.2 ReLU(−x − 1/3)"
    ),
    "demo-c": _Formula(-1.0, 1.0, 40, demo_c_target, "y a sum of four ReLU neurons"),
    "three-steps": _Formula(
        -15.0, 15.0, 50, three_steps_target, "y = tanh(x − 7) + tanh(x) + tanh(x + 7)"
    ),
    "two-steps": _Formula(
        -15.0, 15.0, 50, two_steps_target, "y = tanh(x − 6) + tanh(x + 6)"
    ),
}

SYNTHETIC = tuple(_FORMULAS)


def synthetic(name: str, *, points: int | None) -> Dataset:
    """The data set of `SYNTHETIC` called `name`, on its own number of points or on
    `points`.
    """
    formula = _FORMULAS[name]
    count = (
        formula.points
        if points is None
        else check_count("points", points, most=_MOST_POINTS)
    )
    x = np.linspace(formula.lower, formula.upper, count)
    description = (
        f"{count} points, even on [{formula.lower:g}, {formula.upper:g}]; "
        f"{formula.text}"
    )
    return from_arrays(
        x, formula.target(x), name=name, description=description, target=formula.target
    )
