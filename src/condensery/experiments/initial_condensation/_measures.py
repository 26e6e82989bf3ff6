"""What is measured of a layer at the initial stage: lines, shares of neurons, agreement
with predicted lines.
"""

from __future__ import annotations

import numpy as np

from condensery.experiments.initial_condensation._config import MINOR


def line_sizes(weights: np.ndarray, *, threshold: float) -> np.ndarray:
    """Neurons on each line: first the line with most neurons within the threshold, then
    of those that are left.

    Of all neurons that are left the one with the most others at |cosine| > threshold
    takes these, until none is left. Unlike the cover of
    `condensery.metrics.condensation`, which starts from the longest weights, the count
    does not depend on amplitudes, which mean little while all are small.

    Args:
        weights: (unit, feature) with the bias; rows of zeros are left out.
        threshold: Cosine.
    """
    near = _near(weights, threshold)
    left, sizes = np.ones(len(near), dtype=bool), []
    while left.any():
        counts = np.where(left, (near & left).sum(axis=1), -1)
        taken = near[int(np.argmax(counts))] & left
        sizes.append(int(taken.sum()))
        left &= ~taken
    return np.array(sizes, dtype=np.int64)


def _near(weights: np.ndarray, threshold: float) -> np.ndarray:
    lengths = np.linalg.norm(weights, axis=1)
    unit = weights[lengths > 0] / lengths[lengths > 0, None]
    near = np.abs(unit @ unit.T) > threshold
    np.fill_diagonal(near, val=True)
    return near


def condensed(weights: np.ndarray, *, threshold: float) -> dict[str, float]:
    """Lines with at least a tenth of the neurons, share of the largest, share of pairs
    at |cosine| > threshold.
    """
    sizes, near = line_sizes(weights, threshold=threshold), _near(weights, threshold)
    count = max(len(weights), 1)
    pairs = len(near) * (len(near) - 1) / 2
    return {
        "lines": float(np.sum(sizes >= MINOR * count)),
        "largest": float(sizes.max(initial=0)) / count,
        "covered": float(sizes[sizes >= MINOR * count].sum()) / count,
        "pairs": float((near.sum() - len(near)) / 2 / pairs) if pairs else float("nan"),
    }


def alignment(weights: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Largest |cosine| of each unit with one of the directions; nan where there are
    none, or for a row of zeros.
    """
    if not len(directions):
        return np.full(len(weights), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.abs(weights @ directions.T) / np.linalg.norm(
            weights, axis=1, keepdims=True
        )
    return cosines.max(axis=1)


def fit_residual(
    x: np.ndarray, output: np.ndarray, *, degree: int
) -> tuple[np.ndarray, float]:
    """The least-squares polynomial at the samples, and ‖output − polynomial‖/‖output −
    mean‖.
    """
    basis = np.vander((x - x.mean()) / np.ptp(x), degree + 1)
    fit = basis @ np.linalg.lstsq(basis, output, rcond=None)[0]
    return fit, float(
        np.linalg.norm(output - fit) / np.linalg.norm(output - output.mean())
    )


def predicted_lines(x: np.ndarray, y: np.ndarray, name: str) -> np.ndarray:
    """The theory's lines for inputs (with the constant feature) and targets; none where
    there is no theorem.

    At the start e = f − y = −y. Where σ(0) ≠ 0 the output weights fit the mean of y
    first, and fast, since they see it however small the input weights are: there e is y
    less its mean (that is ours, not the paper's).
    """
    from condensery.theory import activation_facts, initial_directions

    facts = activation_facts(name)
    p = facts.multiplicity
    if p is None or (p > 1 and x.shape[1] != 2):
        return np.empty((0, x.shape[1]))
    return initial_directions(x, -_unfitted(y, name), multiplicity=p)


def _unfitted(y: np.ndarray, name: str) -> np.ndarray:
    from condensery.theory import activation_facts

    return y - y.mean() if activation_facts(name).value_at_zero else y


def control_stop(x: np.ndarray, y: np.ndarray, name: str, drop: float) -> float:
    """The mean square at which the control ends.

    For p = 1: when `drop` of what an output along the predicted line can explain has
    been explained. (That is little of these targets, 1 to 8 %: a drop of a tenth of the
    whole loss would lie beyond the initial stage.) Otherwise, when the loss has fallen
    by the share `drop`.
    """
    from condensery.theory import activation_facts

    if activation_facts(name).multiplicity != 1:
        return (1 - drop) * float(np.mean(y**2))
    square = float(np.mean(_unfitted(y, name) ** 2))
    return square * (1 - drop * explained(x, y, name))


def explained(x: np.ndarray, y: np.ndarray, name: str) -> float:
    """Share of the mean square of y (less its mean where σ(0) ≠ 0) that r·(u·x) can
    explain, u the line of p = 1.
    """
    from condensery.theory import activation_facts

    left, along = _unfitted(y, name), x @ predicted_lines(x, y, name)[0]
    along = along - along.mean() if activation_facts(name).value_at_zero else along
    return float(np.mean(along * left) ** 2 / np.mean(along**2) / np.mean(left**2))
