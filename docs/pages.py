"""Generates pages of the documentation: one per experiment from its committed results,
and the command line.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import renew

from condensery.cli import main
from condensery.records import Claim, FigureSpec
from condensery.workbench import (
    VERDICTS,
    describe,
    expectation,
    find,
    need_lines,
    number,
    of_run,
    parameter_rows,
    references,
    tally,
)

DOCS = Path(__file__).resolve().parent
PRINTED = ("minimal", "own_weights", "which_regime")
"""Examples whose output is shown."""
TITLES = {
    "architectures-full": "With and without dropout, 20,000 steps",
    "phase-diagram-digits": "The same on images",
    "dropout-images-mnist": "The same on MNIST",
    "initial-condensation-cnn-mnist": "The same on MNIST",
    "reduction-mnist": "The same on MNIST",
    "phase-diagram": "On four points of a line",
}


def write(folder: Path) -> None:
    """Write all generated pages into a folder; a page that is there and has not changed
    is left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    experiments = sorted({shown.experiment for shown in renew.SHOWN})
    texts = {f"{name}.md": experiment_page(name) for name in experiments}
    texts["command-line.md"] = command_line_page()
    texts["decisions.md"] = decisions_page(
        sorted(path.stem for path in (DOCS / "adr").glob("[0-9]*.md"))
    )
    texts |= {f"{name}.txt": example_output(name) for name in PRINTED}
    for name, text in texts.items():
        page = folder / name
        if not page.is_file() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def experiment_page(name: str) -> str:
    """What one sees, then for each committed result its figures, claims and
    provenance.
    """
    experiment = find(name).experiment
    results = [
        shown
        for shown in renew.SHOWN
        if shown.experiment == name and shown.provenance()
    ]
    seen = (DOCS / "seen" / f"{name}.md").read_text(encoding="utf-8").strip()
    pieces = [
        f"# {experiment.title}",
        experiment.summary,
        f"## What one sees\n\n{seen}",
    ]
    for shown in results:
        pieces += [f"## {TITLES.get(shown.folder, 'The result')}", *_result(shown)]
    pieces += [*_unseen(name, results), "## Parameters", parameters_table(name)]
    bibtex = "\n\n".join(references()[key] for key in experiment.papers)
    pieces += ["## Papers", f"```bibtex\n{bibtex.strip()}\n```"]
    return "\n\n".join(pieces) + "\n"


def _unseen(name: str, results: Sequence[renew.Shown]) -> Iterator[str]:
    """The claims that no committed result judges."""
    judged = {
        claim.id
        for shown in results
        for claim in of_run([Claim.model_validate(each) for each in shown.claims()])
    }
    left = [
        f"- `{statement.id}`: {statement.statement}"
        for statement in find(name).experiment.statements
        if statement.id not in judged
    ]
    if left:
        yield "## Claims that no committed result judges"
        yield "\n".join(left)


def _result(shown: renew.Shown) -> Iterator[str]:
    experiment = find(shown.experiment).experiment
    model = experiment.Config.model_validate(
        {**experiment.presets[shown.preset], **shown.overrides}
    )
    for spec in experiment.figures(model):
        yield from _figure(shown, spec)
    claims = [Claim.model_validate(document) for document in shown.claims()]
    yield "### Claims"
    yield f"{_capital(tally(claims))}."
    yield _claims_table(of_run(claims))
    yield from (f"{line}." for line in need_lines(claims))
    yield "### Where this is from"
    yield _provenance(shown)


def _figure(shown: renew.Shown, spec: FigureSpec) -> Iterator[str]:
    for ending in (".png", ".gif") if spec.animated else (".png",):
        file = shown.path / f"{spec.name}{ending}"
        if file.is_file():
            caption = spec.caption if ending == ".png" else "The same as it happens."
            target = os.path.relpath(file, DOCS / "generated")
            yield f"```{{figure}} {target}\n:alt: {spec.name}\n\n{_plain(caption)}\n```"


def _claims_table(claims: Sequence[Claim]) -> str:
    rows = [
        "| claim | kind | what is stated | measured | expected | |",
        "|---|---|---|---|---|---|",
    ]
    for claim in claims:
        statement = f"{claim.statement} ({claim.source})"
        note = f" *{_cell(claim.note)}*" if claim.note else ""
        cells = (
            f"`{claim.id}`",
            claim.kind,
            _cell(statement) + note,
            number(claim.value),
            _cell(expectation(claim)),
        )
        rows.append(f"| {' | '.join(cells)} | {' '.join(VERDICTS[claim.passed])} |")
    return "\n".join(rows)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def parameters_table(name: str) -> str:
    """Every parameter with its type, range, defaults and meaning."""
    heads, rows = parameter_rows(describe(name, DOCS / "no-runs").parameters)
    lines = [heads, ["---"] * len(heads)]
    lines += [
        [f"`{parameter}`", *map(_plain_cell, cells), _help_cell(meaning)]
        for parameter, *cells, meaning in rows
    ]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"`condensery run {name} --set NAME=VALUE` changes one.\n\n{table}"


def _plain_cell(text: str) -> str:
    return _cell(text.replace("`", ""))


def _help_cell(text: str) -> str:
    """A help text, whose literals stay literals."""
    pieces = re.split(r"(`+[^`]+`+)", text)
    return "".join(
        piece.replace("|", "\\|") if index % 2 else _cell(piece)
        for index, piece in enumerate(pieces)
    )


def _provenance(shown: renew.Shown) -> str:
    """The command that makes the result, its hash, and what it was computed with."""
    record = shown.provenance()
    settings = "".join(
        f" --set {key}={value}" for key, value in shown.overrides.items()
    )
    versions = ", ".join(
        f"{name} {version}"
        for name, version in record["versions"].items()
        if version[0].isdigit()
    )
    config = json.dumps(record["config"]["parameters"], indent=2, ensure_ascii=False)
    return (
        f"```sh\ncondensery run {shown.experiment} --preset quick{settings}\n```\n\n"
        f"Run `{record['run']}` (the hash of its configuration), computed with "
        f"{versions}.\n\n"
        f"{_origin(record)}"
        f"```json\n{config}\n```"
    )


def _origin(record: dict[str, Any]) -> str:
    """Which files of optional data were read; empty where there are none."""
    data = record.get("data")
    if data is None:
        return ""
    files = ", ".join(
        f"`{name}` (sha256 `{digest}`)" for name, digest in data["sha256"].items()
    )
    return f"Data: {data['name']}, {data['extent']}; {files}.\n\n"


def example_output(name: str) -> str:
    """What ``python examples/NAME.py`` prints."""
    script = str(DOCS.parent / "examples" / f"{name}.py")
    # With several threads the small matrices of the examples are slower, and sums may
    # be rounded in another order.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        encoding="utf-8",
        check=True,
        env=environment,
    )
    return done.stdout


def decisions_page(stems: Sequence[str]) -> str:
    """The list of the decision records, of which there may be none yet."""
    head = (
        "# Decisions\n\nWhy the program is built as it is: one record for each "
        "decision, numbered, never rewritten."
    )
    if not stems:
        return f"{head}\n\nNone is recorded yet.\n"
    entries = "\n".join(f"/adr/{stem}" for stem in stems)
    return f"{head}\n\n```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n"


def command_line_page() -> str:
    """Every command's own help, as it is printed 80 characters wide."""
    pieces = ["# Command line", _help(())]
    for name in commands():
        pieces += [f"## condensery {name}", _help((name,))]
    return "\n\n".join(pieces) + "\n"


def commands() -> list[str]:
    """The commands in the order of the help."""
    return re.findall(r"^│ ([a-z]+)  ", help_text(()), flags=re.MULTILINE)


def help_text(words: Sequence[str]) -> str:
    """What ``condensery WORDS --help`` prints.

    Raises:
        RuntimeError: If that is an error.
    """
    printed = io.StringIO()
    plain = {
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PYTHONIOENCODING": "utf-8",
    }
    with patch.dict(os.environ, plain), redirect_stdout(printed):
        status = main([*words, "--help"])
    if status:
        raise RuntimeError(
            f"condensery {' '.join(words)} --help ended with status {status}"
        )
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def _help(words: Sequence[str]) -> str:
    return f"```text\n{help_text(words)}\n```"


def escaped(lines: Sequence[str]) -> list[str]:
    """Docstring lines with ``|`` escaped outside of literals and doctests."""
    return [line if _is_code(line) else _escape(line) for line in lines]


def _is_code(line: str) -> bool:
    return line.lstrip().startswith((">>>", "...", "::", "=="))


def _escape(line: str) -> str:
    pieces = re.split(r"(``.+?``)", line)
    return "".join(
        piece if index % 2 else piece.replace("|", "\\|")
        for index, piece in enumerate(pieces)
    )


def _plain(text: str) -> str:
    return text.replace("*", "\\*").replace("_", "\\_")


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|").replace("\n", " ")
