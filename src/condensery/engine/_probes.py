"""Probes that record rather than measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from condensery.engine._objectives import Objective
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
        >>> result = descend(
        ...     [{"w": np.ones(1)}],
        ...     line,
        ...     data,
        ...     optimiser=SGD(0.25),
        ...     steps=2,
        ...     probes=probes,
        ... )
        >>> result.probed["w"][:, 0, 0].tolist()
        [1.0, 0.5, 0.25]
    """

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        """The snapshot itself (it is a copy already)."""
        return snapshot


@dataclass(frozen=True)
class RecordOutput:
    """Evaluates a model of named parameters on fixed inputs: ``output`` of shape (step,
    member, sample).

    Zero-padded units of narrower members add nothing, so that members of different
    widths share one table.

    Attributes:
        model: ``model(parameters, x)`` with parameters by name, such as
            `condensery.models.TwoLayer`.
        x: Inputs, the constant feature included.
    """

    model: Callable[[Mapping[str, Any], Array], Array]
    x: Float[np.ndarray, "sample feature"]

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        """The outputs at one step."""
        parameters = dict(snapshot)
        x = np.asarray(self.x, dtype=next(iter(parameters.values())).dtype)
        return {"output": np.asarray(_outputs(parameters, x, model=self.model))}


@dataclass(frozen=True, eq=False)
class RecordLoss:
    """Evaluates a loss on all data that is not the one that is minimised: `name` of
    shape (step, member).

    Attributes:
        name: What it is called in the result.
        objective: The loss; its public parameters are by name, as for a two-layer net,
            or layers of (W, b).
        data: Inputs and targets.
        layers: Whether each layer of a multilayer net has a bias; None for parameters
            by name.
    """

    name: str
    objective: Objective
    data: tuple[np.ndarray, np.ndarray]
    layers: tuple[bool, ...] | None = None

    def __call__(self, step: int, snapshot: Arrays) -> Arrays:
        """The loss at one step."""
        tree: Any = (
            dict(snapshot) if self.layers is None else layer_tree(snapshot, self.layers)
        )
        dtype = next(iter(snapshot.values())).dtype
        x, y = (np.asarray(part, dtype=dtype) for part in self.data)
        return {self.name: np.asarray(_losses(tree, x, y, objective=self.objective))}


def layer_tree(
    snapshot: Arrays, layers: Sequence[bool]
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """The layers (W, b) of a snapshot of multilayer nets.

    Args:
        snapshot: Leaves named ``0.0``, ``0.1``, ``1.0``, ….
        layers: Whether each layer has a bias.

    Returns:
        One pair per layer, with the member axis in front.

    Example:
        >>> import numpy as np
        >>> leaves = {
        ...     "0.0": np.ones((1, 3, 2)),
        ...     "0.1": np.ones((1, 3)),
        ...     "1.0": np.ones((1, 1, 3)),
        ... }
        >>> pairs = layer_tree(leaves, (True, False))
        >>> pairs[0][0].shape, pairs[1][1] is None
        ((1, 3, 2), True)
    """
    return [
        (snapshot[f"{place}.0"], snapshot[f"{place}.1"] if biased else None)
        for place, biased in enumerate(layers)
    ]


@partial(jax.jit, static_argnames="objective")
def _losses(
    parameters: Any, x: Array, y: Array, *, objective: Objective
) -> Float[Array, " member"]:
    return lax.map(lambda one: objective.value(one, x, y), objective.pack(parameters))


@partial(jax.jit, static_argnames="model")
def _outputs(
    parameters: Mapping[str, Array], x: Array, *, model: Callable[..., Array]
) -> Float[Array, "member sample ..."]:
    return lax.map(lambda one: model(one, x), parameters)
