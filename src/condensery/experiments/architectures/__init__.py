"""Do other structures condense?

MLP, CNN, residual net and transformer over initial scale, dropout and weight decay.
"""

from condensery.experiments.architectures._config import KINDS, LAYERS, Config
from condensery.experiments.architectures._experiment import architectures

__all__ = [
    "KINDS",
    "LAYERS",
    "Config",
    "architectures",
]
