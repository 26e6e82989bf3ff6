"""What is a unit in a layer of a user's model: its rows (w, b), from a module or from a
state dict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Role = Literal["units", "states", "gates", "heads", "rows", "lookup"]
"""What may be done with units that are equal: ``units`` and recurrent ``states`` merge,
``gates`` and ``heads`` only if all that belongs to them agrees, ``rows`` of queries,
keys and values never alone, ``lookup`` never.
"""

GATES = {
    4: ("input gate", "forget gate", "cell gate", "output gate"),
    3: ("reset gate", "update gate", "new gate"),
    1: ("units",),
}
"""torch's order of the blocks in the weights of an LSTM, a GRU and a plain RNN."""


@dataclass(frozen=True, eq=False)
class Layer:
    """The units of one layer (or of one gate, or the heads of one attention).

    Attributes:
        name: The module's name, and after a colon what of it where that is not all.
        kind: What it is (``Conv2d``, ``LSTM forget gate``, ``query rows``, …).
        rows: Incoming weights, (unit, feature), on any device in any floating dtype.
        bias: Bias of every unit.
        role: What may be done with equal units.
        blocks: Number of blocks of consecutive units that see different inputs (the
            groups of a convolution).
        note: What a reader must know to read the numbers.
        dimension: Dimension of the space that the rows stand for, where that is not
            their length.
        also: (unit, …) of what must agree as well before two units are equal (the
            values of two heads).
        is_linear: Whether it is a linear layer, or a convolution that is one at every
            position (with a kernel of one entry, without groups).
        beside: What else acts between queries and keys, so that equal maps need not
            attend alike.
    """

    name: str
    kind: str
    rows: Tensor
    bias: Tensor | None = None
    role: Role = "units"
    blocks: int = 1
    note: str = ""
    dimension: int | None = None
    also: Tensor | None = None
    is_linear: bool = False
    beside: str = ""

    @property
    def module(self) -> str:
        """Name of the module that the units are of."""
        return self.name.partition(":")[0]

    def arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Rows and bias on the host: float64 stays, everything narrower becomes float32
        without loss.
        """
        rows = _as_array(self.rows)
        if self.bias is None:
            return rows, None
        return rows, _as_array(self.bias)


@dataclass
class Reading:
    """The layers of a model, and the weights that are none, each with the reason."""

    layers: list[Layer] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def mark_tied(layers: list[Layer]) -> None:
    """Note which layers share their weights with an earlier one.

    Args:
        layers: The layers in the order of the model; a tied one is replaced.
    """
    first: dict[tuple[int, int, torch.Size], str] = {}
    for index, layer in enumerate(layers):
        rows = layer.rows
        address = rows.untyped_storage().data_ptr()
        key = address, int(rows.storage_offset()), rows.shape
        if key in first and rows.numel():
            note = f"tied to {first[key]}" + (f"; {layer.note}" if layer.note else "")
            layers[index] = replace(layer, note=note)
        first.setdefault(key, layer.name)


def _as_array(tensor: Tensor) -> np.ndarray:
    """A tensor on the host without its gradient; the memory is shared where that is
    possible.
    """
    tensor = tensor.detach()
    wide = tensor if tensor.dtype in {torch.float32, torch.float64} else tensor.float()
    return wide.cpu().numpy()


def linear(name: str, weight: Tensor, bias: Tensor | None) -> Layer:
    """Units of ``weight: (out, in)``."""
    return Layer(name, "Linear", weight, bias, is_linear=True)


def convolution(
    name: str,
    weight: Tensor,
    bias: Tensor | None,
    *,
    kind: str,
    blocks: int = 1,
    note: str = "",
) -> Layer:
    """Output channels of a convolution, each with its flattened filter."""
    is_pointwise = weight[0, 0].numel() == 1
    is_linear = is_pointwise and blocks == 1
    return Layer(
        name,
        kind,
        weight.flatten(1),
        bias,
        blocks=blocks,
        note=note,
        is_linear=is_linear,
    )


def transposed_convolution(
    name: str,
    weight: Tensor,
    bias: Tensor | None,
    *,
    kind: str,
    blocks: int = 1,
    note: str = "",
) -> Layer:
    """Output channels of ``weight: (in, out / blocks, …)``; the channels of a block see
    the inputs of that block.
    """
    inputs = weight.shape[0] // blocks
    outputs = weight.shape[1]
    filters = weight.reshape(blocks, inputs, outputs, -1).transpose(1, 2)
    rows = filters.reshape(blocks * outputs, -1)
    return Layer(name, kind, rows, bias, blocks=blocks, note=note)


def embedding(name: str, weight: Tensor) -> Layer:
    """The vectors of a lookup."""
    return Layer(name, "Embedding", weight, role="lookup")


def recurrent(
    name: str, kind: str, tensors: Mapping[str, Tensor], suffix: str
) -> Iterator[Layer]:
    """The gates of one recurrent layer, and its units with all their gates.

    The row of a unit in a gate is (weights of the input, weights of the state, bias of
    both). In a GRU's new gate the bias of the state stands inside a product and is a
    column of its own.

    Args:
        name: Name of the module.
        kind: ``LSTM``, ``GRU``, ``RNN``, or empty to tell it by the number of gates.
        tensors: Tensors of the module by their names in it.
        suffix: What follows ``weight_ih`` (``_l0_reverse``).
    """
    weights = {
        key.removesuffix(suffix): tensor
        for key, tensor in tensors.items()
        if key.endswith(suffix)
    }
    inputs = weights["weight_ih"]
    gates = GATES[len(inputs) // _hidden_size(weights)]
    kind = kind or {4: "LSTM", 3: "GRU", 1: "RNN"}[len(gates)]
    columns = _recurrent_columns(weights, len(gates))
    units = torch.cat(columns, dim=1).chunk(len(gates))
    layer = suffix.removeprefix("_") or "cell"
    stem = f"{name}:{layer}"
    has_two_biases = len(gates) == 3 and "bias_ih" in weights
    if len(gates) > 1:
        for gate, rows in zip(gates, units, strict=True):
            if has_two_biases and gate != "new gate":
                biases = rows[:, -2:]
                bias = biases.sum(1, keepdim=True)
                rows = torch.cat([rows[:, :-2], bias], dim=1)
            yield Layer(f"{stem} {gate}", f"{kind} gate", rows, role="gates")
    joined = torch.cat(units, dim=1)
    yield Layer(f"{stem} units", f"{kind} units", joined, role="states")
    projection = weights.get("weight_hr")
    if projection is not None:
        label = f"{kind} projection"
        yield Layer(f"{stem} projection", label, projection, role="rows")


def _recurrent_columns(weights: Mapping[str, Tensor], gates: int) -> list[Tensor]:
    """Blocks of columns: of the inputs, of the states, and of one or two biases."""
    columns = [weights["weight_ih"].detach(), weights["weight_hh"].detach()]
    of_input = weights.get("bias_ih")
    of_state = weights.get("bias_hh")
    if of_input is None or of_state is None:
        return columns
    biases = [of_input.detach()[:, None], of_state.detach()[:, None]]
    if gates == 3:
        return [*columns, *biases]
    return [*columns, biases[0] + biases[1]]


def _hidden_size(weights: Mapping[str, Tensor]) -> int:
    """Units of a recurrent layer; with a projection the state is shorter than the layer
    is wide.
    """
    projection = weights.get("weight_hr")
    if projection is not None:
        return projection.shape[1]
    return weights["weight_hh"].shape[1]


@dataclass(frozen=True, eq=False)
class Attention:
    """The projections of one attention, each (out, in); queries, keys and values with
    their biases.
    """

    name: str
    query: tuple[Tensor, Tensor | None]
    key: tuple[Tensor, Tensor | None]
    value: tuple[Tensor, Tensor | None]
    output: Tensor | None
    heads: int | None
    names: tuple[str, str, str] | None = None
    beside: str = ""

    def layers(self) -> Iterator[Layer]:
        """Rows of queries, keys and values, and the heads where their number is
        known.
        """
        projections = {
            "query": self.query,
            "key": self.key,
            "value": self.value,
        }
        names = self.names or tuple(f"{self.name}:{kind}" for kind in projections)
        note = "" if self.heads else "number of heads not known: give heads="
        for name, kind in zip(names, projections, strict=True):
            weight, bias = projections[kind]
            yield Layer(name, f"{kind} rows", weight, bias, role="rows", note=note)
        rows, _ = self.query
        if self.heads and len(rows) % self.heads == 0:
            yield from self._head_layers(self.heads)

    def _head_layers(self, heads: int) -> Iterator[Layer]:
        """The maps of the heads, by their inner products: two heads are equal if and
        only if these say so.

        The attention of a head depends on W_qᵀ W_k alone, with the bias of the queries
        (that of the keys adds the same to all keys, which the softmax takes out again);
        what it passes on depends on W_o W_v with the bias of values.
        """
        size = self.query[0].shape[0] // heads
        query = _augmented(*self.query)
        value = _augmented(*self.value)
        keys = _per_head(self.key[0], heads, size)
        if keys is None:
            return
        key_heads = max(1, self.key[0].shape[0] // size)
        values = _per_head(value, heads, value.shape[0] // key_heads)
        yield Layer(
            f"{self.name}:heads query-key",
            "heads: attention maps",
            _coordinates(query, keys, heads),
            role="heads",
            dimension=query.shape[1] * keys.shape[1],
            also=None if values is None else values.reshape(heads, -1),
            beside=self.beside,
        )
        if self.output is None or values is None:
            return
        outputs = self.output.detach().T
        if len(outputs) == len(values):
            yield Layer(
                f"{self.name}:heads value-output",
                "heads: value maps",
                _coordinates(values, outputs, heads),
                role="heads",
                dimension=value.shape[1] * outputs.shape[1],
            )


def _augmented(weight: Tensor, bias: Tensor | None) -> Tensor:
    """Weights with the bias as a last column."""
    if bias is None:
        return weight.detach()
    column = bias.detach()[:, None]
    return torch.cat([weight.detach(), column], dim=1)


def _inner(weight: Tensor) -> Tensor:
    wide = weight.detach().double()
    return wide @ wide.T


def _per_head(weight: Tensor, heads: int, size: int) -> Tensor | None:
    """Rows of every head, repeated for each head where several share them (grouped
    queries).
    """
    blocks, rest = divmod(weight.shape[0], size)
    if rest or not blocks or heads % blocks:
        return None
    shared = weight.detach().reshape(blocks, size, -1)
    repeats = heads // blocks
    repeated = shared.repeat_interleave(repeats, dim=0)
    return repeated.flatten(0, 1)


def _coordinates(left: Tensor, right: Tensor, heads: int) -> Tensor:
    """Vectors with the inner products ⟨A_i, A_j⟩ = Σ_ab (Q_i Q_jᵀ)_ab (K_i K_jᵀ)_ab of
    the heads' maps A = Qᵀ K.
    """
    products = _inner(left) * _inner(right)
    size = len(products) // heads
    blocks = products.reshape(heads, size, heads, size)
    gram = blocks.sum(dim=(1, 3))
    symmetric = (gram + gram.T) / 2
    values, vectors = torch.linalg.eigh(symmetric)
    lengths = values.clamp(min=0).sqrt()
    return vectors * lengths
