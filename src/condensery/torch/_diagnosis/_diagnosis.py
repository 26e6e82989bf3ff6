"""What a diagnosis says, as a table, as HTML and as JSON."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from condensery.records import Table
from condensery.torch._diagnosis._judge import LogSlope, Verdict, Word
from condensery.torch._diagnosis._layers import Layer, Role
from condensery.torch._diagnosis._stop import Stop
from condensery.torch._diagnosis._train import TrainedRun

_HEADS = (
    "layer",
    "role",
    "slope of RD",
    "margin",
    "RD",
    "slope of drift",
    "drift",
    "condensed",
    "regime",
)


_MEASURES = (
    "kind",
    "role",
    "slope",
    "slope_se",
    "margin",
    "rd",
    "drift_slope",
    "drift_slope_se",
    "drift",
    "condensed",
    "condensed_se",
    "regime",
    "remedy",
)
"""Attributes of a layer's diagnosis that are columns of the table."""
_SCALARS = (
    "kind",
    "role",
    "regime",
    "remedy",
    "slope",
    "slope_se",
    "margin",
    "drift_slope",
    "drift_slope_se",
    "condensed",
    "condensed_se",
)
"""Those of one value, in the order of the JSON document."""


@dataclass(frozen=True)
class LayerDiagnosis:
    """What was found for one layer.

    Attributes:
        name: Its name in the model.
        kind: Class of the module.
        role: ``hidden`` (units grow with the width), ``output`` (only its inputs do) or
            ``fixed``.
        regime: Its regime.
        remedy: What would settle it where it is undetermined.
        slope: S = d log RD/d log m at the last stage that all runs reached.
        slope_se: Its standard error.
        margin: What S may be off; see `condensery.torch.diagnose`.
        slopes: S at every stage, in their order.
        rd: Geometric mean over seeds of RD at every width.
        drift_slope: Slope of the log drift of the layer's tangent kernel.
        drift_slope_se: Its standard error.
        drift: Geometric mean of that drift at every width.
        condensed: 1 − (effective orientations)/(those of random directions) at the
            largest width, mean over seeds: near 0 as at random, near 1 if the units
            point in few directions. nan for other than hidden layers.
        condensed_se: Its standard error.
    """

    name: str
    kind: str
    role: Role
    regime: Word
    remedy: str
    slope: float
    slope_se: float
    margin: float
    slopes: tuple[float, ...]
    rd: tuple[float, ...]
    drift_slope: float
    drift_slope_se: float
    drift: tuple[float, ...]
    condensed: float
    condensed_se: float

    @classmethod
    def of(
        cls,
        layer: Layer,
        verdict: Verdict,
        slopes: Sequence[LogSlope],
        drift: LogSlope,
        condensed: np.ndarray,
    ) -> Self:
        """The diagnosis of a layer that was measured."""
        last = slopes[-1]
        error = condensed.std(ddof=1) / np.sqrt(len(condensed))
        return cls(
            name=layer.name,
            kind=layer.kind,
            role=layer.role,
            regime=verdict.regime,
            remedy=verdict.remedy,
            slope=last.slope,
            slope_se=last.se,
            margin=verdict.margin,
            slopes=tuple(slope.slope for slope in slopes),
            rd=last.values,
            drift_slope=drift.slope,
            drift_slope_se=drift.se,
            drift=drift.values,
            condensed=float(condensed.mean()),
            condensed_se=float(error),
        )

    @classmethod
    def open(cls, layer: Layer, remedy: str) -> Self:
        """The diagnosis of a layer whose runs reached no common stage."""
        return cls(
            name=layer.name,
            kind=layer.kind,
            role=layer.role,
            regime="undetermined",
            remedy=remedy,
            slope=math.nan,
            slope_se=math.nan,
            margin=math.nan,
            slopes=(),
            rd=(),
            drift_slope=math.nan,
            drift_slope_se=math.nan,
            drift=(),
            condensed=math.nan,
            condensed_se=math.nan,
        )


@dataclass(frozen=True)
class Diagnosis:
    """The regime of a training, layer by layer; prints as a table.

    Attributes:
        regime: Of the model: ``linear``, ``critical``, ``condensed`` or
            ``undetermined``.
        remedy: What would settle it where it is undetermined.
        layers: What was found for each layer.
        kernel_drift: Slope of the log drift of the whole tangent kernel; None if no
            stage was reached by all.
        widths: The widths, ascending.
        seeds: The seeds.
        stop: The rule that ended the runs.
        stages: The stages that all runs reached: shares of the initial loss, or steps.
        runs: Every run with its measures.
    """

    regime: Word
    remedy: str
    layers: tuple[LayerDiagnosis, ...]
    kernel_drift: LogSlope | None
    widths: tuple[int, ...]
    seeds: tuple[int, ...]
    stop: Stop
    stages: tuple[float, ...]
    runs: tuple[TrainedRun, ...]

    @property
    def table(self) -> Table:
        """A row per layer; values of the largest width at the last common stage."""
        rows = [
            {"layer": layer.name, **{name: getattr(layer, name) for name in _MEASURES}}
            for layer in self.layers
        ]
        for row, layer in zip(rows, self.layers, strict=True):
            row["rd"] = _last(layer.rd)
            row["drift"] = _last(layer.drift)
        return Table(
            columns={name: [row[name] for row in rows] for name in rows[0]},
            units={
                "slope": "d log RD/d log width",
                "rd": "at the largest width",
                "drift": "at the largest width",
            },
        )

    @property
    def measures(self) -> Table:
        """A row per width, seed, stage and layer: RD, drift and condensation, for a
        figure of one's own.
        """
        rows = [
            {
                "width": run.width,
                "seed": run.seed,
                "stage": stage,
                "layer": layer.name,
                "rd": moment.rd[k],
                "drift": moment.drift[k],
                "condensed": moment.condensed[k],
            }
            for run in self.runs
            for stage, moment in zip(self.stages, run.moments, strict=False)
            for k, layer in enumerate(self.layers)
        ]
        names = ("width", "seed", "stage", "layer", "rd", "drift", "condensed")
        return Table(
            columns={name: np.array([row[name] for row in rows]) for name in names}
        )

    def document(self) -> dict[str, Any]:
        """What JSON holds; numbers that are not finite are null."""
        layers = [
            {
                "layer": layer.name,
                **{name: _plain(getattr(layer, name)) for name in _SCALARS},
                "slopes": [_plain(slope) for slope in layer.slopes],
                "rd": [_plain(distance) for distance in layer.rd],
                "drift": [_plain(drift) for drift in layer.drift],
            }
            for layer in self.layers
        ]
        drift = {}
        if self.kernel_drift is not None:
            drift["slope"] = _plain(self.kernel_drift.slope)
            drift["slope_se"] = _plain(self.kernel_drift.se)
        return {
            "regime": self.regime,
            "remedy": self.remedy,
            "layers": layers,
            "kernel_drift": drift,
            "widths": list(self.widths),
            "seeds": list(self.seeds),
            "stop": repr(self.stop),
            "stages": list(self.stages),
            "runs": [
                {
                    "width": run.width,
                    "seed": run.seed,
                    "steps": run.steps,
                    "loss": run.loss,
                    "first_loss": run.first_loss,
                    "stages": len(run.moments),
                }
                for run in self.runs
            ],
        }

    def json(self) -> str:
        """The document as JSON."""
        return json.dumps(
            self.document(), indent=2, ensure_ascii=False, allow_nan=False
        )

    def __str__(self) -> str:
        lines = [_HEADS, *self._rows()]
        columns = list(zip(*lines, strict=True))
        widths = [max(len(cell) for cell in column) for column in columns]
        padded = [
            [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
            for line in lines
        ]
        table = ["  ".join(line).rstrip() for line in padded]
        return "\n".join([self._summary(), "", *table, *self._notes()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in _HEADS)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
            for row in self._rows()
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._notes() if note)
        summary = f"<p>{html.escape(self._summary())}</p>"
        table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        return f"{summary}<table>{table}</table>{notes}"

    def _summary(self) -> str:
        where = "no stage reached by all runs"
        if self.stages:
            where = self.stop.describe(self.stages[-1])
        widths = ", ".join(str(width) for width in self.widths)
        return (
            f"regime: {self.regime}  (widths {widths}; {len(self.seeds)} seeds; "
            f"{where})"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                layer.name,
                layer.role,
                _pair(layer.slope, layer.slope_se, sign=True),
                _number(layer.margin),
                _number(_last(layer.rd)),
                _pair(layer.drift_slope, layer.drift_slope_se, sign=True),
                _number(_last(layer.drift)),
                _pair(layer.condensed, layer.condensed_se),
                layer.regime,
            )
            for layer in self.layers
        ]

    def _notes(self) -> list[str]:
        notes = [
            f"{layer.name} is undetermined; {layer.remedy}"
            for layer in self.layers
            if layer.remedy
        ]
        goal = self.stop.stages
        if len(self.stages) < len(goal):
            late = [run for run in self.runs if len(run.moments) < len(goal)]
            worst = max(late, key=lambda run: run.loss)
            notes.append(
                f"{len(late)} of {len(self.runs)} runs did not get to {goal[-1]:g} "
                "of the initial loss in "
                f"{self.stop.steps} steps (width {worst.width}, seed {worst.seed} "
                f"ended at a loss of {worst.loss:.3g})"
            )
        if any(_is_carried(layer) for layer in self.layers):
            notes.append(
                "the tangent kernel of a linear layer drifts more with the width: "
                "other layers move far"
            )
        return ["", *notes] if notes else []


def _is_carried(layer: LayerDiagnosis) -> bool:
    """Whether a hidden layer is linear, but its tangent kernel drifts more with the
    width.
    """
    is_linear = layer.regime == "linear" and layer.role == "hidden"
    return is_linear and layer.drift_slope > 2 * layer.drift_slope_se > 0


def _last(values: Sequence[float]) -> float:
    return values[-1] if values else math.nan


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float) -> str:
    return "–" if not math.isfinite(value) else f"{value:.3g}"


def _pair(value: float, error: float, *, sign: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    text = f"{value:+.3f}" if sign else f"{value:.2f}"
    return f"{text} ± {error:.2g}" if math.isfinite(error) else text
