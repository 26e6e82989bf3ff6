"""Figures to bytes, so that whoever keeps them (the store, a user) decides where they
go.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

from matplotlib.figure import Figure

from condensery._errors import InvalidInputError
from condensery.plots._style import style

Format = Literal["png", "pdf"]

# A date or a version in the file would make equal figures differ.
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_DPI = 200


def render(figure: Figure, format: Format) -> bytes:
    """The figure as a file: equal figures give equal bytes (for one version of
    matplotlib).

    Args:
        figure: What a ``draw`` returned, or any other matplotlib figure.
        format: ``png`` (200 dots per inch) or ``pdf`` (TrueType fonts embedded, no
            date).

    Raises:
        InvalidInputError: For another format.

    Example:
        >>> from matplotlib.figure import Figure
        >>> render(Figure(), "pdf")[:5]
        b'%PDF-'
    """
    if format not in _METADATA:
        raise InvalidInputError(
            "format",
            given=format,
            allowed="png, pdf",
            remedy="call figure.savefig for others",
        )
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=format, dpi=_DPI, metadata=_METADATA[format])
    return buffer.getvalue()


def save(figure: Figure, path_stem: str | Path) -> list[Path]:
    """Write ``<path_stem>.png`` and ``<path_stem>.pdf`` and return the two paths.

    Args:
        figure: The figure.
        path_stem: Path without ending; a dot in it is kept.

    Raises:
        InvalidInputError: If the folder does not exist.
    """
    stem = Path(path_stem)
    if not stem.parent.is_dir():
        raise InvalidInputError(
            "path_stem",
            given=str(stem),
            allowed="a path in a folder that exists",
            remedy="make the folder first",
        )
    paths = []
    for ending in ("png", "pdf"):
        path = stem.with_name(f"{stem.name}.{ending}")
        path.write_bytes(render(figure, ending))
        paths.append(path)
    return paths
