"""Steps at which a trajectory is recorded."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int

from condensery._errors import InvalidInputError


def log_steps(
    steps: int, *, per_decade: int = 10, extra: Iterable[int] = ()
) -> Int[np.ndarray, " step"]:
    """Whole steps from 0 to `steps`, evenly spaced in the logarithm: the default
    schedule of probes.

    0, then round(10^(k / per_decade)) for k = 0, 1, … below `steps`, then `steps`
    itself, without repetition. The steps below `steps` do not depend on it, so a longer
    run records what a shorter one did and more.

    Args:
        steps: The last step, at least 0.
        per_decade: Steps per factor of ten, at least 1.
        extra: Further steps to record; those outside [0, steps] are left out.

    Returns:
        Increasing step numbers.

    Raises:
        InvalidInputError: `steps` is negative or `per_decade` below 1.

    Example:
        >>> from condensery.engine import log_steps
        >>> log_steps(1000, per_decade=1, extra=[999]).tolist()
        [0, 1, 10, 100, 999, 1000]
    """
    if steps < 0:
        raise InvalidInputError(
            "steps",
            given=steps,
            allowed="a whole number >= 0",
            remedy="use for example 10000",
        )
    if per_decade < 1:
        raise InvalidInputError(
            "per_decade",
            given=per_decade,
            allowed="a whole number >= 1",
            remedy="use 10",
        )
    decades = int(np.ceil(np.log10(max(steps, 1)))) + 1
    spaced = np.rint(10.0 ** (np.arange(decades * per_decade) / per_decade)).astype(
        np.int64
    )
    wanted = np.concatenate(
        [[0, steps], spaced, np.asarray(list(extra), dtype=np.int64)]
    )
    return np.unique(wanted[(wanted >= 0) & (wanted <= steps)])
