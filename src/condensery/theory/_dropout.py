"""The implicit regulariser of dropout: what masks add to the loss on average, and where
that drives a network.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

from condensery._errors import InvalidInputError

Convention = Literal["half", "mse"]


def dropout_r1(
    features: Float[np.ndarray, "sample unit"],
    output_weights: Float[np.ndarray, "output unit"] | Float[np.ndarray, " unit"],
    *,
    keep: float,
    loss: Convention = "half",
) -> float:
    """R1, by which dropout after the last hidden layer raises the mean of the squared
    loss over all masks.

    Formula:
        R1 = (1 − p)/(2np) Σ_i Σ_j ‖W_L[:, j]‖² f_{L−1}[i, j]², and E_η R_drop = R_S +
        R1 exactly, whether or not the samples share a mask. It does not vanish with the
        learning rate. Among output weights and features with the same sum of
        contributions it is least when all contributions are parallel and equal (see
        `dropout_r1_bound`).

    Args:
        features: Outputs f_{L−1} of the last hidden layer without mask.
        output_weights: W_L, or a for a two-layer network with one output.
        keep: The keep probability p in (0, 1]; PyTorch's ``Dropout`` takes 1 − p.
        loss: ``half`` for R_S = 1/(2n) Σ ‖f − y‖², ``mse`` for the mean over samples
            and outputs, as PyTorch's MSELoss: 2/d' times as much for d' outputs.

    Returns:
        A number ≥ 0 in units of the loss; 0 for p = 1.

    Raises:
        InvalidInputError: p outside (0, 1], arrays that do not fit or are not finite,
            an unknown convention.

    Source:
        Zhang and Xu 2024 (arXiv 2207.05952), Lemma 1.

    Example:
        >>> import numpy as np
        >>> dropout_r1(np.array([[1.0, 2.0]]), np.array([3.0, 1.0]), keep=0.5)
        6.5
        >>> dropout_r1(np.array([[1.0, 2.0]]), np.array([3.0, 1.0]), keep=1.0)
        0.0
    """
    f, W = _layer(features, output_weights)
    if loss not in ("half", "mse"):
        raise InvalidInputError(
            "loss",
            given=loss,
            allowed="half or mse",
            remedy="half is the source's convention",
        )
    convention = 1.0 if loss == "half" else 2.0 / len(W)
    return (
        convention
        * _spread(keep, len(f))
        * float(np.sum(f**2, axis=0) @ np.sum(W**2, axis=0))
    )


def dropout_r1_bound(
    features: Float[np.ndarray, "sample unit"],
    output_weights: Float[np.ndarray, "output unit"] | Float[np.ndarray, " unit"],
    *,
    keep: float,
) -> float:
    """The least R1 that any network of the same width with the same outputs could have.

    Formula:
        R1 ≥ (1 − p)/(2npm) Σ_i ‖f(x_i) − b_L‖², because the squares of m vectors of
        given sum are least when the vectors are equal; equality holds if and only if
        all units contribute the same on the data.

    Args:
        features: As in `dropout_r1`.
        output_weights: As in `dropout_r1`.
        keep: As in `dropout_r1`.

    Returns:
        A number between 0 and R1 (convention ``half``).

    Raises:
        InvalidInputError: As in `dropout_r1`.

    Source:
        Derived here; the case m = 2 is the toy model of Zhang and Xu 2024 (arXiv
        2207.05952).

    Example:
        >>> import numpy as np
        >>> alike, apart = np.array([[1.0, 1.0]]), np.array([[2.0, 0.0]])
        >>> (
        ...     [dropout_r1(f, np.ones(2), keep=0.5) for f in (alike, apart)],
        ...     dropout_r1_bound(apart, np.ones(2), keep=0.5),
        ... )
        ([1.0, 2.0], 1.0)
    """
    f, W = _layer(features, output_weights)
    return _spread(keep, len(f)) / f.shape[1] * float(np.sum((f @ W.T) ** 2))


def dropout_r1_approximate(
    features: Float[np.ndarray, "sample unit"],
    jacobian: Float[np.ndarray, "sample output unit"],
    curvature: Float[np.ndarray, "sample output output"],
    *,
    keep: float,
) -> float:
    """R1 to second order in the masks, for dropout after any layer and for any loss.

    Formula:
        R1~ = (1 − p)/(2pn) Σ_i Σ_j f_l[i, j]² [J_iᵀ H_i J_i]_jj with J = d output/d f_l
        and H = d² loss/d output². For squared loss (H = 1) after the last hidden layer
        (J = W_L) it is `dropout_r1`; it is exact wherever the output is linear in f_l
        and the loss quadratic. Elsewhere nothing is proved of its error, as the masks
        are not small: compare it with an average over masks.

    Args:
        features: Outputs f_l of the layer before the mask.
        jacobian: J_i of every sample at these outputs.
        curvature: H_i of every sample, of a loss that is averaged over the samples.
        keep: As in `dropout_r1`.

    Returns:
        In units of the loss; ≥ 0 for a convex loss.

    Raises:
        InvalidInputError: p outside (0, 1], or arrays that do not fit or are not
            finite.

    Source:
        Wei, Kakade and Ma 2020 (arXiv 2002.12915), explicit regulariser of dropout.

    Example:
        >>> import numpy as np
        >>> f, W = np.array([[1.0, 2.0]]), np.array([3.0, 1.0])
        >>> dropout_r1_approximate(f, W[None, None], np.ones((1, 1, 1)), keep=0.5)
        6.5
    """
    f, J, H = (
        np.asarray(array, dtype=np.float64) for array in (features, jacobian, curvature)
    )
    outputs = J.shape[1] if J.ndim == 3 else 0
    if (
        f.ndim != 2
        or J.shape != (len(f), outputs, f.shape[1])
        or H.shape != (len(f), outputs, outputs)
    ):
        raise InvalidInputError(
            "jacobian",
            given=f"shapes {f.shape}, {J.shape}, {H.shape}",
            allowed="(sample, unit), (sample, output, unit), (sample, output, output)",
            remedy="check the axes",
        )
    _finite(f, J, H)
    pulled = np.einsum("nok,nop,npk->nk", J, H, J)
    return _spread(keep, len(f)) * float(np.sum(f**2 * pulled))


def dropout_flattening(
    a: Float[np.ndarray, " unit"],
    w: Float[np.ndarray, "unit feature"],
    x: Float[np.ndarray, "sample feature"],
    *,
    keep: float,
) -> Float[np.ndarray, " unit"]:
    """How fast R1 flattens the loss around a zero of R_S: the rate of each unit's share
    of the Hessian's trace.

    Formula:
        Under the flow of R_S + R1 at R_S = 0, for f = Σ a_j ReLU(w_j·x), with D_j the
        samples on which unit j is active and F_j = Σ_{D_j} ‖∇_{θ_j} f‖²: dF_j/dt = −2(1
        − p)/(np) a_j² { ‖Σ_{D_j} (w_j·x)x‖² + (Σ_{D_j} ‖x‖²)(Σ_{D_j} (w_j·x)²) }. (1/n)
        Σ_j F_j is the trace of the Hessian of R_S there, so that flatness grows
        wherever ∇R1 ≠ 0.

    Args:
        a: Output weights.
        w: Input weights; a bias is a column of them, with a column of ones in `x`.
        x: Samples.
        keep: The keep probability p in (0, 1].

    Returns:
        dF_j/dt ≤ 0 of every unit; 0 for units that are active on no sample. The paper's
        own flow prints half of it.

    Raises:
        InvalidInputError: p outside (0, 1], or arrays that do not fit or are not
            finite.

    Source:
        Zhang and Xu 2024 (arXiv 2207.05952), Theorem 2; the closed form is derived
        here.

    Example:
        >>> import numpy as np
        >>> dropout_flattening(
        ...     np.array([2.0]), np.array([[3.0]]), np.array([[1.0]]), keep=0.5
        ... )
        array([-144.])
    """
    a, w, x = (np.asarray(array, dtype=np.float64) for array in (a, w, x))
    if (
        w.ndim != 2
        or x.ndim != 2
        or a.shape != w.shape[:1]
        or w.shape[1:] != x.shape[1:]
        or not len(x)
    ):
        raise InvalidInputError(
            "a, w, x",
            given=f"shapes {a.shape}, {w.shape}, {x.shape}",
            allowed="(unit,), (unit, feature), (sample, feature)",
            remedy="add the bias to both or to neither",
        )
    _finite(a, w, x)
    active = np.maximum(x @ w.T, 0.0)
    pull = np.sum((active.T @ x) ** 2, axis=1)
    spread = ((active > 0).T @ np.sum(x**2, axis=1)) * np.sum(active**2, axis=0)
    return -4 * _spread(keep, len(x)) * a**2 * (pull + spread)


def _spread(keep: float, samples: int) -> float:
    """(1 − p)/(2np).

    Raises:
        InvalidInputError: p outside (0, 1].
    """
    if not 0.0 < keep <= 1.0:
        raise InvalidInputError(
            "keep",
            given=keep,
            allowed="a keep probability 0 < p <= 1",
            remedy="use 1 for no dropout",
        )
    return (1.0 - keep) / (2.0 * samples * keep)


def _layer(
    features: np.ndarray, output_weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    f, W = (
        np.asarray(features, dtype=np.float64),
        np.asarray(output_weights, dtype=np.float64),
    )
    W = W[None] if W.ndim == 1 else W
    if (
        f.ndim != 2
        or W.ndim != 2
        or f.shape[1] != W.shape[1]
        or 0 in f.shape
        or not len(W)
    ):
        raise InvalidInputError(
            "features and output_weights",
            given=f"shapes {f.shape} and {W.shape}",
            allowed="(sample, unit) and (output, unit), not empty",
            remedy="transpose one, or take W_L without bias",
        )
    _finite(f, W)
    return f, W


def _finite(*arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise InvalidInputError(
            "arrays",
            given="nan or inf",
            allowed="finite numbers",
            remedy="stop before it diverges",
        )
