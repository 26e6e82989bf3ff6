"""What is an array where both NumPy's and JAX's are taken.

A function of JAX whose annotation says ``Array`` (objectives) is called
with JAX's arrays inside compiled programs. Whoever takes what a user holds (parameters
that were drawn with NumPy, data) says `AnyArray`.
"""

from __future__ import annotations

import jax
import numpy as np

AnyArray = np.ndarray | jax.Array
