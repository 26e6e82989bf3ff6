"""All statements of the paper, in the order of the report."""

from __future__ import annotations

from condensery.declare import JudgedMeasure
from condensery.experiments.initial_condensation import _claims_five as five
from condensery.experiments.initial_condensation import _claims_line as line
from condensery.experiments.initial_condensation._config import Config

JUDGES: tuple[JudgedMeasure[Config], ...] = (
    line.line_most,
    line.line_xtanh,
    line.line_x2tanh,
    line.line_tanh,
    line.line_predicted,
    line.polynomial,
    line.polynomial_relu,
    five.five_start,
    five.five_tanh,
    five.five_sigmoid,
    five.five_softplus,
    *five.counts_in_five,
    line.theorem_descent,
    line.theorem_adam,
    line.descent_x2tanh,
    line.first_step,
    line.demo_b,
    *five.layers_with_residuals,
    *five.layers_without_residuals,
    *five.lines_of_layers,
)
