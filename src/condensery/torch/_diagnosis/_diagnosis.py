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
from condensery.torch._diagnosis._train import Stop, TrainedRun, UntilLoss

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
        return cls(
            layer.name,
            layer.kind,
            layer.role,
            verdict.regime,
            verdict.remedy,
            last.slope,
            last.se,
            verdict.margin,
            tuple(one.slope for one in slopes),
            last.values,
            drift.slope,
            drift.se,
            drift.values,
            float(condensed.mean()),
            float(condensed.std(ddof=1) / np.sqrt(len(condensed))),
        )

    @classmethod
    def open(cls, layer: Layer, remedy: str) -> Self:
        """The diagnosis of a layer whose runs reached no common stage."""
        nan = math.nan
        return cls(
            layer.name,
            layer.kind,
            layer.role,
            "undetermined",
            remedy,
            nan,
            nan,
            nan,
            (),
            (),
            nan,
            nan,
            (),
            nan,
            nan,
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
        rows = self.layers
        return Table(
            columns={
                "layer": [one.name for one in rows],
                "kind": [one.kind for one in rows],
                "role": [one.role for one in rows],
                "slope": [one.slope for one in rows],
                "slope_se": [one.slope_se for one in rows],
                "margin": [one.margin for one in rows],
                "rd": [_last(one.rd) for one in rows],
                "drift_slope": [one.drift_slope for one in rows],
                "drift_slope_se": [one.drift_slope_se for one in rows],
                "drift": [_last(one.drift) for one in rows],
                "condensed": [one.condensed for one in rows],
                "condensed_se": [one.condensed_se for one in rows],
                "regime": [one.regime for one in rows],
                "remedy": [one.remedy for one in rows],
            },
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
            (
                run.width,
                run.seed,
                stage,
                layer.name,
                moment.rd[k],
                moment.drift[k],
                moment.condensed[k],
            )
            for run in self.runs
            for stage, moment in zip(self.stages, run.moments, strict=False)
            for k, layer in enumerate(self.layers)
        ]
        names = ("width", "seed", "stage", "layer", "rd", "drift", "condensed")
        return Table(
            columns={
                name: np.array([row[k] for row in rows]) for k, name in enumerate(names)
            }
        )

    def document(self) -> dict[str, Any]:
        """What JSON holds; numbers that are not finite are null."""
        names = (
            "layer",
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
        table, whole = self.table, self.kernel_drift
        layers = [
            {
                **{name: _plain(table[name][k].item()) for name in names},
                "slopes": [_plain(one) for one in layer.slopes],
                "rd": [_plain(one) for one in layer.rd],
                "drift": [_plain(one) for one in layer.drift],
            }
            for k, layer in enumerate(self.layers)
        ]
        drift = (
            {"slope": whole.slope, "slope_se": whole.se} if whole is not None else {}
        )
        return {
            "regime": self.regime,
            "remedy": self.remedy,
            "layers": layers,
            "kernel_drift": {name: _plain(value) for name, value in drift.items()},
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
        heads, rows = _HEADS, self._rows()
        lines = [tuple(heads), *rows]
        widths = [
            max(len(line[place]) for line in lines) for place in range(len(heads))
        ]
        text = [
            "  ".join(
                cell.ljust(width) for cell, width in zip(line, widths, strict=True)
            )
            for line in lines
        ]
        return "\n".join(
            [self._summary(), "", *(line.rstrip() for line in text), *self._notes()]
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(one)}</th>" for one in _HEADS)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
            for row in self._rows()
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._notes() if note)
        summary = f"<p>{html.escape(self._summary())}</p>"
        table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        return f"{summary}<table>{table}</table>{notes}"

    def _summary(self) -> str:
        if not self.stages:
            where = "no stage reached by all runs"
        elif isinstance(self.stop, UntilLoss):
            where = f"at {self.stages[-1]:g} of the initial loss"
        else:
            where = f"after {self.stages[-1]:g} steps"
        widths = ", ".join(str(width) for width in self.widths)
        return (
            f"regime: {self.regime}  (widths {widths}; {len(self.seeds)} seeds; "
            f"{where})"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                one.name,
                one.role,
                _pair(one.slope, one.slope_se, sign=True),
                _number(one.margin),
                _number(_last(one.rd)),
                _pair(one.drift_slope, one.drift_slope_se, sign=True),
                _number(_last(one.drift)),
                _pair(one.condensed, one.condensed_se),
                one.regime,
            )
            for one in self.layers
        ]

    def _notes(self) -> list[str]:
        notes = [
            f"{one.name} is undetermined; {one.remedy}"
            for one in self.layers
            if one.remedy
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
        if any(
            one.regime == "linear"
            and one.role == "hidden"
            and one.drift_slope > 2 * one.drift_slope_se > 0
            for one in self.layers
        ):
            notes.append(
                "the tangent kernel of a linear layer drifts more with the width: "
                "other layers move far"
            )
        return ["", *notes] if notes else []


def _last(values: Sequence[float]) -> float:
    return values[-1] if values else math.nan


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float) -> str:
    return "–" if not math.isfinite(value) else f"{value:.3g}"


def _pair(value: float, error: float, *, sign: bool = False) -> str:
    if not math.isfinite(value):
        return "–"
    return (f"{value:+.3f}" if sign else f"{value:.2f}") + (
        f" ± {error:.2g}" if math.isfinite(error) else ""
    )
