"""`condensery inspect`: what it prints, and every bad input in one line."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from condensery.cli import main

FACTORY = "from torch import nn\ndef build(): return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    save_file(net.state_dict(), "net.safetensors")
    torch.save(net.state_dict(), "net.pt")
    torch.save(net, "pickled.pt")
    torch.save({"a.weight": torch.full((2, 2), float("nan"))}, "nan.pt")
    (tmp_path / "torn.safetensors").write_bytes((tmp_path / "net.safetensors").read_bytes()[:-1])
    (tmp_path / "net.pt2").write_bytes(b"anything")
    (tmp_path / "factories.py").write_text(FACTORY)
    return tmp_path


def test_a_file_in_a_table_and_as_json(place, capsys):
    assert main(["inspect", "net.safetensors"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["layer", "kind", "units"]
    assert [line.split()[:3] for line in lines[1:3]] == [["0", "Linear", "5"], ["2", "Linear", "2"]]
    assert main(["inspect", "net.pt", "--json", "--threshold", "0.9"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert (document["model"], document["threshold"], len(document["layers"])) == ("net.pt", 0.9, 2)
    assert printed.err == ""


def test_a_factory_with_weights_knows_its_activation(place, capsys):
    assert main(["inspect", "factories.py:build", "--weights", "net.safetensors", "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert [row["why"].startswith("0 exact merges, and no two") for row in layers] == [True, False]
    assert layers[1]["why"] == "its units are the output of the model"
    assert "not known" not in layers[0]["why"]


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("nowhere.pt", ("nowhere.pt", "a file that exists", "looked in")),
        ("net.pt2", ("net.pt2", "weights alone", "torch.export.load")),
        ("pickled.pt", ("pickled.pt", "a pickle that needs code", "save its weights alone")),
        ("torn.safetensors", ("torn.safetensors", "a whole safetensors file", "download it again")),
        ("nan.pt", ("a.weight", "finite real numbers", "before the training diverged")),
        ("factories.py:biuld", ("biuld", "did you mean build?")),
        ("factories.py:build --weights nan.pt", ("nan.pt", "finite")),
        ("net.pt --threshold 2", ("threshold", "a cosine in (0, 1]")),
        ("net.pt --activation rleu", ("rleu", "relu")),
        ("net.pt --weights net.pt", ("weights", "leave it out")),
        ("", ("nothing", "see condensery inspect --help")),
    ],
)
def test_bad_input_is_one_line_and_status_two(place, capsys, line, parts):
    assert main(["inspect", *line.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (told,) = printed.err.splitlines()
    for part in parts:
        assert part in told, told
