"""Probes that record rather than measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from condensery.protocols import Arrays


@dataclass(frozen=True)
class RecordParameters:
    """Keeps every snapshot: parameters by leaf name, stacked to (step, member, …).

    Example:
        >>> import numpy as np
        >>> from condensery.engine import SGD, RecordParameters, descend, mean_square
        >>> line = mean_square(lambda theta, x: x @ theta["w"])
        >>> data = np.ones((1, 1)), np.zeros(1)
        >>> probes = [RecordParameters()]
        >>> result = descend([{"w": np.ones(1)}], line, data, optimiser=SGD(0.25), steps=2, probes=probes)
        >>> result.probed["w"][:, 0, 0].tolist()
        [1.0, 0.5, 0.25]
    """

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        """The snapshot itself (it is a copy already)."""
        return snapshot


@dataclass(frozen=True)
class RecordOutput:
    """Evaluates a model of named parameters on fixed inputs: ``output`` of shape (step, member, sample).

    Zero-padded units of narrower members add nothing, so that members of different widths share one table.

    Attributes:
        model: ``model(parameters, x)`` with parameters by name, such as `condensery.models.TwoLayer`.
        x: Inputs, the constant feature included.
    """

    model: Callable[[Mapping[str, Any], Array], Array]
    x: Float[np.ndarray, "sample feature"]

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        """The outputs at one step."""
        parameters = dict(snapshot)
        x = np.asarray(self.x, dtype=next(iter(parameters.values())).dtype)
        return {"output": np.asarray(_outputs(parameters, x, model=self.model))}


@partial(jax.jit, static_argnames="model")
def _outputs(
    parameters: Mapping[str, Array], x: Array, *, model: Callable[..., Array]
) -> Float[Array, "member sample ..."]:
    return lax.map(lambda one: model(one, x), parameters)
