"""An independent reference: the normalised gradient flow of 2007.07497, step by step
with a step below 1/λ_max.
"""

import numpy as np
import pytest


def trained(
    x,
    y,
    gamma,
    gamma_prime,
    width,
    *,
    asi,
    seed,
    loss=1e-6,
    max_steps=20_000,
):
    """Initial and final (a, w) of the first copy after training to a mean square of
    `loss`.
    """
    rng = np.random.default_rng(seed)
    rows = np.column_stack([x, np.ones(len(x))])
    a, w = rng.standard_normal(width), rng.standard_normal((width, rows.shape[1]))
    if asi:
        a, w = np.concatenate([a, -a]), np.concatenate([w, w])
    kappa, kappa_prime = width**-gamma, width**-gamma_prime
    start = a[:width].copy(), w[:width].copy()
    for _ in range(max_steps):
        z = rows @ w.T
        features, gates = np.maximum(z, 0), (z > 0) * a
        error = kappa * features @ a - y
        if np.mean(error**2) < loss:
            return start, (a[:width], w[:width])
        gram = features @ features.T / kappa_prime + kappa_prime * (gates @ gates.T) * (
            rows @ rows.T
        )
        rate = 1 / (kappa**2 / len(y) * np.linalg.eigvalsh(gram)[-1])
        pull = np.linalg.norm(error @ rows / len(y))
        step = min(rate, 0.2 / (kappa * pull)) * kappa / len(y)
        a, w = (
            a - step / kappa_prime * (error @ features),
            w - step * kappa_prime * (error[:, None] * gates).T @ rows,
        )
    raise AssertionError("the reference flow did not reach its loss")


@pytest.fixture(
    scope="session",
)
def distances():
    """(RD(a), RD(w)) of `trained`, as a function of its arguments."""

    def measure(*args, **options):
        (a0, w0), (a, w) = trained(
            *args,
            **options,
        )
        return np.linalg.norm(a - a0) / np.linalg.norm(a0), np.linalg.norm(
            w - w0
        ) / np.linalg.norm(w0)

    return measure
