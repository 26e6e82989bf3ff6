"""The parameters of reduce-benchmark."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from condensery.declare import Count, Positive, Settings
from condensery.records import DataPath

Network = Literal["mlp", "cnn"]
NETWORKS: tuple[Network, ...] = get_args(Network)
Start = Literal["condensed", "ordinary"]
STARTS: tuple[Start, ...] = get_args(Start)


class Config(Settings):
    """Parameters of reduce-benchmark."""

    data: Annotated[str, DataPath()] = "digits"
    """digits, mnist-1d (for the mlp), mnist or fashion-mnist, or the path of a file or
    folder as `condensery.data.load` takes it.
    """
    samples: int = Field(default=0, ge=0)
    """Keep only the first so many of the data; 0 for all of them."""
    test: int = Field(default=600, ge=10)
    """How many of them are held out, drawn at random by the seed."""
    cnn_train: int = Field(default=0, ge=0)
    """Keep only so many training samples for the cnn, which is slower; 0 for all of
    them.
    """
    networks: tuple[Network, ...] = NETWORKS
    """mlp (one hidden layer) and cnn (two convolutions and one hidden layer)."""
    mlp_width: int = Field(
        default=256,
        ge=4,
        le=100_000,
    )
    """Hidden units of the mlp."""
    cnn_widths: tuple[int, int, int] = (64, 64, 128)
    """Channels, channels and hidden units of the cnn."""
    exponent: float = Field(default=1.5, ge=0.0, le=5.0)
    """The condensed mlp starts from N(0, std²) with std = width^−exponent, as
    `condensery.torch.condense` does it.
    """
    cnn_exponent: float = Field(default=1.0, ge=0.0, le=5.0)
    """The same for the cnn, layer by layer. It is smaller: with four small layers in a
    row the gradients of the first ones vanish for the whole training.
    """
    weight_decay: float = Field(
        default=0.6,
        ge=0.0,
        le=100.0,
    )
    """Decoupled, of the condensed networks alone."""
    tau: float = Field(
        default=0.7,
        gt=0.0,
        le=1.0,
    )
    """Cosine of the merging that is given no width."""
    fitted: int = Field(default=500, ge=32)
    """Training samples for the repair of folding and for least squares."""
    ratios: tuple[float, ...] = (0.25, 0.125, 0.0625)
    """Shares of every width to keep."""
    epochs: Count = 30
    """Of training, and of the control that is trained at the small size from
    scratch.
    """
    finetune: int = Field(default=6, ge=0)
    """Epochs of fine-tuning after the cut."""
    batch: Count = 32
    """Samples of a step."""
    rate: Positive = 4e-3
    """Learning rate of Adam at the beginning; it falls to zero along a half cosine."""
    seeds: int = Field(default=5, ge=1, le=1000)
    """How many runs, with seeds 0, 1, …."""
