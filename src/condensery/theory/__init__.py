"""Closed forms: where a network lies in the phase diagram, what it will do there, how
neurons merge and split.
"""

from condensery._doors import guard
from condensery.theory._activations import (
    ACTIVATION_NAMES,
    ActivationFacts,
    AffinePiece,
    Reflection,
    activation_facts,
)
from condensery.theory._chance import aligned_by_chance
from condensery.theory._coordinates import (
    SCHEMES,
    Coordinates,
    coordinates,
    finite_width_slope,
    kappas,
)
from condensery.theory._dropout import (
    dropout_flattening,
    dropout_r1,
    dropout_r1_approximate,
    dropout_r1_bound,
)
from condensery.theory._early_flow import (
    EarlyMeasures,
    condensation_time,
    early_flow,
    early_growth,
    early_measures,
    patch_direction,
)
from condensery.theory._embedding import (
    NULL,
    Embedding,
    embed,
    embedding,
    even_fractions,
)
from condensery.theory._initial_directions import initial_directions
from condensery.theory._initial_lines import (
    explained_by_line,
    initial_lines,
    unfitted,
)
from condensery.theory._kernels import NtkKernels, ntk_two_layer_relu
from condensery.theory._linear_descent import linear_descent, patch_matrix
from condensery.theory._merge_table import MERGE_NAMES, MergeRule, merge_rule
from condensery.theory._optimistic import (
    ConvolutionSizes,
    optimistic_convolution,
    optimistic_matrix,
)
from condensery.theory._phase import boundary, phase_slope, regime
from condensery.theory._prediction import ntk_relative_distance
from condensery.theory._random_embedding import random_embedding
from condensery.theory._resting import (
    residual_drive,
    resting_angles,
    resting_rank,
)
from condensery.theory._three_layer import (
    LayerSlopes,
    three_layer_boundaries,
    three_layer_slopes,
)

__all__ = [
    "ACTIVATION_NAMES",
    "MERGE_NAMES",
    "NULL",
    "SCHEMES",
    "ActivationFacts",
    "AffinePiece",
    "ConvolutionSizes",
    "Coordinates",
    "EarlyMeasures",
    "Embedding",
    "LayerSlopes",
    "MergeRule",
    "NtkKernels",
    "Reflection",
    "activation_facts",
    "aligned_by_chance",
    "boundary",
    "condensation_time",
    "coordinates",
    "dropout_flattening",
    "dropout_r1",
    "dropout_r1_approximate",
    "dropout_r1_bound",
    "early_flow",
    "early_growth",
    "early_measures",
    "embed",
    "embedding",
    "even_fractions",
    "explained_by_line",
    "finite_width_slope",
    "initial_directions",
    "initial_lines",
    "kappas",
    "linear_descent",
    "merge_rule",
    "ntk_relative_distance",
    "ntk_two_layer_relu",
    "optimistic_convolution",
    "optimistic_matrix",
    "patch_direction",
    "patch_matrix",
    "phase_slope",
    "random_embedding",
    "regime",
    "residual_drive",
    "resting_angles",
    "resting_rank",
    "three_layer_boundaries",
    "three_layer_slopes",
    "unfitted",
]

guard(globals(), __all__)
