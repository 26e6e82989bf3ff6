"""Bounds on what a small file of weights can ask of the memory."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch

from condensery._errors import InvalidInputError

_MOST_REPEATED = 2**26
"""Bytes by which a tensor may outgrow its memory: strides of zero can ask for any."""


def refuse_compressed(path: Path, remedy: str) -> None:
    """Refuse an archive with compressed records, which may become of any size.

    Raises:
        InvalidInputError: If a record is compressed.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise InvalidInputError(
            "weights file",
            given=f"{path}, a compressed archive",
            allowed="a file as torch.save writes it: it never compresses",
            remedy=remedy,
        )


def refuse_repeated(name: str, tensor: torch.Tensor, where: str) -> None:
    """Refuse a tensor that is much larger than the memory that it lies in.

    Raises:
        InvalidInputError: If it is, as one with strides of zero can be.
    """
    if tensor.layout is not torch.strided or tensor.is_meta:
        return
    size = tensor.numel() * tensor.element_size()
    if size - tensor.untyped_storage().nbytes() > _MOST_REPEATED:
        raise InvalidInputError(
            f"weight {name} of {where}",
            given=f"{tensor.numel()} numbers that repeat those of a smaller memory",
            allowed="numbers that the file holds",
            remedy="save tensor.contiguous(), if that many are meant",
        )
