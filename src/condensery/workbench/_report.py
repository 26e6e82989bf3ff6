"""``report.html``: one file that holds everything a reader of a run needs and loads
nothing.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template

import numpy as np

from condensery.protocols import Experiment
from condensery.records import Claim, FigureSpec, RunConfig, Status, Table
from condensery.workbench._cite import bibliography
from condensery.workbench._configure import as_override, changed
from condensery.workbench._html import claims_table, data_uri, pairs, table
from condensery.workbench._tally import alarm, tally
from condensery.workbench._wording import number

_LISTED = 500
_OPEN_BELOW = 10
_PROVENANCE_LABELS = {
    "judged": "verdicts given",
    "statements": "digest of the statements",
    "expectations": "digest of what is expected",
    "measures": "digest of the code that judged",
}


@dataclass(frozen=True)
class Drawn:
    """A figure as it was drawn: what was asked for, and the files' content."""

    spec: FigureSpec
    png: bytes
    gif: bytes | None = None


def report_html(
    experiment: Experiment,
    config: RunConfig,
    *,
    claims: Sequence[Claim],
    tables: Mapping[str, Table],
    drawn: Sequence[Drawn],
    provenance: Mapping[str, Mapping[str, str]],
) -> str:
    """The report as text; the same run gives the same text."""
    folder = files("condensery.workbench")
    style = folder.joinpath("report.css").read_text(encoding="utf-8")
    return Template(
        folder.joinpath("report.html").read_text(encoding="utf-8")
    ).substitute(
        style=style,
        style_hash=b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii"),
        title=escape(experiment.title),
        summary=escape(experiment.summary),
        run=config.run_id,
        preset=escape(config.preset),
        tally=tally(claims),
        alarm=_alarm(claims),
        claims=claims_table(claims),
        figures="\n".join(map(_figure, drawn)) or "<p>This experiment draws none.</p>",
        members=_members(tables.get("members")),
        configuration=_configuration(config),
        command=escape(command(experiment, config)),
        provenance=_provenance(provenance),
        citation=escape(bibliography(experiment.papers, claims)),
    )


def _alarm(claims: Sequence[Claim]) -> str:
    text = escape(alarm(claims))
    return f'<p class="alarm" role="alert">{text}</p>' if text else ""


def command(experiment: Experiment, config: RunConfig) -> str:
    """What to type to have the run again.

    The parameters that are the preset's own are left out.
    """
    words = ["condensery", "run", config.experiment, "--preset", config.preset]
    for key, value in changed(experiment, config).items():
        words += ["--set", f"{key}={as_override(value)}"]
    return shlex.join(words)


def _figure(drawn: Drawn) -> str:
    name, caption = escape(drawn.spec.name), escape(drawn.spec.caption)
    moving = ""
    if drawn.gif is not None:
        image = (
            f'<img src="{data_uri("gif", drawn.gif)}" alt="{name}, moving: '
            'described below">'
        )
        moving = (
            '<details class="moving"><summary>The same, '
            f"moving</summary>{image}</details>"
        )
    image = f'<img src="{data_uri("png", drawn.png)}" alt="{name}: described below">'
    return (
        "<figure "
        f'id="figure-{name}">{image}<figcaption>{caption}</figcaption>{moving}</figure>'
    )


def _configuration(config: RunConfig) -> str:
    rows = [("experiment", config.experiment), ("preset", config.preset)]
    rows += [
        (key, json.dumps(value, ensure_ascii=False))
        for key, value in config.parameters.items()
    ]
    rows += [
        ("task version", config.task_version),
        ("data digest", config.data_digest or "no data are read"),
    ]
    return pairs(rows)


def _provenance(record: Mapping[str, Mapping[str, str]]) -> str:
    """Versions, machine and verdicts."""
    sections = [
        pairs((_PROVENANCE_LABELS.get(name, name), text) for name, text in rows.items())
        for section, rows in record.items()
        if section != "experiment"
    ]
    return "\n".join(sections) or "<p>Not recorded.</p>"


def _members(members: Table | None) -> str:
    if members is None or "status" not in members.columns:
        return "<p>This experiment keeps no table of members.</p>"
    codes: list[int] = members["status"].tolist()
    counts = Counter(codes)
    summary = table(
        ("Status", "Members", "What to change"),
        [
            (_status_name(code), str(count), _status_remedy(code))
            for code, count in sorted(counts.items())
        ],
    )
    unwell = [row for row, code in enumerate(codes) if code != Status.CONVERGED]
    if not unwell:
        return summary
    labels = [
        name
        for name, column in members.columns.items()
        if column.ndim == 1 and name != "status"
    ]
    rows = [
        [_status_name(codes[row]), *(_cell(members[name][row]) for name in labels)]
        for row in unwell[:_LISTED]
    ]
    more = (
        f"<p>and {len(unwell) - _LISTED} more, in the table members</p>"
        if len(unwell) > _LISTED
        else ""
    )
    listed = f'<div class="scroll">{table(("status", *labels), rows)}</div>{more}'
    opened = " open" if len(unwell) < _OPEN_BELOW else ""
    count = "1 member" if len(unwell) == 1 else f"{len(unwell)} members"
    return (
        f"{summary}<details{opened}><summary>{count} that did not "
        f"converge</summary>{listed}</details>"
    )


def _status_name(code: int) -> str:
    names = {int(status): status.name.lower().replace("_", " ") for status in Status}
    return names.get(code, f"status {code}")


def _status_remedy(code: int) -> str:
    return Status(code).remedy if code in set(Status) else ""


def _cell(value: np.generic) -> str:
    return number(float(value)) if isinstance(value, np.number) else str(value)
