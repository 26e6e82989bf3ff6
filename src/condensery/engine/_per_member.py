"""An objective under which every member of an ensemble has data, a unit of the loss and
a pace of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.engine._constant_feature import has_constant_feature
from condensery.engine._objectives import Objective
from condensery.models import AnyArray

Tree = Any


@dataclass(frozen=True)
class PerMember:
    """Lets the members of one `descend` differ in more than their parameters; made for
    `per_member` parameters.

    The data have a leading axis of draws: inputs (draw, sample, feature), targets
    (draw, sample). A member trains on the draw that its leaf ``draw`` names. Its loss
    is told in units of its leaf ``unit``, so that one `stop_loss` is a share of each
    member's own; the gradient stays that of the loss itself. Its gradient is multiplied
    by the leaf ``pace``, which for plain gradient descent is a learning rate of its
    own: pace · rate. (Adam does not see a common factor of its gradients.) These leaves
    never move. Full batch only: a mini-batch would be one of draws.

    Attributes:
        objective: The loss on one data set.

    Example:
        >>> import numpy as np
        >>> from condensery.engine import (
        ...     SGD,
        ...     PerMember,
        ...     descend,
        ...     mean_square,
        ...     per_member,
        ... )
        >>> line = mean_square(lambda theta, x: x @ theta)
        >>> x, y = np.ones((2, 1, 1)), np.array([[1.0], [3.0]])
        >>> members = per_member(
        ...     [np.zeros(1), np.zeros(1)], draws=[0, 1], units=[1.0, 9.0]
        ... )
        >>> rule = SGD(0.5)
        >>> result = descend(members, PerMember(line), x, y, optimiser=rule, steps=1)
        >>> [float(tree["net"][0]) for tree in result.all_parameters()]
        [1.0, 3.0]
        >>> result.loss[:, 0].tolist()
        [1.0, 1.0]
    """

    objective: Objective

    @property
    def constant_feature(self) -> bool:
        """Whether the model takes inputs with the constant feature."""
        return has_constant_feature(self.objective)

    def pack(self, parameters: Mapping[str, Any]) -> Tree:
        """The network in the inner objective's layout, the rest as it is."""
        return {**parameters, "net": self.objective.pack(parameters["net"])}

    def unpack(self, packed: Mapping[str, Any]) -> Tree:
        """Back from it."""
        return {**packed, "net": self.objective.unpack(packed["net"])}

    def value(
        self, packed: Mapping[str, Any], x: AnyArray, y: AnyArray
    ) -> Float[Array, ""]:
        """The member's loss on its own data, in its own unit."""
        draw = packed["draw"].astype(jnp.int32)
        return self.objective.value(packed["net"], x[draw], y[draw]) / packed["unit"]

    def value_and_grad(
        self, packed: Mapping[str, Any], x: AnyArray, y: AnyArray
    ) -> tuple[Float[Array, ""], Tree]:
        """The same, and pace times the gradient of the loss."""
        draw, pace = packed["draw"].astype(jnp.int32), packed["pace"]
        loss, gradient = self.objective.value_and_grad(packed["net"], x[draw], y[draw])
        still = {
            name: jnp.zeros_like(packed[name]) for name in ("draw", "unit", "pace")
        }
        return loss / packed["unit"], {
            "net": jax.tree.map(lambda slope: pace * slope, gradient),
            **still,
        }


def per_member(
    networks: Sequence[Tree],
    *,
    draws: Sequence[int] | None = None,
    units: Sequence[float] | np.ndarray | None = None,
    paces: Sequence[float] | np.ndarray | None = None,
) -> list[Tree]:
    """Parameters for `PerMember`: each network with the index of its data, the unit of
    its loss and its pace.

    Args:
        networks: One tree of parameters per member.
        draws: Which data set each trains on; None: the first.
        units: What each loss is divided by, positive; None: 1.
        paces: What each gradient is multiplied by, positive; None: 1.

    Returns:
        One dictionary ``{"net", "draw", "unit", "pace"}`` per member.

    Raises:
        InvalidInputError: A number of entries that is not that of the networks, or an
            entry out of its range.

    Example:
        >>> import numpy as np
        >>> from condensery.engine import per_member
        >>> sorted(per_member([np.zeros(2)])[0])
        ['draw', 'net', 'pace', 'unit']
    """
    count = len(networks)
    columns = {
        "draw": np.zeros(count)
        if draws is None
        else np.asarray(draws, dtype=np.float64),
        "unit": np.ones(count)
        if units is None
        else np.asarray(units, dtype=np.float64),
        "pace": np.ones(count)
        if paces is None
        else np.asarray(paces, dtype=np.float64),
    }
    for name, column in columns.items():
        good = column.shape == (count,) and bool(
            np.all(column >= 0 if name == "draw" else column > 0)
        )
        if not good:
            raise InvalidInputError(
                f"{name}s",
                given=column.tolist(),
                allowed=f"{count} numbers, one per network, in their range",
                remedy="a draw is at least 0, a unit and a pace are positive",
            )
    return [
        {"net": network, **{name: column[k] for name, column in columns.items()}}
        for k, network in enumerate(networks)
    ]
