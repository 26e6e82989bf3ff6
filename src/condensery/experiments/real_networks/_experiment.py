"""The experiment: its figure, and the value that declares it."""

from __future__ import annotations

from collections.abc import Sequence

from condensery.declare import Declared
from condensery.experiments.real_networks._claims import judges
from condensery.experiments.real_networks._config import Config
from condensery.experiments.real_networks._files import NETWORKS, locate
from condensery.experiments.real_networks._work import layers, networks, work
from condensery.records import FigureSpec, digest


def draws(config: Config) -> Sequence[FigureSpec]:
    """Shares, layer by layer."""
    return [
        FigureSpec(
            name="partners",
            plot="condensery.plots.partners",
            caption="Share of the units of every layer, in the order of the "
            "weights file, that have |cos| ≥ "
            f"{config.threshold:g} to another unit of the layer, one panel "
            "per network. Rings: none at all. "
            "Diamonds: two-way heads, whose two rows are opposite by "
            "symmetry. Crosses: the same without the "
            "biases, where either count is not zero. Small bars: what "
            "isotropic random directions would show.",
        )
    ]


def reads(config: Config) -> str:
    """Digest of the files that are there, and of which are not."""
    return digest({name: locate(name).state for name in config.networks})


real_networks = Declared(
    name="real-networks",
    title="Are networks that people use condensed? A control",
    summary="Six trained networks that come inside Python packages (three that find "
    "faces, one that hears pitch, one that "
    "hears voices, one that compares sentences) are given to "
    "condensery.torch.inspect, and the units that have a "
    "partner, another unit with |cos| >= 0.95, are counted in every layer. Only "
    "weights are read: no package is "
    "imported and no code of theirs is run. What is not installed is left out "
    "and named.",
    papers=("xu2025overview", "condensery"),
    task_version="2",
    Config=Config,
    presets={"quick": {}, "paper": {"networks": list(NETWORKS)}},
    work=work,
    makes={"networks": networks, "layers": layers},
    judges=judges,
    draws=draws,
    reads=reads,
)
