"""What is a unit in a layer of a user's model: its rows (w, b), from a module or from a
state dict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

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
        also: (unit, …) of what must agree as well before two units are one (the values
            of two heads).
        is_pointwise: Whether it is a convolution with a kernel of one entry: a linear
            layer at every position.
        beside: What else acts between queries and keys, so that equal maps need not
            attend alike.
    """

    name: str
    kind: str
    rows: torch.Tensor
    bias: torch.Tensor | None = None
    role: Role = "units"
    blocks: int = 1
    note: str = ""
    dimension: int | None = None
    also: torch.Tensor | None = None
    is_pointwise: bool = False
    beside: str = ""

    @property
    def module(self) -> str:
        """Name of the module that the units are of."""
        return self.name.partition(":")[0]

    def arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Rows and bias on the host: float64 stays, everything narrower becomes float32
        without loss.
        """
        return as_array(self.rows), None if self.bias is None else as_array(self.bias)


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """A tensor on the host without its gradient; the memory is shared where that is
    possible.
    """
    tensor = tensor.detach()
    wide = tensor if tensor.dtype in {torch.float32, torch.float64} else tensor.float()
    return wide.cpu().numpy()


def linear(
    name: str, weight: torch.Tensor, bias: torch.Tensor | None, *, kind: str = "Linear"
) -> Layer:
    """Units of ``weight: (out, in)``."""
    return Layer(name, kind, weight.flatten(1), bias)


def convolution(
    name: str,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    *,
    kind: str,
    blocks: int = 1,
    note: str = "",
) -> Layer:
    """Output channels of a convolution, each with its flattened filter."""
    is_pointwise = weight[0, 0].numel() == 1
    return Layer(
        name,
        kind,
        weight.flatten(1),
        bias,
        blocks=blocks,
        note=note,
        is_pointwise=is_pointwise,
    )


def transposed_convolution(
    name: str,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    *,
    kind: str,
    blocks: int = 1,
    note: str = "",
) -> Layer:
    """Output channels of ``weight: (in, out / blocks, …)``; the channels of a block see
    the inputs of that block.
    """
    inputs, outputs = weight.shape[0] // blocks, weight.shape[1]
    rows = (
        weight.reshape(blocks, inputs, outputs, -1)
        .transpose(1, 2)
        .reshape(blocks * outputs, -1)
    )
    return Layer(name, kind, rows, bias, blocks=blocks, note=note)


def embedding(name: str, weight: torch.Tensor) -> Layer:
    """The vectors of a lookup."""
    return Layer(name, "Embedding", weight, role="lookup")


def recurrent(
    name: str, kind: str, parts: Mapping[str, torch.Tensor], suffix: str
) -> Iterator[Layer]:
    """The gates of one recurrent layer, and its units with all their gates.

    The row of a unit in a gate is (weights of the input, weights of the state, bias of
    both). In a GRU's new gate the bias of the state stands inside a product and is a
    column of its own.

    Args:
        name: Name of the module.
        kind: ``LSTM``, ``GRU``, ``RNN``, or empty to tell it by the number of gates.
        parts: Tensors of the module by their names in it.
        suffix: What follows ``weight_ih`` (``_l0_reverse``).
    """
    inputs, states = parts[f"weight_ih{suffix}"], parts[f"weight_hh{suffix}"]
    bias_i, bias_h = parts.get(f"bias_ih{suffix}"), parts.get(f"bias_hh{suffix}")
    gates = GATES[inputs.shape[0] // hidden_size(parts, suffix)]
    kind = kind or {4: "LSTM", 3: "GRU", 1: "RNN"}[len(gates)]
    columns = [inputs.detach(), states.detach()]
    if bias_i is not None and bias_h is not None:
        both = [bias_i.detach()[:, None], bias_h.detach()[:, None]]
        columns += both if len(gates) == 3 else [both[0] + both[1]]
    whole = torch.cat(columns, dim=1)
    units = whole.chunk(len(gates))
    where = f"{name}:{suffix.removeprefix('_')}" if suffix else f"{name}:cell"
    if len(gates) > 1:
        for gate, rows in zip(gates, units, strict=True):
            summed = gate != "new gate" and len(gates) == 3 and bias_i is not None
            joined = (
                torch.cat([rows[:, :-2], rows[:, -2:].sum(1, keepdim=True)], dim=1)
                if summed
                else rows
            )
            yield Layer(f"{where} {gate}", f"{kind} gate", joined, role="gates")
    yield Layer(
        f"{where} units", f"{kind} units", torch.cat(units, dim=1), role="states"
    )
    if f"weight_hr{suffix}" in parts:
        yield Layer(
            f"{where} projection",
            f"{kind} projection",
            parts[f"weight_hr{suffix}"],
            role="rows",
        )


def hidden_size(parts: Mapping[str, torch.Tensor], suffix: str) -> int:
    """Units of a recurrent layer; with a projection the state is shorter than the layer
    is wide.
    """
    projection = parts.get(f"weight_hr{suffix}")
    return (
        projection.shape[1]
        if projection is not None
        else parts[f"weight_hh{suffix}"].shape[1]
    )


@dataclass(frozen=True, eq=False)
class Attention:
    """The projections of one attention, each (out, in); queries, keys and values with
    their biases.
    """

    name: str
    query: tuple[torch.Tensor, torch.Tensor | None]
    key: tuple[torch.Tensor, torch.Tensor | None]
    value: tuple[torch.Tensor, torch.Tensor | None]
    output: torch.Tensor | None
    heads: int | None
    names: tuple[str, str, str] | None = None
    beside: str = ""

    def layers(self) -> Iterator[Layer]:
        """Rows of queries, keys and values, and the heads where their number is
        known.
        """
        names = self.names or tuple(
            f"{self.name}:{part}" for part in ("query", "key", "value")
        )
        note = "" if self.heads else "number of heads not known: give heads="
        for name, part, (weight, bias) in zip(
            names,
            ("query", "key", "value"),
            (self.query, self.key, self.value),
            strict=True,
        ):
            yield Layer(name, f"{part} rows", weight, bias, role="rows", note=note)
        if self.heads and self.query[0].shape[0] % self.heads == 0:
            yield from self._head_layers(self.heads)

    def _head_layers(self, heads: int) -> Iterator[Layer]:
        """The maps of the heads, by their inner products: two heads are equal if and
        only if these say so.

        The attention of a head depends on W_qᵀ W_k alone, with the bias of the queries
        (that of the keys adds the same to all keys, which the softmax takes out again);
        what it passes on depends on W_o W_v with the bias of values.
        """
        size = self.query[0].shape[0] // heads
        query, value = _augmented(*self.query), _augmented(*self.value)
        keys = _per_head(self.key[0], heads, size)
        if keys is None:
            return
        values = _per_head(
            value, heads, value.shape[0] // max(1, self.key[0].shape[0] // size)
        )
        yield Layer(
            f"{self.name}:heads query-key",
            "heads: attention maps",
            _coordinates(_inner(query) * _inner(keys), heads),
            role="heads",
            dimension=query.shape[1] * keys.shape[1],
            also=None if values is None else values.reshape(heads, -1),
            beside=self.beside,
        )
        if self.output is not None and values is not None:
            outputs = self.output.detach().T
            yield Layer(
                f"{self.name}:heads value-output",
                "heads: value maps",
                _coordinates(_inner(values) * _inner(outputs), heads),
                role="heads",
                dimension=value.shape[1] * outputs.shape[1],
            )


def _augmented(weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return (
        weight.detach()
        if bias is None
        else torch.cat([weight.detach(), bias.detach()[:, None]], dim=1)
    )


def _inner(weight: torch.Tensor) -> torch.Tensor:
    wide = weight.detach().double()
    return wide @ wide.T


def _per_head(weight: torch.Tensor, heads: int, size: int) -> torch.Tensor | None:
    """Rows of every head, its own copy for each where several heads share one (grouped
    queries).
    """
    own, rest = divmod(weight.shape[0], size)
    if rest or not own or heads % own:
        return None
    return (
        weight.detach()
        .reshape(own, size, -1)
        .repeat_interleave(heads // own, dim=0)
        .flatten(0, 1)
    )


def _coordinates(products: torch.Tensor, heads: int) -> torch.Tensor:
    """Vectors with the inner products ⟨A_i, A_j⟩ = Σ_ab (Q_i Q_jᵀ)_ab (K_i K_jᵀ)_ab of
    the heads' maps A = Qᵀ K.
    """
    size = products.shape[0] // heads
    gram = products.reshape(heads, size, heads, size).sum(dim=(1, 3))
    values, vectors = torch.linalg.eigh((gram + gram.T) / 2)
    return vectors * values.clamp(min=0).sqrt()
