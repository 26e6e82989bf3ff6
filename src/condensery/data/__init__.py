"""Data sets by name, and a user's own: checked, read-only, in double precision, each
with a digest.
"""

from condensery._doors import guard
from condensery.data._dataset import Dataset, from_arrays
from condensery.data._load import DATASETS, load
from condensery.data._synthetic import (
    demo_a_target,
    demo_c_target,
    line_target,
    three_steps_target,
    two_steps_target,
)

__all__ = [
    "DATASETS",
    "Dataset",
    "demo_a_target",
    "demo_c_target",
    "from_arrays",
    "line_target",
    "load",
    "three_steps_target",
    "two_steps_target",
]

guard(globals(), __all__)
