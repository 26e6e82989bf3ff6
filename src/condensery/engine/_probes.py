"""Probes that record rather than measure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from condensery.engine._constant_feature import with_constant
from condensery.engine._objectives import Model, Objective
from condensery.protocols import Arrays

_ENTRIES = {
    "W": 0,
    "b": 1,
    "gamma": 1,
    "beta": 2,
}


@dataclass(frozen=True)
class RecordParameters:
    """Keeps every snapshot: parameters by leaf name, stacked to (step, member, …).

    Example:
        >>> import numpy as np
        >>> from condensery.engine import SGD, RecordParameters, descend, mean_square
        >>> line = mean_square(lambda theta, x: x @ theta["w"])
        >>> start, x, y = [{"w": np.ones(1)}], np.ones((1, 1)), np.zeros(1)
        >>> probes = {"parameters": RecordParameters()}
        >>> result = descend(
        ...     start, line, x, y, optimiser=SGD(0.25), steps=2, probes=probes
        ... )
        >>> result.probed["parameters"]["w"][:, 0, 0].tolist()
        [1.0, 0.5, 0.25]
    """

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        """The snapshot itself (it is a copy already)."""
        return snapshot


@dataclass(frozen=True)
class RecordOutput:
    """Evaluates a model on fixed inputs: ``output`` of shape (step, member, sample, …).

    Zero-padded units of narrower members add nothing, so that members of different
    widths share one table.

    Attributes:
        model: ``model(parameters, x)``, such as `condensery.models.TwoLayer` or `Mlp`.
        x: Inputs, without the constant feature, as for `descend`.
    """

    model: Model
    x: Float[np.ndarray, "sample feature"]

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        """The outputs at one step."""
        parameters = parameters_of(snapshot)
        x = _inputs(self.model, snapshot, self.x)
        return {"output": np.asarray(_outputs(parameters, x, model=self.model))}


@dataclass(frozen=True)
class RecordLoss:
    """Evaluates a loss on all data that is not the one that is minimised: ``loss`` of
    shape (step, member).

    Attributes:
        objective: The loss.
        x: Inputs, without the constant feature, as for `descend`.
        y: Targets.
    """

    objective: Objective
    x: Float[np.ndarray, "sample feature"]
    y: Float[np.ndarray, "sample ..."]

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        """The loss at one step."""
        parameters = parameters_of(snapshot)
        x = _inputs(self.objective, snapshot, self.x)
        y = np.asarray(self.y, dtype=x.dtype)
        loss = _losses(parameters, x, y, objective=self.objective)
        return {"loss": np.asarray(loss)}


def parameters_of(snapshot: Arrays) -> Any:
    """The tree of parameters that a snapshot holds, with the member axis in front.

    Args:
        snapshot: Leaves by name (see `condensery.models.leaf_names`).

    Returns:
        Layers ``[(W, b), …]``, with None where a layer has no b (or ``(W, gamma,
        beta)``), for leaves ``W1``, ``b1``, …; otherwise the leaves by name.

    Example:
        >>> import numpy as np
        >>> from condensery.engine import parameters_of
        >>> leaves = {"W1": np.ones((1, 3, 2)), "b1": np.ones((1, 3))}
        >>> pairs = parameters_of({**leaves, "W2": np.ones((1, 1, 3))})
        >>> pairs[0][0].shape, pairs[1][1] is None
        ((1, 3, 2), True)
    """
    layers: dict[int, dict[int, np.ndarray]] = {}
    for name, leaf in snapshot.items():
        match = re.fullmatch(r"(W|b|gamma|beta)(\d+)", name)
        if match is None:
            return dict(snapshot)
        entries = layers.setdefault(int(match[2]), {})
        entries[_ENTRIES[match[1]]] = leaf
    return [
        tuple(entries.get(index) for index in range(max(2, len(entries))))
        for _, entries in sorted(layers.items())
    ]


def _inputs(
    model: Model | Objective, snapshot: Arrays, x: np.ndarray
) -> Float[np.ndarray, "sample feature"]:
    """Inputs in the parameters' dtype, with the constant if the model takes it."""
    dtype = next(iter(snapshot.values())).dtype
    return with_constant(model, snapshot, np.asarray(x, dtype=dtype))


@partial(jax.jit, static_argnames="objective")
def _losses(
    parameters: Any, x: Array, y: Array, *, objective: Objective
) -> Float[Array, " member"]:
    return lax.map(
        lambda member: objective.value(member, x, y), objective.pack(parameters)
    )


@partial(jax.jit, static_argnames="model")
def _outputs(
    parameters: Any, x: Array, *, model: Callable[..., Array]
) -> Float[Array, "member sample ..."]:
    return lax.map(lambda member: model(member, x), parameters)
