"""The examples do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from condensery._reference import load


@pytest.fixture
def minimal(root):
    names = (
        "flow",
        "relative_distance",
        "slope",
        "factors",
        "kernels",
        "gram",
        "spectrum",
        "integral",
        "X",
        "Y",
    )
    return {name: load(f"{root / 'examples' / 'minimal.py'}:{name}") for name in names}


def test_minimal_is_short_and_stands_alone(root):
    text = (root / "examples" / "minimal.py").read_text(encoding="utf-8")
    # the 150 lines of 120 columns are some 175 of 88
    assert len(text.splitlines()) <= 180
    assert set(re.findall(r"^\s*(?:import|from) (\w+)", text, flags=re.MULTILINE)) == {
        "sys",
        "numpy",
        "matplotlib",
    }


@pytest.mark.slow
@pytest.mark.parametrize(("gamma", "gamma_prime"), [(0.6, 0.0), (1.0, 0.0), (1.4, 0.2)])
def test_minimal_agrees_with_the_engine(minimal, gamma, gamma_prime):
    from condensery.engine import Ensemble, flow

    x = minimal["X"][:, :1]
    ensemble = Ensemble.grid(widths=[400], gammas=[gamma], gamma_primes=[gamma_prime])
    result = flow(ensemble, x, minimal["Y"], eta=0.02)
    start = result.parameters(0, initial=True)
    a, w = minimal["flow"](
        start["a"],
        start["w"],
        minimal["X"],
        minimal["Y"],
        float(ensemble.kappa[0]),
        float(ensemble.kappa_prime[0]),
    )
    half = slice(0, 400)
    distance = np.linalg.norm(w[half] - start["w"][half]) / np.linalg.norm(
        start["w"][half]
    )
    assert distance == pytest.approx(float(result.rd[0]), rel=0.03)
    residual = ensemble.kappa[0] * np.maximum(minimal["X"] @ w.T, 0) @ a - minimal["Y"]
    assert np.mean(residual**2) < 1e-6


def test_minimal_gram_matrix_is_that_of_its_jacobian(minimal):
    rng = np.random.default_rng(0)
    a, w, x, kappa, prime = (
        rng.normal(size=7),
        rng.normal(size=(7, 2)),
        minimal["X"],
        0.3,
        1.7,
    )

    def output(theta):
        return kappa * np.maximum(x @ theta[7:].reshape(7, 2).T, 0) @ theta[:7]

    theta, step = np.concatenate([a, w.ravel()]), 1e-6
    columns = [
        (output(theta + step * unit) - output(theta - step * unit)) / (2 * step)
        for unit in np.eye(21)
    ]
    jacobian = np.stack(columns, axis=1)
    mobility = np.repeat([1 / prime, prime], [7, 14])
    expected = jacobian * mobility @ jacobian.T / 4
    s, b = minimal["factors"](a, w, x)
    assert minimal["gram"](*minimal["kernels"](s, b, x), kappa, prime) == pytest.approx(
        expected, rel=1e-6
    )


def test_minimal_integral_has_its_closed_form(minimal):
    rates, q = minimal["spectrum"](np.diag([1.0, 4.0]))
    u = q @ minimal["integral"](rates, q.T @ np.array([1.0, 2.0]), 0.5)
    assert u == pytest.approx([1 - np.exp(-0.5), 2 * (1 - np.exp(-2.0)) / 4])


@pytest.mark.slow
def test_own_weights_shows_both_regimes(root):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(root / "examples" / "own_weights.py")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    before_after = [
        tuple(map(int, pair))
        for pair in re.findall(r"(\d+) before, (\d+) after", done.stdout)
    ]
    assert len(before_after) == 2
    (_, usual), (start, small) = before_after
    assert usual > 100
    assert start > 100
    assert small <= 5


@pytest.mark.slow
def test_which_regime_tells_two_starts_apart_and_abstains_from_the_third(root):
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(root / "examples" / "which_regime.py")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^regime: (\w+)", done.stdout, flags=re.MULTILINE) == [
        "linear",
        "condensed",
        "undetermined",
    ]
    assert "UntilLoss(relative=0.1, steps=40)" in done.stdout
