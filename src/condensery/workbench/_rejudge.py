"""`report`: a run judged and drawn again from its stored tables."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, JsonValue

from condensery._errors import CondenseryError, InvalidInputError
from condensery.protocols import Experiment
from condensery.records import Claim
from condensery.store import LocalStore, open_store
from condensery.workbench._configure import shorten, validated
from condensery.workbench._documents import claim_document, run_document
from condensery.workbench._events import Watcher
from condensery.workbench._extras import require_drawing
from condensery.workbench._finish import draw, ended_status
from condensery.workbench._judging import (
    Change,
    changes,
    claims_digest,
    judge_claims,
)
from condensery.workbench._opened import Run, is_from_file, reopen, require_tables
from condensery.workbench._progress import Meter, heard_by
from condensery.workbench._provenance import FILE, encode, judged_by, stored
from condensery.workbench._registry import find
from condensery.workbench._trust import source_of


@dataclass(frozen=True)
class Reported:
    """What `report` shows.

    Attributes:
        run: The run, as it is stored now.
        changes: Claims that the code of now judges otherwise than it was stored.
        not_judged: Why the stored verdicts stand as they were; empty if they were
            judged again.
    """

    run: Run
    changes: Sequence[Change] = ()
    not_judged: str = ""

    def document(self) -> dict[str, JsonValue]:
        """The same as plain values, for JSON."""
        differences: list[JsonValue] = [
            {
                "id": change.id,
                "before": _document(change.before),
                "after": _document(change.after),
            }
            for change in self.changes
        ]
        verdicts: dict[str, JsonValue] = {**verdicts_of(self.run)}
        return {
            **run_document(self.run),
            "changes": differences,
            "judged_again": not self.not_judged,
            "not_judged": self.not_judged,
            "verdicts": verdicts,
        }


def report(
    run: str,
    runs: str | Path = "runs",
    *,
    judge: bool = False,
    trust: bool = False,
    progress: Watcher | None = None,
) -> Reported:
    """Judge the claims of a run again from its stored tables, and draw it again.

    The code is that which is installed now, so that old verdicts do not outlive it.
    A run of ``path.py:Name`` is shown as it is stored: a folder never brings code that
    a reading command runs. So is a run that the installed code cannot read any more.
    A run that does not exist or has no tables yet is refused with `InvalidInputError`.

    Args:
        run: Its id, a unique beginning of it, or ``last``.
        runs: The folder that holds all runs.
        judge: Whether to execute the file of a run of ``path.py:Name``.
        trust: Whether that file may be executed though it was not executed here before;
            it is remembered.
        progress: Called with a `Progress` at every change.
    """
    opened = reopen(run, runs)
    require_tables(opened)
    reference = opened.config.experiment
    if is_from_file(reference) and not judge:
        command = f"condensery report {opened.id} --judge"
        return Reported(opened, not_judged=f"only {command} executes {reference}")
    text = _text(opened, Path(runs), trust=trust) if is_from_file(reference) else None
    try:
        experiment = find(reference, source=text).experiment
        model = validated(experiment, opened.config)
    except InvalidInputError as error:
        return Reported(opened, not_judged=str(error))
    require_drawing("report")
    return _judged_again(opened, Path(runs), experiment, model, progress)


def _text(opened: Run, root: Path, *, trust: bool) -> str:
    command = f"condensery report {opened.id} --judge"
    return source_of(opened.config, root, trust=trust, command=command, edited=True)


def is_current(run: Run, experiment: Experiment) -> bool:
    """Whether the stored verdicts are of the claims and the code as they are."""
    verdicts = stored(run.folder).get("verdicts", {})
    return claims_digest(experiment).items() <= verdicts.items()


def verdicts_of(run: Run) -> dict[str, str]:
    """When the stored verdicts were given, and the digests of what gave them."""
    record = stored(run.folder)
    finished = record.get("machine", {}).get("finished", "an unknown day")
    return record.get("verdicts", {"judged": finished})


def _judged_again(
    opened: Run,
    root: Path,
    experiment: Experiment,
    model: BaseModel,
    progress: Watcher | None,
) -> Reported:
    try:
        claims = judge_claims(experiment, model, opened.tables)
    except Exception as error:
        if isinstance(error, CondenseryError):
            cause = str(error)
        else:
            cause = f"{type(error).__name__}: {shorten(str(error))}"
        reason = f"its tables cannot be judged by {experiment.name} as it is ({cause})"
        return Reported(opened, not_judged=reason)
    different = changes(opened.claims, claims)
    with closing(open_store(root, write=True)) as store:
        if different or not is_current(opened, experiment):
            _store_verdicts(store, opened, experiment, claims)
        meter = Meter(opened.id, [], set(), heard_by(progress))
        draw(store, experiment, model, opened.config, meter)
    return Reported(reopen(opened.id, root), different)


def _store_verdicts(
    store: LocalStore, opened: Run, experiment: Experiment, claims: Sequence[Claim]
) -> None:
    run = opened.id
    store.put_claims(run, claims)
    record = judged_by(stored(opened.folder), experiment)
    store.put_file(run, FILE, encode(record))
    status = ended_status(claims)
    if opened.status in {"done", "claim failed"} and opened.status != status:
        store.set_status(run, status, seconds=0.0)


def _document(claim: Claim | None) -> dict[str, JsonValue] | None:
    return None if claim is None else claim_document(claim)
