"""Speed against peers, as ratios measured in one run: one file per bench."""

from condensery.bench._benches import BENCHES

__all__ = ["BENCHES"]
