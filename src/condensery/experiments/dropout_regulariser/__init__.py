"""The regulariser of dropout: exact on average, what a finite step adds, and where it
leads.
"""

from condensery.experiments.dropout_regulariser._experiment import (
    Config,
    DropoutRegulariser,
)

__all__ = ["Config", "DropoutRegulariser"]
