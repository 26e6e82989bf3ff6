"""The layers of a module, with what its classes say of them."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils import parametrize

from condensery.torch._inspection._layers import (
    Attention,
    Layer,
    convolution,
    embedding,
    linear,
    recurrent,
    transposed_convolution,
)

_PROJECTIONS = (
    ("q_proj", "k_proj", "v_proj"),
    ("query", "key", "value"),
    ("q_lin", "k_lin", "v_lin"),
    ("to_q", "to_k", "to_v"),
    ("wq", "wk", "wv"),
    ("q", "k", "v"),
)
_FUSED = ("c_attn", "qkv")
"""Layers that make queries, keys and values, one behind the other."""
_MIXED = ("query_key_value", "Wqkv", "qkv_proj", "W_pack")
"""Layers that make all three in an order that differs between models."""
_OUTPUTS = ("out_proj", "o_proj", "out_lin", "to_out", "wo", "o", "c_proj")
_TURNING = re.compile(r"rotary|rope|relative", re.IGNORECASE)
_BESIDE = re.compile(
    r"alibi|pos_?emb|q_?norm|k_?norm|norm_?q|norm_?k|(query|key)_?norm", re.IGNORECASE
)
_HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "heads")


@dataclass
class Found:
    """The layers of a model, and the weights that are none, each with the reason."""

    layers: list[Layer] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


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


def read_module(model: nn.Module, *, heads: int | None = None) -> Found:
    """The layers of a model in the order in which it names its modules.

    Args:
        model: Any module; nothing of it is changed or run.
        heads: Number of attention heads, where the modules do not say it.
    """
    found, taken = Found(), set()
    model = unwrapped(model)
    modules = dict(model.named_modules())
    for name, module in modules.items():
        if name in taken:
            continue
        parts = attention_parts(name, module, modules)
        if parts is not None:
            taken.update(parts)
            attention = _separate_attention(name, module, parts, modules, heads)
            found.layers += replace(attention, beside=_beside(name, model)).layers()
            continue
        fused = _fused_in(model, name, modules, heads)
        if fused:
            found.layers += fused
            continue
        with _at_rest(module):
            _read_one(name or type(module).__name__, module, found)
    _mark_tied(found.layers)
    return found


def _read_one(name: str, module: nn.Module, found: Found) -> None:
    own = {key: value for key, value in module._parameters.items() if value is not None}
    if any(isinstance(value, UninitializedParameter) for value in own.values()):
        found.skipped[name] = "a lazy module: run the model once first"
    elif isinstance(module, nn.MultiheadAttention):
        found.layers += _multihead(name, module).layers()
    elif isinstance(module, nn.RNNBase):
        kind = module.mode.split("_")[0]
        for suffix in (
            key.removeprefix("weight_ih") for key in own if key.startswith("weight_ih")
        ):
            found.layers += recurrent(name, kind, own, suffix)
    elif isinstance(module, nn.RNNCellBase):
        found.layers += recurrent(
            name, type(module).__name__.removesuffix("Cell"), own, ""
        )
    else:
        layer = _weight_layer(name, module)
        if layer is not None:
            found.layers.append(layer)
            return
        for key, value in own.items():
            if value.ndim >= 2:
                found.skipped[f"{name}.{key}"] = (
                    f"{type(module).__name__} is not known: what its units are "
                    "cannot be told"
                )


def _weight_layer(name: str, module: nn.Module) -> Layer | None:
    if isinstance(module, _ConvTransposeNd):
        return transposed_convolution(
            name,
            module.weight,
            module.bias,
            kind=type(module).__name__.removeprefix("Lazy"),
            blocks=module.groups,
        )
    if isinstance(module, _ConvNd):
        return convolution(
            name,
            module.weight,
            module.bias,
            kind=type(module).__name__,
            blocks=module.groups,
        )
    if isinstance(module, nn.Linear | nn.Bilinear):
        kind = "Bilinear" if isinstance(module, nn.Bilinear) else "Linear"
        return linear(name, module.weight, module.bias, kind=kind)
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return embedding(name, module.weight)
    if is_transposed_linear(module):
        return linear(name, module.weight.T, module.bias)  # pyrefly: ignore[bad-argument-type, missing-attribute]
    return None


def is_transposed_linear(module: nn.Module) -> bool:
    """Whether it is the Conv1D of Transformers' GPT-2: a linear layer with ``weight:
    (in, out)``.
    """
    own = module._parameters
    weight, bias = own.get("weight"), own.get("bias")
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


def attention_parts(
    name: str, module: nn.Module, modules: Mapping[str, nn.Module]
) -> tuple[str, str, str] | None:
    """Names of the three projections of an attention that keeps them apart."""
    for trio in _PROJECTIONS:
        names = tuple(f"{name}.{part}" if name else part for part in trio)
        if all(isinstance(modules.get(part), nn.Linear) for part in names):
            return names  # pyrefly: ignore[bad-return]
    return None


def _fused_in(
    model: nn.Module, name: str, modules: Mapping[str, nn.Module], heads: int | None
) -> list[Layer]:
    """The rows and heads of a module that makes queries, keys and values at once; empty
    if it is none.
    """
    stem, _, last = name.rpartition(".")
    module = modules[name]
    if last not in (*_FUSED, *_MIXED) or not (
        isinstance(module, nn.Linear) or is_transposed_linear(module)
    ):
        return []
    layer = _weight_layer(name, module)
    inside = f"{stem}." if stem else ""
    after = (
        _weight_layer("", modules[one]) for one in _outputs_of(inside) if one in modules
    )
    output = next((one.rows for one in after if one is not None), None)
    return (
        []
        if layer is None
        else _fused(
            layer, output, heads or heads_of(modules[stem]), _beside(stem, model)
        )
    )


def _outputs_of(inside: str) -> list[str]:
    return [f"{inside}{one}" for one in (*_OUTPUTS, "proj")]


def _fused(
    layer: Layer, output: torch.Tensor | None, heads: int | None, beside: str
) -> list[Layer]:
    if _last(layer.name) in _MIXED or len(layer.rows) != 3 * layer.rows.shape[1]:
        note = (
            "queries, keys and values are in one layer, in an order that is not "
            "known: no heads"
        )
        return [
            replace(
                layer,
                kind="query, key and value rows",
                role="rows",
                note=note,
            )
        ]
    biases = (None,) * 3 if layer.bias is None else layer.bias.chunk(3)
    query, key, value = zip(layer.rows.chunk(3), biases, strict=True)
    return list(
        Attention(layer.name, query, key, value, output, heads, beside=beside).layers()
    )


def _beside(attention: str, model: nn.Module) -> str:
    """What acts between queries and keys besides their product, as the names of modules
    and weights tell.
    """
    inside = f"{attention}." if attention else ""
    own = [(name, kind) for name, kind in _names(model) if name.startswith(inside)]
    own += [
        (name, "") for name, _ in model.named_parameters() if name.startswith(inside)
    ]
    turning = [
        (name, kind)
        for name, kind in _names(model)
        if _TURNING.search(kind) or _TURNING.search(_last(name))
    ]
    told = [
        name
        for name, kind in own
        if _BESIDE.search(kind) or _BESIDE.search(_last(name))
    ]
    found = next((_last(name) for name in [*told, *(name for name, _ in turning)]), "")
    return (
        f"{found} acts on queries and keys as well: whether they attend alike is "
        "not known"
        if found
        else ""
    )


def _names(model: nn.Module) -> list[tuple[str, str]]:
    return [(name, type(module).__name__) for name, module in model.named_modules()]


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _separate_attention(
    name: str,
    module: nn.Module,
    parts: tuple[str, str, str],
    modules: Mapping[str, nn.Module],
    heads: int | None,
) -> Attention:
    query, key, value = ((modules[part].weight, modules[part].bias) for part in parts)
    stem, above = f"{name}." if name else "", name.rpartition(".")[0]
    candidates = [f"{stem}{part}" for part in _OUTPUTS] + [
        f"{above}.output.dense" if above else "output.dense"
    ]
    outputs = [
        one.weight for one in map(modules.get, candidates) if isinstance(one, nn.Linear)
    ]
    heads = heads or heads_of(module)
    output = outputs[0] if outputs and outputs[0].shape[1] % (heads or 1) == 0 else None
    label = name or type(module).__name__
    return Attention(label, query, key, value, output, heads, parts)  # pyrefly: ignore[bad-argument-type]


def heads_of(module: nn.Module) -> int | None:
    """Number of heads by the names under which attentions keep it, in the module or its
    configuration.
    """
    for holder in (vars(module), _attributes(vars(module).get("config"))):
        for key in _HEADS:
            count = holder.get(key)
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
    lists = module.parametrizations.modules()  # pyrefly: ignore[not-callable, missing-attribute]
    modes = [(one, one.training) for one in lists]
    try:
        for one, _ in modes:
            one.training = False
        with torch.no_grad():
            yield
    finally:
        for one, mode in modes:
            one.training = mode


def _mark_tied(layers: list[Layer]) -> None:
    """Note which layers share their weights with one before."""
    first: dict[tuple[int, int, torch.Size], str] = {}
    for place, layer in enumerate(layers):
        key = (
            layer.rows.untyped_storage().data_ptr(),
            int(layer.rows.storage_offset()),
            layer.rows.shape,
        )
        if key in first and layer.rows.numel():
            note = f"tied to {first[key]}" + (f"; {layer.note}" if layer.note else "")
            layers[place] = replace(layer, note=note)
        first.setdefault(key, layer.name)


_EMBEDDING = re.compile(r"emb|\bwte\b|\bwpe\b|lookup")
_TRIO = {
    part: kind
    for trio in _PROJECTIONS
    for part, kind in zip(trio, ("query", "key", "value"), strict=True)
}


def read_weights(
    weights: Mapping[str, torch.Tensor], *, heads: int | None = None
) -> Found:
    """The layers of a state dict, told by names and shapes alone.

    Args:
        weights: Names and tensors.
        heads: Number of attention heads.
    """
    found = Found()
    modules: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in weights.items():
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
            module, _, part = name.rpartition(".")
            modules.setdefault(module, {})[part] = tensor
    attentions = _weight_attentions(modules, heads)
    _turn_square_ones(modules)
    for module, parts in modules.items():
        if module in attentions:
            if attentions[module] is not None:
                found.layers += attentions[module].layers()  # pyrefly: ignore[missing-attribute]
            continue
        _read_parts(module or "model", parts, modules, heads, found)
    _mark_tied(found.layers)
    return found


def _read_parts(
    name: str,
    parts: dict[str, torch.Tensor],
    modules: Mapping[str, dict[str, torch.Tensor]],
    heads: int | None,
    found: Found,
) -> None:
    suffixes = [
        key.removeprefix("weight_ih") for key in parts if key.startswith("weight_ih")
    ]
    rest = {key: tensor for key, tensor in parts.items() if tensor.ndim >= 2}
    if suffixes:
        for suffix in suffixes:
            found.layers += recurrent(name, "", parts, suffix)
    elif "in_proj_weight" in parts:
        output = modules.get(f"{name}.out_proj", {}).get("weight")
        biases = (
            parts["in_proj_bias"].chunk(3)
            if "in_proj_bias" in parts
            else (None, None, None)
        )
        query, key, value = zip(parts["in_proj_weight"].chunk(3), biases, strict=True)
        found.layers += Attention(name, query, key, value, output, heads).layers()
    elif "weight" in rest:
        layer = _by_shape(name, parts["weight"], parts.get("bias"))
        if _last(name) in (*_FUSED, *_MIXED) and layer.kind == "Linear":
            above = name.rpartition(".")[0]
            after = (
                modules[one]
                for one in _outputs_of(f"{above}." if above else "")
                if one in modules
            )
            output = next(
                (
                    _by_shape("", one["weight"], one.get("bias")).rows
                    for one in after
                    if "weight" in one
                ),
                None,
            )
            found.layers += _fused(layer, output, heads, "")
        else:
            found.layers.append(layer)
        rest.pop("weight")
        found.skipped.update(
            {
                f"{name}.{key}": "what it is cannot be told from a state dict"
                for key in rest
            }
        )
    else:
        found.skipped.update(
            {
                f"{name}.{key}": "what it is cannot be told from a state dict"
                for key in rest
            }
        )


def _turn_square_ones(modules: dict[str, dict[str, torch.Tensor]]) -> None:
    """Turn the square weights of GPT-2's (in, out) layers; only their sibling's shape
    tells that they are such.
    """
    for name, parts in modules.items():
        stem, _, last = name.rpartition(".")
        sibling = modules.get(f"{stem}.c_attn" if stem else "c_attn", {})
        if last != "c_proj" or "bias" not in sibling or "weight" not in parts:
            continue
        is_turned = sibling["weight"].shape[0] != sibling["bias"].shape[0]
        if (
            is_turned
            and parts["weight"].ndim == 2
            and parts["weight"].shape[0] == parts["weight"].shape[1]
        ):
            parts["weight"] = parts["weight"].T


def _by_shape(name: str, weight: torch.Tensor, bias: torch.Tensor | None) -> Layer:
    # (in, out / groups, …) has out entries in its bias, (out, in / groups, …) has as
    # many as it has rows
    turned = bias is not None and bias.shape[0] != weight.shape[0]
    if weight.ndim == 2:
        if bias is None and _EMBEDDING.search(name):
            return embedding(name, weight)
        return linear(name, weight.T if turned else weight, bias)
    kind = f"{'ConvTranspose' if turned else 'Conv'}{weight.ndim - 2}d"
    if turned and bias is not None:
        return transposed_convolution(
            name, weight, bias, kind=kind, blocks=bias.shape[0] // weight.shape[1]
        )
    note = (
        "groups are not in a state dict: all channels are compared"
        if weight.shape[1] == 1
        else ""
    )
    return convolution(
        name,
        weight,
        bias,
        kind=kind,
        note=note,
    )


def _weight_attentions(
    modules: Mapping[str, dict[str, torch.Tensor]], heads: int | None
) -> dict[str, Attention | None]:
    """Name of each projection that belongs to an attention; the whole attention stands
    at its first one.
    """
    found: dict[str, Attention | None] = {}
    for module in modules:
        stem, _, part = module.rpartition(".")
        for trio in _PROJECTIONS:
            names = tuple(f"{stem}.{one}" if stem else one for one in trio)
            held = [modules.get(one, {}) for one in names]
            if part != trio[0] or not all(
                "weight" in one and one["weight"].ndim == 2 for one in held
            ):
                continue
            query, key, value = ((one["weight"], one.get("bias")) for one in held)
            above = stem.rpartition(".")[0]
            inside = f"{stem}." if stem else ""
            outputs = [f"{inside}{one}" for one in _OUTPUTS] + [f"{above}.output.dense"]
            output = next(
                (
                    modules[one]["weight"]
                    for one in outputs
                    if "weight" in modules.get(one, {})
                ),
                None,
            )
            found.update(dict.fromkeys(names))
            found[names[0]] = Attention(
                # pyrefly: ignore[bad-argument-type]
                stem or "model",
                query,
                key,
                value,
                output,
                heads,
                # pyrefly: ignore[bad-argument-type]
                names,
            )
    return found
