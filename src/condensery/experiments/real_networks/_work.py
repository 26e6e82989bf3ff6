"""The task of real-networks, and its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from condensery._errors import InvalidInputError
from condensery.declare import Blocks, Results, Work, table, task
from condensery.experiments.real_networks._config import Config
from condensery.experiments.real_networks._files import NETWORKS, locate
from condensery.protocols import Advance, Arrays
from condensery.records import Table

TEXT = ("layer", "kind", "role", "mergeable", "why")
NUMBERS = (
    "units",
    "features",
    "directed",
    "parallel",
    "opposite",
    "either",
    "bare",
    "chance",
    "effective_neurons",
    "effective_ratio",
    "chance_ratio",
    "excess",
    "largest_cosine",
    "chance_cosine",
    "smallest_cosine",
    "dead",
    "duplicates",
    "exact_merges",
    "approximate_merges",
)
SHARES = ("parallel", "opposite", "either", "bare", "chance")


@task(Config)
def look(
    config: Config, seed: int, advance: Advance, *, network: str, file: str
) -> Arrays:
    """Inspect one network, if it is there.

    Args:
        config: The configuration.
        seed: Not used: nothing is random.
        advance: Progress callback, (text, fraction).
        network: Its name.
        file: Digest of its weights, or why there are none.

    Returns:
        status, version and digest of the file; where there is one also all of
        `inspect_file`.

    Raises:
        InvalidInputError: The file is another one by now, or cannot be read without
            running code.
    """
    location = locate(network)
    if location.state != file:
        raise InvalidInputError(
            f"weights of {network}",
            given=location.state,
            allowed=file,
            remedy="the package was changed while this ran: run it again",
        )
    arrays = {
        "status": np.array([location.status]),
        "version": np.array([location.version]),
        "digest": np.array([location.digest]),
    }
    if location.path is None:
        return arrays
    from condensery.torch.studies import inspect_file

    inspection = inspect_file(
        location.path,
        threshold=config.threshold,
        heads=NETWORKS[network].heads,
        progress=advance,
    )
    return arrays | inspection


def work(config: Config) -> Iterator[Work]:
    """One network each; what is not there is part of the hash, so that it is looked at
    when it has come.
    """
    for name in config.networks:
        network = NETWORKS[name]
        state = locate(name).state
        yield look.work(network.title, network.cost, network=name, file=state)


def layers(config: Config, results: Results) -> Table:
    """A row per layer of the networks that are there."""
    inspected = [
        (arguments["network"], run)
        for arguments, run in results.of(look)
        if "layer" in run
    ]
    names = [name for name, run in inspected for _ in run["layer"]]
    columns: dict[str, Any] = {"network": np.array(names, dtype=np.str_)}
    for name in (*TEXT, *NUMBERS):
        # without any network the columns keep their types
        empty = np.array([], _type_of(name))
        columns[name] = np.concatenate([empty, *(run[name] for _, run in inspected)])
    units = np.maximum(columns["units"], 1)
    for name in SHARES:
        columns[f"{name}_share"] = columns[name] / units
    columns["two_way"] = (columns["units"] == 2) & (columns["role"] == "units")
    return Table(
        columns=columns,
        units={
            "either_share": "share of the units with |cos| >= "
            f"{config.threshold:g} to another",
            "bare_share": "the same without the biases",
            "chance_share": "the same for isotropic random directions",
            "two_way": "a head with two outputs",
        },
    )


def _type_of(name: str) -> type:
    """Whether a column is of texts, counts or measures."""
    if name in TEXT:
        return np.str_
    measured = ("ratio", "excess", "cosine", "chance")
    is_measured = any(word in name for word in measured)
    return np.float64 if is_measured else np.int64


@table(
    partners="units with a partner, two-way heads left out",
    by_chance="expected partners",
)
def networks(config: Config, results: Results) -> Blocks:
    """A row per network, whether it is there or not; merges and partners are of all
    layers but two-way heads.
    """
    table = layers(config, results)
    for arguments, run in results.of(look):
        name = arguments["network"]
        network = NETWORKS[name]
        counted = table.select(network=name, two_way=False)
        row: dict[str, Any] = {
            "network": name,
            "title": network.title,
            "task": network.task,
            "package": network.package,
            "file": network.file,
            "version": str(run["version"][0]),
            "digest": str(run["digest"][0]),
            "status": str(run["status"][0]),
            "parameters": _count(run, "parameters"),
            "skipped": _count(run, "skipped"),
            "layers": len(table.select(network=name)),
            "units": int(counted["units"].sum()),
            "partners": int(counted["either"].sum()),
            "by_chance": float(counted["chance"].sum()),
            "exact_merges": int(counted["exact_merges"].sum()),
            "approximate_merges": int(counted["approximate_merges"].sum()),
        }
        yield row


def _count(run: Mapping[str, Any], name: str) -> int:
    return int(run[name][0]) if "layer" in run else 0
