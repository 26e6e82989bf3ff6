"""The names under which attentions keep their projections, and what can be read of
queries, keys and values that one layer makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from condensery.torch._inspection._layers import Attention, Layer

PROJECTIONS = (
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


def last_name(name: str) -> str:
    """The last component of a dotted name."""
    return name.rpartition(".")[2]


def joined(stem: str, name: str) -> str:
    """A dotted name; the model itself has an empty stem."""
    return f"{stem}.{name}" if stem else name


def is_fused(name: str) -> bool:
    """Whether a layer of this name makes queries, keys and values at once."""
    last = last_name(name)
    return last in _FUSED or last in _MIXED


def fused_outputs(attention: str) -> list[str]:
    """Possible names of the layer behind an attention whose projections are fused."""
    names = *_OUTPUTS, "proj"
    return [joined(attention, name) for name in names]


def separate_outputs(attention: str) -> list[str]:
    """Possible names of the layer behind an attention with separate projections; in
    BERT it stands beside the attention.
    """
    above = attention.rpartition(".")[0]
    inside = [joined(attention, output) for output in _OUTPUTS]
    return [*inside, joined(above, "output.dense")]


def in_thirds(
    weight: Tensor, bias: Tensor | None
) -> list[tuple[Tensor, Tensor | None]]:
    """Weight and bias of queries, keys and values that stand one behind the other."""
    weights = weight.chunk(3)
    biases = [None] * 3
    if bias is not None:
        biases = bias.chunk(3)
    return list(zip(weights, biases, strict=True))


def fused_layers(
    layer: Layer,
    output: Tensor | None,
    heads: int | None,
    beside: str,
) -> list[Layer]:
    """Rows and heads of a layer that makes queries, keys and values at once.

    Args:
        layer: The layer.
        output: Weight of the layer behind the attention.
        heads: Number of heads.
        beside: As in `Layer`.
    """
    units, features = layer.rows.shape
    in_order = last_name(layer.name) in _FUSED
    if not in_order or units != 3 * features:
        note = (
            "queries, keys and values are in one layer, in an order that is not "
            "known: no heads"
        )
        kind = "query, key and value rows"
        rows = replace(layer, kind=kind, role="rows", note=note)
        return [rows]
    query, key, value = in_thirds(layer.rows, layer.bias)
    attention = Attention(
        layer.name,
        query,
        key,
        value,
        output,
        heads,
        beside=beside,
    )
    return list(attention.layers())


def recurrent_suffixes(names: Mapping[str, object]) -> list[str]:
    """What follows ``weight_ih`` in the names of recurrent weights, per layer and
    direction.
    """
    stem = "weight_ih"
    recurrent = [name for name in names if name.startswith(stem)]
    return [name.removeprefix(stem) for name in recurrent]
