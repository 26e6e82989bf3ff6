"""Names of a package that are loaded when they are first used, so that importing the
package is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def load(
    package: str, name: str, exports: Mapping[str, Sequence[str]], *, extra: str = ""
) -> Any:
    """What ``__getattr__`` of a package returns.

    Args:
        package: Its ``__name__``.
        name: Name that is looked up.
        exports: Full name of a module to the names that the package takes from it;
            under ``.`` the submodules that it exports themselves.
        extra: Extra that the modules need, called like the package that it brings.
            Without it the use of a name is refused with what to install.

    Raises:
        AttributeError: The package exports no such name.
        MissingExtraError: The extra is not installed.
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
        return getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        if not extra or error.name != extra:
            raise
        from condensery._errors import MissingExtraError

        purpose = f"{package}.{name}"
        raise MissingExtraError(extra, extra=extra, purpose=purpose) from error
