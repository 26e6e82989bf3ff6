"""Model rank: how many directions of function space the parameters of a net reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError
from condensery.landscape._derivatives import jacobian
from condensery.landscape._network import Layer, check_parameters, parameter_count

TOLERANCE = 1e-8
"""Singular values below this share of the largest count as zero."""

INPUTS_PER_PARAMETER = 4
DECIDED = 1e3


@dataclass(frozen=True, eq=False)
class ModelRank:
    """A rank and the singular values it was read from.

    Attributes:
        rank: Number of singular values above the tolerance.
        singular_values: Descending.
        gap: Smallest counted over largest not counted; infinity where all are counted
            or the rest is exactly zero.
        decided: Whether the gap is at least 1000.
    """

    rank: int
    singular_values: Float[np.ndarray, " parameter"]
    gap: float
    decided: bool


def jacobian_rank(
    jacobian: Float[np.ndarray, "row parameter"], *, tolerance: float = TOLERANCE
) -> ModelRank:
    """Rank of a Jacobian ∂f(x_i)/∂θ_j of any model, one row per sample and output.

    Args:
        jacobian: At enough inputs, its rank is the model rank.
        tolerance: Share of the largest singular value from which one counts.

    Returns:
        The rank and the gap behind it. A matrix of zeros has rank 0.

    Raises:
        InvalidInputError: Not a matrix, or a value that is not finite; a tolerance
            outside (0, 1).

    Example:
        f = t0 + t1 x1 + t2 t3 x2 at t = (1, 1, 0, 0): the columns are 1, x1, 0, 0.

        >>> import numpy as np
        >>> from condensery.landscape import jacobian_rank
        >>> jacobian_rank(
        ...     np.array(
        ...         [[1.0, 0.5, 0.0, 0.0], [1.0, -2.0, 0.0, 0.0], [1.0, 3.0, 0.0, 0.0]]
        ...     )
        ... ).rank
        2
    """
    J = np.asarray(jacobian, dtype=np.float64)
    if J.ndim != 2 or not J.size or not np.isfinite(J).all():
        raise InvalidInputError(
            "jacobian",
            given=f"shape {J.shape}"
            if J.ndim != 2 or not J.size
            else "a value that is not finite",
            allowed="a finite matrix (row, parameter)",
            remedy="flatten samples and outputs into rows",
        )
    if not 0 < tolerance < 1:
        raise InvalidInputError(
            "tolerance",
            given=tolerance,
            allowed="a number in (0, 1)",
            remedy="use 1e-8",
        )
    values = np.linalg.svd(J, compute_uv=False)
    rank = int((values > tolerance * values[0]).sum()) if values[0] > 0 else 0
    rest = float(values[rank]) if rank < len(values) else 0.0
    gap = float(values[rank - 1]) / rest if rank and rest else np.inf
    return ModelRank(rank, values, gap, bool(gap >= DECIDED))


def model_rank(
    parameters: Sequence[Layer],
    activation: str,
    *,
    inputs: Float[np.ndarray, "sample feature"] | None = None,
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> ModelRank:
    """Dim span{∂f/∂θ_i} at the parameters: what Zhang et al. 2023 (arXiv 2307.08921)
    call the model rank.

    Its least value over all parameters of one function is the optimistic sample size:
    with fewer samples that function cannot be recovered even locally. For a two-layer
    tanh net without biases it is m_w + m_a·d, with m_w distinct nonzero ±w, m_a of them
    with a ≠ 0; splits and null units keep it.

    Args:
        parameters: ``(W, b)`` per layer.
        activation: A name of the registry.
        inputs: Where the functions ∂f/∂θ_i are compared; by default 4 M/outputs
            standard normal points. For analytic activations the rank on random points
            is that of the functions.
        seed: Of the default inputs.
        tolerance: Share of the largest singular value from which one counts.

    Returns:
        The rank, the singular values and whether their gap decides.

    Raises:
        InvalidInputError: Parameters that do not fit together, or inputs of another
            width.

    Example:
        Two copies of one unit in one dimension: ∂f/∂a and ∂f/∂w, once each.

        >>> import numpy as np
        >>> from condensery.landscape import model_rank
        >>> model_rank(
        ...     [(np.array([[0.8], [0.8]]), None), (np.array([[1.0, 2.0]]), None)],
        ...     "tanh",
        ... ).rank
        2
    """
    layers = check_parameters(parameters)
    features, outputs = layers[0][0].shape[1], len(layers[-1][0])
    if inputs is None:
        count = -(-INPUTS_PER_PARAMETER * parameter_count(layers) // outputs)
        inputs = np.random.Generator(np.random.Philox(key=[seed, 0])).standard_normal(
            (count, features)
        )
    x = np.asarray(inputs, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != features:
        raise InvalidInputError(
            "inputs",
            given=f"shape {x.shape}",
            allowed=f"(sample, {features})",
            remedy="match the first layer",
        )
    J = jacobian(layers, x, activation)
    return jacobian_rank(J.reshape(-1, J.shape[-1]), tolerance=tolerance)
