"""The layers of a state dict, by names and shapes alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

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
    in_thirds,
    is_fused,
    joined,
    recurrent_suffixes,
    separate_outputs,
)

Tensors = dict[str, Tensor]
"""The tensors of one module by their names in it."""
_EMBEDDING = re.compile(r"emb|\bwte\b|\bwpe\b|lookup")
_BY_QUERY = {trio[0]: trio for trio in PROJECTIONS}


def read_weights(weights: Mapping[str, Tensor], *, heads: int | None = None) -> Reading:
    """The layers of a state dict.

    Args:
        weights: Names and tensors.
        heads: Number of attention heads.
    """
    reading = Reading()
    modules = _by_module(weights)
    attentions = _attentions(modules, heads)
    _turn_square_weights(modules)
    for name, tensors in modules.items():
        if name not in attentions:
            _read_tensors(name or "model", tensors, modules, heads, reading)
            continue
        attention = attentions[name]
        if attention is not None:
            reading.layers += attention.layers()
    mark_tied(reading.layers)
    return reading


def _by_module(weights: Mapping[str, Tensor]) -> dict[str, Tensors]:
    modules: dict[str, Tensors] = {}
    for name, tensor in weights.items():
        if isinstance(tensor, Tensor) and tensor.is_floating_point():
            module, _, key = name.rpartition(".")
            modules.setdefault(module, {})[key] = tensor
    return modules


def _read_tensors(
    name: str,
    tensors: Tensors,
    modules: Mapping[str, Tensors],
    heads: int | None,
    reading: Reading,
) -> None:
    suffixes = recurrent_suffixes(tensors)
    for suffix in suffixes:
        reading.layers += recurrent(name, "", tensors, suffix)
    if suffixes:
        return
    if "in_proj_weight" in tensors:
        reading.layers += _multihead(name, tensors, modules, heads).layers()
        return
    matrices = [key for key, tensor in tensors.items() if tensor.ndim >= 2]
    if "weight" in matrices:
        reading.layers += _weight_layers(name, tensors, modules, heads)
        matrices.remove("weight")
    reason = "what it is cannot be told from a state dict"
    reading.skipped.update({f"{name}.{key}": reason for key in matrices})


def _multihead(
    name: str, tensors: Tensors, modules: Mapping[str, Tensors], heads: int | None
) -> Attention:
    bias = tensors.get("in_proj_bias")
    query, key, value = in_thirds(tensors["in_proj_weight"], bias)
    output = modules.get(f"{name}.out_proj", {}).get("weight")
    return Attention(name, query, key, value, output, heads)


def _weight_layers(
    name: str, tensors: Tensors, modules: Mapping[str, Tensors], heads: int | None
) -> list[Layer]:
    layer = _by_shape(name, tensors)
    is_matrix = tensors["weight"].ndim == 2 and layer.role != "lookup"
    if not is_fused(name) or not is_matrix:
        return [layer]
    behind = (modules.get(output, {}) for output in fused_outputs(_above(name)))
    outputs = (_by_shape("", read).rows for read in behind if "weight" in read)
    return fused_layers(layer, next(outputs, None), heads, "")


def _above(name: str) -> str:
    return name.rpartition(".")[0]


def _turn_square_weights(modules: dict[str, Tensors]) -> None:
    """Turn the square weights of GPT-2's (in, out) layers; only their sibling's shape
    tells that they are such.
    """
    for name, tensors in modules.items():
        stem, _, last = name.rpartition(".")
        sibling = modules.get(joined(stem, "c_attn"), {})
        if last != "c_proj" or "bias" not in sibling or "weight" not in tensors:
            continue
        is_turned = sibling["weight"].shape[0] != sibling["bias"].shape[0]
        weight = tensors["weight"]
        if is_turned and weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
            tensors["weight"] = weight.T


def _by_shape(name: str, tensors: Tensors) -> Layer:
    weight, bias = tensors["weight"], tensors.get("bias")
    # (in, out / groups, …) has out entries in its bias, (out, in / groups, …) has as
    # many as it has rows
    turned = bias is not None and bias.shape[0] != weight.shape[0]
    if weight.ndim == 2:
        if bias is None and _EMBEDDING.search(name):
            return embedding(name, weight)
        return linear(name, weight.T if turned else weight, bias)
    kind = f"{'ConvTranspose' if turned else 'Conv'}{weight.ndim - 2}d"
    if turned and bias is not None:
        blocks = bias.shape[0] // weight.shape[1]
        return transposed_convolution(name, weight, bias, kind=kind, blocks=blocks)
    is_depthwise = weight.shape[1] == 1
    note = "groups are not in a state dict: all channels are compared"
    return convolution(name, weight, bias, kind=kind, note=note if is_depthwise else "")


def _attentions(
    modules: Mapping[str, Tensors], heads: int | None
) -> dict[str, Attention | None]:
    """Name of each projection that belongs to an attention; the attention itself stands
    at the queries, so that its layers are read once.
    """
    attentions: dict[str, Attention | None] = {}
    for module in modules:
        stem, _, last = module.rpartition(".")
        if last not in _BY_QUERY:
            continue
        query, key, value = (joined(stem, name) for name in _BY_QUERY[last])
        names = query, key, value
        if all(_is_linear(modules.get(name, {})) for name in names):
            attentions.update(dict.fromkeys(names))
            attentions[query] = _separate(stem, names, modules, heads)
    return attentions


def _is_linear(tensors: Tensors) -> bool:
    return "weight" in tensors and tensors["weight"].ndim == 2


def _separate(
    stem: str,
    names: tuple[str, str, str],
    modules: Mapping[str, Tensors],
    heads: int | None,
) -> Attention:
    projections = [modules[name] for name in names]
    query, key, value = (
        (tensors["weight"], tensors.get("bias")) for tensors in projections
    )
    behind = (modules.get(name, {}) for name in separate_outputs(stem))
    outputs = (tensors["weight"] for tensors in behind if "weight" in tensors)
    output = next(outputs, None)
    return Attention(stem or "model", query, key, value, output, heads, names)
