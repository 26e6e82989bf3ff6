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
from condensery.torch._surgery._merge import Plan, apply
from condensery.torch._surgery._relation import Transfer
from condensery.torch._surgery._rows import write_rows
from condensery.torch._surgery._rules import Rule
from condensery.torch._surgery._transfer import follow
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
        if family.name in widths and family.kept is None
    ]
    for family in families:
        name = family.name
        layer_coupling = part_of(coupling, family)
        layer = directions(layer_coupling, twin.weights)
        if method.startswith("folding"):
            clusters[name] = _k_means(layer, widths[name])
            plan = _fold(
                twin.weights,
                layer_coupling,
                layer,
                clusters[name],
            )
        else:
            merge = method == "neuron-merging"
            plan = _prune(layer, widths[name], merge=merge)
            _merge(twin.weights, layer_coupling, plan)
        removed |= plan.removed
    axes = {axis for family in families for axis in family.axes}
    stays = {axis: ~np.isin(coupling.axes[axis], list(removed)) for axis in axes}
    positions = {axis: np.flatnonzero(mask) for axis, mask in stays.items()}
    small = cut(model, {**twin.weights}, positions)
    if method == "folding-repair":
        units = {family.name: family.units for family in families}
        _repair(model, small, clusters, units, data)
    return small


def _k_means(layer: Directions, width: int) -> list[list[int]]:
    """Clusters of the units' rows, those without a unit left out."""
    means = KMeans(
        n_clusters=width,
        n_init=1,
        random_state=0,
    )
    label = means.fit_predict(layer.keys[0])
    clusters = [layer.units[label == k].tolist() for k in range(width)]
    return [members for members in clusters if members]


def _fold(
    weights: dict[str, np.ndarray],
    coupling: Coupling,
    layer: Directions,
    clusters: list[list[int]],
) -> Plan:
    """Let the first unit of every cluster be its centre, with the sum of the outgoing
    weights.
    """
    rows = layer.keys[0]
    pair: dict[int, int] = {}
    centres = {}
    for members in clusters:
        head = members[0]
        pair.update(dict.fromkeys(members[1:], head))
        centres[head] = rows[np.isin(layer.units, members)].mean(axis=0)
    plan = Plan(pair)
    write_rows(weights, coupling, layer, centres)
    reads = follow(
        coupling,
        weights,
        pair,
        tolerance=None,
    ).reads
    summed = [(step, np.ones_like(c), np.zeros_like(d)) for step, c, d in reads]
    apply(
        weights,
        coupling,
        plan,
        Transfer(summed),
    )
    return plan


def _prune(layer: Directions, width: int, *, merge: bool) -> Plan:
    """Let the units with the largest input weights stay; merged units need one near."""
    rows, units = layer.keys[0], layer.units
    size = np.linalg.norm(rows[:, :-1], axis=1)
    order = np.argsort(-size, kind="stable")
    kept, lost = order[:width], order[width:]
    if not merge:
        return Plan(gone=dict.fromkeys(units[lost].tolist(), Rule.PRUNED))
    length = np.linalg.norm(rows, axis=1)
    lengths = np.outer(length[lost], length[kept])
    cosine = (rows[lost] @ rows[kept].T) / np.maximum(lengths, 1e-300)
    best = np.argmax(cosine, axis=1)
    near = cosine[np.arange(len(lost)), best] >= _MERGE_AT
    heads = units[kept[best[near]]].tolist()
    pair = dict(zip(units[lost[near]].tolist(), heads, strict=True))
    gone = dict.fromkeys(units[lost[~near]].tolist(), Rule.PRUNED)
    return Plan(pair, gone)


def _merge(weights: dict[str, np.ndarray], coupling: Coupling, plan: Plan) -> None:
    transfer = follow(
        coupling,
        weights,
        plan.pair,
        tolerance=None,
    )
    apply(weights, coupling, plan, transfer)


def _repair(
    old: nn.Module,
    new: nn.Module,
    clusters: Mapping[str, list[list[int]]],
    units: Mapping[str, np.ndarray],
    data: Tensor,
) -> None:
    """Give pre-activations the mean and spread that their cluster had on the data."""
    for name, groups in clusters.items():
        mean, spread = _moments(old, name, data)
        index = {int(unit): row for row, unit in enumerate(units[name])}
        # Heads stay in the order of their units; every cluster's moments are the means
        # of its members'.
        rows = [[index[unit] for unit in group] for group in groups]
        rows.sort(key=lambda members: members[0])
        aim_mean = torch.stack([mean[members].mean() for members in rows])
        aim_spread = torch.stack([spread[members].mean() for members in rows])
        has_mean, has_spread = _moments(new, name, data)
        factor = aim_spread / torch.clamp(has_spread, min=1e-12)
        layer: Any = new.get_submodule(name)
        columns = [1] * (layer.weight.ndim - 1)
        with torch.no_grad():
            layer.weight.mul_(factor.reshape(-1, *columns))
            layer.bias.copy_((layer.bias - has_mean) * factor + aim_mean)


def _moments(model: nn.Module, name: str, data: Tensor) -> tuple[Tensor, Tensor]:
    seen: list[Tensor] = []

    def note(module: nn.Module, inputs: Any, output: Tensor) -> None:
        seen.append(output.detach())

    handle = model.get_submodule(name).register_forward_hook(note)
    with torch.no_grad():
        model(data)
    handle.remove()
    values = seen[0].transpose(0, 1).reshape(seen[0].shape[1], -1)
    return values.mean(dim=1), values.std(
        dim=1,
        correction=0,
    )


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

    installed = find_spec("torch_pruning") is not None
    return [name for name in methods if name != "torch-pruning" or installed]
