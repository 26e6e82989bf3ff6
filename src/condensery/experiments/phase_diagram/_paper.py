"""What Luo, Xu, Ma and Zhang (JMLR 22(71), 2021; arXiv 2007.07497) print of the phase
diagram.
"""

from __future__ import annotations

from collections.abc import Mapping

PAPER = "luo2021phase"

_NAN = float("nan")
FIG4_GAMMAS = (0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2, 1.3, 1.4)
# Slopes decoded from the vector graphics of Fig. 4; nan where the colour is saturated
# (below -0.5).
FIG4 = {
    0.4: (*(_NAN,) * 10, -0.303, -0.107, 0.002),
    0.2: (
        _NAN,
        _NAN,
        _NAN,
        -0.412,
        -0.342,
        -0.314,
        -0.287,
        -0.236,
        -0.182,
        -0.119,
        -0.018,
        0.080,
        0.127,
    ),
    0.0: (
        -0.408,
        -0.318,
        -0.201,
        -0.100,
        -0.045,
        -0.025,
        0.010,
        0.018,
        0.037,
        0.084,
        0.143,
        0.178,
        0.213,
    ),
    -0.2: (
        -0.412,
        -0.318,
        -0.252,
        -0.115,
        -0.045,
        0.021,
        0.053,
        0.076,
        0.111,
        0.146,
        0.217,
        0.279,
        0.326,
    ),
    -0.4: (
        -0.424,
        -0.330,
        -0.275,
        -0.146,
        -0.068,
        -0.010,
        0.006,
        0.025,
        0.068,
        0.123,
        0.252,
        0.369,
        0.428,
    ),
}
FIG4_STARS = {0.4: 1.389, 0.2: 1.238, 0.0: 1.039, -0.2: 0.993, -0.4: 0.999}

FIG5_GAMMAS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
FIG5 = {
    0.0: (-0.314, -0.197, -0.080, -0.002, 0.061, 0.111, 0.158),
    -0.2: (-0.330, -0.213, -0.080, 0.049, 0.135, 0.201, 0.252),
}
FIG5_STARS = {0.0: 1.048, -0.2: 0.998}

KINKS = (-0.1651, -2.9764)
"""−arctan(1/6) and −π + arctan(1/6): orientations whose kinks are the inner data points
±1/6.
"""


def printed(
    table: Mapping[float, tuple[float, ...]], gammas: tuple[float, ...]
) -> dict[tuple[float, float], float]:
    """A printed table as {(gamma, gamma_prime): slope}, without the saturated cells."""
    return {
        (gamma, prime): value
        for prime, row in table.items()
        for gamma, value in zip(gammas, row, strict=True)
        if value == value
    }
