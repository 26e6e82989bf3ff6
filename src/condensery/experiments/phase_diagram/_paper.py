"""What Luo, Xu, Ma and Zhang (JMLR 22(71), 2021; arXiv 2007.07497) print and state
about the phase diagram.
"""

from __future__ import annotations

from collections.abc import Mapping

from condensery.records import Relation, Statement

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


def _s(name: str, relation: Relation, source: str, statement: str) -> Statement:
    return Statement(
        id=name, paper=PAPER, statement=statement, relation=relation, source=source
    )


STATEMENTS = (
    _s(
        "coordinates",
        "<=",
        "Table 1",
        "The named initialisations have the coordinates of Table 1 (greatest "
        "deviation of the slopes of −log κ and "
        "−log κ' between m = 10⁴ and 10⁶).",
    ),
    _s(
        "conservation-order",
        ">=",
        "Eq. 77",
        "κ'²a² − ‖w‖² of every neuron is conserved: the mean drift falls at least "
        "in proportion to the step (factor "
        "for a tenth).",
    ),
    _s(
        "conservation",
        "<=",
        "Eq. 77",
        "κ'²a² − ‖w‖² of every neuron is conserved (largest drift by a fine "
        "fourth-order rule).",
    ),
    _s(
        "other-solver",
        "<=",
        "Eqs. 9-12",
        "The flow is the solution of its equations (relative difference of RD from "
        "a fine fourth-order rule).",
    ),
    _s(
        "rd-linear",
        "within",
        "Fig. 3a",
        "RD = 0.0088 ± 15 % at (γ, γ') = (0.5, 0), m = 1000.",
    ),
    _s(
        "rd-ntk",
        "within",
        "Thm. 6",
        "RD at (0.5, 0), m = 1000 equals the exact neural tangent prediction, "
        "within 10 %.",
    ),
    _s("rd-critical", "within", "Fig. 3b", "RD = 0.265 ± 15 % at (1, 0), m = 1000."),
    _s(
        "slope-critical",
        "<=",
        "Fig. 3b",
        "RD neither grows nor falls with the width at (1, 0): |S_w|.",
    ),
    _s(
        "rd-without-asi",
        "within",
        "Sec. 3",
        "Antisymmetric initialisation matters: without it RD = 0.48 ± 15 % at (1, 0).",
    ),
    _s(
        "rd-condensed",
        "within",
        "Fig. 3c",
        "RD = 7.4 ± 15 % at (1.75, 0), m = 1000 (mean over seeds).",
    ),
    _s(
        "slope-condensed",
        "between",
        "Fig. 3c",
        "S_w at (1.75, 0) lies in [0.33, 0.43].",
    ),
    _s(
        "slopes-row",
        "<=",
        "Fig. 3d",
        "S_w = −0.40, −0.20, 0.14, 0.22 at γ = 0.6, 0.8, 1.2, 1.4, γ' = 0 (greatest "
        "deviation).",
    ),
    _s(
        "fig4-rms",
        "<=",
        "Fig. 4",
        "S_w equals the printed map (root mean square over its unsaturated cells).",
    ),
    _s(
        "fig4-max",
        "<=",
        "Fig. 4",
        "S_w equals the printed map (greatest deviation over its unsaturated cells).",
    ),
    _s(
        "fig4-sign",
        "equal",
        "Fig. 4",
        "S_w has the printed sign wherever |S_w| > 0.05 (cells with another sign).",
    ),
    _s(
        "stars",
        "<=",
        "Fig. 4",
        "The boundary by row fit lies at the printed stars (greatest deviation over "
        "the five rows).",
    ),
    _s(
        "boundary",
        "<=",
        "Thms. 6 and 8",
        "The boundary by row fit lies at max(1, 1 + γ') (greatest deviation).",
    ),
    _s(
        "scaling",
        "<=",
        "Sec. 2.2",
        "RD depends on (κ, κ') only: equal for three (β1, β2) after mapped steps "
        "(relative spread).",
    ),
    _s(
        "seeds",
        "<=",
        "Sec. 3",
        "S_w does not depend on the seed (greatest deviation from the mean over "
        "seeds).",
    ),
    _s(
        "linear-identity",
        "<=",
        "Thm. 6",
        "S_w = γ − 1 in the linear regime whatever γ' ≤ 0 (greatest deviation at γ "
        "≤ 0.8).",
    ),
    _s(
        "condensed-identity",
        "<=",
        "Thm. 8",
        "S_w = (γ − 1 − γ')/2 where |γ'| ≤ γ − 1 (greatest deviation; the exponent "
        "is derived from Thm. 8's scaling).",
    ),
    _s("a-lazy", "within", "Prop. 26", "S_w = 0.43 in the a-lazy cell (1.4, −0.4)."),
    _s(
        "two-groups",
        "equal",
        "Fig. 2f",
        "At (1.75, 0), m = 1000, the neurons with A > 0.05 max form two groups.",
    ),
    _s(
        "group-angles",
        "<=",
        "Fig. 2f",
        "Their orientations are −arctan(1/6) and −π + arctan(1/6) (greatest "
        "deviation, rad).",
    ),
    _s(
        "group-spread",
        "<=",
        "Fig. 2f",
        "Each is tight (standard deviation of the angles, rad).",
    ),
    _s(
        "scattered-active",
        ">=",
        "Fig. 2d",
        "At (0.5, 0), m = 1000, more than 600 neurons are active.",
    ),
    _s(
        "scattered-bins",
        "equal",
        "Fig. 2d",
        "They occupy all of 64 bins of orientation.",
    ),
    _s(
        "scattered-turned",
        "<=",
        "Fig. 2d",
        "They keep their orientations (median change, rad).",
    ),
    _s(
        "output-condensed",
        "<=",
        "Fig. 2c",
        "At (1.75, 0) the output is the linear spline through the samples (greatest "
        "deviation).",
    ),
    _s("output-condensed-centre", "within", "Fig. 2c", "f(0) = 0.028 at (1.75, 0)."),
    _s(
        "output-critical-centre",
        "within",
        "Fig. 2b",
        "f(0) = −0.027 at (1, 0): smooth, below the samples.",
    ),
    _s("output-linear-centre", "within", "Fig. 2a", "f(0) = 0.017 at (0.5, 0)."),
    _s(
        "output-linear",
        "between",
        "Fig. 2a",
        "At (0.5, 0) the output leaves the linear spline by 0.015 to 0.03 at most.",
    ),
    _s(
        "image-boundary",
        "<=",
        "Fig. 5",
        "On images the boundary by row fit lies at max(1, 1 + γ') (greatest "
        "deviation).",
    ),
    _s(
        "image-sign",
        "equal",
        "Fig. 5",
        "On images S_w has the sign that theory predicts wherever it predicts |S_w| "
        "≥ 0.1 (cells with another sign).",
    ),
    _s(
        "fig5-max",
        "<=",
        "Fig. 5",
        "On MNIST S_w equals the printed map (greatest deviation).",
    ),
    _s(
        "fig5-stars",
        "<=",
        "Fig. 5",
        "On MNIST the boundary by row fit lies at the printed stars (greatest "
        "deviation).",
    ),
)
BY_ID = {statement.id: statement for statement in STATEMENTS}
