"""Layers, rotations and rows of slopes that every property test draws from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

# Hypothesis likes edge values; these stay where squares neither overflow nor underflow.
entries = st.floats(
    -100.0,
    100.0,
    allow_nan=False,
    allow_subnormal=False,
).map(lambda x: 0.0 if abs(x) < 1e-6 else x)
positive = st.floats(1e-3, 1e3, allow_nan=False)


@dataclass(frozen=True)
class Layer:
    """Rows (w, b) and output weights of one layer, none of them zero."""

    rows: np.ndarray
    outputs: np.ndarray


@st.composite
def layers(
    draw: st.DrawFn, *, min_units: int = 1, max_units: int = 24, max_features: int = 5
) -> Layer:
    """A layer with distinct amplitudes, some units of which share their direction."""
    units = draw(st.integers(min_units, max_units))
    features = draw(st.integers(2, max_features))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    centres = generator.standard_normal((draw(st.integers(1, units)), features))
    rows = centres[generator.integers(len(centres), size=units)]
    rows = rows + draw(
        st.sampled_from([0.0, 1e-3, 0.1, 1.0])
    ) * generator.standard_normal(rows.shape)
    rows *= generator.uniform(
        0.1,
        10.0,
        size=(units, 1),
    )
    return Layer(
        rows,
        generator.choice([-1.0, 1.0], units) * generator.uniform(0.01, 10.0, units),
    )


@st.composite
def rotations(draw: st.DrawFn, size: int) -> np.ndarray:
    """An orthogonal matrix, uniformly distributed."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    q, r = np.linalg.qr(generator.standard_normal((size, size)))
    return q * np.sign(np.diag(r))


def matrices(*, max_side: int = 8) -> st.SearchStrategy[np.ndarray]:
    """Finite matrices, zero rows included."""
    return arrays.arrays(
        np.float64,
        arrays.array_shapes(
            min_dims=2,
            max_dims=2,
            max_side=max_side,
        ),
        elements=entries,
    )
