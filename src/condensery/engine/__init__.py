"""Training in compiled code: gradient flow and descent of whole ensembles, in float64."""

from condensery.engine._calibrate import calibrate_eta
from condensery.engine._descend import DescentResult, DescentState, descend, init_descent
from condensery.engine._ensemble import Ensemble
from condensery.engine._flow import FlowResult, FlowState, flow
from condensery.engine._objectives import Objective, mean_square
from condensery.engine._optimisers import SGD, Adam
from condensery.engine._precision import PRECISION
from condensery.engine._probes import RecordOutput, RecordParameters
from condensery.engine._reference import ReferenceResult, reference_flow
from condensery.engine._schedule import log_steps

__all__ = [
    "PRECISION",
    "SGD",
    "Adam",
    "DescentResult",
    "DescentState",
    "Ensemble",
    "FlowResult",
    "FlowState",
    "Objective",
    "RecordOutput",
    "RecordParameters",
    "ReferenceResult",
    "calibrate_eta",
    "descend",
    "flow",
    "init_descent",
    "log_steps",
    "mean_square",
    "reference_flow",
]
