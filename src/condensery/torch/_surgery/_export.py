"""A model written down for use without condensery: safetensors with a sidecar,
`torch.export`, ONNX.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from condensery._errors import InvalidInputError, MissingExtraError
from condensery._paths import unwritable, user_path
from condensery.torch._surgery._change import difference, outputs
from condensery.torch._surgery._graph import as_inputs, check_runs, copied, exported
from condensery.torch._surgery._receipt import Receipt

FORMATS = ("safetensors", "pt2", "onnx")
_EQUAL = 1e-5


def export_model(
    model: nn.Module,
    example_inputs: Any,
    folder: str | Path,
    *,
    formats: Collection[str] = ("safetensors",),
    receipt: Receipt | None = None,
    name: str = "model",
) -> dict[str, Path]:
    """Write a model down.

    ``safetensors``: the state dict, and beside it ``NAME.json`` with the classes and
    sizes of all modules, tied weights, and the receipt; a model of the same class with
    layers of these sizes loads it. ``pt2``: `torch.export` in evaluation mode.
    ``onnx``: the same in ONNX; it is run by onnxruntime, and refused if its output
    differs by more than 1e-5 of the output's size.

    Args:
        model: The model.
        example_inputs: A tensor or the tuple of forward's arguments.
        folder: Made if it does not exist; files of these names are overwritten.
        formats: Some of safetensors, pt2, onnx.
        receipt: From `reduce` or `grow`.
        name: Of the files.

    Returns:
        Format to file; ``json`` is the sidecar.

    Raises:
        InvalidInputError: An unknown format, or an ONNX output that differs.
        MissingExtraError: onnx or onnxruntime is not installed.

    Example:
        >>> import tempfile, torch
        >>> from condensery.torch import export_model
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = export_model(torch.nn.Linear(2, 3), torch.randn(1, 2), folder)
        ...     sorted(path.name for path in files.values())
        ['model.json', 'model.safetensors']
    """
    inputs = as_inputs(example_inputs)
    formats = (formats,) if isinstance(formats, str) else formats
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise InvalidInputError(
            "formats",
            given=", ".join(unknown),
            allowed=", ".join(FORMATS),
            remedy="choose some of these",
        )
    target = user_path(folder, "folder")
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refusal = unwritable(
            "folder",
            target,
            error,
            allowed="a folder, or a place where one can be made",
            remedy="choose another",
            again="the same again",
        )
        raise refusal from error
    written: dict[str, Path] = {}
    twin = copied(model).eval()
    check_runs(twin, inputs)
    if "safetensors" in formats:
        written |= _safetensors(model, target / f"{name}.safetensors", receipt)
    program = exported(twin, inputs) if set(formats) & {"pt2", "onnx"} else None
    if program is not None and "pt2" in formats:
        written["pt2"] = target / f"{name}.pt2"
        torch.export.save(program, written["pt2"])
    if "onnx" in formats:
        written["onnx"] = _onnx(twin, inputs, target / f"{name}.onnx")
    return written


def _safetensors(
    model: nn.Module, path: Path, receipt: Receipt | None
) -> dict[str, Path]:
    from safetensors.torch import save_file

    first: dict[tuple[int, torch.Size], str] = {}
    tensors, tied = {}, {}
    for name, tensor in model.state_dict().items():
        key = (tensor.data_ptr(), tensor.shape)
        if tensor.numel() and key in first:
            tied[name] = first[key]
        else:
            first[key] = name
            tensors[name] = tensor.detach().contiguous()
    save_file(tensors, path)
    sidecar = {
        "model": f"{type(model).__module__}:{type(model).__qualname__}",
        "modules": {
            name or ".": {
                "class": type(module).__name__,
                "description": module.extra_repr(),
            }
            for name, module in model.named_modules()
        },
        "shapes": {
            name: list(tensor.shape) for name, tensor in model.state_dict().items()
        },
        "tied": tied,
        "receipt": None if receipt is None else receipt.to_json(),
        "torch": torch.__version__,
    }
    written = path.with_suffix(".json")
    written.write_text(
        json.dumps(sidecar, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return {"safetensors": path, "json": written}


def _onnx(model: nn.Module, inputs: Sequence[Any], path: Path) -> Path:
    try:
        import onnxruntime
        import onnxscript  # ruff: ignore[unused-import]
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            str(error.name), extra="onnx", purpose="ONNX export"
        ) from error
    loud = logging.getLogger("torch.onnx")
    level = loud.level
    loud.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of the exporter's own parts, about each other
            program: Any = torch.onnx.export(
                model, tuple(inputs), dynamo=True, verbose=False
            )
    finally:
        loud.setLevel(level)
    program.save(str(path))
    try:
        session = onnxruntime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its classes have no common base
        path.unlink()
        raise InvalidInputError(
            "formats",
            given="onnx, which onnxruntime cannot run "
            f"({str(error).splitlines()[0][:160]})",
            allowed="operations and kinds of numbers that it has",
            remedy="use model.float(), or pt2 or safetensors",
        ) from error
    error = _error(session, model, inputs)
    if not error <= _EQUAL:
        path.unlink()
        raise InvalidInputError(
            "formats",
            given=f"onnx, whose output differs by {error:.1e} of its size",
            allowed=f"at most {_EQUAL:.0e}",
            remedy="use pt2 or safetensors, and report this",
        )
    return path


def _error(session: Any, model: nn.Module, inputs: Sequence[Any]) -> float:
    """Difference of a session's output from a model's, over a tensor's largest value:
    an output that cancels has no digit that both would have to agree in.
    """
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    names = [entry.name for entry in session.get_inputs()]
    feed = {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}
    arrays = session.run(None, feed)
    values = [torch.from_numpy(a) for a in arrays if isinstance(a, np.ndarray)]
    # as in `outputs`
    real = [value.double() for value in values if value.is_floating_point()]
    return difference(real, outputs(model, inputs), rounding=1.0).relative
