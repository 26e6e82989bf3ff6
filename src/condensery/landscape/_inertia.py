"""Inertia: how many eigenvalues of a Hessian are negative, zero and positive, and
whether the spectrum lets one say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from condensery._errors import InvalidInputError
from condensery.landscape._derivatives import gradient, hessian
from condensery.landscape._network import (
    Layer,
    Problem,
    check_parameters,
    flatten,
    loss,
    preactivations,
)
from condensery.models import activation
from condensery.theory import activation_facts

RELATIVE, ROUNDING, GRADIENT = 1e-9, 10.0, 10.0
"""Factors of the tolerance: of the largest eigenvalue, of M·eps times it, and of
‖g‖₁/min‖a‖.
"""

DECIDED = 1e3
"""A gap below this between what counts as zero and what does not leaves the counts
undecided.
"""

LEVEL = 1e4
"""Zeros at a smooth place are at most this times the rounding M·eps·max|λ|; larger ones
may be small eigenvalues.
"""

SILENT = 1e-6
"""A unit with output weights below this share of the largest, or of 1, counts as having
none.
"""

KINK = 1e-8
"""A pre-activation nearer than this to a kink leaves the Hessian undefined."""


@dataclass(frozen=True, eq=False)
class Inertia:
    """Numbers of negative, zero and positive eigenvalues.

    Attributes:
        negative: n₋.
        zero: n₀.
        positive: n₊.
        eigenvalues: Ascending.
        tolerance: τ; an eigenvalue with |λ| ≤ τ counts as zero.
        gap: Smallest |λ| counted as nonzero over the largest counted as zero. Where
            nothing counts as zero, over the rounding M·eps·max|λ|; where everything
            does, infinity.
        decided: Whether the gap is at least 1000 and the zeros are as small as
            rounding, or the gradient, makes them: not above 1e4·M·eps·max|λ|. If not,
            the counts are a guess.
    """

    negative: int
    zero: int
    positive: int
    eigenvalues: Float[np.ndarray, " parameter"]
    tolerance: float
    gap: float
    decided: bool

    @property
    def counts(self) -> tuple[int, int, int]:
        """(n₋, n₀, n₊)."""
        return self.negative, self.zero, self.positive

    def __str__(self) -> str:
        counts = f"({self.negative}, {self.zero}, {self.positive})"
        return (
            counts
            if self.decided
            else f"undecided: {counts} with a gap of {self.gap:.1e} at "
            f"{self.tolerance:.1e}"
        )


def inertia(
    hessian: Float[np.ndarray, "parameter parameter"],
    gradient: Float[np.ndarray, " parameter"] | None = None,
    *,
    smallest_output: float = 1.0,
) -> Inertia:
    """Inertia of a symmetric matrix under the tolerance τ = max(1e-9 max|λ|, 10 M eps
    max|λ|, 10 ‖g‖₁ / min‖a_s‖).

    The last term is for Hessians near a critical point: there eigenvalues that are zero
    at the point itself are of the size of the gradient over the output weights. Zhang
    et al. 2021 (NeurIPS, arXiv 2105.14573, Fig. 3) use a fixed line at 1e-11 instead.
    The eigenvalues decide only if they leave a gap of 1000 around τ
    (`Inertia.decided`).

    Args:
        hessian: H; only its symmetric part counts.
        gradient: g at the same place; None stands for zero.
        smallest_output: min over units of the norm of their output weights ‖a_s‖ (see
            `smallest_output_weight`).

    Returns:
        The counts, the eigenvalues and whether the counts are decided.

    Raises:
        InvalidInputError: A matrix that is not square or not finite (a NaN loss), or
            smallest_output not above 0.

    Example:
        >>> import numpy as np
        >>> from condensery.landscape import inertia
        >>> (
        ...     str(inertia(np.diag([-1.0, 0.0, 2.0]))),
        ...     inertia(np.diag([1.0, 1e-10, 1e-7])).decided,
        ... )
        ('(1, 1, 1)', False)
    """
    H = np.asarray(hessian, dtype=np.float64)
    if H.ndim != 2 or H.shape[0] != H.shape[1] or not H.size:
        raise InvalidInputError(
            "hessian",
            given=f"shape {H.shape}",
            allowed="a square matrix",
            remedy="check it",
        )
    g = np.zeros(1) if gradient is None else np.asarray(gradient, dtype=np.float64)
    if not (np.isfinite(H).all() and np.isfinite(g).all()):
        raise InvalidInputError(
            "hessian",
            given="a value that is not finite",
            allowed="finite numbers",
            remedy="take the parameters from before the loss diverged",
        )
    if not 0 < smallest_output < np.inf:
        raise InvalidInputError(
            "smallest_output",
            given=smallest_output,
            allowed="a number > 0",
            remedy="a unit without output weights has no scale: leave it out",
        )
    return count_signs(
        np.linalg.eigvalsh((H + H.T) / 2),
        gradient_floor=GRADIENT * float(np.abs(g).sum()) / smallest_output,
    )


def count_signs(
    eigenvalues: Float[np.ndarray, " parameter"], *, gradient_floor: float = 0.0
) -> Inertia:
    """The counts of eigenvalues that are known, under the tolerance of `inertia`."""
    values = np.sort(np.asarray(eigenvalues, dtype=np.float64))
    sizes = np.abs(values)
    rounding = values.size * np.finfo(np.float64).eps * float(sizes.max())
    tau = max(RELATIVE * float(sizes.max()), ROUNDING * rounding, gradient_floor)
    zero = sizes <= tau
    gap = np.inf
    if not zero.all():
        floor = max(float(sizes[zero].max()), rounding) if zero.any() else rounding
        gap = float(sizes[~zero].min()) / floor
    at_level = sizes[zero].max(initial=0.0) <= max(LEVEL * rounding, gradient_floor)
    return Inertia(
        negative=int((values < -tau).sum()),
        zero=int(zero.sum()),
        positive=int((values > tau).sum()),
        eigenvalues=values,
        tolerance=tau,
        gap=gap,
        decided=bool(gap >= DECIDED and at_level),
    )


def smallest_output_weight(parameters: Sequence[Layer]) -> float:
    """Min over hidden units with output weights of the norm ‖W_{l+1}[:, s]‖; 1 where
    there is none.
    """
    norms = np.concatenate(
        [np.linalg.norm(weight, axis=0) for weight, _ in parameters[1:]] or [np.ones(1)]
    )
    alive = norms[norms >= SILENT * max(1.0, norms.max())]
    return float(alive.min()) if alive.size else 1.0


def inertia_at(parameters: Sequence[Layer], problem: Problem) -> Inertia:
    """Inertia of the Hessian of the loss of a net, by the dense Hessian.

    Args:
        parameters: ``(W, b)`` per layer.
        problem: Data, activation and loss.

    Raises:
        InvalidInputError: A loss or parameters that are not finite, or a pre-activation
            at a kink of the activation.

    Example:
        R = (aw)² has a saddle at 0 with H = 0.

        >>> import numpy as np
        >>> from condensery.landscape import Problem, inertia_at
        >>> product = [(np.zeros((1, 1)), None), (np.zeros((1, 1)), None)]
        >>> inertia_at(product, Problem(np.ones((1, 1)), np.ones(1), "linear")).counts
        (1, 0, 1)
    """
    layers = check_parameters(parameters)
    refuse_nan(layers, problem)
    refuse_kinks(layers, problem)
    return dense_inertia(layers, problem)


def dense_inertia(layers: Sequence[Layer], problem: Problem) -> Inertia:
    """`inertia_at` of parameters that have been checked."""
    return inertia(
        hessian(layers, problem),
        flatten(gradient(layers, problem)),
        smallest_output=smallest_output_weight(layers),
    )


def refuse_nan(parameters: Sequence[Layer], problem: Problem) -> None:
    """Refuse parameters whose loss is not a number.

    Raises:
        InvalidInputError: The loss is nan or infinite.
    """
    value = loss(parameters, problem)
    if not np.isfinite(value):
        raise InvalidInputError(
            "loss",
            given=f"{value}",
            allowed="a finite loss",
            remedy="take the parameters from before the training diverged",
        )


def kink_distance(
    parameters: Sequence[Layer], problem: Problem
) -> tuple[float, int, int, int]:
    """Smallest distance of a pre-activation from a kink, and the layer (from 1), unit
    and sample where it is.

    Infinite, at layer 0, for activations without a kink.
    """
    pieces = activation_facts(problem.activation).affine_pieces
    kinks = {
        bound
        for piece in pieces
        for bound in (piece.lower, piece.upper)
        if np.isfinite(bound)
    }
    nearest = (np.inf, 0, 0, 0)
    if not kinks:
        return nearest
    for layer, z in enumerate(
        preactivations(parameters, problem.x, problem.activation)[:-1], start=1
    ):
        for kink in kinks:
            distance = np.abs(z - kink)
            sample, unit = np.unravel_index(int(np.argmin(distance)), distance.shape)
            if distance[sample, unit] < nearest[0]:
                nearest = (float(distance[sample, unit]), layer, int(unit), int(sample))
    return nearest


def refuse_kinks(parameters: Sequence[Layer], problem: Problem) -> None:
    """Refuse a place where the Hessian is undefined because a pre-activation is at a
    kink.

    Raises:
        InvalidInputError: A pre-activation is within 1e-8 of a kink; layer, unit and
            sample are named.
    """
    distance, layer, unit, sample = kink_distance(parameters, problem)
    if distance <= KINK:
        raise InvalidInputError(
            "hessian",
            given=f"a pre-activation {distance:.1e} from a kink of "
            f"{problem.activation} "
            f"(layer {layer}, unit {unit}, sample {sample})",
            allowed=f"all of them at least {KINK:g} away",
            remedy="the Hessian is undefined here: use a smooth activation, or move "
            "the parameters",
        )


def second_derivative(
    name: str, z: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """σ″ elementwise, the derivative of the registry's σ′ (0 on the pieces of relu-like
    activations).
    """
    return np.asarray(_second_derivative(z, name))


@partial(jax.jit, static_argnums=1)
def _second_derivative(z: Array, name: str) -> Array:
    return jax.jvp(activation(name).sigma_prime, (z,), (jnp.ones_like(z),))[1]
