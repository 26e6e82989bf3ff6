"""Training in compiled code: gradient flow and descent of whole ensembles, in
float64.
"""

from condensery._doors import guard
from condensery._lazy import require

require("jax", purpose="condensery.engine")

from condensery.engine._calibrate import calibrate_eta
from condensery.engine._classify import AdamW, cross_entropy
from condensery.engine._descend import descend
from condensery.engine._descent_state import DescentResult, DescentState
from condensery.engine._dropout import dropout_loss, dropout_part, expected_dropout_loss
from condensery.engine._dropout_noise import DropoutNoise, dropout_noise
from condensery.engine._empirical_ntk import empirical_ntk
from condensery.engine._ensemble import Ensemble
from condensery.engine._flow import flow
from condensery.engine._flow_state import FlowResult, FlowState
from condensery.engine._objectives import Objective, mean_square
from condensery.engine._optimisers import SGD, Adam, Optimiser
from condensery.engine._per_member import PerMember, per_member
from condensery.engine._precision import PRECISION
from condensery.engine._probes import (
    RecordLoss,
    RecordOutput,
    RecordParameters,
    parameters_of,
)
from condensery.engine._randomised import Randomised
from condensery.engine._reference import ReferenceResult, reference_flow
from condensery.engine._runge_kutta import runge_kutta
from condensery.engine._schedule import log_steps
from condensery.engine._three_layer import three_layer_flow
from condensery.engine._three_layer_ensemble import ThreeLayerEnsemble
from condensery.engine._three_layer_state import ThreeLayerResult, ThreeLayerState

__all__ = [
    "PRECISION",
    "SGD",
    "Adam",
    "AdamW",
    "DescentResult",
    "DescentState",
    "DropoutNoise",
    "Ensemble",
    "FlowResult",
    "FlowState",
    "Objective",
    "Optimiser",
    "PerMember",
    "Randomised",
    "RecordLoss",
    "RecordOutput",
    "RecordParameters",
    "ReferenceResult",
    "ThreeLayerEnsemble",
    "ThreeLayerResult",
    "ThreeLayerState",
    "calibrate_eta",
    "cross_entropy",
    "descend",
    "dropout_loss",
    "dropout_noise",
    "dropout_part",
    "empirical_ntk",
    "expected_dropout_loss",
    "flow",
    "log_steps",
    "mean_square",
    "parameters_of",
    "per_member",
    "reference_flow",
    "runge_kutta",
    "three_layer_flow",
]

guard(globals(), __all__)
