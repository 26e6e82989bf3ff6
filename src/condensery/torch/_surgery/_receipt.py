"""What was done to a model, in numbers: the receipt that comes with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class LayerReceipt:
    """One layer of units.

    Attributes:
        name: The module that makes them.
        before: Number of units before.
        after: Number of units after.
        rules: How many units went by which rule.
        error: max |Δf|/max |f| after this layer's edit, all earlier ones included, of
            the output for which it is largest.
        note: Why it was kept, or what was refused or rolled back.
        data_dependent: How many of the units went only because of what they do on the
            data.
        rows: Rows of the module that a unit has: two in a gated layer, one for every
            group before a convolution in groups. The module's width is this times the
            number of units.
        rolled_back: How many units stay since max_error would be exceeded.
    """

    name: str
    before: int
    after: int
    rules: dict[str, int] = field(default_factory=dict)
    error: float = 0.0
    note: str = ""
    data_dependent: int = 0
    rows: int = 1
    rolled_back: int = 0


@dataclass(frozen=True)
class Receipt:
    """What was done, and how far the function moved.

    Attributes:
        verb: reduce or grow.
        mode: exact, approximate, least-squares; or split, null, lift.
        layers: One entry per layer.
        parameters_before: Numbers in parameters before.
        parameters_after: And after.
        error_data: max |Δf| on the example inputs and the data, both models in float64.
        error_data_relative: max |Δf|/max |f| there, of the output for which it is
            largest.
        error_random: max |Δf| on random inputs of the same shapes.
        error_random_relative: The same as error_data_relative on them.
        notes: What else must be known.
        numbers: Further numbers that were asked for: gradient norms, inertia.
    """

    verb: str
    mode: str
    layers: tuple[LayerReceipt, ...]
    parameters_before: int
    parameters_after: int
    error_data: float
    error_data_relative: float
    error_random: float
    error_random_relative: float
    notes: tuple[str, ...] = ()
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def merges(self) -> int:
        """How many units went."""
        return sum(layer.before - layer.after for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "merges": self.merges}

    def __str__(self) -> str:
        count = abs(self.merges)
        what = (
            f"{count} units more"
            if self.verb == "grow"
            else f"{count} {self.mode} merges"
        )
        lines = [
            f"{what}; parameters {self.parameters_before:,} → {self.parameters_after:,}"
        ]
        for layer in self.layers:
            rules = ", ".join(f"{count} {rule}" for rule, count in layer.rules.items())
            dependent = (
                f" ({layer.data_dependent} depend on the data)"
                if layer.data_dependent
                else ""
            )
            each = ""
            if layer.rows > 1:
                each = f"units of {layer.rows} rows each"
            texts = (rules + dependent, layer.note, each)
            rest = "; ".join(text for text in texts if text)
            lines.append(
                f"  {layer.name}: {layer.before} → {layer.after}"
                + (f"  [{rest}]" if rest else "")
            )
        lines.append(
            f"largest change of the output: {self.error_data:.2e} on the data "
            f"({self.error_data_relative:.1e} of it), "
            f"{self.error_random:.2e} on random inputs "
            f"({self.error_random_relative:.1e})"
        )
        lines.extend(f"{name}: {value}" for name, value in self.numbers.items())
        return "\n".join([*lines, *self.notes])


def count_parameters(model: Any) -> int:
    """Numbers in a model's parameters, tied ones once."""
    return sum(parameter.numel() for parameter in model.parameters())
