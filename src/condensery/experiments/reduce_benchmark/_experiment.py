"""The experiment: its figure, and the value that declares it."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt

from condensery._errors import InvalidInputError
from condensery.charts import (
    Axis,
    Chart,
    Guide,
    Legend,
    Lines,
    Look,
    Panel,
    figure,
)
from condensery.data import load
from condensery.declare import Declared
from condensery.experiments.reduce_benchmark import _work
from condensery.experiments.reduce_benchmark._claims import LOST, judges
from condensery.experiments.reduce_benchmark._config import NETWORKS, STARTS, Config
from condensery.records import FigureSpec

LOOKS = {
    "direction": Look(marker="o", colour="0", above=2),
    "direction-lstsq": Look(marker="s", colour="1", above=3),
    _work.PEER: Look(marker="^", colour="ink", dashes=":", above=1),
    _work.CONTROL: Look(marker="D", colour="grey", dashes="--", hollow=True),
}
LOSS = {"−1": -1.0, "0": 0.0, "1": 1.0, "10": 10.0, "100": 100.0}


def _panel(network: str, start: str, when: str, config: Config) -> Panel:
    curves = Lines(
        table="losses",
        only={"network": network, "start": start, "when": when},
        by="series",
        x="place",
        y="lost",
        low="low",
        high="high",
        spread="bars",
        label="{}",
        look=Look(width=1.0, size=3.5),
        looks=LOOKS,
    )
    aim = Guide(y=(100 * LOST,), label="half a point")
    is_top, is_left = when == "before", (network, start) == ("mlp", "condensed")
    ticks = {f"1/{1 / ratio:.3g}": ratio for ratio in sorted(config.ratios)}
    label = "" if is_top else "share of the width"
    lost = f"points lost {when} fine-tuning" if is_left else ""
    return Panel(
        marks=(aim, curves),
        x=Axis(label=label, scale="log", ticks=ticks),
        y=Axis(label=lost, scale="symlog", limits=(-2.0, 100.0), ticks=LOSS),
        title=f"{network}, {start}" if is_top else "",
    )


CAPTION = (
    "Points of test accuracy lost against the share of every width that is kept, "
    "before (top) and after (bottom) the same fine-tuning; means over seeds with their "
    "95 % interval. The axis is linear between −1 and 1 and logarithmic beyond. "
    "Direction is merging by direction, with -lstsq refitted by least squares on data; "
    "the best peer is at every size the one with the highest mean; from scratch is a "
    "network of the small size trained as long as the large one. The dashed line is "
    "half a point."
)


def draws(config: Config) -> Sequence[FigureSpec]:
    """Accuracy against size."""
    columns = [(network, start) for network in NETWORKS for start in STARTS]
    panels = tuple(
        tuple(_panel(*column, when, config) for column in columns)
        for when in ("before", "after")
    )
    legend = Legend(place="outside lower center", columns=5)
    chart = Chart(panels=panels, height=4.6, legend=legend)
    return [figure("accuracy-against-size", CAPTION, chart)]


def reads(config: Config) -> str:
    """Digest of the images.

    Raises:
        InvalidInputError: A cnn is among the networks, and the data are no square
            images of 4 x 4 pixels or more.
    """
    data = load(config.data, samples=config.samples or None)
    pixels = data.x.shape[1]
    is_square = isqrt(pixels) ** 2 == pixels and pixels >= 16
    if "cnn" in config.networks and not is_square:
        raise InvalidInputError(
            "data",
            given=f"{data.name} with {pixels} values per sample for the cnn",
            remedy="set networks=mlp",
            allowed="square images of at least 4 x 4 pixels",
        )
    return data.digest


reduce_benchmark = Declared(
    name="reduce-benchmark",
    title="Cutting networks down: merging by direction against its peers",
    summary="A multilayer and a convolutional classifier are trained from a small "
    "initialisation with weight decay, by "
    "which they condense, and from torch's own without. Each is cut down to the "
    "same widths by merging by "
    "direction (with and without least squares on data), magnitude pruning, "
    "neuron merging, k-means folding with "
    "and without repair, and Torch-Pruning where it is installed; accuracy is "
    "measured before and after the same "
    "short fine-tuning. A network of the small size trained from scratch is the "
    "control.",
    papers=("chen2024reduction", "zhang2022embedding", "condensery"),
    task_version="3",
    Config=Config,
    presets={
        "quick": {},
        "paper": {
            "data": "fashion-mnist",
            "samples": 26_000,
            "test": 6000,
            "mlp_width": 512,
            "cnn_train": 8000,
            "cnn_exponent": 1.25,
            "ratios": [0.5, 0.25, 0.125],
            "epochs": 12,
            "batch": 64,
            "rate": 2e-3,
            "weight_decay": 1.0,
            "finetune": 2,
        },
    },
    work=_work.work,
    makes={
        "accuracy": _work.accuracy,
        "layers": _work.layers,
        "threshold": _work.threshold,
    },
    derives={"means": _work.means, "losses": _work.losses},
    judges=judges,
    draws=draws,
    reads=reads,
)
