"""Where a monitor's numbers go: JSON lines, TensorBoard, Weights & Biases, MLflow."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NOT_IN_MLFLOW = re.compile(r"[^\w\-. /]")


class JsonLines:
    """Appends one JSON object per measured step to a file; nan becomes null.

    Args:
        path: The file; it is made with the first line, and lines that are there stay.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from condensery.torch import JsonLines
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sink = JsonLines(Path(folder) / "monitor.jsonl")
        ...     sink.write(100, {"0/effective_ratio": 0.5})
        ...     sink.close()
        ...     (Path(folder) / "monitor.jsonl").read_text().strip()
        '{"step": 100, "0/effective_ratio": 0.5}'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append the values of one step."""
        row: dict[str, float | None] = {"step": step}
        for name, value in values.items():
            row[name] = value if math.isfinite(value) else None
        line = json.dumps(row, ensure_ascii=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def close(self) -> None:
        """Nothing is open between two lines."""


class TensorBoard:
    """Scalars in TensorBoard.

    Args:
        writer: A folder for a writer of its own, or a ``SummaryWriter`` that stays
            open.
        prefix: Put before every name.
    """

    def __init__(self, writer: Any, *, prefix: str = "condensery/") -> None:
        self._owns = isinstance(writer, str | Path)
        if self._owns:
            from torch.utils.tensorboard import SummaryWriter

            writer = SummaryWriter(str(writer))
        self.writer = writer
        self.prefix = prefix

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add one scalar per value."""
        for name, value in values.items():
            self.writer.add_scalar(f"{self.prefix}{name}", value, step)

    def close(self) -> None:
        """Write what is buffered; a writer of our own is closed."""
        self.writer.close() if self._owns else self.writer.flush()


class WeightsAndBiases:
    """Metrics of a Weights & Biases run, with a step axis of their own.

    A run drops what is logged at a step that has gone by, and every row that is
    committed moves its step on. So that nothing of the user's is dropped, whether their
    loop gives steps or not, values join the row that the loop writes next and commit
    none: one row of ours to each of theirs. What finds no row is held back and written
    at the end.

    Args:
        run: The run; by default the one that ``wandb.init`` has begun.
        prefix: Put before every name.
        commit: Write a row at once. For runs to which nothing else is logged with
            ``step=``.
    """

    def __init__(
        self,
        run: Any = None,
        *,
        prefix: str = "condensery/",
        commit: bool = False,
    ) -> None:
        if run is None:
            import wandb

            run = wandb.run
            if run is None:
                raise RuntimeError(
                    "no run has begun: call wandb.init() first, or pass a run"
                )
        self.run = run
        self.prefix = prefix
        self.commit = commit
        self._held: deque[dict[str, float]] = deque()
        self._row: int | None = None
        run.define_metric(f"{prefix}*", step_metric=f"{prefix}step")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values of one step, in the next row that is free."""
        named = {f"{self.prefix}{name}": value for name, value in values.items()}
        self._held.append({f"{self.prefix}step": step, **named})
        if self.commit:
            self.close()
        elif self.run.step != self._row:
            self._row = self.run.step
            self.run.log(self._held.popleft(), commit=False)

    def close(self) -> None:
        """Write what was held back; the run is the user's and stays open."""
        if self._held and self._row == self.run.step:
            # else it would overwrite the last one, which still waits for a row's end
            self.run.log({}, commit=True)
        while self._held:
            self.run.log(self._held.popleft(), commit=True)


class MLflow:
    """Metrics of the active MLflow run; characters that MLflow refuses in names become
    underscores, nan is left out.

    Args:
        prefix: Put before every name.
    """

    def __init__(self, *, prefix: str = "condensery/") -> None:
        import mlflow

        self._mlflow = mlflow
        self.prefix = prefix

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values of one step."""
        metrics = {}
        for name, value in values.items():
            if math.isfinite(value):
                key = _NOT_IN_MLFLOW.sub("_", f"{self.prefix}{name}")
                metrics[key] = value
        self._mlflow.log_metrics(metrics, step=step)

    def close(self) -> None:
        """The run is the user's and stays open."""
