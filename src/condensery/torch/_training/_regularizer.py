"""What dropout adds to the loss on average, as a term of its own: condensation without
noise.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from condensery._errors import InvalidInputError


class DropoutRegularizer:
    r"""R1, the penalty by which dropout condenses, as a term to add to the loss.

    Formula:
        ``exact``, for one dropout layer with keep probability p before a linear output
        layer W, features F, n samples:

            R1 = (1 − p)/(2np) · Σ_i Σ_j ‖W[:, j]‖² F[i, j]²

        and E[R with dropout] = R + R1 for R = (1/2n) Σ ‖f − y‖². With
        ``torch.nn.MSELoss``, which has no ½ and is also a mean over the d' outputs, the
        term is 2/d' times as large (`loss` = ``mse``, the default). ``approx``, for any
        layer and loss, to second order in the masks:

            R1 ≈ (1 − p)/(2p) · Σ_i Σ_j F[i, j]² [J_iᵀ H_i J_i]_jj

        with J the Jacobian of the model's output by F and H the second derivative of
        the loss by the output. It is estimated without bias by one backward pass over
        random signs: Σ_j F_j² [JᵀHJ]_jj = E_v Σ_j (F_j (Jᵀ H^½ v)_j)². It is exact
        where the output is linear in F and the loss quadratic.

    Args:
        keep: p, the probability to keep a unit: 1 for no dropout, so that
            ``torch.nn.Dropout(q)`` has p = 1 − q.
        loss: ``mse`` for torch's MSELoss, ``half`` for (1/2n) Σ ‖f − y‖²,
            ``cross_entropy`` for torch's mean of it.

    Raises:
        InvalidInputError: A keep probability outside (0, 1], or an unknown loss.

    Source:
        Zhang & Xu 2024, IEEE TPAMI 46(6):4206, arXiv 2207.05952, Lemma 1 (``exact``);
        the approximation: Wei, Kakade & Ma 2020, arXiv 2002.12915.

    Example:
        >>> import torch
        >>> from condensery.torch import DropoutRegularizer
        >>> head = torch.nn.Linear(2, 1, bias=False)
        >>> _ = head.weight.data.copy_(torch.tensor([[3.0, 1.0]]))
        >>> features = torch.tensor([[1.0, 2.0]])
        >>> DropoutRegularizer(0.5, loss="half").exact(
        ...     features, head
        ... ).item()  # ½·(9·1 + 1·4)
        6.5
        >>> DropoutRegularizer(1.0).exact(features, head).item()
        0.0
    """

    def __init__(
        self, keep: float, *, loss: Literal["mse", "half", "cross_entropy"] = "mse"
    ) -> None:
        if not 0 < keep <= 1:
            raise InvalidInputError(
                "keep",
                given=keep,
                allowed="a probability in (0, 1]",
                remedy="for torch.nn.Dropout(q) give 1 - q",
            )
        if loss not in ("mse", "half", "cross_entropy"):
            raise InvalidInputError(
                "loss",
                given=loss,
                allowed="'mse', 'half' or 'cross_entropy'",
                remedy="see the formulas",
            )
        self.keep, self.loss = keep, loss

    def exact(self, features: torch.Tensor, head: nn.Linear) -> torch.Tensor:
        """The term for a dropout layer right before a linear output layer, under a
        squared loss.

        Args:
            features: (sample, unit), what the dropout layer would get; more leading
                axes count as samples.
            head: The output layer.

        Returns:
            A scalar that can be differentiated by the features and the weights.

        Raises:
            InvalidInputError: The loss is not a squared one, or the features do not
                fit.
        """
        if self.loss == "cross_entropy":
            raise InvalidInputError(
                "loss",
                given="cross_entropy",
                allowed="a squared loss, for which the term is exact",
                remedy="use approx() for cross-entropy",
            )
        if features.shape[-1] != head.in_features:
            raise InvalidInputError(
                "features",
                given=f"shape {tuple(features.shape)}",
                allowed=f"(sample, {head.in_features})",
                remedy="pass what the output layer gets",
            )
        flat = features.reshape(-1, features.shape[-1])
        squares = (flat.square().sum(0) * head.weight.square().sum(0)).sum()
        factor = 2 / head.out_features if self.loss == "mse" else 1.0
        return factor * (1 - self.keep) / (2 * self.keep * len(flat)) * squares

    def approx(
        self,
        features: torch.Tensor,
        output: torch.Tensor,
        *,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """The term for dropout at an inner layer, or under cross-entropy, to second
        order.

        Args:
            features: What the dropout layer would get, (sample, …), a part of the graph
                of the output.
            output: The model's output, (sample, output); logits for cross-entropy.
            generator: Of the random signs; give one of your own to leave the global
                generator as it is.

        Returns:
            A scalar estimate whose mean over the signs is the term; it can be
            differentiated (a second backward pass).

        Raises:
            InvalidInputError: The output does not depend on the features.
        """
        if self.keep == 1:
            return output.sum() * 0.0
        flat = output.reshape(-1, output.shape[-1])
        signs = (
            torch.randint(0, 2, flat.shape, generator=generator, device="cpu").to(flat)
            * 2
            - 1
        )
        return self.approx_for(features, output, signs)

    def approx_for(
        self, features: torch.Tensor, output: torch.Tensor, signs: torch.Tensor
    ) -> torch.Tensor:
        """The estimate for given signs; its mean over all choices of signs is the term.

        Args:
            features: As for `approx`.
            output: Likewise.
            signs: ±1 in the shape of the output.

        Raises:
            InvalidInputError: The output does not depend on the features.
        """
        flat = output.reshape(-1, output.shape[-1])
        try:
            (pulled,) = torch.autograd.grad(
                flat, features, self._root_hessian(flat, signs), create_graph=True
            )
        except RuntimeError as error:
            raise InvalidInputError(
                "features",
                given="a tensor that the output does not depend on",
                allowed="a part of the output's graph",
                remedy="pass the very tensor that the next layer got",
            ) from error
        return (1 - self.keep) / (2 * self.keep) * (features * pulled).square().sum()

    def _root_hessian(self, output: torch.Tensor, signs: torch.Tensor) -> torch.Tensor:
        """A vector whose outer product has the mean H over the signs; scaled so that
        samples add up to the mean loss.

        For cross-entropy H = diag(q) − qqᵀ = AAᵀ with A = diag(√q) − q√qᵀ.
        """
        samples = len(output)
        if self.loss == "half":
            return signs / samples**0.5
        if self.loss == "mse":
            return signs * (2 / (samples * output.shape[1])) ** 0.5
        q = torch.softmax(output, dim=1)
        root = q.sqrt()
        return (root * signs - q * (root * signs).sum(1, keepdim=True)) / samples**0.5
