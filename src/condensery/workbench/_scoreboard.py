"""The scoreboard: what all runs in a folder say about every statement of every
paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from condensery.records import UNKNOWN, Claim, RunConfig, RunSummary
from condensery.store import open_store
from condensery.workbench._registry import every

NOT_RUN = "not run"


class Score(Claim):
    """A claim, the run that it comes from, and how the other runs judged it.

    Attributes:
        experiment: The experiment that checks the statement.
        run: The latest run that judged it, None if none did.
        preset: That run's preset.
        runs_passed: How many runs say that it holds.
        runs_failed: How many say that it does not.
    """

    experiment: str
    run: str | None = None
    preset: str | None = None
    runs_passed: int = 0
    runs_failed: int = 0


def claims(runs: str | Path = "runs") -> list[Score]:
    """Every statement of every registered experiment, and of every other experiment
    that was run, by paper.

    The numbers are those of the latest run that judged the statement; `passed` is None
    where none did.

    Args:
        runs: The folder that holds all runs.

    Example:
        >>> from condensery.workbench import claims
        >>> {score.passed for score in claims("nowhere")}
        {None}
    """
    scores: dict[tuple[str, str], Score] = {}
    for entry in every():
        name = entry.name
        for statement in entry.experiment.statements:
            score = Score(**statement.model_dump(), experiment=name, note=NOT_RUN)
            scores[name, statement.id] = score
    for summary, config, judged in _runs_latest_first(runs):
        for claim in judged:
            key = (config.experiment, claim.id)
            scores[key] = _with_run(scores.get(key), claim, summary, config)
    papers = dict.fromkeys(score.paper for score in scores.values())
    order = {paper: index for index, paper in enumerate(papers)}
    return sorted(scores.values(), key=lambda score: order[score.paper])


def _with_run(
    score: Score | None, claim: Claim, summary: RunSummary, config: RunConfig
) -> Score:
    """Count a run's verdict; the first run that judged the statement is the latest and
    gives the numbers.
    """
    if score is not None and claim.kind == UNKNOWN:
        claim = claim.model_copy(update={"kind": score.kind})
    passed = score.runs_passed if score else 0
    failed = score.runs_failed if score else 0
    counts = {
        "runs_passed": passed + (claim.passed is True),
        "runs_failed": failed + (claim.passed is False),
    }
    undecided = (
        score is None
        or score.run is None
        or (score.passed is None and claim.passed is not None)
    )
    if score is not None and not undecided:
        return score.model_copy(update=counts)
    return Score(
        **claim.model_dump(),
        experiment=config.experiment,
        run=summary.run,
        preset=config.preset,
        **counts,
    )


def _runs_latest_first(
    runs: str | Path,
) -> Iterator[tuple[RunSummary, RunConfig, list[Claim]]]:
    with closing(open_store(runs)) as store:
        for summary, config in store.readable():
            if summary.status in {"done", "claim failed"}:
                yield summary, config, store.claims(summary.run)
