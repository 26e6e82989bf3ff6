"""``condensery diagnose`` in this process: what it prints, and how it refuses."""

import json

import pytest

from condensery.cli import main

pytest.importorskip("torch")

MINE = """
import torch
from torch import nn

torch.set_num_threads(1)
x = torch.linspace(-1, 1, 8)[:, None]
batches = [(x, x / 2)]
empty = []

def loader():
    return batches

def build(width):
    return nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))

def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)

def absolute(output, target):
    return (output - target).abs().mean()

def nothing(width):
    return None
"""
WIDTHS = ("--widths", "16", "64", "256")


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    path = tmp_path_factory.mktemp("mine") / "mine.py"
    path.write_text(MINE, encoding="utf-8")
    return str(path)


def test_a_table_for_people_and_progress_on_standard_error(mine, capsys):
    words = [
        f"{mine}:build",
        "--loader",
        f"{mine}:loader",
        *WIDTHS,
        "--optimiser",
        f"{mine}:adam",
        "--steps",
        "300",
    ]
    assert main(["diagnose", *words, "--relative-loss", "0.1"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("regime: ")
    assert "hidden" in out
    assert "training width 16, seed 0, step 0 (0%)" in err


def test_one_json_document(mine, capsys):
    words = [
        f"{mine}:build",
        "--loader",
        f"{mine}:batches",
        "--widths",
        "16,64",
        "--widths",
        "256",
        "--seeds",
        "2",
    ]
    options = [
        "--equal-steps",
        "--steps",
        "20",
        "--optimiser",
        "0.001",
        "--loss",
        f"{mine}:absolute",
        "--json",
    ]
    assert main(["diagnose", *words, *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["widths"] == [16, 64, 256]
    assert document["stop"] == "ForSteps(steps=20)"
    assert [layer["layer"] for layer in document["layers"]] == ["0", "2"]
    assert len(document["runs"]) == 6


BAD = {
    "nothing": (["build", "empty", *WIDTHS], "loader: given no batch"),
    "no module": (
        ["nothing", "batches", *WIDTHS],
        "build: given a function that returns NoneType",
    ),
    "two widths": (
        ["build", "batches", "--widths", "16", "64"],
        "widths: given [16, 64]; allowed: at least three",
    ),
    "no width": (
        ["build", "batches", "--widths", "16", "a", "64"],
        "--widths: given a; allowed: whole numbers",
    ),
    "nan": (
        ["build", "batches", *WIDTHS, "--optimiser", "1e30"],
        " at width 16, seed 0, step 1; allowed: finite losses",
    ),
    "no name": (["bulid", "batches", *WIDTHS], "did you mean build?"),
    "both": (
        ["build", "batches", *WIDTHS, "--equal-steps", "--relative-loss", "0.1"],
        "--relative-loss: given --relative-loss and --equal-steps",
    ),
    "a rate": (
        ["build", "batches", *WIDTHS, "--optimiser", "-1"],
        "optimiser: given -1.0",
    ),
    "seeds": (["build", "batches", *WIDTHS, "--seeds", "1"], "seeds: given 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_exit_2_and_one_line(mine, capsys, case):
    (build, loader, *rest), message = BAD[case]
    assert (
        main(["diagnose", f"{mine}:{build}", "--loader", f"{mine}:{loader}", *rest])
        == 2
    )
    out, err = capsys.readouterr()
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("condensery: ")
    assert message in last
    assert sum(line.startswith("condensery: ") for line in err.splitlines()) == 1
