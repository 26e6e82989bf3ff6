"""MNIST-1D: ten shapes of digits as lines of forty points, moved, sheared and made
noisy, by their authors' program.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from condensery._errors import MissingExtraError
from condensery.data._dataset import Dataset, check_count, from_arrays

NAME = "mnist-1d"


def mnist1d(*, samples: int | None) -> Dataset:
    """The first `samples` of the 5000 lines that ``mnist1d.data.make_dataset`` makes
    with its own arguments and seed.

    Its training part (4000) comes first, in its order. Nothing is read from the
    network.

    Raises:
        MissingExtraError: The package ``mnist1d`` is not installed.
        InvalidInputError: More samples than there are.
    """
    try:
        from mnist1d.data import make_dataset
    except ImportError as error:
        raise MissingExtraError(
            "mnist1d", extra="mnist1d", purpose="the data set mnist-1d"
        ) from error
    # it seeds the program's own generators, which are not ours to move
    numbers, states = random.getstate(), np.random.get_state()  # ruff: ignore[numpy-legacy-random]
    try:
        made: dict[str, Any] = dict(make_dataset())
    finally:
        random.setstate(numbers)
        np.random.set_state(states)  # ruff: ignore[numpy-legacy-random]
    x, y = (np.concatenate([made[name], made[f"{name}_test"]]) for name in ("x", "y"))
    count = (
        len(x)
        if samples is None
        else check_count("samples", samples, most=len(x), source=NAME)
    )
    return from_arrays(
        x[:count],
        y[:count],
        name=NAME,
        description=f"the first {count} lines of MNIST-1D, 40 points of mean 0 and "
        "variance 1; y the digit",
    )
