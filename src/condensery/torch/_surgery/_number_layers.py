"""Layers in the walk: what makes units, reads them, or has a weight for each."""

from __future__ import annotations

import numpy as np

from condensery.torch._surgery._graph import argument, operation, shape, source_line
from condensery.torch._surgery._kept import Cause, Kept
from condensery.torch._surgery._numbering import Numbering, Operation
from condensery.torch._surgery._operations import CONVOLUTION, TRANSPOSED

_OTHER_AXIS = "works along another axis"


def number_linear(state: Numbering, node: Operation) -> None:
    """A linear layer reads the last axis and makes a new one."""
    source = node.args[0]
    weight = state.parameter(node.args[1])
    bias = state.bias(node, 2)
    mark = state.marks.get(source.name)
    if weight is None or bias is False:
        where = source_line(node)
        text = f"the weight of linear at {where} is computed by the model"
        state.keep([source], Cause.COMPUTED, text)
        return
    if mark is not None and mark.axis != len(shape(source)) - 1:
        state.keep_at(node, Cause.AXIS, _OTHER_AXIS)
        return
    if mark is not None:
        state.read(node, source.name, weight, 1, bias, padded=False)
    state.make(node, weight, 0, bias, len(shape(node)) - 1)


def number_convolution(state: Numbering, node: Operation) -> None:
    """A convolution: whole, in groups, or with a filter for every channel."""
    source = node.args[0]
    weight = state.parameter(node.args[1])
    bias = state.bias(node, 2)
    axis = len(shape(source)) - CONVOLUTION[operation(node)] - 1
    mark = state.marks.get(source.name)
    groups = int(argument(node, 6, "groups", 1))
    padded = _is_padded(node)
    if weight is None or bias is False:
        where = f"{operation(node)} at {source_line(node)}"
        text = f"the weight of {where} is computed"
        state.keep([source], Cause.COMPUTED, text)
        return
    if mark is not None and mark.axis != axis:
        state.keep_at(node, Cause.AXIS, _OTHER_AXIS)
        return
    inputs, outputs = shape(source)[axis], shape(node)[axis]
    if groups > 1 and groups == inputs == outputs:
        _number_depthwise(state, node, weight, bias, padded=padded)
        return
    if mark is not None:
        if groups > 1:
            state.tie_blocks(mark.units, groups)
        reading = {"padded": padded, "groups": groups}
        state.read(node, source.name, weight, 1, bias, **reading)
    made = state.make(node, weight, 0, bias, axis)
    if groups > 1:
        state.tie_blocks(made, groups)


def _is_padded(node: Operation) -> bool:
    padding = argument(node, 4, "padding", 0)
    if padding in (0, "valid"):
        return False
    return bool(np.any(np.atleast_1d(np.asarray(padding, dtype=object)) != 0))


def _number_depthwise(
    state: Numbering,
    node: Operation,
    weight: str,
    bias: str | None,
    *,
    padded: bool,
) -> None:
    source = node.args[0].name
    mark = state.marks.get(source)
    if mark is None:
        axis = len(shape(node)) - CONVOLUTION[operation(node)] - 1
        made = state.make(node, weight, 0, bias, axis)
        text = "a depth-wise convolution reads the model's own input"
        state.units.keep(made, Kept(Cause.INPUT, text))
        return
    state.hold((weight, 0), mark.units)
    if bias is not None:
        state.hold((bias, 0), mark.units)
    facts = {
        "weight": weight,
        "bias": bias,
        "padded": padded,
    }
    state.put(node, "depthwise", (source,), mark, **facts)


def number_transposed(state: Numbering, node: Operation) -> None:
    """A transposed convolution, without groups."""
    source = node.args[0]
    weight = state.parameter(node.args[1])
    bias = state.bias(node, 2)
    groups = int(argument(node, 6, "groups", 1))
    axis = len(shape(source)) - TRANSPOSED[operation(node)] - 1
    mark = state.marks.get(source.name)
    if weight is None or bias is False or groups > 1:
        state.keep_at(node, Cause.COMPUTED, "is grouped or has a computed weight")
        return
    if mark is not None:
        if mark.axis != axis:
            state.keep_at(node, Cause.AXIS, _OTHER_AXIS)
            return
        # Fewer kernel entries reach a border pixel: a unit's constant does not
        # arrive as one.
        state.read(node, source.name, weight, 0, bias, padded=True)
    state.make(node, weight, 1, bias, axis)


def number_embedding(state: Numbering, node: Operation) -> None:
    """An embedding makes its columns; its rows are words."""
    weight = state.parameter(node.args[0])
    if weight is None:
        return
    state.make(node, weight, 1, None, len(shape(node)) - 1)
    text = f"embedding at {source_line(node)} has a row for every word"
    state.hold_all(weight, 0, Kept(Cause.MIXED, text))


def number_batch_norm(state: Numbering, node: Operation) -> None:
    """Batch norm in evaluation mode scales and shifts every channel."""
    source = node.args[0]
    training = bool(node.args[5])
    mark = state.marks.get(source.name)
    norm = [state.parameter(entry) for entry in node.args[1:5]]
    if training:
        state.keep_at(node, Cause.MIXED, "uses the statistics of the batch")
        return
    if mark is None or mark.axis != 1 or norm[2] is None or norm[3] is None:
        state.keep_at(node, Cause.AXIS, _OTHER_AXIS)
        return
    for name in norm:
        if name is not None:
            state.hold((name, 0), mark.units)
    eps = float(node.args[7])
    state.put(
        node,
        "scale",
        (source.name,),
        mark,
        norm=norm,
        eps=eps,
    )


def number_prelu(state: Numbering, node: Operation) -> None:
    """A ReLU with a trained slope, of its own for every channel or common."""
    source = node.args[0]
    weight = state.parameter(node.args[1])
    mark = state.marks[source.name]
    if weight is None:
        where = source_line(node)
        text = f"the slope of prelu at {where} is computed by the model"
        state.keep([source], Cause.COMPUTED, text)
        return
    each = shape(node.args[1])[0] > 1
    if each and mark.axis != 1:
        state.keep_at(node, Cause.AXIS, _OTHER_AXIS)
        return
    if each:
        state.hold((weight, 0), mark.units)
    state.put(
        node,
        "prelu",
        (source.name,),
        mark,
        weight=weight,
        each=each,
    )
