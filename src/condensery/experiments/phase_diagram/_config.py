"""Parameters of the phase diagram, and their values by size and kind of data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from condensery.data import load
from condensery.declare import Count, Settings
from condensery.records import DataPath
from condensery.theory import ACTIVATION_NAMES

if TYPE_CHECKING:
    from condensery.data import Dataset

FIGURES = ("phase-diagram", "rd-against-width", "regimes", "scatter-grid")
IMAGES = ("digits", "fashion-mnist", "mnist")
Kind = Literal["line", "images", "own"]

# Luo et al. 2021, Fig. 4: the grid as it is drawn there.
_FIG4_GAMMAS = [0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.2, 1.3, 1.4]
_FIG4_PRIMES = [-0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4]
_FIG5_GAMMAS = [0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3]
_FIG5_PRIMES = [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]

_DEFAULTS: dict[tuple[str, str], dict[str, Any]] = {
    ("quick", "line"): {
        "gammas": _FIG4_GAMMAS,
        "gamma_primes": [-0.4, -0.2, 0.0, 0.2, 0.4],
        "widths": [1000, 3000, 10_000],
        "scatter_widths": [1000, 10_000],
        "row_seeds": 5,
        "tolerance": 0.01,
    },
    ("paper", "line"): {
        "gammas": _FIG4_GAMMAS,
        "gamma_primes": _FIG4_PRIMES,
        "widths": [1000, 5000, 10_000, 20_000, 40_000],
        "scatter_widths": [1000, 10_000, 1_000_000],
        "row_seeds": 5,
    },
    ("quick", "images"): {
        "gammas": _FIG5_GAMMAS,
        "gamma_primes": [-0.2, 0.0, 0.2],
        "widths": [300, 1000, 3000],
        "scatter_widths": [300, 3000],
        "samples": 45,
        "tolerance": 0.01,
    },
    ("paper", "images"): {
        "gammas": _FIG5_GAMMAS,
        "gamma_primes": _FIG5_PRIMES,
        "widths": [1000, 3000, 10_000],
        "scatter_widths": [1000, 10_000],
        "samples": 45,
    },
}


def kind_of(data: str) -> Kind:
    """What sort of data a name stands for."""
    name = (
        data.strip().lower().replace("_", "-").replace(" ", "-")
    )  # as `condensery.data.load` reads it
    return "line" if name == "line" else "images" if name in IMAGES else "own"


class Config(Settings):
    """The configuration; what is left out is filled in by size and kind of data."""

    model_config = ConfigDict(allow_inf_nan=False)

    size: Literal["quick", "paper"] = "quick"
    """Size of the run; set by the preset."""
    data: Annotated[str, DataPath()] = "line"
    """``line``, ``digits``, ``fashion-mnist``, ``mnist``, or the path of your own CSV,
    NPY or NPZ file.
    """
    data_path: Annotated[str | None, DataPath()] = None
    """Where the IDX files of fashion-mnist or mnist are: a folder, or the image
    file.
    """
    samples: int | None = Field(default=None, ge=2)
    """How many samples of the data to take (45 images in the paper's script)."""
    activation: str = "relu"
    """A name of the registry; the paper's statements are for relu."""
    asi: bool
    """Antisymmetric initialisation; on for `line`, off for images, as in the paper's
    scripts.
    """
    gammas: tuple[float, ...] = Field(min_length=1)
    """Columns of the map: γ, the phase coordinate of the output scale."""
    gamma_primes: tuple[float, ...] = Field(min_length=1)
    """Rows of the map: γ', the phase coordinate of the ratio of the layers."""
    widths: tuple[int, ...] = Field(min_length=2)
    """Widths whose RD gives the slopes, at least two."""
    seeds: Count = 1
    """Runs per cell and width."""
    row_seeds: Count = 1
    """Runs per width at γ = 0.5, 1 and 1.75, γ' = 0 (the paper's Figs. 2 and 3; `line`
    only).
    """
    scatter_widths: tuple[int, ...] = ()
    """Widths overlaid in the grid of scatters; those not in `widths` are trained for
    it.
    """
    target_loss: float = Field(gt=0)
    """Mean square at which training stops: 1e-6 for `line`, 1e-4 for images."""
    tolerance: float = Field(default=0.0025, gt=0, lt=1)
    """Relative change of RD by the last halving of the step parameter (see
    `calibrate_eta`).
    """
    max_steps: Count = 50_000
    """Steps after which a member is given up."""
    figures: tuple[
        Literal["phase-diagram", "rd-against-width", "regimes", "scatter-grid"], ...
    ] = FIGURES
    """Which figures to draw."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        kind = kind_of(str(values.get("data", "line")))
        size = values.get("size", "quick")
        table = _DEFAULTS.get((size, "line" if kind == "line" else "images"), {})
        filled = {
            "asi": kind == "line",
            "target_loss": 1e-6 if kind == "line" else 1e-4,
            **table,
            **{key: value for key, value in values.items() if value is not None},
        }
        if kind != "images" and values.get("samples") is None:
            filled.pop("samples", None)
        if (
            "scatter_widths" not in values
            and "widths" in values
            and isinstance(values["widths"], (list, tuple))
        ):
            filled["scatter_widths"] = (
                [values["widths"][0], values["widths"][-1]] if values["widths"] else []
            )
        return filled

    @field_validator("activation")
    @classmethod
    def _registered(cls, name: str) -> str:

        if name not in ACTIVATION_NAMES:
            raise ValueError(f"one of {', '.join(ACTIVATION_NAMES)}")
        return name

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        for name in ("widths", "scatter_widths"):
            values = getattr(self, name)
            if any(width < 1 for width in values):
                raise ValueError(f"{name} must be whole numbers >= 1")
        for name in ("gammas", "gamma_primes", "widths", "scatter_widths", "figures"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} must differ from one another")
        if any(abs(value) > 10 for value in (*self.gammas, *self.gamma_primes)):
            raise ValueError("gammas and gamma_primes must lie within -10 and 10")
        return self

    @property
    def kind(self) -> Kind:
        """What sort of data it is."""
        return kind_of(self.data)

    def load(self) -> Dataset:
        """The samples and targets."""
        arguments: dict[str, Any] = {"path": self.data_path, "samples": self.samples}
        chosen = {key: value for key, value in arguments.items() if value is not None}
        return load(self.data, **chosen)

    def grid(self) -> tuple[list[float], list[float]]:
        """γ and γ' of the grid of scatters: at most seven by seven, as in the paper,
        those on multiples of a tenth.
        """
        gammas = [
            gamma
            for gamma in self.gammas
            if 0.7 <= gamma <= 1.3 and abs(gamma * 10 - round(gamma * 10)) < 1e-9
        ]
        primes = [prime for prime in self.gamma_primes if abs(prime) <= 0.3 + 1e-9]
        if gammas and primes:
            return gammas, primes
        return list(self.gammas), list(self.gamma_primes)


def configuration(**values: Any) -> Config:
    """A configuration from what is given, the rest filled in by size and kind of data.

    Example:
        >>> configuration(data="line").target_loss
        1e-06
    """
    return Config.model_validate(values)
