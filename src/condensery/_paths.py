"""The door of paths: what a user names as a file or a folder is a path of the right
kind from here on, or was refused in one line.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from condensery._errors import CondenseryError, DiskError, InvalidInputError

_OF_THE_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Errors for which no other name or folder is the remedy."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def user_path(path: object, what: str) -> Path:
    """The path that a user means, with ``~`` expanded.

    Args:
        path: As given.
        what: The name that the user knows it under.

    Raises:
        InvalidInputError: It is no path, is empty, has characters that no file name
            has, or begins with the ``~name`` of nobody.

    Example:
        >>> from condensery._paths import user_path
        >>> user_path("a/b", "data").name
        'b'
        >>> user_path(3, "data")
        Traceback (most recent call last):
        ...
        condensery._errors.InvalidInputError: data: given 3; allowed: the path of a \
file or folder; give a text or a pathlib.Path
    """
    allowed = "the path of a file or folder"
    is_path = isinstance(path, str | os.PathLike)
    text = os.fspath(path) if is_path else None
    if not isinstance(text, str):
        raise InvalidInputError(
            what,
            given=path,
            allowed=allowed,
            remedy="give a text or a pathlib.Path",
        )
    if not text or "\0" in text:
        raise InvalidInputError(
            what,
            given=repr(text),
            allowed=allowed,
            remedy="name a file or folder",
        )
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidInputError(
            what,
            given=text,
            allowed=allowed,
            remedy="there is no such user: write the path in full",
        ) from error


def user_file(path: object, what: str, *, allowed: str) -> Path:
    """The regular file that a user means.

    Args:
        path: As given.
        what: The name that the user knows it under.
        allowed: What it should be, for the message.

    Raises:
        InvalidInputError: There is no such file, it is a folder, pipe or device, or
            this process may not read it.
    """
    file = user_path(path, what)
    try:
        mode = file.stat().st_mode
        if stat.S_ISREG(mode):
            with file.open("rb"):
                return file
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no file")
        remedy = f"it is {kind}: name the file itself"
    except FileNotFoundError:
        remedy = f"looked in {working_folder()}"
    except (OSError, ValueError) as error:
        remedy = f"check the path and who may read it ({reason(error)})"
    raise InvalidInputError(
        what,
        given=str(path),
        allowed=allowed,
        remedy=remedy,
    )


def user_folder(path: object) -> Path:
    """The runs folder that a user means, which need not be there yet.

    Args:
        path: As given.

    Raises:
        InvalidInputError: Something else is there, or nothing can be.
    """
    folder = user_path(path, "runs folder")
    try:
        if stat.S_ISDIR(folder.stat().st_mode):
            return folder
        problem = "something else has this name"
    except FileNotFoundError:
        return folder
    except (OSError, ValueError) as error:
        problem = reason(error)
    raise InvalidInputError(
        "runs folder",
        given=str(path),
        allowed="a folder, or a place where one can be made",
        remedy=f"choose another with --runs DIR ({problem})",
    )


def working_folder() -> str:
    """The working folder, for a message; it may have been removed."""
    try:
        return str(Path.cwd())
    except OSError:
        return "a working folder that is not there any more"


def unwritable(
    what: str, path: Path, error: Exception, *, allowed: str, remedy: str, again: str
) -> CondenseryError:
    """Why a file or folder cannot be written, in one line.

    Args:
        what: The name that the user knows it under.
        path: Where it should be written.
        error: What the system said.
        allowed: What would do.
        remedy: What to do where another path would do.
        again: What to do where the disk has failed, once it has not.

    Returns:
        A `DiskError` where the disk is full or broken, else an `InvalidInputError`.
    """
    if is_of_the_disk(error):
        return disk_error(f"{what} {path}", error, again)
    remedy = f"{remedy} ({reason(error)})"
    return InvalidInputError(
        what,
        given=str(path),
        allowed=allowed,
        remedy=remedy,
    )


def is_of_the_disk(error: BaseException | None) -> bool:
    """Whether an error says that a disk is full or broken."""
    return isinstance(error, OSError) and error.errno in _OF_THE_DISK


def disk_error(what: str, error: Exception, again: str) -> DiskError:
    """The error for a disk that is full or broken.

    Example:
        >>> import errno
        >>> from condensery._paths import disk_error
        >>> print(disk_error("table", OSError(errno.ENOSPC, "No space left"), "again"))
        table: No space left (ENOSPC); free space, then again
    """
    number = error.errno if isinstance(error, OSError) else None
    name = errno.errorcode.get(number or 0, type(error).__name__)
    remedy = "check the disk" if number == errno.EIO else "free space"
    return DiskError(f"{what}: {reason(error)} ({name})", remedy=remedy, again=again)


def reason(error: Exception) -> str:
    """What the system said, without the path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
