"""Weights from files and models from factories; nothing that is loaded here can run
code that a file brings along.
"""

from __future__ import annotations

import pickle  # ruff: ignore[suspicious-pickle-import] - for the name of the exception alone
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin

from condensery._errors import InvalidInputError
from condensery._paths import user_file
from condensery._reference import load
from condensery.torch._bounds import refuse_compressed, refuse_repeated

_READ = ".safetensors, .pt, .pth, .bin or .ckpt"
_SAVE = (
    "save its weights alone: safetensors.torch.save_file(model.state_dict(), "
    "'weights.safetensors')"
)
_DEQUANTISE = "load the model before it was quantised, or dequantise it"
_PICKLED = (".pt", ".pth", ".bin", ".ckpt")
_WRAPPINGS = ("state_dict", "model_state_dict", "model", "module", "net", "params")
_PREFIXES = ("module.", "_orig_mod.")
"""What DistributedDataParallel and torch.compile put before the names of a model's
weights.
"""


def load_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a state dict from a file, on the CPU, in the dtypes of the file.

    ``.safetensors`` is read as it is. ``.pt``, ``.pth``, ``.bin`` and ``.ckpt`` are
    read with ``torch.load(weights_only=True)`` and never in another way: a pickle that
    needs code is refused. A checkpoint that holds its weights under ``state_dict``,
    ``model_state_dict``, ``model``, ``module``, ``net`` or ``params`` is unwrapped, and
    prefixes that DistributedDataParallel (``module.``) and torch.compile
    (``_orig_mod.``) put before every name are taken off.

    Args:
        path: The file.

    Returns:
        Names and tensors. Tensors of zero size, integers and buffers are kept.

    Raises:
        InvalidInputError: There is no such file, it is torn, it could run code (a
            pickled model, TorchScript, ``.pt2``), it holds no weights, or a weight is
            complex, quantised, sparse, nan or infinite.

    Example:
        >>> import tempfile, torch
        >>> from pathlib import Path
        >>> from condensery.torch import load_weights
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "net.pt"
        ...     torch.save({"state_dict": torch.nn.Linear(2, 3).state_dict()}, path)
        ...     {
        ...         name: tuple(tensor.shape)
        ...         for name, tensor in load_weights(path).items()
        ...     }
        {'weight': (3, 2), 'bias': (3,)}
    """
    path = user_file(path, "weights file", allowed=f"a file that exists ({_READ})")
    if path.suffix == ".safetensors":
        content: object = _read_safetensors(path)
    elif path.suffix in _PICKLED:
        content = _read_pickled(path)
    else:
        raise InvalidInputError(
            "weights file", given=str(path), allowed=_READ, remedy=_other_format(path)
        )
    weights = _without_prefixes(_unwrapped(content, path))
    check_weights(weights, where=str(path))
    return weights


def load_model(reference: str, weights: str | Path | None = None) -> nn.Module:
    """Build a model with its factory and, where a file is given, load its weights.

    Args:
        reference: ``package.module:factory`` or ``path/to/file.py:factory`` of a
            function (or class) that is called without arguments and returns a
            ``torch.nn.Module``. The factory is the user's own code and is run.
        weights: A file as for `load_weights`; its names and shapes must be those of the
            model.

    Raises:
        InvalidInputError: There is no such factory, it fails or returns something else,
            or the weights do not fit.

    Example:
        >>> from condensery.torch import load_model
        >>> load_model("torch.nn:Identity")
        Identity()
    """
    factory = load(reference)
    if not callable(factory):
        raise InvalidInputError(
            "factory",
            given=f"{reference}, a {type(factory).__name__}",
            allowed="a function that returns a model",
            remedy="wrap it: def build(): return model",
        )
    try:
        model = factory()
    except Exception as error:
        raise InvalidInputError(
            "factory",
            given=reference,
            allowed="a function that is called without arguments and returns a model",
            remedy=f"fix: {type(error).__name__}: {error}",
        ) from error
    if not isinstance(model, nn.Module):
        raise InvalidInputError(
            "factory",
            given=f"{reference}, which returned a {type(model).__name__}",
            allowed="a torch.nn.Module",
            remedy="return the model itself",
        )
    if weights is not None:
        _put_weights(model, load_weights(weights), str(weights))
    return model


def check_weights(weights: Mapping[str, object], *, where: str) -> None:
    """Refuse weights that cannot be measured.

    Args:
        weights: A state dict.
        where: What the user knows it as.

    Raises:
        InvalidInputError: A weight is complex, quantised, sparse, without values, nan
            or infinite.
    """
    for name, tensor in weights.items():
        if not isinstance(tensor, torch.Tensor) or isinstance(
            tensor, UninitializedTensorMixin
        ):
            continue
        refuse_repeated(name, tensor, where)
        problem = _problem(name, tensor)
        if problem is not None:
            numbers, remedy = problem
            raise InvalidInputError(
                f"weight {name} of {where}",
                given=numbers,
                allowed="finite real numbers in a floating dtype",
                remedy=remedy,
            )


def quantised_module(model: nn.Module) -> str | None:
    """Name of the first module whose weights are quantised and packed, which no
    parameter or buffer shows.
    """
    for name, module in model.named_modules():
        if _is_packed(module):
            return name or type(module).__name__
    return None


def _is_packed(module: nn.Module) -> bool:
    return ".nn.quantized" in type(module).__module__


def _packed(entries: Mapping[Any, object]) -> str | None:
    """Name of the first entry of a state dict that holds quantised numbers inside
    something else.
    """
    for name, value in entries.items():
        members = value if isinstance(value, tuple | list) else ()
        tensors = [member for member in members if isinstance(member, torch.Tensor)]
        if any(tensor.is_quantized for tensor in tensors):
            return str(name)
    return None


def _problem(name: str, tensor: torch.Tensor) -> tuple[str, str] | None:
    """What is wrong with a weight and what to do about it."""
    if tensor.is_meta:
        return "a tensor without values (meta device)", "load its weights first"
    if tensor.is_complex():
        return (
            f"complex numbers ({tensor.dtype})",
            "stack the real and the imaginary part: torch.view_as_real",
        )
    is_matrix = tensor.ndim >= 2 and name.rpartition(".")[2].startswith("weight")
    if (
        tensor.is_quantized
        or (is_matrix and not tensor.is_floating_point())
        or tensor.element_size() < 2 <= tensor.ndim
    ):
        return f"quantised numbers ({tensor.dtype})", _DEQUANTISE
    if tensor.layout is not torch.strided:
        return f"a sparse tensor ({tensor.layout})", "call .to_dense() on it first"
    if tensor.is_floating_point():
        wrong = tensor.numel() - int(torch.isfinite(tensor.detach()).sum())
        if wrong:
            return (
                f"{wrong} of {tensor.numel()} entries nan or inf",
                "take a checkpoint from before the training diverged",
            )
    return None


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError, KeyError) as error:
        raise InvalidInputError(
            "weights file",
            given=f"{path} ({error})",
            allowed="a whole safetensors file",
            remedy="it is torn or something else: copy or download it again",
        ) from error


def _read_pickled(path: Path) -> object:
    _refuse_programs(path)
    refuse_compressed(path, f"where it was made, {_SAVE}")
    try:
        with warnings.catch_warnings():
            # old files are made of what torch has since deprecated
            warnings.simplefilter("ignore")
            return torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        # torch's text tells how to load it unsafely; one line names what is inside
        lines = str(error).splitlines()
        naming = [line for line in lines if "Unsupported" in line or "GLOBAL" in line]
        needs = naming[0].strip() if naming else ""
        raise _runs_code(
            path,
            f"a pickle that needs code ({needs[:120]})",
            f"where the model was made, {_SAVE}",
        ) from error
    except (
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        UnicodeDecodeError,
    ) as error:
        lines = [] if isinstance(error, KeyError) else str(error).splitlines()
        raise InvalidInputError(
            "weights file",
            given=f"{path} ({lines[0][:120] if lines else type(error).__name__})",
            allowed="a whole file written by torch.save",
            remedy="it is torn or something else: copy or download it again",
        ) from error


def _refuse_programs(path: Path) -> None:
    # TorchScript and exported programs share their endings with weights
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any("/code/" in name or name.endswith("constants.pkl") for name in names):
        raise _runs_code(
            path,
            "TorchScript",
            f"where you trust it, load it with torch.jit.load and {_SAVE}",
        )
    endings = ("archive_format", "serialized_exported_program.json")
    if any(name.endswith(endings) for name in names):
        raise _runs_code(
            path,
            "an exported program",
            f"where you trust it, load it with torch.export.load and {_SAVE}",
        )


def _runs_code(path: Path, what: str, remedy: str) -> InvalidInputError:
    return InvalidInputError(
        "weights file",
        given=f"{path}, {what}",
        allowed=f"weights alone ({_READ}): loading others can run code",
        remedy=remedy,
    )


def _other_format(path: Path) -> str:
    if path.suffix == ".pt2":
        return (
            "loading an exported program can run code: where you trust it, load "
            f"it with torch.export.load and {_SAVE}"
        )
    return f"load it with the library that wrote it and {_SAVE}"


def _unwrapped(content: object, path: Path) -> dict[str, torch.Tensor]:
    """The state dict in what a file held.

    Raises:
        InvalidInputError: There is none.
    """
    entries = _innermost(content)
    packed = _packed(entries)
    if packed is not None:
        raise InvalidInputError(
            f"weight {packed} of {path}",
            given="quantised numbers",
            allowed="finite real numbers in a floating dtype",
            remedy=_DEQUANTISE,
        )
    tensors = {
        str(name): value
        for name, value in entries.items()
        if isinstance(value, torch.Tensor)
    }
    if not tensors:
        held = type(content).__name__
        if isinstance(content, Mapping):
            first = ", ".join(str(name) for name in list(entries)[:6])
            held = f"keys {first}" if entries else "nothing"
        raise InvalidInputError(
            "weights file",
            given=f"{path}, which holds {held}",
            allowed="a state dict: names and tensors",
            remedy=f"torch.save(model.state_dict(), path), or {_SAVE}",
        )
    return tensors


def _innermost(content: object) -> Mapping[Any, object]:
    """The entries of a checkpoint below its wrappings; empty if it is no mapping."""
    if not isinstance(content, Mapping):
        return {}
    for _ in range(2):  # a framework's checkpoint may hold a user's
        if any(isinstance(value, torch.Tensor) for value in content.values()):
            break
        values = [content.get(key) for key in _WRAPPINGS]
        wrapped = [value for value in values if isinstance(value, Mapping)]
        content = wrapped[0] if wrapped else content
    return content


def _without_prefixes(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    for prefix in (*_PREFIXES, *_PREFIXES):
        if all(name.startswith(prefix) for name in weights):
            weights = {
                name.removeprefix(prefix): tensor for name, tensor in weights.items()
            }
    return weights


def _put_weights(
    model: nn.Module, weights: dict[str, torch.Tensor], where: str
) -> None:
    expected = model.state_dict()
    missing = expected.keys() - weights.keys()
    unexpected = weights.keys() - expected.keys()
    shapes = [
        f"{name} is {tuple(weights[name].shape)}, not {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if isinstance(tensor, torch.Tensor)
        and name in weights
        and weights[name].shape != tensor.shape
    ]
    wrong = [
        *(f"no {name}" for name in sorted(missing)),
        *(f"unknown {name}" for name in sorted(unexpected)),
        *shapes,
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise InvalidInputError(
            f"weights {where}",
            given=f"{'; '.join(wrong[:3])}{more}",
            allowed="the names and shapes of the model",
            remedy="give the factory that made these weights",
        )
    model.load_state_dict(weights)
