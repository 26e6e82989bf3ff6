"""Whose code is executed: a file that a run names, after the user has said so once."""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from condensery._errors import InvalidInputError
from condensery._reference import read_source
from condensery._whole import write_whole
from condensery.protocols import Source
from condensery.records import RunConfig

_LARGEST = 2**22


def source_of(
    config: RunConfig,
    root: Path,
    *,
    trust: bool,
    command: str,
    edited: bool = False,
) -> str:
    """The text of the file that defines a run's experiment, for it to be executed.

    The text is read once and its digest compared; nothing is executed here.

    Args:
        config: The configuration of the run.
        root: The runs folder.
        trust: Whether the user says so now.
        command: What to type to say so.
        edited: Whether the file may have changed since the run began.

    Raises:
        InvalidInputError: If the path is relative or inside the runs folder, the file
            is another than that of the run, or nobody has said that it is trusted.
    """
    path = Path(config.experiment.rpartition(":")[0])
    _check_place(config, path, root)
    text = read_source(path)
    digest = Source(text=text).digest
    if config.source and digest != config.source and not edited:
        raise InvalidInputError(
            f"file of run {config.run_id}",
            given=f"{path}, digest {config.source} then, {digest} now",
            allowed="the file that the run began with",
            remedy="start a new run: condensery run "
            f"{config.experiment} --preset {config.preset}",
        )
    if trust:
        remember(path, text, root)
    elif _key(path, digest) not in _trusted(root):
        raise InvalidInputError(
            f"file of run {config.run_id}",
            given=f"{path} (digest {digest}), which was not executed here before",
            allowed="a file that you trust: it can do whatever you can",
            remedy=f"read it, then: {command} --trust",
        )
    return text


def remember(path: Path, text: str, root: Path) -> None:
    """Remember that the user has this text executed; not if that cannot be written.

    Args:
        path: Of the file.
        text: Of the file.
        root: The runs folder, below which nothing is remembered.
    """
    folder = settings_folder()
    if folder is None or _is_below(folder, root):
        return
    known = _trusted(root)
    key = _key(path, Source(text=text).digest)
    if key in known:
        return
    known[key] = datetime.now(UTC).isoformat(timespec="seconds")
    content = json.dumps(known, indent=1) + "\n"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "trusted.json", content.encode())


def settings_folder() -> Path | None:
    """The user's folder for settings, by the custom of the system; None without a home.

    ``$XDG_CONFIG_HOME`` counts on every system.
    """
    stated = os.environ.get("XDG_CONFIG_HOME", "")
    if Path(stated).is_absolute():
        return Path(stated) / "condensery"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home) / "condensery"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "condensery"
    return home / ".config" / "condensery"


def _check_place(config: RunConfig, path: Path, root: Path) -> None:
    is_inside = _is_below(path, root)
    if path.is_absolute() and not is_inside:
        return
    problem = "inside the runs folder" if is_inside else "a relative path"
    raise InvalidInputError(
        f"file of run {config.run_id}",
        given=f"{config.experiment}, {problem}",
        allowed="an absolute path outside of it: a folder never brings code",
        remedy="if you trust the file, start a run of your own: condensery run "
        "PATH.py:Name",
    )


def _is_below(path: Path, root: Path) -> bool:
    inner, outer = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    return inner == outer or outer in inner.parents


def _key(path: Path, digest: str) -> str:
    # The path too: a file may import those beside it, which have no digest here.
    return f"{digest} {os.path.realpath(path)}"


def _trusted(root: Path) -> dict[str, str]:
    """What is remembered; nothing if that is below the runs folder."""
    folder = settings_folder()
    if folder is None or _is_below(folder, root):
        return {}
    path = folder / "trusted.json"
    with suppress(OSError, ValueError, RecursionError):
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST:
            document = json.loads(path.read_bytes())
            if isinstance(document, dict):
                return {str(key): str(date) for key, date in document.items()}
    return {}
