"""Claims are counted by kind; those of other configurations take one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from condensery import workbench
from condensery.cli import main
from condensery.records import Claim
from condensery.workbench import _registry

FILE = f"{Path(__file__).with_name('kinds_experiment.py')}:kinds"
HELD = (
    "identities 1 of 1 held; reproductions 1 of 1 held; observations 1 reported; "
    "aims 1 of 1 held"
)
NEEDS = {
    "data=line": ["line-1", "line-2"],
    "width=1000, value>=5": ["wide"],
    "a longer table": ["long"],
}


@pytest.fixture(autouse=True)
def _only_this(monkeypatch):
    monkeypatch.setattr(_registry, "registered", lambda: {"kinds": FILE})


@pytest.fixture
def printed(tmp_path, capsys):
    def run(*words: str) -> tuple[int, list[str]]:
        status = main(["run", "kinds", "--runs", str(tmp_path), *words])
        return status, capsys.readouterr().out.splitlines()

    return run


def test_kinds_are_counted_apart(printed):
    status, lines = printed()
    assert status == 0
    assert f"claims: {HELD}" in lines


def test_what_needs_another_run_takes_a_line(printed):
    _, lines = printed()
    text = " ".join(lines)
    assert (
        "4 more of other runs: 2 need data=line; 1 needs width=1000, value>=5; "
        "1 needs a longer table (--all lists them)" in text
    )
    assert "line-1" not in text
    assert "wide" not in text
    _, lines = printed("--all")
    assert "  needs data=line: line-1, line-2" in lines
    assert "  needs width=1000, value>=5: wide" in lines


def test_what_held_takes_a_line_per_figure(printed):
    _, short = printed()
    _, full = printed("--all")
    marks = [line for line in short if line.startswith("  ✓ ")]
    assert any(": 3 held; least margin 50%, " in line for line in marks)
    assert not any("[identity; " in line for line in short)
    assert any("[identity; " in line for line in full)
    assert len(short) < len(full)


def test_a_failed_claim_is_printed_in_full(printed):
    _, lines = printed("--set", "value=3")
    text = "\n".join(lines)
    assert "  ✗ theorem: " in text
    assert "[identity; " in text


def test_a_value_without_a_prediction_is_named_by_its_measure(printed):
    _, lines = printed()
    assert any("1 reported, without a prediction: finding " in line for line in lines)
    _, lines = printed("--all")
    row = next(i for i, line in enumerate(lines) if "  – finding: " in line)
    assert "(no prediction)" in lines[row]
    assert not lines[row + 1].startswith("      ")


def test_it_is_judged_in_a_run_that_has_what_it_needs(printed):
    status, lines = printed("--set", "data=line")
    assert status == 4
    assert not any("data=line" in line for line in lines)
    assert "failed: line-2" in lines


def test_a_failed_theorem_is_an_alarm(printed, tmp_path, capsys):
    status, lines = printed("--set", "value=3")
    assert status == 4
    assert "failed: theorem, figure, bar" in lines
    text = " ".join(lines)
    assert "ALARM: identity failed: theorem." in text
    for words in (["claims"], ["report", "last"], ["claims", "--json"]):
        assert main([*words, "--runs", str(tmp_path)]) == 4
    shown = capsys.readouterr().out
    assert "ALARM: identity failed: theorem." in shown
    page = workbench.open("last", tmp_path).report.read_text(encoding="utf-8")
    assert '<p class="alarm" role="alert">ALARM: identity failed: theorem.' in page


def test_another_failure_is_none(printed, tmp_path, capsys):
    status, lines = printed("--set", "data=line", "--set", "width=1000")
    assert status == 4
    assert "ALARM" in " ".join(lines)
    alarmed = workbench.open("last", tmp_path).claims
    tamed = [claim for claim in alarmed if claim.kind != "identity"]
    assert workbench.alarm(tamed) == ""


def test_json_has_counts_and_needs(tmp_path, capsys):
    assert main(["run", "kinds", "--runs", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    ids = [claim["id"] for claim in document["claims"]]
    assert ids == ["theorem", "figure", "finding", "bar"]
    assert document["needs"] == NEEDS
    assert document["counts"]["observation"] == {
        "held": 0,
        "failed": 0,
        "not_judged": 1,
    }
    (summary,) = workbench.runs(tmp_path)
    counted = (summary.claims_passed, summary.claims_failed, summary.claims_open)
    assert counted == (3, 0, 1)


def test_report_and_scoreboard_group_them(printed, tmp_path, capsys):
    printed()
    run = workbench.open("last", tmp_path)
    page = run.report.read_text(encoding="utf-8")
    assert "<p>2 more need data=line.</p>" in page
    assert "line-1" not in page
    assert "2 more need data=line." in run._repr_html_()
    assert main(["claims", "--runs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "kinds: 2 more need data=line" in lines
    assert lines[-1] == f"all: {HELD}"


def test_claims_of_unknown_kind_are_counted_apart():
    claim = Claim(
        id="a",
        paper="p",
        statement="s",
        relation="<=",
        source="f",
        kind="unknown",
        value=1.0,
        expected=2.0,
        passed=True,
    )
    assert workbench.tally([claim]) == "claims of unknown kind 1 of 1 held"
    assert workbench.tally([]) == "none"
