"""The walk through a model's operations that numbers its units."""

from __future__ import annotations

from torch.fx import Node

from condensery.torch._surgery._attention import weighted_sum
from condensery.torch._surgery._graph import operation, source_line
from condensery.torch._surgery._kept import Cause
from condensery.torch._surgery._number_layers import (
    number_batch_norm,
    number_convolution,
    number_embedding,
    number_linear,
    number_prelu,
    number_transposed,
)
from condensery.torch._surgery._number_values import (
    number_cat,
    number_chunk,
    number_gather,
    number_join,
    number_piece,
    number_pool,
    number_same,
)
from condensery.torch._surgery._numbering import Numbering, Operation
from condensery.torch._surgery._operations import (
    ADD,
    BARRIER,
    CONVOLUTION,
    INDEX,
    MULTIPLY,
    POINTWISE,
    POOL_LINEAR,
    POOL_MAX,
    SUM,
    TRANSPOSED,
    UNCHANGED,
)

_LAYERS = {
    "linear": number_linear,
    **dict.fromkeys(CONVOLUTION, number_convolution),
    **dict.fromkeys(TRANSPOSED, number_transposed),
    "embedding": number_embedding,
    "getitem": number_piece,
}
_CHUNKS = frozenset({"chunk", "split", "split_with_sizes"})


def visit(state: Numbering, node: Operation) -> None:
    """Take one operation into account."""
    if node.op != "call_function":
        return
    name = operation(node)
    if name.endswith("_") and not name.endswith("__"):
        name = name[:-1]
    marked = [value for value in node.all_input_nodes if value.name in state.marks]
    if name in _LAYERS:
        _LAYERS[name](state, node)
    elif marked:
        _pass_on(state, node, name, marked)


def _pass_on(
    state: Numbering, node: Operation, name: str, marked: list[Operation]
) -> None:
    first = isinstance(node.args[0], Node) and node.args[0].name in state.marks
    if name in POINTWISE and first and len(marked) == 1:
        number_same(state, node, "point", activation=POINTWISE[name])
    elif name in UNCHANGED and len(marked) == 1:
        number_same(state, node, "unchanged")
    elif name in POOL_MAX | POOL_LINEAR | SUM:
        number_pool(state, node, name)
    elif name in INDEX:
        number_gather(state, node, name)
    elif name in ADD | MULTIPLY:
        number_join(state, node, "add" if name in ADD else "multiply")
    elif not _weigh(state, node, name, marked):
        _special(state, node, name, marked, first=first)


def _weigh(
    state: Numbering, node: Operation, name: str, marked: list[Operation]
) -> bool:
    """Take a sum over positions, or an operation that mixes units, into account."""
    where = f"{name} at {source_line(node)}"
    passed = weighted_sum(node, name, state.marks)
    if passed is not None:
        source, mark, pool = passed
        mixed = [value for value in marked if value is not source]
        state.keep(mixed, Cause.MIXED, f"{where} depends on them")
        state.put(node, "pool", (source.name,), mark, pool=pool)
        return True
    if name in BARRIER:
        state.keep(marked, Cause.MIXED, f"{where} depends on all of them")
        return True
    return False


def _special(
    state: Numbering,
    node: Operation,
    name: str,
    marked: list[Operation],
    *,
    first: bool,
) -> None:
    if name == "batch_norm":
        number_batch_norm(state, node)
    elif name == "prelu" and first:
        number_prelu(state, node)
    elif name in _CHUNKS:
        number_chunk(state, node, name)
    elif name in {"cat", "concat"}:
        number_cat(state, node)
    elif name == "neg":
        number_same(state, node, "scaled", factor=-1.0)
    else:
        state.refuse(node, name, marked)
