"""The layers of a module, with what its classes say of them."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import singledispatch

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils import parametrize

from condensery.torch._inspection._layers import (
    Attention,
    Layer,
    Reading,
    convolution,
    embedding,
    linear,
    mark_tied,
    recurrent,
    transposed_convolution,
)
from condensery.torch._inspection._projections import (
    PROJECTIONS,
    fused_layers,
    fused_outputs,
    is_fused,
    joined,
    last_name,
    recurrent_suffixes,
    separate_outputs,
)

_TURNING = re.compile(r"rotary|rope|relative", re.IGNORECASE)
_BESIDE = re.compile(
    r"alibi|pos_?emb|q_?norm|k_?norm|norm_?q|norm_?k|(query|key)_?norm", re.IGNORECASE
)
_HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "heads")


def unwrapped(model: nn.Module) -> nn.Module:
    """The user's model inside DistributedDataParallel, DataParallel and
    torch.compile.
    """
    while True:
        inner = model._modules.get("_orig_mod")
        if inner is None and isinstance(
            model, nn.parallel.DistributedDataParallel | nn.DataParallel
        ):
            inner = model.module
        if inner is None:
            return model
        model = inner


def read_module(model: nn.Module, *, heads: int | None = None) -> Reading:
    """The layers of a model in the order in which it names its modules.

    Args:
        model: Any module; nothing of it is changed or run.
        heads: Number of attention heads, where the modules do not say it.
    """
    reading, taken = Reading(), set()
    model = unwrapped(model)
    modules = dict(model.named_modules())
    for name, module in modules.items():
        if name in taken:
            continue
        projections = _separate_projections(name, modules)
        if projections is not None:
            taken.update(projections)
            attention = _separate_attention(name, projections, modules, heads)
            beside = _beside(name, model)
            reading.layers += replace(attention, beside=beside).layers()
            continue
        fused = _fused_attention(model, name, modules, heads)
        if fused:
            reading.layers += fused
            continue
        with _at_rest(module):
            _read_alone(name or type(module).__name__, module, reading)
    mark_tied(reading.layers)
    return reading


def _read_alone(name: str, module: nn.Module, reading: Reading) -> None:
    """Read a module that is no container of an attention."""
    parameters = module._parameters.items()
    weights = {key: weight for key, weight in parameters if weight is not None}
    if any(isinstance(weight, UninitializedParameter) for weight in weights.values()):
        reading.skipped[name] = "a lazy module: run the model once first"
        return
    layers = _layers(name, module, weights)
    if layers is not None:
        reading.layers += layers
        return
    reason = f"{type(module).__name__} is not known: what its units are cannot be told"
    matrices = [key for key, weight in weights.items() if weight.ndim >= 2]
    reading.skipped.update({f"{name}.{key}": reason for key in matrices})


def _layers(
    name: str, module: nn.Module, weights: Mapping[str, torch.Tensor]
) -> list[Layer] | None:
    if isinstance(module, nn.MultiheadAttention):
        return list(_multihead(name, module).layers())
    if isinstance(module, nn.RNNBase):
        kind = module.mode.split("_")[0]
        return [
            layer
            for suffix in recurrent_suffixes(weights)
            for layer in recurrent(name, kind, weights, suffix)
        ]
    if isinstance(module, nn.RNNCellBase):
        kind = type(module).__name__.removesuffix("Cell")
        return list(recurrent(name, kind, weights, ""))
    layer = _weight_layer(module, name)
    return None if layer is None else [layer]


@singledispatch
def _weight_layer(module: nn.Module, name: str) -> Layer | None:
    """The layer of a module that holds one weight; None for any other."""
    if is_transposed_linear(module):
        return linear(name, module.weight.T, module.bias)  # pyrefly: ignore[bad-argument-type, missing-attribute]
    return None


@_weight_layer.register
def _(module: _ConvNd, name: str) -> Layer | None:
    kind = type(module).__name__
    weight, bias = module.weight, module.bias
    return convolution(name, weight, bias, kind=kind, blocks=module.groups)


@_weight_layer.register
def _(module: _ConvTransposeNd, name: str) -> Layer | None:
    kind = type(module).__name__.removeprefix("Lazy")
    weight, bias = module.weight, module.bias
    return transposed_convolution(name, weight, bias, kind=kind, blocks=module.groups)


@_weight_layer.register
def _(module: nn.Linear, name: str) -> Layer | None:
    return linear(name, module.weight, module.bias)


@_weight_layer.register
def _(module: nn.Bilinear, name: str) -> Layer | None:
    rows = module.weight.flatten(1)
    return Layer(name, "Bilinear", rows, module.bias)


@_weight_layer.register(nn.Embedding)
@_weight_layer.register(nn.EmbeddingBag)
def _(module: nn.Embedding | nn.EmbeddingBag, name: str) -> Layer | None:
    return embedding(name, module.weight)


def is_transposed_linear(module: nn.Module) -> bool:
    """Whether it is the Conv1D of Transformers' GPT-2: a linear layer with ``weight:
    (in, out)``.
    """
    parameters = module._parameters
    weight, bias = parameters.get("weight"), parameters.get("bias")
    is_named = type(module).__name__ == "Conv1D" and not isinstance(module, _ConvNd)
    return (
        is_named
        and weight is not None
        and bias is not None
        and weight.ndim == 2
        and bias.shape[0] == weight.shape[1]
    )


def _multihead(name: str, module: nn.MultiheadAttention) -> Attention:
    bias = module.in_proj_bias
    biases = (None, None, None) if bias is None else bias.chunk(3)
    if module.in_proj_weight is not None:
        weights = tuple(module.in_proj_weight.chunk(3))
    else:
        weights = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
    query, key, value = zip(weights, biases, strict=True)
    return Attention(name, query, key, value, module.out_proj.weight, module.num_heads)


def _separate_projections(
    name: str, modules: Mapping[str, nn.Module]
) -> tuple[str, str, str] | None:
    """Names of the three projections of an attention that keeps them apart."""
    for trio in PROJECTIONS:
        query, key, value = (joined(name, projection) for projection in trio)
        names = query, key, value
        if all(isinstance(modules.get(name), nn.Linear) for name in names):
            return names
    return None


def _separate_attention(
    name: str,
    projections: tuple[str, str, str],
    modules: Mapping[str, nn.Module],
    heads: int | None,
) -> Attention:
    linears = [modules[projection] for projection in projections]
    query, key, value = ((module.weight, module.bias) for module in linears)
    module = modules[name]
    heads = heads or _heads_of(module)
    behind = (modules.get(output) for output in separate_outputs(name))
    outputs = (module.weight for module in behind if isinstance(module, nn.Linear))
    output = next(outputs, None)
    if output is not None and output.shape[1] % (heads or 1) != 0:
        output = None
    label = name or type(module).__name__
    return Attention(label, query, key, value, output, heads, projections)  # pyrefly: ignore[bad-argument-type]


def _fused_attention(
    model: nn.Module, name: str, modules: Mapping[str, nn.Module], heads: int | None
) -> list[Layer]:
    """The rows and heads of a module that makes queries, keys and values at once; empty
    if it is none.
    """
    module = modules[name]
    is_linear = isinstance(module, nn.Linear) or is_transposed_linear(module)
    layer = _weight_layer(module, name) if is_fused(name) and is_linear else None
    if layer is None:
        return []
    attention = name.rpartition(".")[0]
    names = [output for output in fused_outputs(attention) if output in modules]
    behind = (_weight_layer(modules[output], "") for output in names)
    output = next((layer.rows for layer in behind if layer is not None), None)
    heads = heads or _heads_of(modules[attention])
    return fused_layers(layer, output, heads, _beside(attention, model))


def _beside(attention: str, model: nn.Module) -> str:
    """What acts between queries and keys besides their product, as the names of modules
    and weights tell.
    """
    inside = joined(attention, "")
    modules = [(name, type(module).__name__) for name, module in model.named_modules()]
    weights = [(name, "") for name, _ in model.named_parameters()]
    # A rotation counts wherever it is: models keep it outside their attentions.
    acting = [
        *(
            name
            for name, kind in [*modules, *weights]
            if name.startswith(inside) and _is_called(_BESIDE, name, kind)
        ),
        *(name for name, kind in modules if _is_called(_TURNING, name, kind)),
    ]
    first = next((last_name(name) for name in acting), "")
    return (
        f"{first} acts on queries and keys as well: whether they attend alike is "
        "not known"
        if first
        else ""
    )


def _is_called(pattern: re.Pattern[str], name: str, kind: str) -> bool:
    return bool(pattern.search(kind) or pattern.search(last_name(name)))


def _heads_of(module: nn.Module) -> int | None:
    """Number of heads by the names under which attentions keep it, in the module or its
    configuration.
    """
    for attributes in (vars(module), _attributes(vars(module).get("config"))):
        for key in _HEADS:
            count = attributes.get(key)
            if isinstance(count, int) and count > 0:
                return count
    return None


def _attributes(config: object) -> Mapping[str, object]:
    try:
        return vars(config)
    except TypeError:
        return {}


@contextmanager
def _at_rest(module: nn.Module) -> Generator[None]:
    """Parametrisations such as spectral_norm iterate when their weight is read in
    training mode: not while we read.
    """
    if not parametrize.is_parametrized(module):
        yield
        return
    parametrisations = module.parametrizations.modules()  # pyrefly: ignore[not-callable, missing-attribute]
    modes = [(module, module.training) for module in parametrisations]
    try:
        for parametrisation, _ in modes:
            parametrisation.training = False
        with torch.no_grad():
            yield
    finally:
        for parametrisation, mode in modes:
            parametrisation.training = mode
