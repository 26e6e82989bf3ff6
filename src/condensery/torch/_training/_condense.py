"""`condense`: the recipe by which a model condenses while it is trained on the user's
own loop.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from condensery._errors import InvalidInputError
from condensery.torch._surgery._graph import copied
from condensery.torch._training._head import head_of
from condensery.torch._training._regularizer import DropoutRegularizer


def condense(
    model: nn.Module,
    *,
    exponent: float | None = 1.5,
    keep: float = 1.0,
    weight_decay: float = 0.0,
    loss: Literal["mse", "half", "cross_entropy"] = "mse",
    seed: int = 0,
    head: str | None = None,
) -> Recipe:
    """A copy of a model that starts small, with the penalty and the parameter groups
    under which it condenses.

    Three things make neurons gather in few directions: a small initialisation, dropout
    (here its mean effect R1, without noise), and weight decay. Each can be left out.

    Formula:
        Weights and biases of linear layers and convolutions ~ N(0, std²), std =
        m^−exponent with m the number of units of the layer, for the last layer the
        number of its inputs; everything else stays as it is. (A normalisation behind a
        layer undoes its scale.)

    Args:
        model: The model; it is copied and not changed.
        exponent: Of the initialisation; None leaves it alone. In a two-layer network
            above ½ is the condensed regime; 1.5 is what embedding and reduction are
            shown with. Deeper networks need a smaller one, or a long wait.
        keep: Keep probability of the dropout before the last layer whose mean effect
            `Recipe.penalty` is; 1 for none.
        weight_decay: For the weights (not for biases and normalisations), in
            `Recipe.parameter_groups`.
        loss: The loss of the loop: the penalty is exact for the squared ones and
            approximate for cross-entropy.
        seed: Of the initialisation and of the penalty's signs; no global generator is
            touched.
        head: Name of the linear layer that makes the output. By default it is found in
            what the forward does; it need not be the one that is defined last.

    Raises:
        InvalidInputError: An option is outside its range, the output is not made by one
            linear layer, or the forward cannot be followed and no `head` is named.

    Source:
        Initialisation: Luo et al. 2021, arXiv 2007.07497; R1: Zhang & Xu 2024, arXiv
        2207.05952.

    Example:
        >>> import torch
        >>> from condensery.torch import condense
        >>> net = torch.nn.Sequential(
        ...     torch.nn.Linear(2, 100), torch.nn.ReLU(), torch.nn.Linear(100, 1)
        ... )
        >>> recipe = condense(net, keep=0.9, weight_decay=1e-4)
        >>> rule = torch.optim.Adam(recipe.parameter_groups(), lr=1e-3)
        >>> x, y = torch.randn(8, 2), torch.randn(8, 1)
        >>> loss = torch.nn.functional.mse_loss(recipe.model(x), y) + recipe.penalty()
        >>> loss.backward()
        >>> rule.step()
        >>> bool(recipe.model[0].weight.std() < 0.002)
        True
    """
    if exponent is not None and not 0 <= exponent <= 10:
        raise InvalidInputError(
            "exponent",
            given=exponent,
            allowed="a number in [0, 10], or None",
            remedy="try 1.5",
        )
    if weight_decay < 0:
        raise InvalidInputError(
            "weight_decay",
            given=weight_decay,
            allowed="a number >= 0",
            remedy="try 1e-4",
        )
    regularizer = DropoutRegularizer(keep, loss=loss)
    twin = copied(model)
    last = head_of(twin, head)
    generator = torch.Generator().manual_seed(seed)
    if exponent is not None:
        _start_small(twin, last, exponent, generator)
    return Recipe(
        twin, last, regularizer, weight_decay=weight_decay, generator=generator
    )


class Recipe:
    """What `condense` gives.

    Attributes:
        model: The model to train.
        head: The layer that makes its output, in front of which the dropout would
            stand.
        regularizer: The penalty's formula.
    """

    def __init__(
        self,
        model: nn.Module,
        head: nn.Linear,
        regularizer: DropoutRegularizer,
        *,
        weight_decay: float,
        generator: torch.Generator,
    ) -> None:
        self.model, self.head, self.regularizer = model, head, regularizer
        self._weight_decay, self._generator = weight_decay, generator
        self._seen: tuple[torch.Tensor, torch.Tensor] | None = None
        self._hook = (
            head.register_forward_hook(self._keep) if regularizer.keep < 1 else None
        )

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups for an optimiser: weights with the weight decay, biases and vectors
        without.
        """
        trained = [one for one in self.model.parameters() if one.requires_grad]
        return [
            {
                "params": [one for one in trained if one.ndim >= 2],
                "weight_decay": self._weight_decay,
            },
            {"params": [one for one in trained if one.ndim < 2], "weight_decay": 0.0},
        ]

    def penalty(self) -> torch.Tensor:
        """R1 for the latest forward pass; add it to the loss before ``backward()``.

        Raises:
            InvalidInputError: No forward pass has been made since the last call.
        """
        if self._hook is None:
            return self.head.weight.new_zeros(())
        if self._seen is None:
            raise InvalidInputError(
                "penalty",
                given="no forward pass",
                allowed="one call after each forward pass",
                remedy="call the model first",
            )
        (features, output), self._seen = self._seen, None
        if self.regularizer.loss == "cross_entropy":
            return self.regularizer.approx(features, output, generator=self._generator)
        return self.regularizer.exact(features, self.head)

    def finish(self) -> nn.Module:
        """The model without the hook by which the penalty sees what the last layer
        gets.
        """
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
        return self.model

    def _keep(
        self, _: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> None:
        if torch.is_grad_enabled():
            self._seen = (inputs[0], output)


def _start_small(
    model: nn.Module, head: nn.Linear, exponent: float, generator: torch.Generator
) -> None:
    layers = [
        module for module in model.modules() if isinstance(module, nn.Linear | _ConvNd)
    ]
    with torch.no_grad():
        for layer in layers:
            rows = layer.weight.flatten(1)
            width = rows.shape[1] if layer is head else rows.shape[0]
            for tensor in (layer.weight, layer.bias):
                if tensor is not None:
                    drawn = torch.randn(
                        tensor.shape, generator=generator, dtype=torch.float64
                    )
                    tensor.copy_(drawn * float(width) ** -exponent)
