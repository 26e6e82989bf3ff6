"""What the statements are from: the paper, or this project beside it."""

from __future__ import annotations

from functools import partial

from condensery.declare import Measured, claim

ABSENT = Measured(None, needs="its activation among activations")
of_theory = partial(claim, paper="zhou2023cnn", source="two-layer CNN, initial stage")
of_images = partial(claim, paper="zhou2023cnn", source="CNN on 500 images")
project_on_theory = partial(
    claim,
    paper="condensery",
    kind="observation",
    source="this project, on the two-layer CNN of Zhou et al. 2023, initial stage",
)
project_on_images = partial(
    claim,
    paper="condensery",
    kind="observation",
    source="this project, on the CNN on 500 images of Zhou et al. 2023",
)
