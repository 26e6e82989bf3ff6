"""Width slopes and the boundary between regimes that they draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from condensery._errors import InvalidInputError


@dataclass(frozen=True)
class WidthSlope:
    """Least-squares line through log value against log width.

    Attributes:
        slope: S = d log value/d log m; nan if fewer than two widths are left.
        slope_se: Its standard error; nan if only two points are left, through which
            every line fits exactly.
        intercept: log value at m = 1.
        points: Values used.
        left_out: Values that were nan and are not used.
    """

    slope: float
    slope_se: float
    intercept: float
    points: int
    left_out: int


@dataclass(frozen=True)
class Boundary:
    """Where the straight line through a row of the phase diagram crosses zero.

    Attributes:
        gamma: The root; nan if fewer than two cells are left or the line is flat.
        gamma_se: Its standard error (delta method); nan if only two cells are left.
        slope: dS/dγ of the line.
        cells: Cells used.
        left_out: Cells that were nan or saturated and are not used.
    """

    gamma: float
    gamma_se: float
    slope: float
    cells: int
    left_out: int


def width_slope(
    widths: Real[np.ndarray, " width"], values: Float[np.ndarray, " width *seed"]
) -> WidthSlope:
    """Exponent with which a value grows with the width: S = d log value/d log m by
    least squares.

    Formula:
        log value = S·log m + c over all (width, seed) points in one regression, natural
        logarithms; se(S)² = (Σ residual²/(N − 2))/Σ(log m − mean log m)².

    Args:
        widths: m > 0, one per row of `values`; may repeat, if each seed is a row of its
            own.
        values: RD or another positive value; further axes are seeds. nan stands for a
            member that did not end well: it is left out and counted.

    Returns:
        The line. If fewer than two distinct widths have a value, slope, error and
        intercept are nan. With exactly two points the standard error is nan.

    Raises:
        InvalidInputError: The shapes do not fit, fewer than two distinct widths were
            given, a width is not positive and finite, or a value is zero, negative or
            infinite.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Sec. 3: S_w = lim log RD(θ_w)/log m,
        estimated as the slope of the line.

    Example:
        >>> import numpy as np
        >>> m = np.array([100.0, 1000.0, 10000.0])
        >>> line = width_slope(m, 3.0 * m**-0.5)
        >>> round(line.slope, 12), round(float(np.exp(line.intercept)), 12), line.points
        (-0.5, 3.0, 3)
    """
    widths, values = (
        np.asarray(widths, dtype=np.float64),
        np.asarray(values, dtype=np.float64),
    )
    if widths.ndim != 1 or values.ndim == 0 or len(values) != len(widths):
        raise InvalidInputError(
            "values",
            given=f"shape {values.shape} for widths of shape {widths.shape}",
            allowed="(width,) or (width, seed) with one row per width",
            remedy="put the widths along the first axis",
        )
    if not np.all(np.isfinite(widths) & (widths > 0)) or len(np.unique(widths)) < 2:
        raise InvalidInputError(
            "widths",
            given=str(np.unique(widths).tolist()),
            allowed="at least two distinct widths, all positive and finite",
            remedy="add a width, for example ten times the first",
        )
    if np.any((values <= 0) | np.isinf(values)):
        raise InvalidInputError(
            "values",
            given=f"{np.count_nonzero((values <= 0) | np.isinf(values))} entries "
            "that are <= 0 or inf",
            allowed="positive, finite numbers, or nan for a missing member",
            remedy="set to nan what did not end well; a value of 0 has no logarithm",
        )
    x = np.broadcast_to(
        np.log(widths).reshape(-1, *[1] * (values.ndim - 1)), values.shape
    ).ravel()
    y = np.log(values.ravel())
    used = ~np.isnan(y)
    left_out = int(np.count_nonzero(~used))
    line = _fit_line(x[used], y[used])
    if line is None:
        return WidthSlope(np.nan, np.nan, np.nan, int(np.count_nonzero(used)), left_out)
    return WidthSlope(
        slope=line.slope,
        slope_se=float(np.sqrt(line.variance / line.spread)),
        intercept=line.y - line.slope * line.x,
        points=line.points,
        left_out=left_out,
    )


def boundary_row_fit(
    gammas: Float[np.ndarray, " gamma"],
    slopes: Float[np.ndarray, " gamma"],
    *,
    saturated_below: float | None = None,
) -> Boundary:
    """Boundary γ₀ of one row of the phase diagram: root of the straight line fitted to
    all its cells.

    Formula:
        S = s·γ + c by least squares over the row, γ₀ = −c/s. With mean γ̄, S̄ of N
        cells, the residual variance v = Σ residual²/(N − 2) and Q = Σ(γ − γ̄)², the
        delta method gives se(γ₀)² = v·(1/N + (γ₀ − γ̄)²/Q)/s².

    Args:
        gammas: γ of every cell; any order.
        slopes: S_w of every cell; nan is left out.
        saturated_below: Leave out cells with S_w below this value; -0.5 is where the
            colours of the published figure end. None, the default, fits the whole row,
            as the published boundary does.

    Returns:
        The root. It may lie outside the row. nan if fewer than two distinct γ are left,
        or if the line is flat.

    Raises:
        InvalidInputError: The shapes do not fit, or a γ or an S_w is infinite.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Fig. 4 and 5: the stars. The captions suggest
        an interpolation, but the printed stars agree with this fit to 0.001 and not
        with the local crossing (1.039 against 0.994 at γ' = 0).

    Example:
        >>> import numpy as np
        >>> gammas = np.array([0.6, 1.0, 1.4])
        >>> round(boundary_row_fit(gammas, 0.5 * (gammas - 1.1)).gamma, 12)
        1.1
    """
    x, y = _row(gammas, slopes)
    used = ~np.isnan(y) if saturated_below is None else y >= saturated_below
    left_out = int(np.count_nonzero(~used))
    line = _fit_line(x[used], y[used])
    if line is None or line.slope == 0:
        return Boundary(
            np.nan,
            np.nan,
            np.nan if line is None else 0.0,
            int(np.count_nonzero(used)),
            left_out,
        )
    offset = -line.y / line.slope
    return Boundary(
        gamma=line.x + offset,
        gamma_se=float(
            np.sqrt(line.variance * (1 / line.points + offset**2 / line.spread))
            / abs(line.slope)
        ),
        slope=line.slope,
        cells=line.points,
        left_out=left_out,
    )


def boundary_local_crossing(
    gammas: Float[np.ndarray, " gamma"], slopes: Float[np.ndarray, " gamma"]
) -> float:
    """Boundary γ₀ of one row of the phase diagram: where S_w changes sign between two
    neighbouring cells.

    Formula:
        γ₀ = γ_i − S_i·(γ_{i+1} − γ_i)/(S_{i+1} − S_i) for the neighbours with S_i < 0 ≤
        S_{i+1}.

    Args:
        gammas: γ of every cell, all different; any order.
        slopes: S_w of every cell; nan is left out, and its neighbours become
            neighbours.

    Returns:
        The crossing from negative to positive. If there are several, the one at the
        largest γ: to its right the row does not rise through zero again. A row that
        starts at exactly 0 crosses there, if nowhere later. nan if there is no
        crossing.

    Raises:
        InvalidInputError: The shapes do not fit, a γ appears twice, or a γ or an S_w is
            infinite.

    Source:
        What the captions of Fig. 4 and 5 of Luo et al. 2021, arXiv 2007.07497, suggest
        (see `boundary_row_fit`).

    Example:
        >>> import numpy as np
        >>> boundary_local_crossing(
        ...     np.array([0.5, 1.0, 1.5]), np.array([-0.5, -0.25, 0.75])
        ... )
        1.125
    """
    x, y = _row(gammas, slopes)
    if len(np.unique(x)) < len(x):
        raise InvalidInputError(
            "gammas",
            given=str(x.tolist()),
            allowed="every gamma once",
            remedy="fit the slope of a cell over all its seeds first",
        )
    x, y = x[~np.isnan(y)], y[~np.isnan(y)]
    rises = np.flatnonzero((y[:-1] < 0) & (y[1:] >= 0))
    if len(rises):
        i = rises[-1]
        return float(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i]))
    return float(x[0]) if len(y) and y[0] == 0 else float("nan")


@dataclass(frozen=True)
class _Line:
    x: float
    y: float
    slope: float
    variance: float
    spread: float
    points: int


def _fit_line(x: np.ndarray, y: np.ndarray) -> _Line | None:
    """Least squares about the mean point; None if there are fewer than two distinct
    x.
    """
    if len(np.unique(x)) < 2:
        return None
    x_mean, y_mean = float(x.mean()), float(y.mean())
    spread = float(np.sum((x - x_mean) ** 2))
    slope = float(np.sum((x - x_mean) * (y - y_mean))) / spread
    residuals = y - y_mean - slope * (x - x_mean)
    variance = (
        float(np.sum(residuals**2)) / (len(x) - 2) if len(x) > 2 else float("nan")
    )
    return _Line(x_mean, y_mean, slope, variance, spread, len(x))


def _row(gammas: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(gammas, dtype=np.float64), np.asarray(slopes, dtype=np.float64)
    if (
        x.ndim != 1
        or x.shape != y.shape
        or not np.all(np.isfinite(x))
        or np.any(np.isinf(y))
    ):
        raise InvalidInputError(
            "slopes",
            given=f"shape {y.shape} for gammas of shape {x.shape}, "
            f"{np.count_nonzero(~np.isfinite(x))} gammas and "
            f"{np.count_nonzero(np.isinf(y))} slopes not finite",
            allowed="one finite slope (or nan) per finite gamma",
            remedy="pass one row of the diagram at a time",
        )
    order = np.argsort(x, kind="stable")
    return x[order], y[order]
