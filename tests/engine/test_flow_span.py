"""With more features than samples only the span of the samples is trained; nothing of
it may show from outside.
"""

import math
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to measure the memory of a process of its own
import sys

import numpy as np
import pytest

from condensery.engine import Ensemble, flow
from condensery.engine._start import full_start

RNG = np.random.default_rng(5)
X, Y = RNG.standard_normal((5, 8)), RNG.standard_normal(5)
NEW = RNG.standard_normal((3, 8))
ENSEMBLE = Ensemble(
    np.array([6, 6]), np.array([0, 3]), np.array([0.8, 1.2]), np.array([0.2, -0.3])
)
TIME = 30.0


def heun(start, kappa, kappa_prime, steps):
    """The flow on all nine features by Heun's rule, one sample at a time."""

    def slope(a, w):
        grad_a, grad_w = np.zeros_like(a), np.zeros_like(w)
        for row, target in zip(X, Y, strict=True):
            sample = np.append(row, 1.0)
            s = np.tanh(w @ sample)
            error = kappa * float(a @ s) - target
            grad_a -= kappa / (kappa_prime * 5) * error * s
            grad_w -= kappa * kappa_prime / 5 * error * np.outer(a * (1 - s**2), sample)
        return grad_a, grad_w

    a, w, h = start["a"], start["w"], TIME / steps
    for _ in range(steps):
        a1, w1 = slope(a, w)
        a2, w2 = slope(a + h * a1, w + h * w1)
        a, w = a + h / 2 * (a1 + a2), w + h / 2 * (w1 + w2)
    return a, w


@pytest.fixture(scope="module")
def result():
    options = {
        "activation_name": "tanh",
        "eta": 0.004,
        "max_time": TIME,
        "target_loss": 1e-12,
        "max_steps": 10**5,
    }
    return flow(
        ENSEMBLE,
        X,
        Y,
        **options,
    )


def test_the_span_is_trained_and_the_whole_is_seen(result):
    (bucket,) = result.state.buckets
    w = bucket.weights.w
    assert w.shape[1] == 5
    for k in range(2):
        start, end = result.parameters(k, initial=True), result.parameters(k)
        assert start["w"].shape == end["w"].shape == (12, 9)
        a, w = heun(
            start,
            ENSEMBLE.kappa[k],
            ENSEMBLE.kappa_prime[k],
            2000,
        )
        np.testing.assert_allclose(end["a"], a, atol=2e-4)
        np.testing.assert_allclose(end["w"], w, atol=2e-4)
        assert np.max(np.abs(end["w"] - start["w"])) > 0.02
        rd = np.linalg.norm((w - start["w"])[:6]) / np.linalg.norm(start["w"][:6])
        assert result.rd[k] == pytest.approx(rd, rel=1e-3)
        for row, output in zip(
            NEW,
            result.predict(k, NEW),
            strict=True,
        ):
            hidden = [math.tanh(float(w[i] @ np.append(row, 1.0))) for i in range(12)]
            assert output == pytest.approx(
                ENSEMBLE.kappa[k] * sum(a * hidden), abs=2e-4
            )


def test_the_initial_parameters_are_those_that_were_drawn(result):
    for k in range(2):
        a, w = full_start(*ENSEMBLE.identity(k), 9)
        start = result.parameters(k, initial=True)
        assert np.array_equal(start["a"], np.concatenate([a, -a]))
        np.testing.assert_allclose(
            start["w"],
            np.concatenate([w, w]),
            atol=1e-14,
        )


def test_what_lies_outside_the_span_stays_as_drawn(result):
    full = np.column_stack([X, np.ones(5)])
    outside = np.linalg.svd(full)[2][5:]
    for k in range(2):
        moved = result.parameters(k)["w"] - result.parameters(k, initial=True)["w"]
        assert np.max(np.abs(moved @ outside.T)) < 1e-13


_WIDE = """
import re
from pathlib import Path
import numpy as np
from condensery.engine import Ensemble, flow
x = np.linspace(-0.5, 0.5, 4)[:, None]
ensemble = Ensemble.grid(widths=[1_000_000], gammas=[1.0])
result = flow(ensemble, x, x[:, 0] ** 2, max_steps=3)
assert result.steps[0] == 3 and np.isfinite(result.loss[0]) and result.rd[0] > 0
# Not getrusage: its peak is inherited from the process that started this one.
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_million_units_fit_into_two_gigabytes():
    done = subprocess.run(
        [sys.executable, "-c", _WIDE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 2e9
