"""How large critical manifolds are: zero modes counted."""

from condensery.experiments.manifold_dimension._experiment import manifold_dimension
from condensery.experiments.manifold_dimension._work import (
    Config,
    copies,
    dimensions,
    example,
)

__all__ = [
    "Config",
    "copies",
    "dimensions",
    "example",
    "manifold_dimension",
]
