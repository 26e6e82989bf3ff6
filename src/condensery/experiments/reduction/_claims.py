"""The claims of reduction, each on its measure."""

from __future__ import annotations

from functools import partial

import numpy as np

from condensery.declare import (
    Measured,
    Tables,
    at_least,
    at_most,
    claim,
    within,
)
from condensery.experiments.reduction._config import REFERENCE, Config

STAGNANT = 0.05
"""Relative change of a loss that stagnates."""

RESTING = 0.02
"""Largest −d log loss/d log step on a plateau, as `condensery.metrics.plateaus` has
it.
"""

TRIED = (
    "cause unknown: it is not the number of steps (--set steps=10000: 1.2), the "
    "images (--set data=mnist: .74) or the size of the start (--set exponent=2, "
    "column slope of table members: .60)"
)
"""What other runs show of the missing second plateau."""

fig_5 = partial(claim, paper="zhang2021embedding", source="Fig. 5, Appendix")
at_the_setting = partial(fig_5, when=REFERENCE)


def _note(config: Config) -> str:
    if not config.is_reference:
        return "another setting than the paper's"
    return (
        f"the least favourable of {config.seeds} seeds; {config.data}, rate "
        f"{config.rate:g}"
    )


@at_the_setting(
    "width",
    "A condensed network of width 400 is merged to a width at least 4 times smaller.",
    at_least(4.0),
    kind="reproduction",
)
def width(config: Config, tables: Tables) -> Measured:
    """The least factor of the seeds."""
    factors = config.width / tables["members"]["width"]
    return Measured(float(factors.min()), _note(config))


@at_the_setting(
    "agreement",
    "The merged network predicts the same class for at least 97 % of unseen images.",
    at_least(0.97),
    kind="reproduction",
)
def agreement(config: Config, tables: Tables) -> Measured:
    """The least share of the seeds."""
    least = float(tables["members"]["agreement"].min())
    return Measured(least, _note(config))


@at_the_setting(
    "at-rest",
    "Where it is merged the loss of the wide network stagnates (its fall as a power of "
    "the step).",
    at_most(RESTING),
    kind="reproduction",
)
def at_rest(config: Config, tables: Tables) -> Measured:
    """The steepest fall of the seeds."""
    steepest = float(tables["members"]["slope"].max())
    note = f"the slowest place after the first plateau is a shoulder; {TRIED}"
    if steepest <= RESTING:
        note = "a plateau"
    return Measured(steepest, f"{note}; {_note(config)}")


@at_the_setting(
    "stagnates",
    "Trained on, the merged network stagnates at the loss of the wide one (largest "
    "relative departure of its loss from that before the merge).",
    at_most(STAGNANT),
    kind="reproduction",
)
def stagnates(config: Config, tables: Tables) -> Measured:
    """The largest departure of the seeds."""
    members = tables["members"]
    wide = float(members["departure_wide"].max())
    note = (
        f"within {config.retrain} steps, in which the wide network departs by "
        f"{wide:.2f}; {_note(config)}"
    )
    largest = float(members["departure"].max())
    if largest > STAGNANT:
        note += "; there is no plateau to rest on, as at-rest says"
    return Measured(largest, note)


@claim(
    "stagnates-on-plateau",
    "Merged on its first plateau, where the wide network does rest, the merged network "
    "stagnates at the same loss to the plateau's end (the same departure).",
    at_most(STAGNANT),
    kind="observation",
    paper="condensery",
    source="this project, on Fig. 5 of Zhang et al. 2021, Appendix",
    when=REFERENCE,
)
def stagnates_on_plateau(config: Config, tables: Tables) -> Measured:
    """The largest departure of the seeds that have a plateau."""
    members = tables["members"]
    rests = members["rest_width"] > 0
    if not rests.any():
        return Measured(None, needs="a plateau")
    largest = float(members["rest_departure"][rests].max())
    widths = ", ".join(str(units) for units in np.unique(members["rest_width"][rests]))
    note = f"{int(rests.sum())} of {config.seeds} seeds; merged to width {widths}"
    return Measured(largest, note)


@fig_5(
    "paper-width",
    "The effective width of the paper's network at its plateau is 58.",
    within(None, 10.0),
    kind="reproduction",
)
def paper_width(config: Config, tables: Tables) -> Measured:
    """The median width of the seeds."""
    median = float(np.median(tables["members"]["width"]))
    note = (
        "not judged: the paper's images are MNIST and its stop is not "
        f"printed; median of {config.seeds} seeds"
    )
    return Measured(median, note)


judges = (
    width,
    agreement,
    at_rest,
    stagnates,
    stagnates_on_plateau,
    paper_width,
)
