"""Two-layer networks whose regime is known, on which `diagnose` is calibrated."""

from __future__ import annotations

from typing import Any

import torch


class NormalisedTwoLayer(torch.nn.Module):
    """f(x) = κ Σ_k a_k relu(w_k·x + b_k) with all parameters N(0, 1): the normalised
    model of the phase diagram.

    Args:
        width: m.
        features: Dimension of x.
        kappa: κ = m^−γ.
    """

    def __init__(
        self,
        width: int,
        *,
        features: int,
        kappa: float,
    ) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(
            features,
            width,
            dtype=torch.float64,
        )
        self.output = torch.nn.Linear(
            width,
            1,
            bias=False,
            dtype=torch.float64,
        )
        self.kappa = kappa
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter)

    def forward(self, x: Any) -> Any:
        """Outputs of shape (sample, 1)."""
        return self.kappa * self.output(torch.relu(self.hidden(x)))


class FlowSteps(torch.optim.Optimizer):
    """Steps along the normalised gradient flow: da/dt = −∂R/∂a/κ', dw/dt = −κ' ∂R/∂w of
    R = (1/2n) Σ (f − y)².

    The length of a step is Δt = min(1/λ_max, 0.2/(κ‖z‖)): λ_max is the largest
    eigenvalue of the kernel that drives the outputs, G_ij = (κ²/n) Σ_k [σσ/κ' + κ' a²
    σ'σ' (x_i·x_j + 1)], and z = (1/n) Σ e_i (x_i, 1) the pull of the residual, which
    bounds how much a unit grows in one step. So there is no learning rate to choose at
    any width.

    Args:
        model: The network.
        x: All samples: the training is full batch.
        y: Their targets.
        kappa_prime: κ'.

    Source:
        Luo et al. 2021, arXiv 2007.07497, Sec. 3, for the flow.
    """

    def __init__(
        self,
        model: NormalisedTwoLayer,
        x: Any,
        y: Any,
        *,
        kappa_prime: float,
    ) -> None:
        hidden = {
            "params": list(model.hidden.parameters()),
            "mobility": kappa_prime,
        }
        output = {
            "params": list(model.output.parameters()),
            "mobility": 1 / kappa_prime,
        }
        super().__init__([hidden, output], {})
        self._model = model
        self._prime = kappa_prime
        constant = torch.ones(len(x), dtype=x.dtype)
        self._x = torch.column_stack([x, constant])
        self._inner = self._x @ self._x.T
        self._y = y.reshape(-1)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyrefly: ignore[bad-override]
        """One step; the gradients are those of the mean square, twice R."""
        model, count = self._model, len(self._y)
        a = model.output.weight[0]
        layer = model.hidden
        # not layer(x): that would call its hooks
        z = torch.nn.functional.linear(self._x[:, :-1], layer.weight, layer.bias)
        features = torch.relu(z)
        slopes = (features > 0).to(a.dtype)
        moving = self._prime * ((slopes * a**2) @ slopes.T) * self._inner
        resting = features @ features.T / self._prime
        kernel = model.kappa**2 / count * (resting + moving)
        residual = model.kappa * (features @ a) - self._y
        pull = model.kappa * float((residual @ self._x).norm()) / count
        fastest = float(torch.linalg.eigvalsh(kernel)[-1])
        length = min(1 / fastest, 0.2 / max(pull, 1e-300))
        for group in self.param_groups:
            share = -0.5 * length * group["mobility"]
            for parameter in group["params"]:
                parameter.add_(parameter.grad, alpha=share)


def four_points() -> tuple[Any, Any]:
    """The four samples of Luo et al. 2021: x from −1/2 to 1/2, y = x²."""
    points = torch.linspace(-0.5, 0.5, 4, dtype=torch.float64)
    x = points[:, None]
    return x, x**2
