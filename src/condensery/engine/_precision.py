"""The lab computes in float64: the flag has to be set before the first array is made,
so it is set on import.
"""

import jax

jax.config.update("jax_enable_x64", val=True)

PRECISION = "float64"
"""Precision of arrays that are made without naming one."""
