"""reduce and grow as use cases: a factory and files in, a folder and a receipt out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from condensery._errors import InvalidInputError
from condensery._paths import user_file


@dataclass(frozen=True)
class Operated:
    """What was done to a model.

    Attributes:
        text: The receipt to be read.
        document: The receipt as plain values, with the files.
        files: What was written.
    """

    text: str
    document: dict[str, Any]
    files: dict[str, Path]


def reduce_model(
    factory: str,
    *,
    weights: Path | None,
    shape: Sequence[int],
    data: Path | None,
    to: Path,
    formats: Sequence[str],
    **options: Any,
) -> Operated:
    """Reduce a model from its factory and write it to a folder.

    Args:
        factory: ``package.module:factory``.
        weights: File of its weights.
        shape: Of example inputs, which are drawn from a normal distribution; empty to
            take the first of `data`.
        data: ``.npy`` file of inputs.
        to: Folder to write to.
        formats: Some of safetensors, pt2, onnx.
        **options: As for `condensery.torch.reduce`.
    """
    from condensery.torch import export_model, load_model, reduce

    model = load_model(factory, weights)
    inputs = _inputs(shape, data)
    more = None if data is None else _tensor(_read(data))
    small, receipt, _ = reduce(model, inputs, data=more, **options)
    files = export_model(small, inputs, to, formats=formats, receipt=receipt)
    return _operated(receipt, files)


def grow_model(
    factory: str,
    *,
    weights: Path | None,
    shape: Sequence[int],
    data: Path | None,
    to: Path,
    formats: Sequence[str],
    widths: Sequence[str],
    **options: Any,
) -> Operated:
    """Grow a model from its factory and write it to a folder; arguments as for
    `reduce_model`.

    Args:
        factory: ``package.module:factory``.
        weights: File of its weights.
        shape: Of example inputs.
        data: ``.npy`` file of inputs.
        to: Folder to write to.
        formats: Some of safetensors, pt2, onnx.
        widths: ``layer=width`` each.
        **options: As for `condensery.torch.grow`.
    """
    from condensery.torch import export_model, grow, load_model

    model = load_model(factory, weights)
    inputs = _inputs(shape, data)
    wide, receipt, _ = grow(model, inputs, widths=_widths(widths) or None, **options)
    files = export_model(wide, inputs, to, formats=formats, receipt=receipt)
    return _operated(receipt, files)


def _operated(receipt: Any, files: dict[str, Path]) -> Operated:
    document = {
        "receipt": receipt.to_json(),
        "files": {name: str(path) for name, path in files.items()},
    }
    return Operated(str(receipt), document, files)


def _widths(typed: Sequence[str]) -> dict[str, int]:
    widths = {}
    for word in typed:
        layer, _, width = word.rpartition("=")
        if not layer or not width.isdigit():
            raise InvalidInputError(
                "--width",
                given=word,
                allowed="layer=width, such as fc1=512",
                remedy="name the layer as inspect does",
            )
        widths[layer] = int(width)
    return widths


def _inputs(shape: Sequence[int], data: Path | None) -> Any:
    if shape:
        return _tensor(
            np.random.Generator(np.random.Philox(0)).standard_normal(tuple(shape))
        )
    if data is None:
        raise InvalidInputError(
            "--shape",
            given="neither a shape nor data",
            allowed="--shape 8,1,28,28 or --data inputs.npy",
            remedy="say what the model takes",
        )
    return _tensor(_read(data)[:64])


def _read(path: Path) -> np.ndarray:
    file = user_file(path, "--data", allowed="an .npy file of numbers")
    try:
        array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidInputError(
            "--data",
            given=str(path),
            allowed="an .npy file of numbers",
            remedy=f"fix: {error}",
        ) from error
    if (
        not isinstance(array, np.ndarray)
        or array.dtype.kind not in "fiub"
        or not np.isfinite(array).all()
    ):
        raise InvalidInputError(
            "--data",
            given=str(path),
            allowed="an .npy file of finite numbers",
            remedy="save the inputs with np.save",
        )
    return array


def _tensor(array: np.ndarray) -> Any:
    from condensery.torch import as_tensor

    return as_tensor(array)
