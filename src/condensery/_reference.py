"""Find what ``package.module:name`` or ``path/to/file.py:name`` names."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import sys
import traceback
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from condensery._errors import InvalidInputError

_ALLOWED = "package.module:name or path/to/file.py:name"


def load(reference: str) -> object:
    """The object that a reference names; its module is imported if it was not yet.

    A file is loaded once per content: a file that was edited since is loaded anew. Its
    folder is put at the end of ``sys.path``, so that it can import the files beside it;
    at the end, so that it shadows nothing.

    Args:
        reference: ``package.module:name`` or ``path/to/file.py:name``; the name may
            have dots (``Class.method``).

    Raises:
        InvalidInputError: If there is no such file, module or name, or if importing it
            fails.

    Example:
        >>> from condensery._reference import load
        >>> load("fractions:Fraction")(1, 2)
        Fraction(1, 2)
        >>> load("fractions:Fractoin")
        Traceback (most recent call last):
        ...
        condensery._errors.InvalidInputError: name in fractions: given Fractoin; allowed: a name that fractions \
defines; did you mean Fraction?
    """
    where, _, name = reference.rpartition(":")
    if (
        not where
        or not name
        or not all(part.isidentifier() for part in name.split("."))
    ):
        raise InvalidInputError(
            "reference",
            given=reference,
            allowed=_ALLOWED,
            remedy="name the module or file, then ':', then the name",
        )
    is_file = where.endswith(".py") or "/" in where or "\\" in where
    found: object = _load_file(where) if is_file else _load_module(where)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = difflib.get_close_matches(
                part, [known for known in dir(found) if known[0] != "_"], n=1
            )
            remedy = f"did you mean {near[0]}?" if near else "check the name's spelling"
            raise InvalidInputError(
                f"name in {where}",
                given=name,
                allowed=f"a name that {where} defines",
                remedy=remedy,
            ) from None
    return found


def _load_module(name: str) -> ModuleType:
    if (
        name == "__main__"
        and getattr(sys.modules["__main__"], "__file__", None) is None
    ):
        remedy = "write it into a file and name it path/to/file.py:name"
        raise InvalidInputError(
            "module", given=name, allowed="a module that can be imported", remedy=remedy
        )
    if not all(part.isidentifier() for part in name.split(".")):
        raise InvalidInputError(
            "module", given=name, allowed=_ALLOWED, remedy="check the module's spelling"
        )
    try:
        return importlib.import_module(name)
    except Exception as error:
        own = isinstance(error, ModuleNotFoundError) and (
            name == error.name or name.startswith(f"{error.name}.")
        )
        remedy = (
            "install it, or name its file (path/to/file.py:name)"
            if own
            else _cause(error)
        )
        raise InvalidInputError(
            "module", given=name, allowed="a module that can be imported", remedy=remedy
        ) from error


def _load_file(where: str) -> ModuleType:
    path = Path(where).expanduser()
    if not path.is_file() or path.suffix != ".py":
        raise InvalidInputError(
            "file",
            given=where,
            allowed="a Python file that exists (.py)",
            remedy=f"looked in {Path.cwd()}",
        )
    path = path.resolve()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInputError(
            "file",
            given=where,
            allowed="a Python file that can be read",
            remedy=f"{error.strerror}",
        ) from error
    # The content is part of the name, so that an edited file is a new module and an
    # unchanged one is loaded once.
    identity = hashlib.sha256(str(path).encode() + bytes(1) + content)
    name = f"condensery_file_{identity.hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    loader = _Uncached(name, str(path))
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InvalidInputError(
            "file",
            given=where,
            allowed="a Python file that can be imported",
            remedy=_cause(error),
        ) from error
    return module


class _Uncached(SourceFileLoader):
    """Compiles the file itself: Python's bytecode cache takes an edit within one second
    and of equal size for none.
    """

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _cause(error: Exception) -> str:
    """The exception in one line, with the place it came from, which is where a person
    has to look.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = (
        f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"
        if frames
        else ""
    )
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({Path(error.filename).name}, line {error.lineno})"
        return f"mend this: {type(error).__name__}: {error.msg}{place}"
    return f"mend this: {type(error).__name__}: {error}{place}"
