"""The commands in this process, on runs that are there."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path

import pytest

from condensery import workbench
from condensery.cli import main
from condensery.cli._main import application
from condensery.cli._output import document
from condensery.cli._values import overrides, parse
from condensery.records import Claim
from condensery.workbench import _bench, _registry

COMMANDS = (
    "list",
    "run",
    "runs",
    "show",
    "resume",
    "report",
    "export",
    "cite",
    "claims",
    "inspect",
    "diagnose",
    "reduce",
    "grow",
    "collect",
    "bench",
)


@pytest.fixture(autouse=True)
def _only_tiny(monkeypatch, tiny):
    monkeypatch.setattr(_registry, "registered", lambda: {"tiny": tiny})


def run_json(capsys, *words: object) -> dict:
    assert main([*map(str, words), "--json"]) in {0, 1}
    return json.loads(capsys.readouterr().out)


def test_the_commands_are_those_of_this_version():
    assert tuple(name for name in application() if not name.startswith("-")) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example_that_parses(capsys, command):
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    examples = re.findall(rf"^  condensery ({command}\b.*)$", text, flags=re.MULTILINE)
    assert examples
    for example in examples:
        words = example.split(" > ")[0].split()
        function, _, _ = application().parse_args(
            words, exit_on_error=False, print_error=False
        )
        assert function.__name__.rstrip("_") == command


def test_help_lists_the_commands_and_is_quick(condensery):
    took = []
    for _ in range(3):
        before = processor_seconds()
        status, out, err = condensery("--help")
        took.append(processor_seconds() - before)
        assert (status, err) == (0, "")
    assert all(f" {command} " in out for command in COMMANDS)
    assert (
        min(took) < 0.5
    )  # of the processor: what the wall shows depends on who else is at work


def processor_seconds() -> float:
    """Processor time of all child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def test_no_command_is_help(capsys):
    assert main([]) == 0
    assert "Usage: condensery COMMAND" in capsys.readouterr().out


def test_run_prints_claims_and_report(capsys, finished):
    assert (
        main(["run", "tiny", "--runs", str(finished / "fresh"), "--preset", "nope"])
        == 2
    )
    capsys.readouterr()
    latest = workbench.open("last", finished)
    words = [
        "run",
        latest.config.experiment,
        "--runs",
        str(finished),
        "--set",
        "off=1",
        "--set",
        "mood=open",
    ]
    assert main(words) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"run {latest.id}: ")
    assert (
        "claims: identities 1 of 1 held; reproductions 0 of 1 held; observations 1 open"
        in lines
    )
    assert (
        "  ✗ square: 5  (expected 4 ± 1e-09)  [reproduction; luo2021phase, Fig. 1]"
        in lines
    )
    assert "  – 1 open: mood" in lines
    assert main([*words, "--all"]) == 1
    full = capsys.readouterr().out.splitlines()
    assert "  – mood: open  [observation; xu2025overview, Tab. 1]" in full
    assert "failed: square" in lines
    assert lines[-1] == f"report: {latest.report}"


def test_list(capsys, finished):
    (info,) = run_json(capsys, "list", "--runs", finished)["experiments"]
    assert (info["name"], info["statements"]) == ("tiny", 3)
    assert [preset["name"] for preset in info["presets"]] == ["quick", "paper"]
    assert info["presets"][1]["seconds"] is None
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    assert "quick (not measured), paper (not measured)" in text
    assert "papers: luo2021phase, xu2025overview; 3 statements" in text


def test_runs_and_show(capsys, finished):
    listed = run_json(capsys, "runs", "--runs", finished)["runs"]
    assert [
        (row["status"], row["claims_failed"], row["claims_open"]) for row in listed
    ] == [
        ("claim failed", 1, 1),
        ("done", 0, 0),
    ]
    shown = run_json(capsys, "show", "last", "--runs", finished)
    assert shown["run"] == listed[0]["run"]
    assert shown["config"]["parameters"]["off"] == 1
    assert shown["tables"]["squares"] == {
        "rows": 6,
        "columns": ["kappa", "seed", "square", "first"],
    }
    assert main(["runs", "--runs", str(finished)]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0].split()[:3] == ["run", "status", "tasks"]
    assert len(text.splitlines()) == 3
    assert main(["show", listed[1]["run"][:6], "--runs", str(finished)]) == 0
    assert (
        "table squares: 6 rows of kappa, seed, square, first" in capsys.readouterr().out
    )
    assert main(["runs", "--runs", str(finished / "none")]) == 0
    assert "no runs in" in capsys.readouterr().out
    assert not (finished / "none").exists()


def test_claims_are_grouped_by_paper_with_marks(capsys, finished):
    scores = run_json(capsys, "claims", "--runs", finished)["claims"]
    assert {
        (score["experiment"], score["passed"])
        for score in scores
        if score["experiment"] == "tiny"
    } == {("tiny", None)}
    assert main(["claims", "--runs", str(finished)]) == 0
    lines = capsys.readouterr().out.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert heads == [
        "luo2021phase: reproductions 0 of 1 held",
        "xu2025overview: identities 1 of 1 held; observations 1 of 1 held",
        "tiny: 3 not run: condensery run tiny",
        "all: identities 1 of 1 held; reproductions 0 of 1 held; "
        "observations 1 of 1 held",
    ]
    failed = next(
        line for line in lines if line.startswith("  ✗ square: 5  (expected 4 ± 1e-09)")
    )
    assert "passed in 1, failed in 1 runs" in failed
    assert not any("not run" in line for line in lines if line.startswith(" "))


def test_cite_and_report_and_export(capsys, finished, tmp_path):
    assert main(["cite", "last", "--runs", str(finished)]) == 0
    assert "@article{luo2021phase," in capsys.readouterr().out
    report = run_json(capsys, "report", "last", "--runs", finished)["report"]
    assert Path(report).is_file()
    made = run_json(
        capsys,
        "export",
        "last",
        "--format",
        "csv",
        "--to",
        tmp_path / "out",
        "--runs",
        finished,
    )
    with (Path(made["path"]) / "noise.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == ["mean"]


def test_bench_prints_a_table_or_json(capsys, monkeypatch):
    result = {
        "title": "Sums",
        "columns": ["n", "ratio"],
        "rows": [["one", 2.54321], [2, None]],
        "notes": ["of nothing"],
    }
    monkeypatch.setattr(
        _bench, "load", lambda reference: lambda note: note("measuring") or dict(result)
    )
    monkeypatch.setattr(workbench, "benches", lambda: {"sums": "here"})
    monkeypatch.setattr(_bench, "benches", lambda: {"sums": "here"})
    assert main(["bench"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "sums: Sums",
        "n    ratio",
        "one  2.543",
        "2    –",
        "of nothing",
        "",
    ]
    assert captured.err == "measuring\n"
    assert run_json(capsys, "bench", "sums")["benches"] == [{"name": "sums", **result}]
    assert main(["bench", "smus"]) == 2
    assert "did you mean sums?" in capsys.readouterr().err


def test_an_unexpected_error_is_not_mistaken_for_a_failed_claim(capsys, monkeypatch):
    monkeypatch.setattr(workbench, "runs", lambda folder: 1 / 0)
    assert main(["runs"]) == 3
    captured = capsys.readouterr()
    assert "ZeroDivisionError" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e-6", 1e-6),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("0.6,0.8", [0.6, 0.8]),
        ("relu,tanh", ["relu", "tanh"]),
        ("1,", [1]),
        ("[1, 2]", [1, 2]),
        ("true", True),
        ("null", None),
        ("digits", "digits"),
        ('"1"', "1"),
        ("images/train.gz", "images/train.gz"),
        ("", ""),
        ("a=b", "a=b"),
        ("inf", "inf"),
        ("e", "e"),
        ("-", "-"),
    ],
)
def test_a_value_is_json_a_list_or_a_text(text, value):
    parsed = parse(text)
    assert parsed == value
    assert type(parsed) is type(value)
    assert overrides([f"key={text}"]) == {"key": value}


def test_numbers_that_json_lacks_are_texts(capsys):
    claim = Claim(
        id="a",
        paper="p",
        statement="s",
        relation="between",
        source="f",
        kind="aim",
        value=float("nan"),
        expected=(float("-inf"), 1.0),
    )
    document({"claim": claim.model_dump(mode="json"), "raw": [float("inf"), 1.0]})
    text = capsys.readouterr().out
    parsed = json.loads(
        text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON")
    )
    assert parsed["raw"] == ["Infinity", 1.0]
    assert parsed["claim"]["value"] == "NaN"
    assert parsed["claim"]["expected"] == ["-Infinity", 1.0]
