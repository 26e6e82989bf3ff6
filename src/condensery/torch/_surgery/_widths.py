"""Widths that a user gives for modules, in units."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from condensery._errors import InvalidInputError
from condensery.torch._surgery._units import Coupling, Family


def rows_of_unit(coupling: Coupling, family: Family) -> int:
    """How many rows of the module that makes them a unit has: two in a gated layer, one
    for every group before a convolution in groups.
    """
    numbers = _made(coupling, family.name)
    held = np.isin(numbers, family.units).sum()
    return max(int(held) // len(family.units), 1)


def families_at_width(
    coupling: Coupling, widths: Mapping[str, int], remedy: str
) -> list[tuple[Family, int]]:
    """Families of modules, with their widths in units.

    Args:
        coupling: The model's units.
        widths: Name of a module to its width.
        remedy: What to do about a module that cannot be given a width.

    Raises:
        InvalidInputError: A module that makes no hidden units or whose units must stay
            as they are, that makes several kinds of them, or a width that is no whole
            number of units.
    """
    return [_at_width(coupling, name, width, remedy) for name, width in widths.items()]


def _at_width(
    coupling: Coupling, name: str, width: int, remedy: str
) -> tuple[Family, int]:
    named = [family for family in coupling.families if family.name == name]
    free = [family for family in named if family.kept is None]
    if not free:
        reason = next((f" ({family.kept})" for family in named), "")
        every = {f.name for f in coupling.families if f.name and f.kept is None}
        raise InvalidInputError(
            "widths",
            given=f"{name}{reason}",
            allowed=", ".join(sorted(every)) or "no layer of this model",
            remedy=remedy,
        )
    family, rows = free[0], rows_of_unit(coupling, free[0])
    total = len(_made(coupling, name))
    if rows * len(family.units) != total:
        raise InvalidInputError(
            "widths",
            given=f"{name}, whose {total} rows are units of {len(named)} kinds, "
            "read by different layers",
            allowed="layers whose units are all read by the same layers",
            remedy="leave this layer out",
        )
    if not isinstance(width, int) or width < 1 or width % rows:
        kind = "a whole number" if rows == 1 else f"a multiple of {rows}"
        raise InvalidInputError(
            f"width of {name}",
            given=width,
            allowed=f"{kind} from {rows} on",
            remedy="a unit of this layer has so many of its rows, which stay or go "
            "together",
        )
    return family, width // rows


def _made(coupling: Coupling, name: str) -> np.ndarray:
    """The unit of every row that a module makes."""
    for step in coupling.steps:
        weight = step.facts.get("weight") or ""
        if step.kind == "make" and (weight.rpartition(".")[0] or weight) == name:
            return coupling.axes[weight, step.facts["axis"]]
    return np.zeros(0, dtype=np.int64)
