"""Work of earlier code that a run does not use is named in one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from condensery.protocols import Task
from condensery.records import RunConfig
from condensery.store import LocalStore, open_store

_log = logging.getLogger("condensery.workbench")


def warn_of_unused_work(root: Path, config: RunConfig, tasks: Sequence[Task]) -> None:
    """Say which shards and runs in this folder the run does not use, and why.

    Args:
        root: The runs folder.
        config: The run that is about to begin or to go on.
        tasks: Its tasks as the program has them now.
    """
    with closing(open_store(root)) as store:
        ids = {summary.run for summary in store.runs()}
        if config.run_id in ids:
            lines = _unused_shards(store, config, tasks)
        else:
            lines = _earlier_runs(store, config)
        for line in lines:
            _log.warning("%s", line)


def _unused_shards(
    store: LocalStore, config: RunConfig, tasks: Sequence[Task]
) -> Iterator[str]:
    """Shards of this run under hashes that none of its tasks has any more."""
    run = config.run_id
    current = {task.hash for task in tasks}
    unused = [row for row in store.shard_rows(run) if row.task not in current]
    if not unused:
        return
    functions = sorted({task.function for task in tasks})
    shards = "1 earlier shard" if len(unused) == 1 else f"{len(unused)} earlier shards"
    yield (
        f"run {run}: {shards} under other hashes, not used: a task's hash holds its "
        "function's module, its parameters and its version, and the code has changed "
        f"them since (now {', '.join(functions)}); its tasks are computed again, the "
        f"earlier shards stay in {store.root / run / 'shards'}"
    )


def _earlier_runs(store: LocalStore, config: RunConfig) -> Iterator[str]:
    """Runs of this experiment and preset that were begun with other code or data."""
    configs = [began for _, began in store.readable()]
    earlier = [
        began
        for began in configs
        if (began.experiment, began.preset) == (config.experiment, config.preset)
    ]
    versions = [began for began in earlier if began.task_version != config.task_version]
    data = [
        began
        for began in earlier
        if began.parameters == config.parameters
        and began.task_version == config.task_version
        and began.data_digest != config.data_digest
    ]
    if versions:
        yield _not_used(
            config,
            versions,
            f"task version {versions[0].task_version}, now {config.task_version}",
        )
    if data:
        yield _not_used(config, data, "other data")


def _not_used(config: RunConfig, earlier: Sequence[RunConfig], reason: str) -> str:
    latest = earlier[0].run_id
    runs = "an earlier run" if len(earlier) == 1 else f"{len(earlier)} earlier runs"
    return (
        f"run {config.run_id} uses no shard of {runs} of {config.experiment} "
        f"({config.preset}; latest {latest}): {reason}; condensery show {latest} "
        "still shows it"
    )
