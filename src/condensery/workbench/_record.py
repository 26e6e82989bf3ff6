"""`record`: a run that a monitor feeds."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from condensery._errors import DiskError, InvalidInputError, StoreBusyError
from condensery.records import RunConfig, RunStatus, Table
from condensery.store import TABLE, Recording, open_store
from condensery.workbench._extras import require_drawing
from condensery.workbench._finish import draw
from condensery.workbench._provenance import FILE, encode, provenance
from condensery.workbench._registry import find

_log = logging.getLogger("condensery.workbench")


def record(
    name: str,
    runs: str | Path = "runs",
    *,
    flush_seconds: float = 30.0,
    patience: float = 30.0,
) -> RecordSink:
    """A sink whose values become a run that ``condensery runs``, ``report`` and
    ``export`` accept.

    Args:
        name: What the training is called; two of one name are two runs.
        runs: The folder that holds all runs.
        flush_seconds: How often the table is written while the training goes on.
            Each step is on disk before that: a training that is killed loses none, and
            the next that writes the folder makes its table.
        patience: Seconds to wait at the end for another writer of this run.

    Raises:
        InvalidInputError: The name is empty.
        MissingExtraError: The figure could not be drawn in the end, without the extra
            ``plots``.

    Example:
        >>> import tempfile
        >>> import condensery
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     sink = condensery.record("my training", runs=folder)
        ...     for step, ratio in ((1, 1.0), (10, 0.5), (100, 0.125)):
        ...         sink.write(step, {"0/effective_ratio": ratio})
        ...     sink.close()
        ...     condensery.open(sink.run, runs=folder).tables["monitor"][
        ...         "effective_ratio"
        ...     ]
        array([1.   , 0.5  , 0.125])
    """
    if not name.strip():
        raise InvalidInputError(
            "name", given=repr(name), allowed="a text", remedy="name the training"
        )
    require_drawing("the report of a recorded run")
    return RecordSink(
        name,
        Path(runs),
        flush_seconds=flush_seconds,
        patience=patience,
    )


class RecordSink:
    """The sink that `record` makes; nothing is written before the first values.

    Attributes:
        run: Id of the run.
    """

    def __init__(
        self, name: str, root: Path, *, flush_seconds: float, patience: float
    ) -> None:
        begun = datetime.now(UTC).isoformat(timespec="microseconds")
        self._config = RunConfig(
            experiment="recorded",
            preset="quick",
            parameters={"name": name, "begun": begun},
        )
        self.run = self._config.run_id
        self._root, self._every, self._patience = root, flush_seconds, patience
        self._history: list[tuple[int, dict[str, float]]] = []
        self._steps = Recording(root, self._config)
        self._written = -float("inf")
        self._since = time.monotonic()
        self._closed = False

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the values of one step, on disk too; now and then the table is written.

        A disk that is full is logged: what it refused is written the next time.

        Raises:
            InvalidInputError: A value is no number, or the folder cannot be written.
        """
        numbers = {_key(key): _number(key, value) for key, value in values.items()}
        self._history.append((int(step), numbers))
        try:
            self._steps.add(int(step), numbers)
            if time.monotonic() - self._written >= self._every:
                self._flush("unfinished")
        except (StoreBusyError, DiskError) as error:
            _log.warning("the recorded run waits: %s", error)

    def close(self) -> None:
        """Write the table, the figure and the report.

        If another process writes this run for longer than the patience, the next that
        writes the folder takes the values in.
        """
        if self._closed or not self._history:
            return
        self._steps.end()
        limit = time.monotonic() + self._patience
        while not self._closed:
            try:
                self._flush("done")
                self._closed = True
            except StoreBusyError as error:
                if time.monotonic() >= limit:
                    _log.warning("the next writer finishes the recorded run: %s", error)
                    break
                time.sleep(0.2)
        self._steps.close(keep=not self._closed)
        self._closed = True

    def _flush(self, status: RunStatus) -> None:
        experiment = find("recorded").experiment
        with closing(open_store(self._root, write=True)) as store:
            store.create_run(self._config, [])
            store.put_table(self.run, TABLE, Table.of_history(self._history))
            if status == "done":
                store.put_claims(self.run, [])
                store.put_file(self.run, FILE, encode(provenance(experiment)))
                model = experiment.Config.model_validate(self._config.parameters)
                draw(store, experiment, model, self._config)
            now = time.monotonic()
            store.set_status(self.run, status, seconds=now - self._since)
            self._since = self._written = now


def _key(key: str) -> str:
    """The key, but for names of measures that are those of the table's axes."""
    layer, slash, name = str(key).rpartition("/")
    column = f"measured_{name}" if name in {"step", "layer"} else name
    return f"{layer}{slash}{column}"


def _number(key: str, value: object) -> float:
    """A value of any type of numbers, as the float that a table keeps.

    Raises:
        InvalidInputError: If it is none.
    """
    try:
        return float(value)  # pyrefly: ignore[bad-argument-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(
            f"value of {key}",
            given=value,
            allowed="a number",
            remedy="write one number for each name",
        ) from error
