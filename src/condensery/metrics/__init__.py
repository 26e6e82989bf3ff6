"""Measures of condensation, distance and rank on plain NumPy arrays.

Arrays have the axes ``(member, unit, feature)`` in this order; every measure computes
in float64.
"""

from condensery._doors import guard
from condensery.metrics._barrier import loss_barrier
from condensery.metrics._condensation import Condensation, condensation
from condensery.metrics._cosine import CosineMatrix, cosine_blocks, cosine_matrix
from condensery.metrics._distance import relative_distance
from condensery.metrics._entropy import effective_orientations, effective_rank
from condensery.metrics._falls import falling, within_decades
from condensery.metrics._likeness import Likeness, contributions, likeness
from condensery.metrics._lineage import Lineages, lineages
from condensery.metrics._lines import (
    LineShares,
    aligned_pairs,
    alignment,
    line_shares,
    line_sizes,
)
from condensery.metrics._orientation import (
    amplitude,
    angle_between,
    directions,
    orientation,
    projection_orientation,
)
from condensery.metrics._orientation_bins import (
    angular_distance,
    heaviest_share,
    orientation_bins,
    share_near,
)
from condensery.metrics._plateaus import Plateau, plateaus, slowest_fall
from condensery.metrics._polynomial import polynomial_residual
from condensery.metrics._slopes import (
    Boundary,
    WidthSlope,
    boundary_local_crossing,
    boundary_row_fit,
    width_slope,
)
from condensery.metrics._smoothness import (
    convexity_changes,
    relu_slopes,
    total_variation,
)
from condensery.metrics._uncertainty import (
    MeanDifference,
    Share,
    mean_difference,
    share,
)

__all__ = [
    "Boundary",
    "Condensation",
    "CosineMatrix",
    "Likeness",
    "LineShares",
    "Lineages",
    "MeanDifference",
    "Plateau",
    "Share",
    "WidthSlope",
    "aligned_pairs",
    "alignment",
    "amplitude",
    "angle_between",
    "angular_distance",
    "boundary_local_crossing",
    "boundary_row_fit",
    "condensation",
    "contributions",
    "convexity_changes",
    "cosine_blocks",
    "cosine_matrix",
    "directions",
    "effective_orientations",
    "effective_rank",
    "falling",
    "heaviest_share",
    "likeness",
    "line_shares",
    "line_sizes",
    "lineages",
    "loss_barrier",
    "mean_difference",
    "orientation",
    "orientation_bins",
    "plateaus",
    "polynomial_residual",
    "projection_orientation",
    "relative_distance",
    "relu_slopes",
    "share",
    "share_near",
    "slowest_fall",
    "total_variation",
    "width_slope",
    "within_decades",
]

guard(globals(), __all__)
