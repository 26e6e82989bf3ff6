"""Which regime a user's training is in: from what was typed to a diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from condensery._errors import InvalidInputError
from condensery._reference import load

if TYPE_CHECKING:
    from condensery.torch import Diagnosis


def diagnose(
    build: str,
    *,
    loader: str,
    widths: Sequence[str],
    loss: str | None = None,
    optimiser: str | None = None,
    seeds: int = 3,
    steps: int | None = None,
    relative_loss: float | None = None,
    equal_steps: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Diagnosis:
    """Diagnose a training that is named by references (see
    `condensery.torch.diagnose`).

    Args:
        build: Reference of ``build(width)``.
        loader: Reference of the batches, or of a function that returns them.
        widths: As typed, each one a width or several with commas.
        loss: Reference of ``loss(output, target)``.
        optimiser: A learning rate of plain gradient descent, or the reference of a
            function of the model that returns an optimiser.
        seeds: How many.
        steps: Most steps of a run.
        relative_loss: Share of the initial loss at which the widths are compared.
        equal_steps: Compare after `steps` steps instead.
        progress: Called with a text and the fraction done.

    Raises:
        InvalidInputError: Something that was named cannot be found or used.
        MissingExtraError: PyTorch is not installed.
    """
    if equal_steps and relative_loss is not None:
        raise InvalidInputError(
            "--relative-loss",
            given="--relative-loss and --equal-steps",
            allowed="one of them",
            remedy="remove one",
        )
    sizes = _widths(widths)
    from condensery import torch as workshop

    options: dict[str, Any] = {"steps": steps} if steps is not None else {}
    if relative_loss is not None:
        options["relative"] = relative_loss
    stop = (
        workshop.ForSteps(**options) if equal_steps else workshop.UntilLoss(**options)
    )
    named: dict[str, Any] = {"seeds": seeds, "stop": stop, "progress": progress}
    if optimiser is not None:
        named["optimiser"] = _rate_or_function(optimiser)
    if loss is not None:
        named["loss"] = load(loss)
    made: Any = load(build)
    source: Any = load(loader)
    return workshop.diagnose(made, source, widths=sizes, **named)


def _rate_or_function(typed: str) -> Any:
    try:
        return float(typed)
    except ValueError:
        return load(typed)


def _widths(typed: Sequence[str]) -> list[int]:
    words = [word.strip() for word in ",".join(typed).split(",") if word.strip()]
    wrong = [word for word in words if not word.isdecimal()]
    if wrong:
        raise InvalidInputError(
            "--widths",
            given=wrong[0],
            allowed="whole numbers >= 1",
            remedy="for example --widths 64 128 256 512",
        )
    return [int(word) for word in words]
