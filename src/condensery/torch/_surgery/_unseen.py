"""Weights that a reduction does not look at: products that are no layer, and layers
whose weights the model computes.
"""

from __future__ import annotations

from torch.fx import Node

from condensery.torch._surgery._graph import ModelGraph, operation, source_line
from condensery.torch._surgery._operations import CONVOLUTION, TRANSPOSED

_LAYERS = frozenset({"linear", *CONVOLUTION, *TRANSPOSED})
_PRODUCTS = frozenset(
    {
        "addbmm",
        "addmm",
        "addmv",
        "baddbmm",
        "bilinear",
        "bmm",
        "chain_matmul",
        "dot",
        "einsum",
        "gru",
        "gru_cell",
        "inner",
        "linalg_multi_dot",
        "lstm",
        "lstm_cell",
        "matmul",
        "mm",
        "mv",
        "rnn_relu",
        "rnn_relu_cell",
        "rnn_tanh",
        "rnn_tanh_cell",
        "tensordot",
    }
)
"""Operations that sum over an axis of a weight."""


def computed_weights(graph: ModelGraph) -> tuple[str, ...]:
    """Layers whose weight is no parameter but computed from some, as by weight
    normalisation: they are all kept.
    """
    names = []
    for node in graph.nodes:
        if node.op != "call_function" or operation(node) not in _LAYERS:
            continue
        weight: object = node.args[1]
        if isinstance(weight, Node) and weight.name not in graph.names:
            names.append(_module_name(node))
    return tuple(names)


def _module_name(node: Node) -> str:
    """The innermost module that runs an operation, or its line."""
    stack = dict(node.meta.get("nn_module_stack") or {})
    modules = [name for name, _ in stack.values() if name]
    return modules[-1] if modules else f"{operation(node)} at {source_line(node)}"


def weights_in_products(graph: ModelGraph) -> tuple[str, ...]:
    """Products with a weight that are no layer, such as ``x @ self.w``: the operation
    and its line.
    """
    weights: set[str] = set(graph.names)
    products = []
    for node in graph.nodes:
        if node.op != "call_function":
            continue
        operands = node.all_input_nodes
        of_weights = [operand.name in weights for operand in operands]
        if operands and all(of_weights):
            # what is computed from weights alone is a weight: a transpose, a cast
            weights.add(node.name)
        elif any(of_weights) and operation(node) in _PRODUCTS:
            products.append(f"{operation(node)} at {source_line(node)}")
    return tuple(dict.fromkeys(products))
