"""The regulariser of dropout: exact on average, what a finite step adds, and where it
leads.
"""

from condensery.experiments.dropout_regulariser._config import Config
from condensery.experiments.dropout_regulariser._experiment import dropout_regulariser

__all__ = ["Config", "dropout_regulariser"]
