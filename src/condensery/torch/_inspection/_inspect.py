"""`inspect`: how condensed every layer of a user's model is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin

from condensery._errors import InvalidInputError
from condensery.theory import MERGE_NAMES
from condensery.torch._inspection._inspection import Inspection
from condensery.torch._inspection._layer_report import LayerReport
from condensery.torch._inspection._layers import Layer, Reading
from condensery.torch._inspection._measure import by_chance, measure
from condensery.torch._inspection._reading import read_module
from condensery.torch._inspection._reading_weights import read_weights
from condensery.torch._inspection._structure import After, Structure, structure
from condensery.torch._inspection._verdict import verdict
from condensery.torch._loading import (
    check_weights,
    load_model,
    load_weights,
    quantised_module,
)
from condensery.torch._threshold import COSINE_THRESHOLD

ACTIVE = 0.05


def inspect(
    model: nn.Module | Mapping[str, torch.Tensor] | str | Path,
    *,
    weights: str | Path | None = None,
    threshold: float = COSINE_THRESHOLD,
    active: float = ACTIVE,
    activation: str | None = None,
    heads: int | None = None,
) -> Inspection:
    """Measure the condensation of every layer of a model.

    Units are the output channels of linear layers and convolutions (compared within the
    groups of a grouped one), the heads and the rows of queries, keys and values of
    attentions, the gates and states of LSTM, GRU and RNN, and the vectors of
    embeddings. Nothing of the model is changed or run; where torch.fx can trace it, or
    the modules around a layer, its activations, batch normalisations and readers are
    known, and with them which merges would be exact in evaluation mode. Where that is
    not so, the row says why, and that `activation` would tell.

    Formula:
        As `condensery.metrics.condensation` with amplitude ‖(w, b)‖. By chance: the
        same count for isotropic random rows of as many active units; excess = (that −
        effective neurons) / units.

    Args:
        model: A module, a state dict, a file as for `load_weights`, or
            ``package.module:factory`` as for `load_model`.
        weights: A file of weights for a factory.
        threshold: Cosine in (0, 1] from which two directions count as one. 0.95 is that
            of Zhang & Xu, for layers of many inputs, where chance does not reach it
            (the column of chance says whether it does). It is not the 0.99 of
            `condensery.metrics.condensation`, which also serves rows of two entries.
        active: Cut in [0, 1) on ‖(w, b)‖ as a share of the layer's largest; weaker
            units could approximately go.
        activation: The activation behind every layer whose own is not known, as in
            `condensery.theory.merge_rule`.
        heads: Number of attention heads, where the model does not say it.

    Returns:
        One row per layer. Cosines are accurate to 2e-6; counts at the threshold are
        those of float64.

    Raises:
        InvalidInputError: The model cannot be read, a weight is not finite, or an
            option is outside its range.

    Source:
        Effective neurons: Zhang & Xu 2024, IEEE TPAMI 46(6):4206, arXiv 2207.05952.
        Exact merges: see `condensery.theory.merge_rule`.

    Example:
        >>> import torch
        >>> from condensery.torch import inspect
        >>> net = torch.nn.Sequential(
        ...     torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)
        ... )
        >>> with torch.no_grad():
        ...     _ = net[0].weight.copy_(
        ...         torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
        ...     )
        ...     _ = net[0].bias.zero_()
        >>> row = inspect(net).layer("0")
        >>> row.effective_neurons, row.dead, row.mergeable, row.exact_merges
        (2, 1, 'exactly', 2)
    """
    _check_options(threshold, active, activation, heads)
    reading, around, parameters = _read(model, weights, heads)
    default = None if activation is None else After(activation=activation)
    no_code = "a state dict does not tell what follows"
    rows = []
    for layer in reading.layers:
        if not layer.rows.numel():
            continue
        after = around.after.get(layer.module, default)
        why = around.untraced.get(layer.module, no_code)
        row = _report(layer, after, why, threshold=threshold, active=active)
        rows.append(row)
    return Inspection(
        rows,
        threshold=threshold,
        active=active,
        skipped=reading.skipped,
        parameters=parameters,
    )


def _report(
    layer: Layer,
    after: After | None,
    untraced: str,
    *,
    threshold: float,
    active: float,
) -> LayerReport:
    measured = measure(layer, threshold=threshold, active=active)
    random = by_chance(layer, measured, threshold=threshold)
    judged = verdict(layer, measured, after, threshold=threshold, untraced=untraced)
    features = measured.features if layer.dimension is None else layer.dimension
    activation = ""
    if after is not None and layer.role == "units":
        activation = after.activation
    return LayerReport(
        layer=layer.name,
        kind=layer.kind,
        units=measured.units,
        features=features,
        active=measured.active,
        groups=measured.groups,
        largest_group=measured.largest_group,
        effective_neurons=measured.effective,
        effective_ratio=measured.ratio,
        chance_ratio=random.neurons / measured.units,
        excess=(random.neurons - measured.effective) / measured.units,
        largest_cosine=measured.largest_cosine,
        chance_cosine=random.cosine,
        smallest_cosine=measured.smallest_cosine,
        dead=measured.dead,
        duplicates=judged.duplicates,
        activation=activation,
        mergeable=judged.mergeable,
        exact_merges=judged.exact,
        approximate_merges=judged.approximate,
        why=judged.why,
        note=layer.note,
    )


def _read(
    model: nn.Module | Mapping[str, torch.Tensor] | str | Path,
    weights: str | Path | None,
    heads: int | None,
) -> tuple[Reading, Structure, int]:
    if isinstance(model, str) and ":" in model and not Path(model).is_file():
        model = load_model(model, weights)
    elif weights is not None:
        is_file = isinstance(model, str | Path)
        kind = "a file" if is_file else type(model).__name__
        raise InvalidInputError(
            "weights",
            given=f"{weights} with {kind}",
            allowed="weights for package.module:factory",
            remedy="leave it out",
        )
    if isinstance(model, nn.Module):
        _check_module(model)
        return read_module(model, heads=heads), structure(model), _count(model)
    if isinstance(model, str | Path):
        model = load_weights(model)
    elif isinstance(model, Mapping) and any(
        isinstance(value, torch.Tensor) for value in model.values()
    ):
        check_weights(model, where="the state dict")
    else:
        raise InvalidInputError(
            "model",
            given=type(model).__name__,
            remedy="pass the model or model.state_dict()",
            allowed="a torch.nn.Module, a state dict, a weights file, or "
            "package.module:factory",
        )
    tensors = [value for value in model.values() if isinstance(value, torch.Tensor)]
    count = sum(tensor.numel() for tensor in tensors if tensor.is_floating_point())
    return read_weights(model, heads=heads), Structure({}, {}), count


def _check_module(model: nn.Module) -> None:
    name = type(model).__name__
    if isinstance(model, torch.jit.ScriptModule):
        raise InvalidInputError(
            "model",
            given=f"{name}, which is TorchScript",
            allowed="an eager torch.nn.Module",
            remedy="build it from its class, or pass its state_dict()",
        )
    quantised = quantised_module(model)
    if quantised is not None:
        raise InvalidInputError(
            "model",
            given=f"{name}, of which {quantised} is quantised",
            allowed="finite real numbers in a floating dtype",
            remedy="give the model before it was quantised",
        )
    check_weights({**dict(model.named_parameters()), **_buffers(model)}, where=name)


def _count(model: nn.Module) -> int:
    return sum(
        weight.numel()
        for weight in model.parameters()
        if not isinstance(weight, UninitializedTensorMixin)
    )


def _buffers(model: nn.Module) -> dict[str, torch.Tensor]:
    """Buffers that are weights: frozen or quantised ones, which are kept as buffers."""
    return {
        name: value
        for name, value in model.named_buffers()
        if name.rpartition(".")[2].startswith("weight")
    }


def _check_options(
    threshold: float, active: float, activation: str | None, heads: int | None
) -> None:
    if not 0 < threshold <= 1:
        raise InvalidInputError(
            "threshold",
            given=threshold,
            allowed="a cosine in (0, 1]",
            remedy=f"{COSINE_THRESHOLD} is the default",
        )
    if not 0 <= active < 1:
        raise InvalidInputError(
            "active",
            given=active,
            allowed="a share in [0, 1)",
            remedy="0.05 is the default",
        )
    if activation is not None and activation not in MERGE_NAMES:
        raise InvalidInputError(
            "activation",
            given=activation,
            allowed=", ".join(MERGE_NAMES),
            remedy="leave it out if it is none of these",
        )
    if heads is not None and heads < 1:
        raise InvalidInputError(
            "heads", given=heads, allowed="a whole number >= 1", remedy="leave it out"
        )
