"""The lines that the theory predicts for an activation, and what they can explain."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.theory._activations import activation_facts
from condensery.theory._initial_directions import initial_directions

Samples = Float[np.ndarray, "sample feature"]
Targets = Float[np.ndarray, " sample"]


def initial_lines(
    x: Samples, y: Targets, activation: str
) -> Float[np.ndarray, "line feature"]:
    """The lines to which units turn at the initial stage, by name of the activation.

    Formula:
        `initial_directions` for the residual −y at the start and the multiplicity p of
        the activation. Where σ(0) ≠ 0 the output weights fit the mean of y first, and
        fast, since they see it however small the input weights are: there the residual
        is y less its mean (that is ours, not the paper's).

    Args:
        x: Inputs with the constant feature.
        y: Targets.
        activation: A name of `ACTIVATION_NAMES`.

    Returns:
        Unit vectors, one per line; none where there is no theorem: for an activation
        without multiplicity (ReLU), and for p > 1 in more than one dimension.

    Raises:
        InvalidInputError: An unknown activation, or shapes that do not fit.

    Source:
        Zhou et al. 2022, arXiv 2105.11686, Theorems 1 and 2.

    Example:
        One line for tanh, along (1/n) Σ y_i x_i.

        >>> import numpy as np
        >>> from condensery.theory import initial_lines
        >>> x = np.array([[1.0, 1.0], [-1.0, 1.0]])
        >>> np.abs(initial_lines(x, np.array([1.0, -1.0]), "tanh")).round(6).tolist()
        [[1.0, 0.0]]
    """
    inputs, targets = _checked(x, y)
    multiplicity = activation_facts(activation).multiplicity
    if multiplicity is None or (multiplicity > 1 and inputs.shape[1] != 2):
        return np.empty((0, inputs.shape[1]))
    residual = -unfitted(targets, activation)
    return initial_directions(inputs, residual, multiplicity=multiplicity)


def unfitted(y: Targets, activation: str) -> Targets:
    """What of the targets is left when the output weights have fitted what they can.

    Formula:
        y − mean(y) where σ(0) ≠ 0, y elsewhere.

    Args:
        y: Targets.
        activation: A name of `ACTIVATION_NAMES`.

    Returns:
        One number per sample, in the unit of y.

    Source:
        By this project: see `initial_lines`.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import unfitted
        >>> y = np.array([1.0, 3.0])
        >>> unfitted(y, "sigmoid").tolist(), unfitted(y, "tanh").tolist()
        ([-1.0, 1.0], [1.0, 3.0])
    """
    return y - y.mean() if activation_facts(activation).value_at_zero else y


def explained_by_line(x: Samples, y: Targets, activation: str) -> float:
    """Share of the mean square of the targets that the predicted line can explain.

    Formula:
        max over r of 1 − mean (y − r·(u·x))²/mean y², with u the line of p = 1; both y
        and u·x less their means where σ(0) ≠ 0.

    Args:
        x: Inputs with the constant feature.
        y: Targets.
        activation: A name of `ACTIVATION_NAMES`, of multiplicity 1.

    Returns:
        A number in [0, 1], without unit.

    Raises:
        InvalidInputError: An activation of another multiplicity, or shapes that do not
            fit.

    Source:
        By this project: how far the loss can fall while the network is one line.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import explained_by_line
        >>> x = np.array([[1.0, 1.0], [-1.0, 1.0]])
        >>> round(explained_by_line(x, np.array([2.0, -2.0]), "tanh"), 12)
        1.0
    """
    inputs, targets = _checked(x, y)
    facts = activation_facts(activation)
    if facts.multiplicity != 1:
        raise InvalidInputError(
            "activation",
            given=f"{activation} of multiplicity {facts.multiplicity}",
            allowed="an activation of multiplicity 1",
            remedy="for others the theory predicts several lines or none",
        )
    left = unfitted(targets, activation)
    along = inputs @ initial_lines(inputs, targets, activation)[0]
    if facts.value_at_zero:
        along = along - along.mean()
    common = np.mean(along * left) ** 2
    return float(common / np.mean(along**2) / np.mean(left**2))


def _checked(x: Samples, y: Targets) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = np.asarray(x), np.asarray(y)
    if inputs.ndim != 2 or targets.shape != inputs.shape[:1]:
        raise InvalidInputError(
            "x, y",
            given=f"shapes {inputs.shape} and {targets.shape}",
            allowed="(sample, feature) and (sample,)",
            remedy="append the constant feature to x",
        )
    return inputs, targets
