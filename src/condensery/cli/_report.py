"""``report``: what a run says when its stored tables are judged again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from condensery.cli._claims import alarm_status, print_alarm, print_claims
from condensery.cli._options import RUNS, Json, RunId, Runs, Trust

if TYPE_CHECKING:
    from condensery.workbench import Reported


def report(
    run: RunId,
    /,
    *,
    judge: Annotated[
        bool,
        Parameter(
            name="--judge",
            negative="",
            help="Execute the file of an experiment path/to/file.py:Name.",
        ),
    ] = False,
    trust: Trust = False,
    runs: Runs = RUNS,
    json: Json = False,
) -> int:
    """Judge and draw a run again from its stored tables, with the code of now.

    What the code of now judges otherwise is listed. The stored verdicts of an
    experiment from path/to/file.py:Name are shown as they are; --judge executes the
    file. The exit status is 0 whatever the claims say, but 4 if an identity failed.
    """
    from condensery import workbench
    from condensery.cli import _output as output
    from condensery.cli._progress import watching

    with watching() as watch:
        reported = workbench.report(run, runs, judge=judge, trust=trust, progress=watch)
    claims = reported.run.claims
    status = alarm_status(claims)
    if json:
        output.document(reported.document())
        return status
    for change in reported.changes:
        output.say(f"judged otherwise than stored: {change}")
    if reported.not_judged:
        _say_stored(reported)
    else:
        output.say(f"claims: {workbench.tally(claims)}")
        print_alarm(claims)
    if reported.run.report is not None:
        output.say(str(reported.run.report))
    return status


def _say_stored(reported: Reported) -> None:
    """The stored verdicts, their date and digests, and why they were not renewed."""
    from condensery import workbench
    from condensery.cli import _output as output

    output.say(f"not judged again: {reported.not_judged}")
    origin = output.origin(workbench.verdicts_of(reported.run))
    output.say(f"stored verdicts {origin}:")
    print_claims(reported.run.claims)
