"""The use cases: run, start, resume, open, report, export, claims, cite, list, bench.

The only door to results.

What users call is also at the top (`condensery.run`, `condensery.open`); the command
line calls what is here.
"""

from __future__ import annotations

from condensery._doors import guard
from condensery.workbench._bench import BenchResult, bench, benches
from condensery.workbench._cite import cite, references
from condensery.workbench._collect import collect
from condensery.workbench._diagnose import diagnose
from condensery.workbench._display import Shown, bar
from condensery.workbench._documents import run_document, show
from condensery.workbench._events import (
    Event,
    Progress,
    RunFinished,
    StageBegan,
    TaskFailed,
    TaskFinished,
    TaskProgressed,
    TaskShown,
    TaskStarted,
    Watcher,
)
from condensery.workbench._export import FORMATS, export
from condensery.workbench._held import HeldFigure, held_figures, margin
from condensery.workbench._listing import (
    ExperimentDetails,
    ExperimentInfo,
    PresetInfo,
    describe,
    list_experiments,
    parameter_schema,
    runs,
)
from condensery.workbench._opened import Run
from condensery.workbench._opened import reopen as open
from condensery.workbench._parameters import ParameterInfo, parameter_rows
from condensery.workbench._record import RecordSink, record
from condensery.workbench._registry import Found, find
from condensery.workbench._rejudge import Reported, report, verdicts_of
from condensery.workbench._run import resume, run, start
from condensery.workbench._running import Running
from condensery.workbench._scoreboard import Score, claims
from condensery.workbench._sitting import RunFailedError, RunInterrupted
from condensery.workbench._surgery import Operated, grow_model, reduce_model
from condensery.workbench._tally import (
    alarm,
    counts,
    failed_identities,
    need_lines,
    needs_line,
    of_others,
    of_run,
    tally,
)
from condensery.workbench._wording import VERDICTS, duration, expectation, number
from condensery.workbench._workshop import inspect

__all__ = [
    "FORMATS",
    "VERDICTS",
    "BenchResult",
    "Event",
    "ExperimentDetails",
    "ExperimentInfo",
    "Found",
    "HeldFigure",
    "Operated",
    "ParameterInfo",
    "PresetInfo",
    "Progress",
    "RecordSink",
    "Reported",
    "Run",
    "RunFailedError",
    "RunFinished",
    "RunInterrupted",
    "Running",
    "Score",
    "Shown",
    "StageBegan",
    "TaskFailed",
    "TaskFinished",
    "TaskProgressed",
    "TaskShown",
    "TaskStarted",
    "Watcher",
    "alarm",
    "bar",
    "bench",
    "benches",
    "cite",
    "claims",
    "collect",
    "counts",
    "describe",
    "diagnose",
    "duration",
    "expectation",
    "export",
    "failed_identities",
    "find",
    "grow_model",
    "held_figures",
    "inspect",
    "list_experiments",
    "margin",
    "need_lines",
    "needs_line",
    "number",
    "of_others",
    "of_run",
    "open",
    "parameter_rows",
    "parameter_schema",
    "record",
    "reduce_model",
    "references",
    "report",
    "resume",
    "run",
    "run_document",
    "runs",
    "show",
    "start",
    "tally",
    "verdicts_of",
]

guard(globals(), __all__)
