"""Coefficients of the embeddings of a net in a wider one: which unit copies which, and
how weights are shared out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from condensery._errors import InvalidInputError

NULL = -1
"""The source of a null unit: it copies none, and is the same constant for every
input.
"""

_SUM = 1e-12

Layers = Sequence[tuple[np.ndarray, np.ndarray | None]]


@dataclass(frozen=True, eq=False)
class Embedding:
    """A compatible embedding of a net with widths m_0 … m_L in one with widths m'_0 …
    m'_L; layer 0 is the input.

    W'_l[i, j] = alpha_l[i, j]·W_l[source_l[i], source_{l−1}[j]], with 1 in the place of
    W where a source is `NULL`; b'_l[i] = b_l[source_l[i]] − Σ over null j of alpha_l[i,
    j]·σ(constant_{l−1}[j]), and for a null unit i the same with constant_l[i] in the
    place of b. The output, the units' functions, and criticality are kept for all data
    if

    * the shares of the copies of a unit sum to one: Σ beta_l[i] = 1 over the i of one
      source; beta = 0 for null units;
    * rows: Σ over the copies j of one source of alpha_l[i, j] is 1, for a null unit i
      it is 0;
    * columns: Σ over the copies i of one source of beta_l[i]·alpha_l[i, j] is
      beta_{l−1}[j].

    Criticality also needs, for every null unit with σ(constant) ≠ 0, a bias in the next
    layer.

    Attributes:
        source: Per layer 0 … L the unit that each unit copies, or `NULL`.
        beta: Per layer 0 … L the share of its source that each unit has.
        alpha: Per layer 1 … L the coefficients (unit, unit of the layer before).
        constant: Per layer 0 … L the pre-activation of the null units; 0 for all
            others.

    Source:
        Zhang, Li, Zhang, Luo and Xu 2022 (arXiv 2111.15527), Definitions 5.1 to 5.4,
        with the bias correction of its Fig. 5.5 for units that are no null units.
    """

    source: tuple[Int[np.ndarray, " _unit"], ...]
    beta: tuple[Float[np.ndarray, " _unit"], ...]
    alpha: tuple[Float[np.ndarray, "_unit _before"], ...]
    constant: tuple[Float[np.ndarray, " _unit"], ...]

    @property
    def added(self) -> int:
        """K: how many units more the wide net has."""
        return sum(
            len(origins) - int(origins.max()) - 1 for origins in self.source[1:-1]
        )

    def defect(self) -> float:
        """The largest violation of the three conditions; a few 1e-16 for a compatible
        embedding.
        """
        worst = [0.0]
        for source, beta in zip(self.source, self.beta, strict=True):
            worst.append(
                float(abs(np.where(source == NULL, beta, 0.0)).max(initial=0.0))
            )
            worst += [
                abs(float(beta[source == unit].sum()) - 1)
                for unit in np.unique(source[source != NULL])
            ]
        for level, alpha in enumerate(self.alpha, start=1):
            above, below = self.source[level], self.source[level - 1]
            for unit in np.unique(below[below != NULL]):
                rows = alpha[:, below == unit].sum(axis=1) - (above != NULL)
                worst.append(float(abs(rows).max()))
            for unit in np.unique(above[above != NULL]):
                columns = (
                    self.beta[level][above == unit] @ alpha[above == unit]
                    - self.beta[level - 1]
                )
                worst.append(float(abs(columns).max()))
        return max(worst)


def even_fractions(fractions: int | Sequence[float]) -> Float[np.ndarray, " copy"]:
    """The shares of the copies of a split unit: k copies of 1/k each, or any real
    numbers that sum to one.

    Args:
        fractions: The number of copies, ≥ 1, or the shares; negative ones and ones
            above 1 are allowed.

    Raises:
        InvalidInputError: Fewer than one copy, shares that are not finite or whose sum
            is not 1 to 1e-12 of their size.

    Example:
        >>> from condensery.theory import even_fractions
        >>> even_fractions(4).tolist(), even_fractions([1.5, -0.5]).tolist()
        ([0.25, 0.25, 0.25, 0.25], [1.5, -0.5])
    """
    if isinstance(fractions, (int, np.integer)):
        if fractions < 1:
            raise InvalidInputError(
                "fractions",
                given=int(fractions),
                allowed="at least one copy",
                remedy="use 2 for an even split",
            )
        return np.full(int(fractions), 1.0 / int(fractions))
    shares = np.asarray(fractions, dtype=np.float64)
    if shares.ndim != 1 or not shares.size or not np.isfinite(shares).all():
        raise InvalidInputError(
            "fractions",
            given=f"{fractions}",
            allowed="finite numbers, at least one",
            remedy="use for example [1.5, -0.5]",
        )
    if abs(shares.sum() - 1) > _SUM * max(1.0, float(abs(shares).max())):
        raise InvalidInputError(
            "fractions",
            given=f"a sum of {shares.sum():.15g}",
            allowed="a sum of 1",
            remedy="divide them by their sum",
        )
    return shares


def embedding(
    widths: Sequence[int],
    *,
    source: Mapping[int, Sequence[int] | np.ndarray],
    beta: Mapping[int, Sequence[float] | np.ndarray],
    constant: Mapping[int, Sequence[float] | np.ndarray] | None = None,
    seed: int | None = None,
    spread: float = 1.0,
    free: Sequence[np.ndarray] | None = None,
) -> Embedding:
    """The compatible embedding with given copies and shares, its coefficients sampled
    in closed form.

    Every block of p copies of a unit above and q copies of a unit below has the
    coefficients alpha = 1 betaᵀ_below + (I − 1 betaᵀ_above) Z (I − 11ᵀ/q): all that the
    conditions allow, (p − 1)(q − 1) free dimensions. Rows and columns of null units
    have the same form without the first term. Z = 0 is a plain split.

    Args:
        widths: m_0 … m_L of the narrow net, inputs and outputs included.
        source: Per hidden layer that grows: the unit that each unit copies, or −1 for a
            null unit.
        beta: For the same layers: the share of each unit, 0 for a null unit.
        constant: For layers with null units: the pre-activation of each unit, used for
            the null ones; 0 by default.
        seed: Of Z; None is Z = 0.
        spread: Standard deviation of the entries of Z.
        free: Z itself, one matrix (unit, unit of the layer before) per layer 1 … L,
            instead of a seed.

    Raises:
        InvalidInputError: A layer that is not hidden, a source that does not exist or
            is left out, shares that do not sum to one or are not finite, or lengths
            that do not fit.

    Example:
        Unit 0 of a hidden layer of two is split into 1.5 and −0.5 of itself:

        >>> from condensery.theory import embedding
        >>> split = embedding(
        ...     [1, 2, 1], source={1: [0, 1, 0]}, beta={1: [1.5, 1.0, -0.5]}
        ... )
        >>> split.alpha[1].tolist(), split.added, split.defect()
        ([[1.5, 1.0, -0.5]], 1, 0.0)
    """
    last = len(widths) - 1
    outside = sorted({*source, *beta, *(constant or {})} - set(range(1, last)))
    if outside or set(source) != set(beta):
        raise InvalidInputError(
            "layer",
            given=", ".join(map(str, outside))
            or f"source of {sorted(source)}, beta of {sorted(beta)}",
            allowed=f"the same hidden layers for both, 1 to {last - 1}",
            remedy="name layers that the net has",
        )
    sources, betas, constants = [], [], []
    for level, width in enumerate(widths):
        origins = np.asarray(source.get(level, range(width)), dtype=np.int64)
        share = np.asarray(beta.get(level, np.ones(width)), dtype=np.float64)
        value = np.asarray(
            (constant or {}).get(level, np.zeros(len(origins))), dtype=np.float64
        )
        _check_layer(level, width, origins, share, value)
        sources.append(origins)
        betas.append(share)
        constants.append(np.where(origins == NULL, value, 0.0))
    rng = None if seed is None else np.random.Generator(np.random.Philox(seed))
    shapes = [(len(above), len(below)) for below, above in pairwise(sources)]
    if free is None:
        free = [
            np.zeros(shape) if rng is None else spread * rng.standard_normal(shape)
            for shape in shapes
        ]
    shapes_of_free = [np.shape(matrix) for matrix in free]
    if shapes_of_free != shapes:
        raise InvalidInputError(
            "free",
            given=f"shapes {shapes_of_free}",
            allowed=f"{shapes}",
            remedy="one matrix per layer",
        )
    alphas = [
        _coefficients(above, below, share, before, np.array(matrix, dtype=np.float64))
        for (below, above), (before, share), matrix in zip(
            pairwise(sources), pairwise(betas), free, strict=True
        )
    ]
    return Embedding(tuple(sources), tuple(betas), tuple(alphas), tuple(constants))


def _check_layer(
    level: int, width: int, source: np.ndarray, share: np.ndarray, value: np.ndarray
) -> None:
    expected = set(range(width))
    copied = set(source.tolist()) - {NULL}
    if copied != expected or source.ndim != 1:
        missing, unknown = sorted(expected - copied), sorted(copied - expected)
        wrong = (
            f"units {unknown} that do not exist"
            if unknown
            else f"no copy of unit {', '.join(map(str, missing))}"
        )
        raise InvalidInputError(
            f"source of layer {level}",
            given=wrong,
            allowed=f"0 to {width - 1}, each at least once, and −1 for null units",
            remedy="name every unit",
        )
    if (
        share.shape != source.shape
        or value.shape != source.shape
        or not np.isfinite([*share, *value]).all()
    ):
        raise InvalidInputError(
            f"beta of layer {level}",
            given=f"{share.tolist()}, constants {value.tolist()}",
            allowed=f"{len(source)} finite numbers each, one per unit",
            remedy="give one share for each source",
        )
    for unit in [*range(width), NULL]:
        total, aim = float(share[source == unit].sum()), float(unit != NULL)
        bad_null = unit == NULL and bool(share[source == NULL].any())
        if bad_null or abs(total - aim) > _SUM * max(1.0, float(abs(share).max())):
            raise InvalidInputError(
                f"beta of layer {level}",
                given=f"a sum of {total:.15g} for unit {unit}",
                allowed="1 for the copies of a unit, 0 for each null unit",
                remedy="divide the shares by their sum",
            )


def _coefficients(
    above: np.ndarray,
    below: np.ndarray,
    share: np.ndarray,
    before: np.ndarray,
    alpha: np.ndarray,
) -> np.ndarray:
    for unit in np.unique(below[below != NULL]):  # rows: Z (I − 11ᵀ/q)
        copies = below == unit
        alpha[:, copies] -= alpha[:, copies].mean(axis=1, keepdims=True)
    for unit in np.unique(
        above[above != NULL]
    ):  # columns: (I − 1βᵀ) Z, which leaves the sums of rows at zero
        copies = above == unit
        alpha[copies] -= share[copies] @ alpha[copies]
        alpha[np.ix_(copies, below != NULL)] += before[below != NULL]
    return alpha


def embed(
    parameters: Layers,
    embedding: Embedding,
    *,
    sigma: Callable[[np.ndarray], np.ndarray],
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """The parameters of the wide net.

    Args:
        parameters: ``(W, b)`` per layer of the narrow net, W: (out, in), b: (out,) or
            None.
        embedding: From `embedding`; layers with one activation `sigma`.
        sigma: The activation; called on the constants of null units only.

    Returns:
        ``(W', b')`` per layer; a layer without bias stays without.

    Raises:
        InvalidInputError: A layer without bias would need one: for a null unit with a
            constant other than 0 in it, or for null units with σ(constant) ≠ 0 in the
            layer before whose coefficients do not cancel.

    Example:
        >>> import numpy as np
        >>> from condensery.theory import embed, embedding
        >>> net = [(np.array([[2.0]]), np.array([1.0])), (np.array([[4.0]]), None)]
        >>> wide = embed(
        ...     net,
        ...     embedding([1, 1, 1], source={1: [0, 0]}, beta={1: [0.25, 0.75]}),
        ...     sigma=np.tanh,
        ... )
        >>> wide[0][0].tolist(), wide[1][0].tolist()
        ([[2.0], [2.0]], [[1.0, 3.0]])
    """
    wide: list[tuple[np.ndarray, np.ndarray | None]] = []
    for level, (weight, bias) in enumerate(parameters, start=1):
        above, below, alpha = (
            embedding.source[level],
            embedding.source[level - 1],
            embedding.alpha[level - 1],
        )
        null_above, null_below = above == NULL, below == NULL
        W = alpha * np.where(
            null_above[:, None] | null_below,
            1.0,
            np.asarray(weight)[np.ix_(above, below)],
        )
        moved = (
            alpha[:, null_below] @ sigma(embedding.constant[level - 1][null_below])
            if null_below.any()
            else 0.0
        )
        shift = embedding.constant[level] - moved
        if bias is None:
            if np.any(np.abs(shift) > 0):
                unit = int(np.argmax(np.abs(shift)))
                raise InvalidInputError(
                    f"layer {level}",
                    given=f"no bias, where unit {unit} needs {shift[unit]:.6g}",
                    allowed="null units whose constants the layers without bias can "
                    "do without",
                    remedy="use constants with σ = 0, or give the layer a bias",
                )
            wide.append((W, None))
            continue
        wide.append((W, np.where(null_above, 0.0, np.asarray(bias)[above]) + shift))
    return wide
