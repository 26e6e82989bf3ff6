"""A model as a graph of operations with the names of its parameters: `torch.export`,
with errors in a user's words.
"""

from __future__ import annotations

import copy
import io
import logging
import sysconfig
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import Node

from condensery._errors import InvalidInputError
from condensery.torch._loading import quantised_module
from condensery.torch._surgery._weights import as_double

_TORCH_FILES = str(Path(torch.__file__).parent)
_OWN_FILES = str(Path(__file__).parent)
_PYTHON_FILES = sysconfig.get_path("stdlib")
_DEQUANTISE = "give the model before quantisation, and quantise the result"
_TORCH_MODULE = "a module of torch"
_SYMBOLS = "torch.fx.experimental.symbolic_shapes"


@dataclass(frozen=True, eq=False)
class ModelGraph:
    """The operations of a model in evaluation mode.

    Attributes:
        nodes: Operations in the order in which they run, placeholders first.
        names: Name of a placeholder node to the name of its parameter or buffer.
        outputs: Nodes whose values the model returns.
        module: The graph, to be run.
        constants: Name of a placeholder node to the constant that the model's code
            makes.
    """

    nodes: tuple[Node, ...]
    names: dict[str, str]
    outputs: frozenset[str]
    module: torch.fx.GraphModule
    constants: dict[str, Tensor]


def as_inputs(example_inputs: Any, *, name: str = "example_inputs") -> tuple[Any, ...]:
    """Example inputs as the tuple of positional arguments of `forward`.

    Raises:
        InvalidInputError: There is no tensor, no number in it, or one that is nan.
    """
    arguments = example_inputs
    if not isinstance(example_inputs, tuple):
        arguments = (example_inputs,)
    tensors = [value for value in arguments if isinstance(value, Tensor)]
    if not tensors:
        raise InvalidInputError(
            name,
            given=f"{example_inputs!r}"[:80],
            allowed="a tensor, or a tuple of forward's arguments",
            remedy="give a small batch that the model accepts",
        )
    if not any(tensor.numel() for tensor in tensors):
        raise InvalidInputError(
            name,
            given=f"shapes {_shapes(arguments)}, without a number",
            allowed="a batch of two or more",
            remedy="give inputs on which a change of the function would be seen",
        )
    real = [tensor for tensor in tensors if tensor.is_floating_point()]
    if any(bool(tensor.isnan().any()) for tensor in real):
        raise InvalidInputError(
            name,
            given="numbers that are nan",
            allowed="numbers with which the model can compute",
            remedy="leave these samples out",
        )
    return arguments


def _shapes(inputs: Sequence[Any]) -> str:
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    return ", ".join(str(tuple(tensor.shape)) for tensor in tensors)


def as_tensor(array: np.ndarray) -> Tensor:
    """An array as a model takes it: real numbers in float32, whole numbers in int64."""
    return torch.from_numpy(
        np.ascontiguousarray(
            array, dtype=np.float32 if array.dtype.kind == "f" else np.int64
        )
    )


def check_weights(model: nn.Module) -> None:
    """Refuse weights that no arithmetic here is true for.

    Raises:
        InvalidInputError: Not a module; a complex, quantised, uninitialised or not
            finite weight.
    """
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        raise InvalidInputError(
            "model",
            given=type(model).__name__,
            allowed="an eager torch.nn.Module",
            remedy="build it from its class and load its weights; a scripted model "
            "cannot be rebuilt narrower",
        )
    quantised = quantised_module(model)
    if quantised is not None:
        raise InvalidInputError(
            "model",
            given=f"{type(model).__name__}, of which {quantised} is quantised",
            remedy=_DEQUANTISE,
            allowed="finite real numbers in floating point",
        )
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if isinstance(tensor, nn.UninitializedParameter | nn.UninitializedBuffer):
            kind, remedy = (
                "a lazy parameter",
                "run the model once on an example, so that it knows its sizes",
            )
        elif tensor.is_complex():
            kind, remedy = "complex numbers", "only real weights can be merged"
        elif tensor.is_meta:
            kind, remedy = (
                "a tensor without values (meta device)",
                "load its weights first",
            )
        elif tensor.is_quantized:
            kind, remedy = "quantised numbers", _DEQUANTISE
        elif tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            kind, remedy = (
                "values that are nan or infinite",
                "train again, or load weights that are finite",
            )
        else:
            continue
        raise InvalidInputError(
            f"weight {name}",
            given=kind,
            allowed="finite real numbers in floating point",
            remedy=remedy,
        )


def trace(
    model: nn.Module, inputs: Sequence[Any], *, name: str = "example_inputs"
) -> ModelGraph:
    """The graph of a model in evaluation mode; the model is copied, not touched.

    Raises:
        InvalidInputError: The model does not accept the inputs, or cannot be exported;
            the line of its code is named.
    """
    twin = copied(model).eval()
    check_runs(twin, inputs, name=name)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        _check_double(twin, inputs)
    program = exported(twin, inputs)
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    nodes = tuple(program.graph.nodes)
    outputs = frozenset(
        value.name
        for node in nodes
        if node.op == "output"
        for value in node.all_input_nodes
    )
    lifted = signature.inputs_to_lifted_tensor_constants
    constants = {
        node: value
        for node, name in lifted.items()
        if isinstance(value := program.constants[name], Tensor)
    }
    return ModelGraph(nodes, names, outputs, program.graph_module, constants)


def exported(twin: nn.Module, inputs: Sequence[Any]) -> torch.export.ExportedProgram:
    """A model as torch.export sees it.

    Raises:
        InvalidInputError: It cannot be exported; the line of its code is named.
    """
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), _without_its_graphs():
            return torch.export.export(twin, tuple(inputs), strict=False)
    except Exception as error:
        raise InvalidInputError(
            "model",
            given=f"{type(twin).__name__}, which torch.export cannot follow at "
            f"{user_line(error)}",
            allowed="a forward whose path does not depend on values",
            remedy=f"rewrite that line; torch says: {_first_line(error)}",
        ) from error


def check_runs(
    twin: nn.Module, inputs: Sequence[Any], *, name: str = "example_inputs"
) -> None:
    """Run a model once.

    Raises:
        InvalidInputError: It does not accept the inputs; the line at which it stops is
            named.
    """
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            twin(*inputs)
    except Exception as error:
        raise InvalidInputError(
            name,
            given=f"shapes {_shapes(inputs)}",
            allowed="inputs that the model's forward accepts",
            remedy=f"it stopped at {user_line(error)}: {_first_line(error)}",
        ) from error


def copied(model: nn.Module) -> nn.Module:
    """A copy of a user's model.

    Raises:
        InvalidInputError: It is none, or keeps something that cannot be copied.
    """
    if not isinstance(model, nn.Module):
        raise InvalidInputError(
            "model",
            given=type(model).__name__,
            allowed="a torch.nn.Module",
            remedy="pass the model itself",
        )
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise InvalidInputError(
            "model",
            given=f"{type(model).__name__}, which cannot be copied "
            f"({_first_line(error)})",
            allowed="a module that copy.deepcopy can copy",
            remedy="take off what computes its weights "
            "(torch.nn.utils.remove_weight_norm, prune.remove)",
        ) from error


def _check_double(twin: nn.Module, inputs: Sequence[Any]) -> None:
    try:
        copy.deepcopy(twin).double()(*as_double(inputs))
    except Exception as error:
        raise InvalidInputError(
            "model",
            given=f"{type(twin).__name__}, whose forward fixes the kind of its numbers",
            allowed="kinds taken from the tensors, such as y.to(x.dtype)",
            remedy="in float64, in which changes are measured, it stops at "
            f"{user_line(error)}: {_first_line(error)}",
        ) from error


@contextmanager
def _without_its_graphs() -> Generator[None]:
    """What torch.export prints of a model that it cannot follow is long, and the
    exception says the same.
    """
    loud = logging.getLogger(_SYMBOLS)
    level = loud.level
    loud.setLevel(logging.CRITICAL)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        loud.setLevel(level)


def operation(node: Node) -> str:
    """Short name of an operation: ``conv2d`` for ``aten.conv2d.default``, ``relu_``
    where it works in place.
    """
    schema = getattr(node.target, "_schema", None)
    return (
        schema.name.split("::")[-1]
        if schema is not None
        else getattr(node.target, "__name__", str(node.target))
    )


def shape(node: Node) -> tuple[int, ...]:
    """Shape of a node's value for the example inputs; empty if it is no tensor."""
    value = node.meta.get("val")
    return tuple(int(size) for size in value.shape) if isinstance(value, Tensor) else ()


def argument(node: Node, index: int, name: str, default: Any) -> Any:
    """An argument of an operation by its index or its name."""
    if len(node.args) > index:
        return node.args[index]
    return node.kwargs.get(name, default)


def source_line(node: Node) -> str:
    """Where in the user's code an operation was asked for, as ``file.py:12``."""
    latest = ""
    for line in str(node.meta.get("stack_trace") or "").splitlines():
        words = line.strip().split('"')
        if not line.strip().startswith("File") or len(words) <= 2:
            continue
        if not words[1].startswith(_TORCH_FILES):
            number = words[2].split("line ")[-1].split(",")[0]
            latest = f"{Path(words[1]).name}:{number}"
    return latest or _TORCH_MODULE


def user_line(error: BaseException) -> str:
    """The last line of the user's own code on the way to an error, as
    ``file.py:12``.
    """
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if _is_users(frame.filename)]
    if not users:
        return _TORCH_MODULE
    return f"{Path(users[-1].filename).name}:{users[-1].lineno}"


def _is_users(file: str) -> bool:
    if not file.startswith((_TORCH_FILES, _OWN_FILES, _PYTHON_FILES, "<")):
        return True
    # packages that a user has installed lie in Python's folder as well
    is_ours = file.startswith((_TORCH_FILES, _OWN_FILES))
    return "site-packages" in file and not is_ours


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
