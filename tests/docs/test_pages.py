"""What is generated says what the program and the committed results say."""

from __future__ import annotations

import json
import re

from condensery.workbench import describe, find


def test_every_command_has_its_help(pages):
    names = pages.commands()
    assert {
        "list",
        "run",
        "runs",
        "show",
        "resume",
        "report",
        "export",
        "cite",
        "claims",
        "bench",
    } <= set(names)
    text = pages.command_line_page()
    for name in names:
        assert f"## condensery {name}\n" in text
        assert f"Usage: condensery {name}" in text
    assert "--set" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_help_does_not_depend_on_the_terminal(pages, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, pages.help_text(("run",)).splitlines())) <= 80


def test_an_experiment_page_has_its_figures_claims_and_hash(pages, root):
    for name in ("demo-a", "demo-c", "phase-diagram"):
        text = pages.experiment_page(name)
        assert "## What one sees" in text
        for statement in find(name).experiment.statements:
            assert f"`{statement.id}`" in text
        for path in re.findall(r"\{figure\} \.\./(\S+)", text):
            assert (root / "docs" / path).is_file()
        record = json.loads(
            (root / "docs" / "results" / name / "provenance.json").read_text(
                encoding="utf-8"
            )
        )
        assert record["run"] in text


def test_an_experiment_page_explains_every_parameter(pages):
    for name in ("demo-c", "phase-diagram"):
        table = pages.experiment_page(name).split("## Parameters\n")[1].split("## ")[0]
        for info in describe(name).parameters:
            (row,) = [
                line for line in table.splitlines() if f"| `{info.name}` |" in line
            ]
            assert len(re.split(r"(?<!\\)\|", row)) == 7, row
            assert info.meaning.split()[0].strip("`") in row


def test_bars_are_escaped_but_not_in_code(pages):
    lines = ["amplitude |a|·‖w‖ with ``x | y``", ">>> a | b", "plain"]
    assert pages.escaped(lines) == [
        "amplitude \\|a\\|·‖w‖ with ``x | y``",
        ">>> a | b",
        "plain",
    ]


def test_decisions_are_listed(pages):
    assert "/adr/001-a" in pages.decisions_page(["001-a", "002-b"])
    assert "toctree" not in pages.decisions_page([])


def test_pages_are_written_once(pages, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "PRINTED", ())
    pages.write(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    pages.write(tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert {"command-line.md", "demo-a.md", "decisions.md"} <= set(before)
