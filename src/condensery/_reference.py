"""Find what ``package.module:name`` or ``path/to/file.py:name`` names."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import linecache
import sys
import traceback
from collections.abc import Mapping
from importlib.abc import ExecutionLoader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from condensery._errors import InvalidInputError, suggestion
from condensery._paths import user_file, user_path

_ALLOWED = "package.module:name or path/to/file.py:name"


def load(reference: str, *, source: str | None = None) -> object:
    """The object that a reference names; its module is imported if it was not yet.

    A file is loaded once per content: a file that was edited since is loaded anew. Its
    folder is put at the end of ``sys.path``, so that it can import the files beside it;
    at the end, so that it shadows nothing.

    Args:
        reference: ``package.module:name`` or ``path/to/file.py:name``; the name may
            have dots (``Class.method``).
        source: Text of the file, where it is known: then the file itself is not read
            and need not exist.

    Raises:
        InvalidInputError: If there is no such file, module or name, or if importing it
            fails.

    Example:
        >>> from condensery._reference import load
        >>> load("fractions:Fraction")(1, 2)
        Fraction(1, 2)
        >>> load("nowhere.py:double", source="def double(x): return 2 * x")(3)
        6
        >>> load("fractions:Fractoin")
        Traceback (most recent call last):
        ...
        condensery._errors.InvalidInputError: name in fractions: given Fractoin; \
did you mean Fraction?; allowed: a name that fractions defines
    """
    home, _, name = reference.rpartition(":")
    words = name.split(".")
    if not home or not all(word.isidentifier() for word in words):
        raise InvalidInputError(
            "reference",
            given=reference,
            allowed=_ALLOWED,
            remedy="name the module or file, then ':', then the name",
        )
    target: object
    if source is not None:
        target = _load_source(home, user_path(home, "file").resolve(), source)
    elif is_file(home):
        target = _load_file(home)
    else:
        target = _load_module(home)
    for word in words:
        try:
            target = getattr(target, word)
        except AttributeError:
            _refuse_name(target, home, name, word)
    return target


def with_entry_points(built_in: Mapping[str, str], group: str) -> dict[str, str]:
    """Names and references: the built-in ones, then those that other packages add.

    Args:
        built_in: Name to reference; no other package replaces one.
        group: Group of the entry points.
    """
    from importlib.metadata import entry_points

    references = dict(built_in)
    for point in entry_points(group=group):
        references.setdefault(point.name, point.value)
    return references


def is_file(home: str) -> bool:
    """Whether what stands before the colon of a reference is a file, not a module."""
    return home.endswith(".py") or "/" in home or "\\" in home


def read_source(path: str | Path) -> str:
    """The text of a Python file, with the encoding that it declares.

    Raises:
        InvalidInputError: If there is no such file, or it cannot be read.
    """
    allowed = "a Python file that exists (.py)"
    file = user_file(path, "file", allowed=allowed)
    if file.suffix != ".py":
        raise InvalidInputError(
            "file",
            given=str(path),
            allowed=allowed,
            remedy="name a file that ends in .py",
        )
    try:
        return importlib.util.decode_source(file.read_bytes())
    except OSError as error:
        raise InvalidInputError(
            "file",
            given=str(path),
            allowed="a Python file that can be read",
            remedy=f"{error.strerror}",
        ) from error
    except (SyntaxError, UnicodeDecodeError) as error:
        _refuse_content(str(path), error)


def _refuse_name(target: object, home: str, name: str, word: str) -> NoReturn:
    public = [candidate for candidate in dir(target) if candidate[0] != "_"]
    raise InvalidInputError(
        f"name in {home}",
        given=name,
        allowed=f"a name that {home} defines",
        remedy=suggestion(word, public, otherwise="check the name's spelling"),
    ) from None


def _load_module(name: str) -> ModuleType:
    main_file = getattr(sys.modules["__main__"], "__file__", None)
    if name == "__main__" and main_file is None:
        remedy = "write it into a file and name it path/to/file.py:name"
        raise _no_module(name, remedy)
    if not all(word.isidentifier() for word in name.split(".")):
        raise InvalidInputError(
            "module", given=name, allowed=_ALLOWED, remedy="check the module's spelling"
        )
    try:
        return importlib.import_module(name)
    except Exception as error:
        remedy = _cause(error)
        if isinstance(error, ModuleNotFoundError):
            missing = error.name
            if name == missing or name.startswith(f"{missing}."):
                remedy = "install it, or name its file (path/to/file.py:name)"
        raise _no_module(name, remedy) from error


def _no_module(name: str, remedy: str) -> InvalidInputError:
    allowed = "a module that can be imported"
    return InvalidInputError("module", given=name, allowed=allowed, remedy=remedy)


def _load_file(home: str) -> ModuleType:
    source = read_source(home)
    return _load_source(home, Path(home).expanduser().resolve(), source)


def _load_source(home: str, path: Path, source: str) -> ModuleType:
    # The content is part of the name, so that an edited file is a new module and an
    # unchanged one is loaded once.
    identity = str(path).encode() + bytes(1) + source.encode()
    name = f"condensery_file_{hashlib.sha256(identity).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    folder = str(path.parent)
    if folder not in sys.path and path.parent.is_dir():
        sys.path.append(folder)
    loader = _Text(str(path), source)
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    module.__file__ = str(path)
    # What looks for source lines (tracebacks, texts below fields of a configuration)
    # finds those that run, whatever has become of the file.
    lines = source.splitlines(keepends=True)
    linecache.cache[str(path)] = (len(source), None, lines, str(path))
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        _refuse_content(home, error)
    return module


class _Text(ExecutionLoader):
    """Compiles a text each time, and gives tracebacks its lines.

    Python's bytecode cache takes an edit within one second and of equal size for none.
    """

    def __init__(self, path: str, source: str) -> None:
        self._path, self._source = path, source

    def get_source(self, fullname: str) -> str:
        return self._source

    def get_filename(self, fullname: str) -> str:
        return self._path


def _refuse_content(home: str, error: Exception) -> NoReturn:
    raise InvalidInputError(
        "file",
        given=home,
        allowed="a Python file that can be imported",
        remedy=_cause(error),
    ) from error


def _cause(error: Exception) -> str:
    """The exception in one line, with its file and line, which is where to look."""
    frames = traceback.extract_tb(error.__traceback__)
    line = ""
    if frames:
        line = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"
    if isinstance(error, SyntaxError) and error.filename:
        line = f" ({Path(error.filename).name}, line {error.lineno})"
        return f"fix: {type(error).__name__}: {error.msg}{line}"
    return f"fix: {type(error).__name__}: {error}{line}"
