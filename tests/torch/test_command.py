"""`condensery inspect`: what it prints, and every bad input in one line."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from condensery.cli import main

FACTORY = """
import torch, warnings
from torch import nn
def build(): return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
def scripted():
    warnings.simplefilter("ignore")
    return torch.jit.script(build())
def quantised():
    warnings.simplefilter("ignore")
    return torch.ao.quantization.quantize_dynamic(build(), {nn.Linear}, torch.qint8)
def empty():
    with torch.device("meta"):
        return build()
class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)
    def forward(self, x):
        return self.a(x) if x.sum() > 0 else x
class Talking(nn.Sequential):
    def forward(self, x):
        print("the mean is", x.mean())
        return super().forward(x)
def talking():
    print("building")
    return Talking(*build())
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    save_file(net.state_dict(), "net.safetensors")
    torch.save(net.state_dict(), "net.pt")
    torch.save(net, "pickled.pt")
    torch.save({"a.weight": torch.full((2, 2), float("nan"))}, "nan.pt")
    (tmp_path / "torn.safetensors").write_bytes(
        (tmp_path / "net.safetensors").read_bytes()[:-1]
    )
    (tmp_path / "net.pt2").write_bytes(b"anything")
    (tmp_path / "words.pt").write_text("hello")
    (tmp_path / "factories.py").write_text(FACTORY)
    return tmp_path


def test_a_file_in_a_table_and_as_json(folder, capsys):
    assert main(["inspect", "net.safetensors"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "nothing could be merged." in " ".join(lines[:3])
    heads = next(i for i, line in enumerate(lines) if line.startswith("layer"))
    assert [line.split()[:2] for line in lines[heads + 1 : heads + 3]] == [
        ["0", "5"],
        ["2", "2"],
    ]
    assert main(["inspect", "net.pt", "--json", "--threshold", "0.9"]) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert (document["model"], document["threshold"], len(document["layers"])) == (
        "net.pt",
        0.9,
        2,
    )
    assert printed.err == ""


def test_a_factory_with_weights_knows_its_activation(folder, capsys):
    assert (
        main(
            ["inspect", "factories.py:build", "--weights", "net.safetensors", "--json"]
        )
        == 0
    )
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert [row["why"].startswith("0 exact merges, and no two") for row in layers] == [
        True,
        False,
    ]
    assert layers[1]["why"] == "its units are the output of the model"
    assert "not known" not in layers[0]["why"]


@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        ("nowhere.pt", ("nowhere.pt", "a file that exists", "looked in")),
        ("net.pt2", ("net.pt2", "weights alone", "torch.export.load")),
        (
            "pickled.pt",
            ("pickled.pt", "a pickle that needs code", "save its weights alone"),
        ),
        (
            "torn.safetensors",
            ("torn.safetensors", "a whole safetensors file", "download it again"),
        ),
        ("nan.pt", ("a.weight", "finite real numbers", "before the training diverged")),
        ("factories.py:biuld", ("biuld", "did you mean build?")),
        ("factories.py:build --weights nan.pt", ("nan.pt", "finite")),
        ("net.pt --threshold 2", ("threshold", "a cosine in (0, 1]")),
        ("net.pt --activation rleu", ("rleu", "relu")),
        ("net.pt --weights net.pt", ("weights", "leave it out")),
        ("", ("nothing", "see condensery inspect --help")),
        ("words.pt", ("words.pt (KeyError)", "a whole file written by torch.save")),
        (
            "factories.py:scripted",
            ("which is TorchScript", "an eager torch.nn.Module", "state_dict()"),
        ),
        (
            "factories.py:quantised",
            ("of which 0 is quantised", "before it was quantised"),
        ),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_bad_input_is_one_line_and_status_two(folder, capsys, line, fragments):
    check(["inspect", *line.split()], fragments, capsys)


def check(words, fragments, capsys):
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (message,) = printed.err.splitlines()
    for fragment in fragments:
        assert fragment in message, message


@pytest.mark.parametrize("verb", [["reduce"], ["grow", "--width", "0=9"]])
@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (
            "factories.py:scripted",
            ("an eager torch.nn.Module", "a scripted model cannot be rebuilt"),
        ),
        ("factories.py:quantised", ("of which 0 is quantised", "before quantisation")),
        ("factories.py:empty", ("meta device", "load its weights first")),
        (
            "factories.py:Branching",
            (
                "which torch.export cannot follow at factories.py:19",
                "rewrite that line",
            ),
        ),
        (
            "factories.py:build --to words.pt",
            ("folder: given words.pt", "choose another (File exists)"),
        ),
        ("factories.py:build --weights nan.pt", ("nan.pt", "finite")),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_surgery_on_bad_input_is_one_line_and_status_two(
    folder, capsys, verb, words, fragments
):
    check([*verb, *words.split(), "--shape", "4,3"], fragments, capsys)


@pytest.mark.parametrize(
    "words",
    [
        ["inspect"],
        ["reduce", "--shape", "4,3"],
        ["grow", "--shape", "4,3", "--width", "0=9"],
    ],
)
def test_what_a_model_prints_does_not_reach_the_document(folder, capsys, words):
    assert main([*words, "factories.py:talking", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)
    assert "building" in printed.err
    assert "Proxy" not in printed.err  # tracing runs nothing
    assert ("the mean is" in printed.err) == (words[0] != "inspect")


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_state_dict_is_refused(folder, capsys):
    packed = (
        torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8),
        None,
    )  # as a quantised layer keeps it
    torch.save({"a": packed}, "packed.pt")
    check(
        ["inspect", "packed.pt"],
        ("weight a of packed.pt", "quantised numbers", "dequantise"),
        capsys,
    )
