"""Lines of a layer: units with one direction or its opposite count as one line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from condensery._errors import InvalidInputError

Rows = Float[np.ndarray, "unit feature"]


@dataclass(frozen=True)
class LineShares:
    """How the units of a layer spread over lines, by number.

    Attributes:
        lines: Lines that hold at least the share `minor` of the units.
        largest: Share of the units on the largest line, in [0, 1].
        covered: Share of the units on the lines that `lines` counts, in [0, 1].
        pairs: `aligned_pairs` of the layer.
    """

    lines: int
    largest: float
    covered: float
    pairs: float


def line_sizes(weights: Rows, *, threshold: float) -> Int[np.ndarray, " line"]:
    """Units on each line: first the line with most units, then of those that are left.

    Formula:
        Among the units that are left, the unit with most others at |cosine| >
        `threshold` takes these, until no unit is left. Ties go to the first unit.

    Unlike the cover of `condensation`, which starts from the longest weights, the count
    does not depend on amplitudes, which mean little while all are small.

    Args:
        weights: Rows (w, b), the bias as a column; rows of zeros are left out.
        threshold: Cosine in (0, 1).

    Returns:
        Numbers of units; their sum is the number of rows that are not zero. Empty if
        there is no such row.

    Raises:
        InvalidInputError: Weights that are no matrix of finite numbers, or a threshold
            outside (0, 1).

    Source:
        The condensed lines of Zhou et al. 2022, arXiv 2105.11686, Sec. 4; the greedy
        count by this project.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import line_sizes
        >>> rows = np.array([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0]])
        >>> line_sizes(rows, threshold=0.95).tolist()
        [2, 1]
    """
    near = _near(weights, threshold)
    free = np.ones(len(near), dtype=bool)
    sizes: list[int] = []
    while free.any():
        counts = np.where(free, (near & free).sum(axis=1), -1)
        taken = near[int(np.argmax(counts))] & free
        sizes.append(int(taken.sum()))
        free &= ~taken
    return np.array(sizes, dtype=np.int64)


def line_shares(weights: Rows, *, threshold: float, minor: float = 0.1) -> LineShares:
    """Lines that hold many units, the share of the largest, and the aligned pairs.

    Args:
        weights: As in `line_sizes`; rows of zeros count in the number of units.
        threshold: Cosine in (0, 1).
        minor: Least share of the units for a line to be counted. A tenth is the choice
            of this project: fewer units than that are not visible as a group in the
            cosine matrices of the source.

    Returns:
        The shares, without unit; all are 0 for a layer of zeros, where `pairs` is nan.

    Raises:
        InvalidInputError: As in `line_sizes`.

    Source:
        Zhou et al. 2022, arXiv 2105.11686, Sec. 4.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import line_shares
        >>> rows = np.array([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0]])
        >>> shares = line_shares(rows, threshold=0.95, minor=0.5)
        >>> shares.lines, round(shares.largest, 3), round(shares.pairs, 3)
        (1, 0.667, 0.333)
    """
    sizes = line_sizes(weights, threshold=threshold)
    count = max(len(weights), 1)
    large = sizes >= minor * count
    return LineShares(
        lines=int(np.sum(large)),
        largest=float(sizes.max(initial=0)) / count,
        covered=float(sizes[large].sum()) / count,
        pairs=aligned_pairs(weights, threshold=threshold),
    )


def aligned_pairs(weights: Rows, *, threshold: float) -> float:
    """Share of the pairs of units whose |cosine| is larger than `threshold`.

    Formula:
        #{i < j: |w_i·w_j| > threshold·‖w_i‖‖w_j‖} / (n(n − 1)/2).

    Args:
        weights: Rows (w, b), the bias as a column; rows of zeros have no direction and
            are left out.
        threshold: Cosine in (0, 1).

    Returns:
        A number in [0, 1], without unit: 1 if all units share one line. nan for fewer
        than two rows that are not zero.

    Raises:
        InvalidInputError: As in `line_sizes`.

    Source:
        Zhou et al. 2023, arXiv 2305.09947, Sec. 5, where the cosine matrices of kernels
        are shown; the share by this project.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import aligned_pairs
        >>> rows = np.array([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0]])
        >>> round(aligned_pairs(rows, threshold=0.95), 3)
        0.333
    """
    near = _near(weights, threshold)
    pairs = len(near) * (len(near) - 1) / 2
    if not pairs:
        return float("nan")
    return float((near.sum() - len(near)) / 2 / pairs)


def alignment(
    weights: Rows, directions: Float[np.ndarray, "direction feature"]
) -> Float[np.ndarray, " unit"]:
    """Largest |cosine| of each unit with any of some directions.

    Formula:
        max_d |w_k·u_d|/‖w_k‖ for unit vectors u_d.

    Args:
        weights: Rows (w, b), the bias as a column.
        directions: Unit vectors.

    Returns:
        Numbers in [0, 1] up to rounding, without unit; nan for a row of zeros, and for
        all units where there is no direction.

    Raises:
        InvalidInputError: Numbers of columns that differ.

    Source:
        Zhou et al. 2022, arXiv 2105.11686, Sec. 5: agreement with predicted lines.

    Example:
        >>> import numpy as np
        >>> from condensery.metrics import alignment
        >>> alignment(np.array([[3.0, -4.0]]), np.eye(2)).tolist()
        [0.8]
    """
    rows, lines = np.asarray(weights), np.asarray(directions)
    if rows.ndim != 2 or lines.ndim != 2 or rows.shape[1] != lines.shape[1]:
        raise InvalidInputError(
            "weights, directions",
            given=f"shapes {rows.shape} and {lines.shape}",
            allowed="(unit, feature) and (direction, feature)",
            remedy="give both with the bias column, or both without",
        )
    if not len(lines):
        return np.full(len(rows), np.nan)
    with np.errstate(
        invalid="ignore",
        divide="ignore",
    ):
        lengths = np.linalg.norm(
            rows,
            axis=1,
            keepdims=True,
        )
        cosines = np.abs(rows @ lines.T) / lengths
    return cosines.max(axis=1)


def _near(weights: Rows, threshold: float) -> Bool[np.ndarray, "row row"]:
    rows = np.asarray(weights)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise InvalidInputError(
            "weights",
            given=f"shape {rows.shape}" if rows.ndim != 2 else "nan or inf",
            allowed="finite rows (unit, feature) of one layer",
            remedy="pass one member and one layer at a time",
        )
    if not 0 < threshold < 1:
        raise InvalidInputError(
            "threshold",
            given=threshold,
            allowed="a cosine between 0 and 1",
            remedy="use for example 0.95",
        )
    lengths = np.linalg.norm(rows, axis=1)
    unit = rows[lengths > 0] / lengths[lengths > 0, None]
    near = np.abs(unit @ unit.T) > threshold
    np.fill_diagonal(near, val=True)
    return near
