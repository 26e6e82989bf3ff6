"""Every row of the merge table, tried on the functions themselves; and that what is
refused is no identity.
"""

import numpy as np
import pytest
from scipy.special import erf

from condensery._errors import InvalidInputError
from condensery.theory import MERGE_NAMES, merge_rule

SIGMA = {
    "relu": lambda z: z * (z > 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0),
    "sin": np.sin,
    "xtanh": lambda z: z * np.tanh(z),
    "x2tanh": lambda z: z * z * np.tanh(z),
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "hardtanh": lambda z: np.minimum(np.maximum(z, -1), 1),
    "linear": lambda z: z,
    "abs": abs,
    "square": lambda z: z * z,
    "relu_squared": lambda z: np.where(
        z > 0,
        z * z,
        0.0,
    ),
    "cos": np.cos,
    "erf": erf,
    "softsign": lambda z: z / (1 + abs(z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "hardswish": lambda z: (
        z
        * np.clip(
            z + 3,
            0,
            6,
        )
        / 6
    ),
    "hardsigmoid": lambda z: np.clip(
        z / 6 + 0.5,
        0,
        1,
    ),
    "elu": lambda z: np.where(
        z > 0,
        z,
        np.expm1(np.minimum(z, 0)),
    ),
    "selu": lambda z: (
        1.0507009873554805
        * np.where(
            z > 0,
            z,
            1.6732632423543772 * np.expm1(np.minimum(z, 0)),
        )
    ),
    "mish": lambda z: z * np.tanh(np.log1p(np.exp(z))),
    "relu6": lambda z: np.clip(z, 0, 6),
}
Z = np.concatenate(
    [np.linspace(-30, 30, 1201), np.random.default_rng(0).normal(size=50)]
)


def best_identity(sigma, ratio):
    """The least-squares factor, constant and slope, and what is left over."""
    rows = np.column_stack([sigma(Z), np.ones_like(Z), Z])
    found, *_ = np.linalg.lstsq(
        rows,
        sigma(ratio * Z),
        rcond=1e-12,
    )
    return np.max(np.abs(rows @ found - sigma(ratio * Z)))


def test_the_names():
    assert list(MERGE_NAMES) == list(SIGMA)


@pytest.mark.parametrize(
    "ratio", [1.0, -1.0, 2.5, 0.3, -2.5, -0.3, 1 + 1e-13, -1 - 1e-13]
)
@pytest.mark.parametrize("name", MERGE_NAMES)
def test_a_rule_is_an_identity_and_no_rule_means_there_is_none(name, ratio):
    sigma, rule = SIGMA[name], merge_rule(name, ratio)
    if rule is None:
        assert best_identity(sigma, ratio) > 1e-3
        return
    scale = np.max(np.abs(sigma(ratio * Z)))
    assert rule.factor * sigma(Z) + rule.constant + rule.slope * Z == pytest.approx(
        sigma(ratio * Z), abs=1e-11 * scale
    )
    assert rule.exact == (rule.slope == 0)
    if not rule.exact:  # without the linear path there is none
        rows = np.column_stack([sigma(Z), np.ones_like(Z)])
        found, *_ = np.linalg.lstsq(
            rows,
            sigma(ratio * Z),
            rcond=None,
        )
        assert np.max(np.abs(rows @ found - sigma(ratio * Z))) > 1e-2


def test_the_slope_of_a_trained_leak():
    rule = merge_rule("leaky_relu", -1.0, negative_slope=0.25)
    sigma = lambda z: np.where(z > 0, z, 0.25 * z)  # ruff: ignore[lambda-assignment]
    assert sigma(Z) + rule.slope * Z == pytest.approx(sigma(-Z), abs=1e-14)


@pytest.mark.parametrize("ratio", [0.0, np.nan, np.inf])
def test_ratios_that_are_none(ratio):
    with pytest.raises(InvalidInputError, match="ratio: given"):
        merge_rule("relu", ratio)


def test_an_activation_that_is_not_in_the_table():
    with pytest.raises(
        InvalidInputError, match=r"activation: given rellu; .*did you mean relu"
    ):
        merge_rule("rellu", 1.0)
