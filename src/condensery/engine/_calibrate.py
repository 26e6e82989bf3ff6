"""The step parameter of `flow`, set by a tolerance on what is measured: the relative
distance RD.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.engine._ensemble import Ensemble
from condensery.engine._flow import flow

COARSEST, FINEST = 0.4, 0.4 / 2**7
TRIALS = 3
"""Networks of a family that must all agree.

With one, two step parameters that are both off by 1 % agree by chance in one cell of
fifty; with three that was not seen in the 117 cells of the paper's diagram, at two
choices of seeds.
"""


def calibrate_eta(
    ensemble: Ensemble,
    x: Float[np.ndarray, "sample feature"],
    y: Float[np.ndarray, " sample"],
    *,
    tolerance: float = 0.0025,
    target_loss: float = 1e-6,
    **options: Any,
) -> Float[np.ndarray, " member"]:
    """Eta for each member: halved from 0.4 until one more halving would move RD by less
    than a relative tolerance.

    The trial runs are made once per family, that is per (gamma, gamma_prime), with
    three networks of its narrowest width: its first seed and the two after it. The one
    that moves most decides; all members of the family get the family's eta. Members of
    one family differ in width and seed only, and the number of steps that a given
    accuracy takes grows slowly with the width (so the narrowest is also the cheapest).
    On ReLU nets error estimates per step stall, because units on a sample's kink change
    sides at every step; RD itself does not mind them, which is why it is the judge.

    Args:
        ensemble: The members to be run.
        x: Inputs without the bias column.
        y: Targets.
        tolerance: Largest relative change of RD by the last halving, > 0; by the last
            two together four times that (one small change can be chance).
        target_loss: As for `flow`.
        **options: What else `flow` will be called with.

    Returns:
        Eta per member, between 0.4/128 and 0.1.

    Raises:
        InvalidInputError: The tolerance is not positive.

    Example:
        >>> import numpy as np
        >>> from condensery.engine import Ensemble, calibrate_eta
        >>> x = np.linspace(-0.5, 0.5, 4)[:, None]
        >>> eta = calibrate_eta(
        ...     Ensemble.grid(widths=[50, 100], gammas=[0.6]),
        ...     x,
        ...     x[:, 0] ** 2,
        ...     tolerance=0.01,
        ... )
        >>> bool(eta[0] == eta[1] <= 0.1)
        True
    """
    if not tolerance > 0:
        raise InvalidInputError(
            "tolerance", given=tolerance, allowed="a number > 0", remedy="e.g. 0.0025"
        )
    family, trials = _families(ensemble)
    eta = np.full(len(trials[0]), COARSEST)
    settled = np.zeros(len(eta), dtype=bool)
    rd: list[np.ndarray] = []
    while not settled.all():
        # Members that are settled meet any target at once: the ensemble keeps its
        # shape, so nothing is compiled anew.
        targets = np.where(settled, np.inf, target_loss)
        now = np.stack(
            [
                flow(one, x, y, eta=eta, target_loss=targets, **options).rd
                for one in trials
            ]
        )
        rd.append(np.where(settled, rd[-1] if rd else 0.0, now))
        if len(rd) > 2:
            by_last, by_both = (
                np.max(np.abs(rd[-1] / rd[-1 - back] - 1), axis=0) for back in (1, 2)
            )
            settled |= ((by_last <= tolerance) & (by_both <= 4 * tolerance)) | (
                eta < 1.5 * FINEST
            )
        eta = np.where(settled, eta, eta / 2)
    return eta[family]


def _families(ensemble: Ensemble) -> tuple[np.ndarray, list[Ensemble]]:
    """Each member's family, and `TRIALS` ensembles that hold a trial network of every
    family.
    """
    cells = np.column_stack([ensemble.gammas, ensemble.gamma_primes])
    _, family = np.unique(cells, axis=0, return_inverse=True)
    family = family.ravel()
    order = np.lexsort([ensemble.seeds, ensemble.widths, family])
    first = ensemble.subset(
        order[np.searchsorted(family[order], np.arange(family.max() + 1))]
    )
    return family, [
        Ensemble(first.widths, first.seeds + k, first.gammas, first.gamma_primes)
        for k in range(TRIALS)
    ]
