"""Measures of condensation, distance and rank on plain NumPy arrays.

Arrays have the axes ``(member, unit, feature)`` in this order; every measure computes
in float64.
"""

from condensery.metrics._condensation import Condensation, condensation
from condensery.metrics._cosine import CosineMatrix, cosine_blocks, cosine_matrix
from condensery.metrics._distance import relative_distance
from condensery.metrics._entropy import effective_orientations, effective_rank
from condensery.metrics._lineage import Lineages, lineages
from condensery.metrics._orientation import (
    amplitude,
    angle_between,
    directions,
    orientation,
    projection_orientation,
)
from condensery.metrics._plateaus import Plateau, plateaus
from condensery.metrics._slopes import (
    Boundary,
    WidthSlope,
    boundary_local_crossing,
    boundary_row_fit,
    width_slope,
)

__all__ = [
    "Boundary",
    "Condensation",
    "CosineMatrix",
    "Lineages",
    "Plateau",
    "WidthSlope",
    "amplitude",
    "angle_between",
    "boundary_local_crossing",
    "boundary_row_fit",
    "condensation",
    "cosine_blocks",
    "cosine_matrix",
    "directions",
    "effective_orientations",
    "effective_rank",
    "lineages",
    "orientation",
    "plateaus",
    "projection_orientation",
    "relative_distance",
    "width_slope",
]
