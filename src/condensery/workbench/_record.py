"""`record`: a run that a monitor feeds."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from condensery._errors import InvalidInputError, StoreBusyError
from condensery.records import RunConfig, RunStatus, Table
from condensery.store import open_store
from condensery.workbench._extras import require_drawing
from condensery.workbench._finish import draw
from condensery.workbench._provenance import FILE, encode, provenance
from condensery.workbench._registry import find

TABLE = "monitor"
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
        flush_seconds: How often the table is written while the training goes on. The
            folder is held for the moment of writing alone; if another process is
            writing then, the next occasion is taken.
        patience: Seconds to wait for another writer at the end.

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
        self._written = -float("inf")
        self._since = time.monotonic()
        self._closed = False

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the values of one step; now and then the table is written."""
        self._history.append((step, dict(values)))
        if time.monotonic() - self._written >= self._every:
            try:
                self._flush("unfinished")
            except StoreBusyError as error:
                _log.info("the recorded run waits: %s", error)

    def close(self) -> None:
        """Write the table, the figure and the report.

        Raises:
            StoreBusyError: Another process has been writing the folder for longer than
                the patience.
        """
        if self._closed or not self._history:
            return
        limit = time.monotonic() + self._patience
        while not self._closed:
            try:
                self._flush("done")
                self._closed = True
            except StoreBusyError:
                if time.monotonic() >= limit:
                    raise
                time.sleep(0.2)

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
