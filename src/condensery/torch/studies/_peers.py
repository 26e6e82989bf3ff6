"""Other ways to make a network narrower, written anew to be compared with: they keep
the widths they are told.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor, nn

from condensery._errors import InvalidInputError
from condensery.torch._surgery._clusters import Directions, directions, part_of
from condensery.torch._surgery._coupling import couple
from condensery.torch._surgery._graph import trace
from condensery.torch._surgery._merge import Plan, apply, write_rows
from condensery.torch._surgery._transfer import Follow, Transfer
from condensery.torch._surgery._units import Coupling
from condensery.torch._surgery._weights import Twin, cut

PEERS = ("magnitude", "neuron-merging", "folding", "folding-repair", "torch-pruning")
_MERGE_AT = 0.45
"""Cosine from which neuron merging merges a pruned neuron into a kept one (Kim et al.
2020, their default).
"""


def shrink(
    model: nn.Module,
    inputs: Tensor,
    widths: Mapping[str, int],
    method: str,
    *,
    data: Tensor,
) -> nn.Module:
    """A copy of the model with the given widths.

    * magnitude: the units with the largest input weights stay.
    * neuron-merging (Kim et al. 2020): so they do, and a pruned unit's outgoing
      weights, times the ratio of the norms, go to the kept unit of largest cosine, if
      that is at least 0.45.
    * folding (Wang et al. 2025): k-means of the input weights; centres stay, outgoing
      weights are summed.
    * folding-repair: then every unit's pre-activation gets the mean and spread on the
      data that its cluster had.
    * torch-pruning: the package's group L2 importance.

    Args:
        model: The model.
        inputs: Example inputs.
        widths: Layer to width.
        method: One of `PEERS`.
        data: For the repair.

    Raises:
        InvalidInputError: An unknown method.
    """
    if method not in PEERS:
        raise InvalidInputError(
            "method",
            given=method,
            allowed=", ".join(PEERS),
            remedy="choose one of these",
        )
    if method == "torch-pruning":
        return _torch_pruning(model, inputs, widths)
    graph = trace(model, (inputs,))
    coupling = couple(graph)
    twin = Twin(model, sorted(set(graph.names.values())))
    clusters: dict[str, list[list[int]]] = {}
    removed: set[int] = set()
    families = [
        family
        for family in coupling.families
        if family.name in widths and not family.kept
    ]
    for family in families:
        part = part_of(coupling, family)
        found = directions(part, twin.weights)
        plan = _one(twin.weights, part, found, widths[family.name], method, clusters)
        removed |= plan.removed
    axes = {axis for family in families for axis in family.axes}
    places = {
        axis: np.flatnonzero(~np.isin(coupling.axes[axis], list(removed)))
        for axis in axes
    }
    small = cut(model, {**twin.weights}, places)
    if method == "folding-repair":
        _repair(model, small, clusters, {f.name: f.units for f in families}, data)
    return small


def _one(
    weights: dict[str, np.ndarray],
    part: Coupling,
    found: Directions,
    width: int,
    method: str,
    clusters: dict[str, list[list[int]]],
) -> Plan:
    rows, units = found.keys[0], found.units
    if method.startswith("folding"):
        label = KMeans(n_clusters=width, n_init=1, random_state=0).fit_predict(rows)
        groups = [
            units[label == k].tolist() for k in range(width) if np.any(label == k)
        ]
        clusters[part.families[0].name] = groups
        plan = Plan({unit: group[0] for group in groups for unit in group[1:]})
        centres = {
            group[0]: rows[np.isin(units, group)].mean(axis=0) for group in groups
        }
        write_rows(weights, part, found, centres)
        raw = Follow(part, weights, plan.pair, tolerance=None).run()
        ones = [(step, np.ones_like(c), np.zeros_like(d)) for step, c, d in raw.reads]
        apply(weights, part, plan, Transfer(ones, {}, {}, {}, {}))
        return plan
    size = np.linalg.norm(rows[:, :-1], axis=1)
    order = np.argsort(-size, kind="stable")
    kept, lost = order[:width], order[width:]
    plan = Plan({}, dict.fromkeys(units[lost].tolist(), method))
    if method == "neuron-merging":
        full = np.linalg.norm(rows, axis=1)
        cosine = (rows[lost] @ rows[kept].T) / np.maximum(
            np.outer(full[lost], full[kept]), 1e-300
        )
        best = np.argmax(cosine, axis=1)
        near = cosine[np.arange(len(lost)), best] >= _MERGE_AT
        plan.pair = dict(
            zip(
                units[lost[near]].tolist(),
                units[kept[best[near]]].tolist(),
                strict=True,
            )
        )
        plan.gone = dict.fromkeys(units[lost[~near]].tolist(), method)
    apply(weights, part, plan, Follow(part, weights, plan.pair, tolerance=None).run())
    return plan


def _repair(
    old: nn.Module,
    new: nn.Module,
    clusters: Mapping[str, list[list[int]]],
    units: Mapping[str, np.ndarray],
    data: Tensor,
) -> None:
    for name, groups in clusters.items():
        mean, spread = _moments(old, name, data)
        place = {int(unit): k for k, unit in enumerate(units[name])}
        # Heads stay in the order of their places; every cluster's moments are the means
        # of its members'.
        ordered = sorted(groups, key=lambda group: place[group[0]])
        aim_mean = torch.stack(
            [mean[[place[u] for u in group]].mean() for group in ordered]
        )
        aim_spread = torch.stack(
            [spread[[place[u] for u in group]].mean() for group in ordered]
        )
        has_mean, has_spread = _moments(new, name, data)
        factor = aim_spread / torch.clamp(has_spread, min=1e-12)
        layer: Any = new.get_submodule(name)
        with torch.no_grad():
            layer.weight.mul_(factor.reshape(-1, *[1] * (layer.weight.ndim - 1)))
            layer.bias.copy_((layer.bias - has_mean) * factor + aim_mean)


def _moments(model: nn.Module, name: str, data: Tensor) -> tuple[Tensor, Tensor]:
    seen: list[Tensor] = []
    handle = model.get_submodule(name).register_forward_hook(
        lambda module, given, made: seen.append(made.detach())
    )
    with torch.no_grad():
        model(data)
    handle.remove()
    values = seen[0].transpose(0, 1).reshape(seen[0].shape[1], -1)
    return values.mean(dim=1), values.std(dim=1, correction=0)


def _torch_pruning(
    model: nn.Module, inputs: Tensor, widths: Mapping[str, int]
) -> nn.Module:
    import torch_pruning

    small: Any = copy.deepcopy(model)
    layers = {
        name: module
        for name, module in small.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    }
    ratios: dict[Any, float] = {}
    for name, width in widths.items():
        ratios[layers[name]] = 1 - width / len(layers[name].weight)
    pruner = torch_pruning.pruner.BasePruner(
        small,
        inputs,
        importance=torch_pruning.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=0.0,
        pruning_ratio_dict=ratios,
        ignored_layers=[
            module for name, module in layers.items() if name not in widths
        ],
    )
    pruner.step()
    return small


def available(methods: Sequence[str]) -> list[str]:
    """Those of the methods whose packages are installed."""
    from importlib.util import find_spec

    return [
        one
        for one in methods
        if one != "torch-pruning" or find_spec("torch_pruning") is not None
    ]
