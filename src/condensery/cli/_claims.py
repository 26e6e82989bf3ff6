"""``claims``, and how every command prints claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from condensery.cli._options import RUNS, All, Json, Runs

if TYPE_CHECKING:
    from condensery.records import Claim
    from condensery.workbench import Score

IDENTITY_FAILED = 4
"""Exit status where a theorem failed; 1 is that of any other claim."""


def claims(*, runs: Runs = RUNS, all_: All = False, json: Json = False) -> int:
    """Show the scoreboard: what the latest run that judged a statement says of it.

    Statements are listed by paper and counted by kind: those that failed in full, those
    that held as one line per figure. Of those that no run has judged only the number
    per experiment is shown.
    Exit status: 0 whatever the claims say, but 4 if an identity failed: a theorem that
    fails is a fault in the code.
    """
    from condensery import workbench
    from condensery.cli import _output as output

    scores = workbench.claims(runs)
    status = alarm_status(scores)
    if json:
        dumped = [score.model_dump(mode="json") for score in scores]
        output.document({"claims": dumped, "counts": workbench.counts(scores)})
        return status
    scored = [score for score in workbench.of_run(scores) if score.run is not None]
    for paper in dict.fromkeys(score.paper for score in scored):
        of_paper = [score for score in scored if score.paper == paper]
        output.say(f"{paper}: {workbench.tally(of_paper)}")
        _print_scores(of_paper, every=all_)
    _print_others(scores)
    output.say(f"all: {workbench.tally(scored)}")
    print_alarm(scored)
    return status


def _print_scores(scores: Sequence[Score], *, every: bool) -> None:
    from condensery.cli import _output as output

    for score in scores:
        if score.passed is not False and not every:
            continue
        run = score.run or ""
        aside = f"  {score.experiment}, run {run[:8]} ({score.preset})"
        if score.runs_passed and score.runs_failed:
            verdicts = f"passed in {score.runs_passed}, failed in {score.runs_failed}"
            aside += f"; {verdicts} runs"
        output.claim_lines(score, aside=aside, notes=False)
    if not every:
        _print_held(scores)


def _print_others(scores: Sequence[Score]) -> None:
    """Per experiment, how many statements no run has judged, and what they need."""
    from condensery import workbench
    from condensery.cli import _output as output

    for name in dict.fromkeys(score.experiment for score in scores):
        of_experiment = [score for score in scores if score.experiment == name]
        for line in workbench.need_lines(of_experiment):
            output.say(f"{name}: {line}")
        asked = workbench.of_run(of_experiment)
        waiting = [score for score in asked if score.run is None]
        if waiting:
            output.say(f"{name}: {len(waiting)} not run: condensery run {name}")


def print_claims(claims: Sequence[Claim], *, every: bool = False) -> None:
    """Print the claims of a run: those that failed in full, those that held as one line
    per figure of the paper, and what is of other runs in one line.

    Args:
        claims: The claims.
        every: Print each claim with its note instead.
    """
    from condensery import workbench
    from condensery.cli import _output as output

    if not claims:
        return
    output.say(f"claims: {workbench.tally(claims)}")
    of_run = workbench.of_run(claims)
    if every:
        for claim in of_run:
            output.claim_lines(claim)
        _print_needs(claims)
    else:
        _print_short(of_run)
        line = workbench.needs_line(claims)
        if line:
            output.paragraph(f"{line} (--all lists them)")
    failed = [claim.id for claim in claims if claim.passed is False]
    if failed:
        output.say(f"failed: {', '.join(failed)}")
    print_alarm(claims)


def _print_short(claims: Sequence[Claim]) -> None:
    from condensery.cli import _output as output

    for claim in claims:
        if claim.passed is False:
            output.claim_lines(claim)
    _print_held(claims)


def _print_held(claims: Sequence[Claim]) -> None:
    """A line per figure for those that held, and a line for those without a verdict."""
    from condensery import workbench
    from condensery.cli import _output as output

    for figure in workbench.held_figures(claims):
        output.marked(passed=True, text=str(figure))
    unjudged = [claim for claim in claims if claim.passed is None]
    values = [
        f"{claim.id} {workbench.number(claim.value)}"
        for claim in unjudged
        if claim.value is not None
    ]
    missing = [claim.id for claim in unjudged if claim.value is None]
    if values:
        text = f"{len(values)} reported, without a prediction: {', '.join(values)}"
        output.marked(passed=None, text=text)
    if missing:
        text = f"{len(missing)} open: {', '.join(missing)}"
        output.marked(passed=None, text=text)


def _print_needs(claims: Sequence[Claim]) -> None:
    """Per condition the ids of the claims that need it."""
    from condensery import workbench
    from condensery.cli import _output as output

    for condition, ids in workbench.of_others(claims).items():
        output.paragraph(f"needs {condition}: {', '.join(ids)}", indent=2)


def exit_status(claims: Sequence[Claim]) -> int:
    """0, 1 if a claim failed, 4 if a theorem did."""
    failed = any(claim.passed is False for claim in claims)
    return alarm_status(claims) or int(failed)


def alarm_status(claims: Sequence[Claim]) -> int:
    """4 if a theorem failed, else 0."""
    from condensery import workbench

    return IDENTITY_FAILED if workbench.failed_identities(claims) else 0


def print_alarm(claims: Sequence[Claim]) -> None:
    """Say that a theorem failed, where one did."""
    from condensery import workbench
    from condensery.cli import _output as output

    text = workbench.alarm(claims)
    if text:
        output.paragraph(text)
