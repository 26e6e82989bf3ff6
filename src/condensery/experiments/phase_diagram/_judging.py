"""Which configurations and tables a statement of the paper can be judged by, and why
the others leave it open.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from condensery.declare import Expected, JudgedMeasure, Measured, Tables, claim
from condensery.experiments.phase_diagram._config import Config
from condensery.records import Kind

REDUCED = "reduced widths and one seed: wider than the paper preset's"
Measure = Callable[[Config, Tables], Measured | None]


def on_any(config: Config) -> bool:
    """The statement is of no run in particular."""
    return True


def on_line(config: Config) -> bool:
    """The paper's four points, with antisymmetric initialisation."""
    return config.activation == "relu" and config.kind == "line" and config.asi


def is_wide(config: Config) -> bool:
    """Whether slopes over these widths can be held against the printed ones, which are
    of widths 1000 to 40,000.
    """
    narrowest = min(config.widths)
    return narrowest >= 1000 and max(config.widths) >= 10 * narrowest


def on_map(config: Config) -> bool:
    """The map of the line, over widths as printed."""
    return on_line(config) and is_wide(config)


def on_images(config: Config) -> bool:
    """Images, whichever."""
    return config.activation == "relu" and config.kind == "images"


def on_mnist(config: Config) -> bool:
    """The images of the paper."""
    return on_images(config) and config.data.lower() == "mnist"


def printed_claim(
    name: str,
    statement: str,
    expected: Expected,
    *,
    kind: Kind,
    source: str,
    on: Callable[[Config], bool],
    needs: str,
) -> Callable[[Measure], JudgedMeasure[Config]]:
    """Claim a sentence of the paper on the function that measures it.

    Args:
        name: Id of the claim.
        statement: The sentence.
        expected: What the paper preset has to find.
        kind: What it is evidence of.
        source: Where in the paper.
        on: Of which configurations the statement speaks; elsewhere nothing is measured.
        needs: Name of the table that is measured; without it nothing is.
    """
    declared = claim(
        name,
        statement,
        expected,
        kind=kind,
        paper="luo2021phase",
        source=source,
    )

    def judged(measure: Measure) -> JudgedMeasure[Config]:
        def measured(config: Config, tables: Tables) -> Measured:
            judges = on(config) and needs in tables
            result = measure(config, tables) if judges else None
            if result is not None:
                return result
            return Measured(None, needs=_lacks(on, config))

        return declared(measured)

    return judged


line_claim = partial(printed_claim, on=on_line)
map_claim = partial(printed_claim, on=on_map)
image_claim = partial(printed_claim, on=on_images)
mnist_claim = partial(printed_claim, on=on_mnist)


def _lacks(on: Callable[[Config], bool], config: Config) -> str:
    """What a configuration lacks for a statement to speak of it."""
    if config.activation != "relu":
        return "activation=relu"
    if on(config):
        return "the cells and widths of a preset"
    if on in _DATA:
        return _DATA[on]
    if config.kind != "line":
        return "data=line"
    widths = "widths >= 1000 over at least a decade"
    return widths if config.asi else "asi=true"


_DATA = {
    on_mnist: "data=mnist",
    on_images: "data=digits, fashion-mnist or mnist",
}


def by_size(config: Config, paper: float, quick: float) -> float:
    """A tolerance: that of the paper preset, or that of reduced widths and seeds."""
    return paper if config.size == "paper" else quick


def reduced(config: Config) -> str:
    """Why a tolerance is wider than the paper preset's; empty where it is not."""
    return "" if config.size == "paper" else REDUCED


def joined(*notes: str) -> str:
    """Notes that are not empty, as one."""
    return "; ".join(filter(None, notes))
