"""Names of a package that are loaded when they are first used, so that importing the
package is light.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from condensery._doors import with_door

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def load(package: str, name: str, exports: Mapping[str, Sequence[str]]) -> Any:
    """What ``__getattr__`` of a package returns.

    Args:
        package: Its ``__name__``.
        name: Name that is looked up.
        exports: Full name of a module to the names that the package takes from it;
            under ``.`` the submodules that it exports themselves.

    Raises:
        AttributeError: The package exports no such name.
        MissingExtraError: A package of an extra is not installed.
        ModuleNotFoundError: Another package that a module imports is not installed.

    Example:
        >>> from condensery._lazy import load
        >>> exports = {".": ["tool"], "json.decoder": ["JSONDecoder"]}
        >>> load("json", "tool", exports).__name__
        'json.tool'
        >>> load("json", "JSONDecoder", exports).__name__
        'JSONDecoder'
    """
    homes = {name: home for home, names in exports.items() for name in names}
    home = homes.get(name)
    if home is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    try:
        if home == ".":
            return import_module(f"{package}.{name}")
        return with_door(getattr(import_module(home), name), package)
    except ModuleNotFoundError as error:
        from condensery._errors import EXTRAS, MissingExtraError

        missing = error.name or ""
        if missing not in EXTRAS:
            raise
        extra, purpose = EXTRAS[missing], f"{package}.{name}"
        raise MissingExtraError(missing, extra=extra, purpose=purpose) from error


def require(*packages: str, purpose: str) -> None:
    """Refuse to go on without packages of extras.

    Args:
        *packages: Names that are imported, keys of `condensery._errors.EXTRAS`.
        purpose: What needs them, the subject of the message.

    Raises:
        MissingExtraError: One of them is not installed.

    Example:
        >>> from condensery._lazy import require
        >>> require("torch", purpose="the workshop")
    """
    from condensery._errors import EXTRAS, MissingExtraError

    missing = [package for package in packages if not _is_installed(package)]
    if not missing:
        return
    extras = ",".join(sorted({EXTRAS[package] for package in missing}))
    names = " and ".join(missing)
    raise MissingExtraError(names, extra=extras, purpose=purpose)


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ModuleNotFoundError, ValueError):  # another finder refuses, or a stub of it
        return False
