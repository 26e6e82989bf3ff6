"""An optimiser's state carried over to a model of other widths, as gradients would
be.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch._surgery._units import Axis

_SQUARES = frozenset({"exp_avg_sq", "max_exp_avg_sq", "square_avg", "sum"})
"""State that is a running mean (or sum) of squared gradients; everything else of a
parameter's shape is linear.
"""


@dataclass(frozen=True, eq=False)
class Carried:
    """How weights moved.

    Attributes:
        positions: Axis to the positions in the old weights of which the new ones are
            taken.
        units: Axis to the unit at every old position.
        merged: Unit to the one it went into and the factor f_u = c·f_v.
        read: Axes along which a layer reads units; along the others it makes them.
        shares: Axis that makes units to the factor of every new position (copies of a
            split unit share its gradient).
    """

    positions: Mapping[Axis, np.ndarray]
    units: Mapping[Axis, np.ndarray]
    merged: Mapping[int, tuple[int, float]]
    read: set[Axis]
    shares: Mapping[Axis, np.ndarray] | None = None


def carry(
    optimizer: torch.optim.Optimizer, old: nn.Module, new: nn.Module, moved: Carried
) -> torch.optim.Optimizer:
    """An optimiser of the same kind and settings for the new model, with the state that
    fits it.

    The gradient of a merged unit's row is Σ_k c_k·(gradient of row k), that of its
    outgoing weights the one of the unit that stays; copies of a split unit share the
    gradient of its row in proportion to their outgoing weights. Momentum follows these
    linear maps, running squares the squares of the factors (exactly for parallel
    gradients).

    Raises:
        InvalidInputError: The optimiser holds parameters that the model does not have,
            or state of another shape than theirs (L-BFGS, Adafactor), which cannot be
            cut along with them.
    """
    names = {id(parameter): name for name, parameter in old.named_parameters()}
    fresh = dict(new.named_parameters())
    unknown = [
        p
        for group in optimizer.param_groups
        for p in group["params"]
        if id(p) not in names
    ]
    if unknown:
        raise InvalidInputError(
            "optimizer",
            given=f"{len(unknown)} parameters that the model does not have",
            allowed="an optimiser of this model",
            remedy="build it from model.parameters()",
        )
    groups = [
        {
            **{key: value for key, value in group.items() if key != "params"},
            "params": [
                fresh[names[id(p)]] for p in group["params"] if names[id(p)] in fresh
            ],
        }
        for group in optimizer.param_groups
    ]
    # the way in which it is unpickled, which asks for no arguments
    result = copy.copy(optimizer)
    result.param_groups, result.state = groups, defaultdict(dict)
    for parameter, state in optimizer.state.items():
        name = names[id(parameter)]
        if name in fresh:
            result.state[fresh[name]] = {
                key: _moved(value, key, name, parameter, moved)
                for key, value in state.items()
            }
    return result


def _moved(
    value: Any, key: str, name: str, parameter: torch.Tensor, moved: Carried
) -> Any:
    if not isinstance(value, torch.Tensor):
        return copy.copy(value)
    if value.ndim == 0:
        return value.clone()
    if value.shape != parameter.shape:
        raise InvalidInputError(
            "optimizer",
            given=f"state {key}, which is not of the shape of {name}",
            allowed="momentum and running squares of single weights",
            remedy="make a new optimiser for the new model",
        )
    state, square = value.detach().double().numpy().copy(), key in _SQUARES
    for (owner, axis), positions in moved.positions.items():
        if owner != name:
            continue
        along = np.moveaxis(state, axis, 0)
        if (owner, axis) not in moved.read:
            _sum_rows(along, moved.units[owner, axis], moved.merged, square=square)
        taken = along[positions]
        if moved.shares is not None and (owner, axis) in moved.shares:
            factor = moved.shares[owner, axis] ** (2 if square else 1)
            taken = taken * factor.reshape(-1, *[1] * (taken.ndim - 1))
        state = np.moveaxis(taken, 0, axis)
    return torch.from_numpy(np.ascontiguousarray(state)).to(value.dtype)


def _sum_rows(
    along: np.ndarray,
    units: np.ndarray,
    merged: Mapping[int, tuple[int, float]],
    *,
    square: bool,
) -> None:
    positions: dict[int, list[int]] = {}
    for position, unit in enumerate(units.tolist()):
        positions.setdefault(unit, []).append(position)
    for unit, (head, factor) in merged.items():
        if unit not in positions or head not in positions:
            continue
        pairs = zip(positions[unit], positions[head], strict=True)
        for mine, theirs in pairs:
            if square:
                root = np.sqrt(along[theirs]) + abs(factor) * np.sqrt(along[mine])
                along[theirs] = root**2
            else:
                along[theirs] += factor * along[mine]
