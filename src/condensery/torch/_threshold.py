"""The cosine from which the workshop counts two directions as one."""

COSINE_THRESHOLD = 0.95
"""That of Zhang & Xu 2024 (arXiv 2207.05952): counts can be compared with theirs.

It suits the layers of real models, whose rows have many entries, so that chance rarely
reaches it. `condensery.metrics.condensation` has 0.99, since it also serves rows of two
entries, of which 10 % are closer than 0.95 by chance. `inspect`, `diagnose` and
the monitor share this value, so that their numbers of one model agree.
"""
