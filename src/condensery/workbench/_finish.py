"""What follows the last task: tables, claims, figures, report, each from the last."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from condensery.protocols import Arrays, Experiment, Store
from condensery.records import Claim, RunConfig, RunStatus
from condensery.workbench._described import FILE as DESCRIPTION
from condensery.workbench._described import described
from condensery.workbench._draw import draw_all
from condensery.workbench._judging import judge_claims
from condensery.workbench._opened import FIGURES, REPORT
from condensery.workbench._progress import Meter
from condensery.workbench._provenance import FILE, encode, provenance, stored
from condensery.workbench._report import Drawn, report_html

FAILURES = "failures.txt"


def finish(
    store: Store,
    experiment: Experiment,
    model: BaseModel,
    config: RunConfig,
    shards: Sequence[Arrays],
    meter: Meter,
) -> list[Claim]:
    """Make the tables from the shards, and everything else from the stored tables.

    So `report` gives the same again.
    """
    run = config.run_id
    meter.enter("tables")
    for name, table in experiment.tables(model, shards).items():
        store.put_table(run, name, table)
    tables = store.tables(run)
    meter.enter("claims")
    claims = judge_claims(experiment, model, tables)
    store.put_claims(run, claims)
    store.put_file(run, FILE, encode(provenance(experiment)))
    draw(store, experiment, model, config, meter)
    return claims


def ended_status(claims: Sequence[Claim]) -> RunStatus:
    """The status of a run that has come to its end."""
    failed = any(claim.passed is False for claim in claims)
    return "claim failed" if failed else "done"


def draw(
    store: Store,
    experiment: Experiment,
    model: BaseModel,
    config: RunConfig,
    meter: Meter | None = None,
) -> None:
    """Describe the experiment, draw the figures and write the report, from what is
    stored.
    """
    run = config.run_id
    store.put_file(run, DESCRIPTION, described(experiment, model))
    specs = list(experiment.figures(model))
    drawn: list[Drawn] = []
    if meter is not None and specs:
        names = ", ".join(spec.name for spec in specs)
        meter.enter("figures", names)
    pictures = draw_all(store.root, run, specs)
    for spec, files in zip(specs, pictures, strict=True):
        for ending, content in files.items():
            store.put_file(run, f"{FIGURES}/{spec.name}.{ending}", content)
        drawn.append(Drawn(spec, files["png"], files.get("gif")))
    if meter is not None:
        meter.enter("report")
    page = report_html(
        experiment,
        config,
        claims=store.claims(run),
        tables=store.tables(run),
        drawn=drawn,
        provenance=stored(store.root / run),
    )
    store.put_file(run, REPORT, page.encode())
