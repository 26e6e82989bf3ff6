"""The loss landscape of multilayer nets in float64: operators that move a net, with
receipts, and what is there.
"""

from condensery._doors import guard
from condensery._lazy import require

require("jax", purpose="condensery.landscape")

from condensery.landscape._along import loss_along, random_direction
from condensery.landscape._canonical import canonical
from condensery.landscape._critical import (
    CriticalPoint,
    CriticalSearch,
    find_critical,
    plateau_starts,
)
from condensery.landscape._derivatives import gradient, hessian, jacobian, pullback
from condensery.landscape._effective_units import effective_units
from condensery.landscape._embeddings import compatible, global_three
from condensery.landscape._end_point import SearchStatus
from condensery.landscape._escape import Escapes, Push, escapes
from condensery.landscape._inertia import (
    Inertia,
    count_signs,
    inertia,
    inertia_at,
    kink_distance,
    smallest_output_weight,
)
from condensery.landscape._inner_hessian import InnerHessian, inner_hessian
from condensery.landscape._lift import lift
from condensery.landscape._made import made_critical
from condensery.landscape._merge import (
    merge,
)
from condensery.landscape._network import (
    Layer,
    Parameters,
    Problem,
    check_parameters,
    features,
    flatten,
    forward,
    loss,
    output_errors,
    parameter_count,
    preactivations,
    unflatten,
    widths,
)
from condensery.landscape._polish import polish
from condensery.landscape._random_steps import random_steps
from condensery.landscape._rank import ModelRank, jacobian_rank, model_rank
from condensery.landscape._receipt import (
    Counts,
    Moved,
    Receipt,
)
from condensery.landscape._relative_gradient import relative_gradient
from condensery.landscape._split_inertia import (
    NullUnit,
    SplitBlock,
    SplitInertia,
    UnitSplit,
    new_descent_direction,
    split_inertia,
)
from condensery.landscape._unlift import linearity, unlift
from condensery.landscape._width import null, split, split_many
from condensery.landscape._zero_output import zero_output

__all__ = [
    "Counts",
    "CriticalPoint",
    "CriticalSearch",
    "Escapes",
    "Inertia",
    "InnerHessian",
    "Layer",
    "ModelRank",
    "Moved",
    "NullUnit",
    "Parameters",
    "Problem",
    "Push",
    "Receipt",
    "SearchStatus",
    "SplitBlock",
    "SplitInertia",
    "UnitSplit",
    "canonical",
    "check_parameters",
    "compatible",
    "count_signs",
    "effective_units",
    "escapes",
    "features",
    "find_critical",
    "flatten",
    "forward",
    "global_three",
    "gradient",
    "hessian",
    "inertia",
    "inertia_at",
    "inner_hessian",
    "jacobian",
    "jacobian_rank",
    "kink_distance",
    "lift",
    "linearity",
    "loss",
    "loss_along",
    "made_critical",
    "merge",
    "model_rank",
    "new_descent_direction",
    "null",
    "output_errors",
    "parameter_count",
    "plateau_starts",
    "polish",
    "preactivations",
    "pullback",
    "random_direction",
    "random_steps",
    "relative_gradient",
    "smallest_output_weight",
    "split",
    "split_inertia",
    "split_many",
    "unflatten",
    "unlift",
    "widths",
    "zero_output",
]

guard(globals(), __all__)
