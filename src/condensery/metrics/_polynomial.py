"""How close a network's output on a line is to a polynomial."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError


def polynomial_residual(
    x: Float[np.ndarray, " sample"],
    output: Float[np.ndarray, " sample"],
    *,
    degree: int,
) -> tuple[Float[np.ndarray, " sample"], float]:
    """The least-squares polynomial at the samples, and what of the output it leaves.

    Formula:
        ‖f − P f‖/‖f − mean f‖ with P f the best polynomial of the degree.

    Args:
        x: Inputs, at least two that differ.
        output: f at them.
        degree: Degree of the polynomial, at least 0.

    Returns:
        P f at the samples, and the relative residual: in [0, 1] for degree ≥ 0, without
        unit, 0 for a polynomial; nan for a constant output.

    Raises:
        InvalidInputError: Shapes that do not fit, inputs that are all equal, or a
            negative degree.

    Source:
        Zhou et al. 2022, arXiv 2105.11686, Sec. 5: at the initial stage an activation
        of multiplicity p gives outputs close to a polynomial of degree p; the number by
        this project.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import polynomial_residual
        >>> x = np.linspace(-1.0, 1.0, 9)
        >>> fit, left = polynomial_residual(x, 3 * x**2 - 1, degree=2)
        >>> round(left, 9), round(float(fit[4]), 9)
        (0.0, -1.0)
    """
    points, values = np.asarray(x), np.asarray(output)
    if points.ndim != 1 or values.shape != points.shape or not np.ptp(points) > 0:
        raise InvalidInputError(
            "x, output",
            given=f"shapes {points.shape} and {values.shape}",
            allowed="(sample,) both, with inputs that differ",
            remedy="take one input and one output dimension",
        )
    if degree < 0:
        raise InvalidInputError(
            "degree", given=degree, allowed="a whole number >= 0", remedy="use 1"
        )
    basis = np.vander((points - points.mean()) / np.ptp(points), degree + 1)
    fit = basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    spread = np.linalg.norm(values - values.mean())
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.linalg.norm(values - fit) / spread
    return fit, float(left)
