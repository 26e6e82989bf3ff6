"""The workshop on a user's own model: what the command line asks of
`condensery.torch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from condensery.torch import Inspection


def inspect(
    model: str,
    *,
    weights: Path | None = None,
    threshold: float | None = None,
    active: float | None = None,
    activation: str | None = None,
    heads: int | None = None,
) -> Inspection:
    """Measure the condensation of every layer of a model; see
    `condensery.torch.inspect`.

    Without the extra ``torch`` it says so (`MissingExtraError`); a model that cannot be
    read is refused with `InvalidInputError`.

    Args:
        model: A weights file, or ``package.module:factory``.
        weights: Weights for a factory.
        threshold: Cosine from which two directions count as one; by default that of
            `condensery.torch.inspect`.
        active: Cut on the amplitude; likewise.
        activation: The activation behind layers whose own is not known.
        heads: Number of attention heads.
    """
    from condensery.torch import inspect as measure

    options = {"threshold": threshold, "active": active}
    chosen = {name: value for name, value in options.items() if value is not None}
    return measure(model, weights=weights, activation=activation, heads=heads, **chosen)
