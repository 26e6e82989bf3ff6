"""Why claims fail, as other runs show: on the digits one with sixteen seeds."""

from __future__ import annotations

from condensery.experiments.dropout_images._config import Config

SIXTEEN = "with --set seeds=16 --set small_steps=0"
CAUSES = {
    "same-accuracy": f"{SIXTEEN} +2.01 (1.13 to 2.9), so that it is not the scatter of "
    "few seeds; cause unknown",
    "better": f"the scatter of four seeds: {SIXTEEN} every gain is at least 12.4 "
    "(10.6 to 14.3)",
    "falls-with-p": f"{SIXTEEN} −0.07 (−0.89 to 0.75), so that it is not the scatter "
    "of few seeds; cause unknown",
    "r1-not-r2": f"the scatter of four seeds: {SIXTEEN} +0.781 (0.245 to 1.32)",
    "without-r1": f"the scatter of four seeds: {SIXTEEN} +0.414 (0.064 to 0.765)",
}

ON_MNIST = {
    "better": "the start: with --set data=mnist --set exponent=0.3 R_drop gains 26.7 "
    "(22.9 to 30.4) and R_S + R1 26.1 (23.9 to 28.3), but end at 66 % of the images",
}
"""The same on MNIST, from a larger start (columns of table runs)."""


def cause(name: str, config: Config, *, fails: bool) -> str:
    """What is added to the note of a claim: nothing where it holds, or where no run
    looked for the cause.
    """
    causes = {"mnist": ON_MNIST}.get(config.data, {})
    if config.data == "digits" and config.seeds < 16:
        causes = CAUSES
    return f"; {causes[name]}" if fails and name in causes else ""
