"""What happens when the last task has ended: tables, claims, figures and the report,
each from the one before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pydantic import BaseModel

from condensery.protocols import Arrays, Experiment, Store
from condensery.records import Claim, RunConfig
from condensery.store import open_store
from condensery.workbench._configure import validated
from condensery.workbench._draw import draw_all
from condensery.workbench._events import Watcher
from condensery.workbench._opened import FIGURES, REPORT, Run, reopen, require_tables
from condensery.workbench._progress import Meter, heard_by
from condensery.workbench._provenance import FILE, encode, provenance
from condensery.workbench._registry import find
from condensery.workbench._report import Drawn, report_html

FAILURES = "failures.txt"
NOT_JUDGED = "not judged by this configuration"


def finish(
    store: Store,
    experiment: Experiment,
    model: BaseModel,
    config: RunConfig,
    shards: Sequence[Arrays],
    meter: Meter,
) -> list[Claim]:
    """Tables from the shards; everything else from the stored tables, so that `report`
    gives the same again.
    """
    run = config.run_id
    meter.enter("tables")
    for name, table in experiment.tables(model, shards).items():
        store.put_table(run, name, table)
    tables = store.tables(run)
    meter.enter("claims")
    claims = with_open(experiment, experiment.claims(model, tables))
    store.put_claims(run, claims)
    store.put_file(run, FILE, encode(provenance()))
    draw(store, experiment, model, config, meter)
    return claims


def draw(
    store: Store,
    experiment: Experiment,
    model: BaseModel,
    config: RunConfig,
    meter: Meter | None = None,
) -> None:
    """Draw the figures and write the report from what is stored."""
    run = config.run_id
    specs = list(experiment.figures(model))
    drawn: list[Drawn] = []
    if meter is not None and specs:
        meter.enter("figures", ", ".join(spec.name for spec in specs))
    for spec, files in zip(specs, draw_all(store.root, run, specs), strict=True):
        for ending, content in files.items():
            store.put_file(run, f"{FIGURES}/{spec.name}.{ending}", content)
        drawn.append(Drawn(spec, files["png"], files.get("gif")))
    if meter is not None:
        meter.enter("report")
    recorded = store.root / run / FILE
    page = report_html(
        experiment,
        config,
        claims=store.claims(run),
        tables=store.tables(run),
        drawn=drawn,
        provenance=json.loads(recorded.read_bytes()) if recorded.is_file() else {},
    )
    store.put_file(run, REPORT, page.encode())


def with_open(experiment: Experiment, judged: Sequence[Claim]) -> list[Claim]:
    """The claims in the order of the statements; a statement that was not judged is an
    open claim.
    """
    by_id: dict[str, list[Claim]] = {
        statement.id: [] for statement in experiment.statements
    }
    for claim in judged:
        by_id.setdefault(claim.id, []).append(claim)
    for statement in experiment.statements:
        if not by_id[statement.id]:
            by_id[statement.id].append(statement.check(None, None, note=NOT_JUDGED))
    return [claim for claims in by_id.values() for claim in claims]


def report(
    run: str, runs: str | Path = "runs", *, progress: Watcher | None = None
) -> Run:
    """Draw the figures and the report of a run again, from its stored tables alone.

    A run that does not exist or has no tables yet is refused with `InvalidInputError`.

    Args:
        run: Its id, a unique beginning of it, or ``last``.
        runs: The folder that holds all runs.
        progress: Called with a `Progress` at every change.
    """
    opened = reopen(run, runs)
    require_tables(opened)
    experiment = find(opened.config.experiment).experiment
    model = validated(experiment, opened.config)
    with closing(open_store(Path(runs), write=True)) as store:
        draw(
            store,
            experiment,
            model,
            opened.config,
            Meter(opened.id, [], set(), heard_by(progress)),
        )
    return reopen(opened.id, runs)
