"""The commands.

None parses or computes: each calls the workbench and prints what comes back.

The workbench is imported inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from condensery.cli._claims import claims, exit_status, print_claims
from condensery.cli._collect import collect
from condensery.cli._listing import list_
from condensery.cli._options import (
    RUNS,
    All,
    Json,
    RunId,
    Runner,
    Runs,
    Trust,
    Workers,
)
from condensery.cli._report import report
from condensery.cli._workshop import diagnose, grow, inspect, reduce

if TYPE_CHECKING:
    from condensery.workbench import Run, Watcher


def run(
    experiment: Annotated[
        str, Parameter(help="Name of an experiment, or path/to/file.py:Name.")
    ],
    /,
    *,
    preset: Annotated[
        str,
        Parameter(
            help="quick (at most a minute on two cores), paper (published sizes), or "
            "one that the experiment has besides (condensery list EXPERIMENT)."
        ),
    ] = "quick",
    set_: Annotated[
        list[str] | None,
        Parameter(
            name="--set",
            negative="",
            help="key=value in place of the preset's; repeat it.",
        ),
    ] = None,
    runs: Runs = RUNS,
    runner: Runner = "local",
    workers: Workers = None,
    all_: All = False,
    json: Json = False,
) -> int:
    """Run an experiment, draw its figures and check its papers' statements.

    Values are JSON, a list with commas (0.6,0.8), or text. The same run again computes
    nothing and shows what is there.
    Exit status: 0 done, 1 a claim failed, 4 an identity failed (a fault in the code), 2
    bad input, 3 a task or the disk failed, 130, 143, 129 or 138 interrupted by Ctrl-C,
    SIGTERM, SIGHUP or SIGUSR1.
    """
    from condensery import workbench
    from condensery.cli._values import overrides

    parameters = overrides(set_ or [])

    def carry_out(watch: Watcher) -> Run:
        return workbench.run(
            experiment,
            preset=preset,
            runs=runs,
            runner=runner,
            workers=workers,
            progress=watch,
            **parameters,
        )

    return _to_the_end(carry_out, runs, every=all_, json=json)


def resume(
    run: RunId,
    /,
    *,
    runs: Runs = RUNS,
    runner: Runner = "local",
    workers: Workers = None,
    all_: All = False,
    trust: Trust = False,
    json: Json = False,
) -> int:
    """Finish a run that was interrupted or whose tasks failed.

    What had finished is kept.

    Exit status as for run.
    """
    from condensery import workbench

    def carry_out(watch: Watcher) -> Run:
        return workbench.resume(
            run, runs, runner=runner, workers=workers, trust=trust, progress=watch
        )

    return _to_the_end(carry_out, runs, every=all_, json=json)


def runs_(*, runs: Runs = RUNS, json: Json = False) -> int:
    """List the runs of a folder, the latest first."""
    from condensery import workbench
    from condensery.cli import _output as output

    summaries = workbench.runs(runs)
    if json:
        output.document(
            {"runs": [summary.model_dump(mode="json") for summary in summaries]}
        )
        return 0
    if not summaries:
        output.say(
            f"no runs in {runs} yet; start one with: condensery run phase-diagram"
        )
        return 0
    heads = ("run", "status", "tasks", "✓", "✗", "–", "cost", "created", "experiment")
    rows = (
        (
            summary.run,
            summary.status,
            f"{summary.finished}/{summary.tasks}",
            str(summary.claims_passed),
            str(summary.claims_failed),
            str(summary.claims_open),
            workbench.duration(summary.seconds),
            summary.created[:16].replace("T", " "),
            f"{summary.experiment} ({summary.preset})",
        )
        for summary in summaries
    )
    output.columns(heads, rows)
    return 0


def show(
    run: RunId, /, *, runs: Runs = RUNS, all_: All = False, json: Json = False
) -> int:
    """Show a run: status, configuration, claims, tables and files."""
    from condensery import workbench
    from condensery.cli import _output as output

    if json:
        output.document(workbench.show(run, runs))
        return 0
    opened = workbench.open(run, runs)
    summary = opened.summary
    output.say(
        f"run {opened.id}: {opened.config.experiment}, preset {opened.config.preset}"
    )
    output.say(
        f"{opened.status}; {summary.finished} of {summary.tasks} tasks; "
        f"{workbench.duration(opened.seconds)}"
    )
    for key, value in opened.config.parameters.items():
        output.say(f"  {key} = {value}")
    print_claims(opened.claims, every=all_)
    if opened.claims:
        output.say(f"verdicts {output.origin(workbench.verdicts_of(opened))}")
    for name, table in opened.tables.items():
        output.say(f"table {name}: {len(table)} rows of {', '.join(table.columns)}")
    for path in opened.figures:
        output.say(f"figure {path}")
    if opened.report is not None:
        output.say(f"report {opened.report}")
    return 0


def export(
    run: RunId,
    /,
    *,
    format: Annotated[str, Parameter(name="--format", help="netcdf, parquet or csv.")],
    to: Annotated[
        Path | None,
        Parameter(name="--to", help="File or folder to make; it must not exist yet."),
    ] = None,
    runs: Runs = RUNS,
    json: Json = False,
) -> int:
    """Write a run's tables as NetCDF (one file), Parquet or CSV (a folder)."""
    from condensery import workbench
    from condensery.cli import _output as output

    made = workbench.export(run, runs, format=format, to=to)
    if json:
        output.document(
            {"run": workbench.open(run, runs).id, "format": format, "path": str(made)}
        )
    else:
        output.say(str(made))
    return 0


def cite(run: RunId, /, *, runs: Runs = RUNS) -> int:
    """Print BibTeX of the papers that a run checks, and of condensery."""
    from condensery import workbench
    from condensery.cli import _output as output

    output.say(workbench.cite(run, runs).rstrip())
    return 0


def bench(
    name: Annotated[
        str | None, Parameter(help="Which bench; by default all, one after the other.")
    ] = None,
    /,
    *,
    json: Json = False,
) -> int:
    """Measure speed against peers, as ratios within one run."""
    from condensery import workbench
    from condensery.cli import _output as output
    from condensery.cli._progress import note

    names = sorted(workbench.benches()) if name is None else [name]
    results = []
    for bench_name in names:
        result = workbench.bench(bench_name, progress=note)
        results.append(result.model_dump(mode="json"))
        if not json:
            output.say(f"{result.name}: {result.title}")
            output.columns(
                result.columns, [[_cell(value) for value in row] for row in result.rows]
            )
            for remark in result.notes:
                output.paragraph(remark)
            output.say()
    if json:
        output.document({"benches": results})
    return 0


def _cell(value: Any) -> str:
    from condensery import workbench

    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return workbench.number(value) if is_number or value is None else str(value)


def _to_the_end(
    carry_out: Callable[[Watcher], Run], runs: Path, *, every: bool, json: bool
) -> int:
    """Run or resume, print the outcome, and return the exit status.

    Raises:
        RunFailedError: As the workbench does, after the document was printed.
        RunInterrupted: Likewise.
    """
    from condensery import workbench
    from condensery.cli import _output as output
    from condensery.cli._progress import watching

    try:
        with watching() as watch:
            ended = carry_out(watch)
    except (workbench.RunFailedError, workbench.RunInterrupted) as error:
        if json:
            opened = workbench.open(error.run, runs)
            output.document(workbench.run_document(opened))
        raise
    if json:
        output.document(workbench.run_document(ended))
    else:
        output.say(
            f"run {ended.id}: {ended.config.experiment}, preset {ended.config.preset}"
        )
        print_claims(ended.claims, every=every)
        output.say(f"{ended.status} in {workbench.duration(ended.seconds)}")
        output.say(f"report: {ended.report}")
    return exit_status(ended.claims)


OUTLASTING = frozenset({"run", "resume"})
"""Commands whose exit status is that of the run, whoever reads what they print."""

_COMMANDS: tuple[tuple[str, Callable[..., int], tuple[str, ...]], ...] = (
    (
        "list",
        list_,
        (
            "condensery list",
            "condensery list demo-a",
            "condensery list demo-a --schema",
            "condensery list --json",
        ),
    ),
    (
        "run",
        run,
        (
            "condensery run phase-diagram --preset quick",
            "condensery run phase-diagram --set data=digits --set seeds=3",
            "condensery run path/to/file.py:MyExperiment --json",
        ),
    ),
    ("runs", runs_, ("condensery runs", "condensery runs --runs elsewhere --json")),
    ("show", show, ("condensery show last", "condensery show 3f2a --json")),
    ("resume", resume, ("condensery resume last",)),
    ("report", report, ("condensery report last", "condensery report 3f2a --judge")),
    ("export", export, ("condensery export last --format csv --to tables",)),
    ("cite", cite, ("condensery cite last > refs.bib",)),
    ("claims", claims, ("condensery claims", "condensery claims --json")),
    (
        "inspect",
        inspect,
        (
            "condensery inspect weights.safetensors",
            "condensery inspect package.module:factory --weights net.pt --json",
        ),
    ),
    (
        "diagnose",
        diagnose,
        (
            "condensery diagnose mine.py:build --loader mine.py:batches --widths 64 "
            "256 1024",
            "condensery diagnose mine.py:build --loader mine.py:batches --widths "
            "64,256,1024 --optimiser 0.01 --json",
        ),
    ),
    (
        "reduce",
        reduce,
        (
            "condensery reduce package.module:factory --weights net.pt --shape "
            "8,1,28,28",
            "condensery reduce net.py:build --data inputs.npy --mode approximate "
            "--tau 0.9 --formats safetensors,onnx",
        ),
    ),
    (
        "grow",
        grow,
        ("condensery grow package.module:factory --shape 8,1,28,28 --width fc1=512",),
    ),
    (
        "collect",
        collect,
        ("condensery collect --runs /scratch/runs",),
    ),
    ("bench", bench, ("condensery bench phase-diagram", "condensery bench --json")),
)


def add_commands(app: App) -> None:
    """Add every command with its examples, in the order of a user's work."""
    for position, (name, function, examples) in enumerate(_COMMANDS):
        title = "Example" if len(examples) == 1 else "Examples"
        epilogue = f"{title}:\n" + "\n".join(f"  {example}" for example in examples)
        app.command(function, name=name, help_epilogue=epilogue, sort_key=position)
