"""The loss landscape of multilayer nets in float64: operators that move a net, with
receipts, and what is there.
"""

from condensery.landscape._critical import (
    CriticalPoint,
    CriticalSearch,
    SearchStatus,
    canonical,
    find_critical,
    plateau_starts,
)
from condensery.landscape._inertia import (
    Inertia,
    count_signs,
    inertia,
    inertia_at,
    kink_distance,
    smallest_output_weight,
)
from condensery.landscape._lift import (
    lift,
    linearity,
    unlift,
)
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
    gradient,
    hessian,
    jacobian,
    loss,
    output_errors,
    parameter_count,
    preactivations,
    pullback,
    unflatten,
    widths,
)
from condensery.landscape._polish import polish
from condensery.landscape._rank import ModelRank, jacobian_rank, model_rank
from condensery.landscape._receipt import (
    Counts,
    Moved,
    Receipt,
)
from condensery.landscape._split_inertia import (
    InnerHessian,
    NullUnit,
    SplitBlock,
    SplitInertia,
    UnitSplit,
    inner_hessian,
    new_descent_direction,
    split_inertia,
)
from condensery.landscape._width import (
    compatible,
    global_three,
    null,
    split,
    split_many,
    zero_output,
)

__all__ = [
    "Counts",
    "CriticalPoint",
    "CriticalSearch",
    "Inertia",
    "InnerHessian",
    "Layer",
    "ModelRank",
    "Moved",
    "NullUnit",
    "Parameters",
    "Problem",
    "Receipt",
    "SearchStatus",
    "SplitBlock",
    "SplitInertia",
    "UnitSplit",
    "canonical",
    "check_parameters",
    "compatible",
    "count_signs",
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
    "smallest_output_weight",
    "split",
    "split_inertia",
    "split_many",
    "unflatten",
    "unlift",
    "widths",
    "zero_output",
]
