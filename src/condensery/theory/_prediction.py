"""How far the weights of a wide two-layer ReLU network move, while its kernel still
stands still.
"""

from __future__ import annotations

from typing import Literal, get_args, overload

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from condensery._errors import InvalidInputError
from condensery.theory._kernels import NtkKernels, design, ntk_two_layer_relu
from condensery.theory._phase import Part

InitialOutput = Literal["zero", "random"]


@overload
def ntk_relative_distance(
    x: Float[np.ndarray, "sample feature"],
    y: Float[np.ndarray, " sample"],
    *,
    gamma: float,
    gamma_prime: float,
    width: float,
    asi: bool = True,
    initial_output: InitialOutput | None = None,
    bias: bool = True,
    of: Part = "w",
) -> float: ...
@overload
def ntk_relative_distance(
    x: Float[np.ndarray, "sample feature"],
    y: Float[np.ndarray, " sample"],
    *,
    gamma: ArrayLike,
    gamma_prime: ArrayLike,
    width: ArrayLike,
    asi: bool = True,
    initial_output: InitialOutput | None = None,
    bias: bool = True,
    of: Part = "w",
) -> Float[np.ndarray, " ..."]: ...
def ntk_relative_distance(
    x: Float[np.ndarray, "sample feature"],
    y: Float[np.ndarray, " sample"],
    *,
    gamma: ArrayLike,
    gamma_prime: ArrayLike,
    width: ArrayLike,
    asi: bool = True,
    initial_output: InitialOutput | None = None,
    bias: bool = True,
    of: Part = "w",
) -> float | Float[np.ndarray, " ..."]:
    """The relative distance RD after training to zero loss, predicted by the tangent
    kernel at initialisation.

    Formula:
        κ = m^−γ, κ' = m^−γ', M = K^a/κ' + κ' K^w, c = M⁻¹ (y − f⁰)/(s m κ²), with s = 2
        copies of the network under antisymmetric initialisation and s = 1 without, d
        the number of columns of w including the bias: RD(w) = κ' κ √(cᵀ K^w c/d),
        RD(a) = (κ/κ') √(cᵀ K^a c),  RD(θ)² = (RD(a)² + d RD(w)²)/(1 + d) of the
        normalised parameters. For a random initial output f⁰ ~ N(0, m κ² K^a), the root
        of the mean of RD².

        Valid for γ < 1, where RD of all parameters tends to 0 with growing width; the
        relative error at a finite width is of the order of RD(w) + RD(a) + 1/√m, so it
        is a few per cent where both distances are below some 0.05. Training that stops
        at a loss above zero leaves the directions of the smallest eigenvalues of M
        unlearned and moves less: with an ill-conditioned M (images) noticeably so. For
        γ ≥ 1 the kernel moves and the value is nan.

    Args:
        x: The samples, without the bias column.
        y: Their targets, one number each.
        gamma: γ.
        gamma_prime: γ'.
        width: m ≥ 1, neurons of one copy; the three are broadcast.
        asi: Antisymmetric initialisation (a second copy with the output weights
            negated); RD is that of one copy.
        initial_output: ``"zero"`` for f⁰ = 0, what antisymmetric initialisation gives;
            ``"random"`` for the output of independent weights. By default what belongs
            to `asi`; ``"zero"`` without `asi` is a network whose initial output is
            subtracted.
        bias: Whether w includes a bias.
        of: ``"w"``, ``"a"`` or ``"theta"``.

    Returns:
        RD ≥ 0, a float or an array of the broadcast shape; nan where γ ≥ 1, where a
        coordinate is nan, and where κ or κ' leaves the range of double precision.

    Raises:
        InvalidInputError: Arrays of the wrong shape or not finite, a width < 1, another
            word for `of` or `initial_output`, ``"random"`` with `asi`, or the same
            sample (without bias: direction) with targets that no network can fit.

    Source:
        Follows from the linear regime of Luo et al. 2021, arXiv 2007.07497, Theorem 6;
        the data of the example are theirs, and their Fig. 3 has 0.00883.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import ntk_relative_distance
        >>> x = np.linspace(-0.5, 0.5, 4)[:, None]
        >>> round(
        ...     ntk_relative_distance(
        ...         x, x[:, 0] ** 2, gamma=0.5, gamma_prime=0.0, width=1000
        ...     ),
        ...     5,
        ... )
        0.00866

        One sample, no bias: K^a = K^w = x²/2, so RD = |y|/(2√2|x|) at m = κ' = 1.

        >>> one = np.array([[2.0]])
        >>> value = ntk_relative_distance(
        ...     one, np.array([6.0]), gamma=0.0, gamma_prime=0.0, width=1, bias=False
        ... )
        >>> bool(np.isclose(value, 6 / (2 * np.sqrt(2) * 2)))
        True
    """
    if of not in get_args(Part):
        raise InvalidInputError(
            "of", given=of, allowed="w, a, theta", remedy="choose one of these"
        )
    random = _random(initial_output, asi=asi)
    columns = design(x, bias=bias, what="x").shape[1]
    target = _target(y, len(x))
    kernels = ntk_two_layer_relu(x, bias=bias)
    g, gp, m = _members(gamma, gamma_prime, width)
    distances = np.full(g.shape, np.nan)
    moves: dict[float, _Moves] = {}
    with np.errstate(all="ignore"):
        kappas, kappa_primes = m**-g, m**-gp
    usable = (
        (g < 1)
        & np.isfinite(kappas)
        & (kappas > 0)
        & np.isfinite(kappa_primes)
        & (kappa_primes > 0)
    )
    for member in map(tuple, np.argwhere(usable)):
        kappa, kappa_prime = float(kappas[member]), float(kappa_primes[member])
        if kappa_prime not in moves:
            moves[kappa_prime] = _Moves(kernels, target, kappa_prime)
        noise = m[member] * kappa**2 if random else 0.0
        scale = kappa / ((2 if asi else 1) * m[member] * kappa**2)
        rd_a2, rd_w2 = moves[kappa_prime].squares(scale, noise)
        rd_w2 = rd_w2 / columns
        distances[member] = np.sqrt(
            {
                "w": rd_w2,
                "a": rd_a2,
                "theta": (rd_a2 + columns * rd_w2) / (1 + columns),
            }[of]
        )
    return float(distances) if distances.ndim == 0 else distances


class _Moves:
    """Squared motions of the two layers at one κ', each split into what y causes and
    what unit noise causes.
    """

    def __init__(
        self, kernels: NtkKernels, target: np.ndarray, kappa_prime: float
    ) -> None:
        # M and its inverse are scaled by κ' + 1/κ', so that a κ' of 1e-9 neither over-
        # nor underflows.
        total = kappa_prime + 1 / kappa_prime
        share_a, share_w = 1 / kappa_prime / total, kappa_prime / total
        values, vectors = np.linalg.eigh(share_a * kernels.k_a + share_w * kernels.k_w)
        kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
        if np.linalg.norm(vectors[:, ~kept].T @ target) > 1e-8 * np.linalg.norm(target):
            raise InvalidInputError(
                "y",
                given="different targets for samples that no network can tell apart",
                allowed="one target for each sample (without bias: targets in "
                "proportion along one direction)",
                remedy="drop the repeated samples",
            )
        inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
        c = inverse @ target
        self._a = (
            share_a**2,
            float(c @ kernels.k_a @ c),
            float(np.sum(inverse @ kernels.k_a @ inverse * kernels.k_a)),
        )
        self._w = (
            share_w**2,
            float(c @ kernels.k_w @ c),
            float(np.sum(inverse @ kernels.k_w @ inverse * kernels.k_a)),
        )

    def squares(self, scale: float, noise: float) -> tuple[float, float]:
        """‖Δa‖²/m and ‖Δw‖²/m where κc = `scale`·M⁻¹(y − f⁰) and f⁰ has the covariance
        `noise`·K^a.
        """
        distances = [
            scale**2 * share * max(signal + noise * random, 0.0)
            for share, signal, random in (self._a, self._w)
        ]
        return distances[0], distances[1]


def _random(initial_output: str | None, *, asi: bool) -> bool:
    if initial_output is None:
        return not asi
    if initial_output not in get_args(InitialOutput) or (
        asi and initial_output == "random"
    ):
        raise InvalidInputError(
            "initial_output",
            given=initial_output,
            allowed="zero with asi=True; zero or random with asi=False",
            remedy="leave it out for what belongs to asi",
        )
    return initial_output == "random"


def _target(y: ArrayLike, samples: int) -> np.ndarray:
    target = np.asarray(y)
    if target.shape != (samples,) or target.dtype.kind not in "biuf":
        raise InvalidInputError(
            "y",
            given=f"shape {target.shape}, {target.dtype}",
            allowed=f"numbers of shape ({samples},), one for each sample of x",
            remedy="use y[:, 0] for one output of several",
        )
    if not np.isfinite(target).all():
        raise InvalidInputError(
            "y",
            given="nan or inf",
            allowed="finite numbers",
            remedy="drop those samples",
        )
    return target.astype(np.float64)


def _members(
    gamma: ArrayLike, gamma_prime: ArrayLike, width: ArrayLike
) -> list[np.ndarray]:
    columns = [
        np.asarray(value, dtype=np.float64) for value in (gamma, gamma_prime, width)
    ]
    if not (np.isfinite(columns[2]).all() and (columns[2] >= 1).all()):
        raise InvalidInputError(
            "width",
            given=repr(columns[2].tolist()),
            allowed="finite numbers >= 1",
            remedy="for example width=1000",
        )
    try:
        return list(np.broadcast_arrays(*columns))
    except ValueError:
        raise InvalidInputError(
            "gamma, gamma_prime, width",
            given=f"shapes {[value.shape for value in columns]}",
            allowed="shapes that broadcast",
            remedy="for a grid give gamma[:, None] and width[None, :]",
        ) from None
