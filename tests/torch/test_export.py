"""Written models, and the commands that write them."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file
from tests.torch.networks import Plain, copy_unit
from torch import nn

from condensery._errors import InvalidInputError
from condensery.cli import main
from condensery.torch import export_model, reduce

FACTORY = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    with torch.no_grad():
        net[0].weight[3], net[0].bias[3] = 2 * net[0].weight[1], 2 * net[0].bias[1]
    return net
"""


@pytest.fixture
def factory(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(FACTORY)
    return f"{path}:build"


@pytest.mark.slow
def test_a_reduced_model_is_written_in_all_formats(tmp_path):
    net, x = Plain().eval(), torch.randn(2, 1, 8, 8)
    copy_unit(net.c.weight, net.c.bias, 0, 5, 2.0)
    small, receipt, _ = reduce(net, x)
    files = export_model(
        small,
        x,
        tmp_path / "new",
        formats=("safetensors", "pt2", "onnx"),
        receipt=receipt,
    )
    with torch.no_grad():
        expected = net(x)
    saved = load_file(files["safetensors"])
    assert {name: tuple(value.shape) for name, value in saved.items()} == {
        name: tuple(value.shape) for name, value in small.state_dict().items()
    }
    sidecar = json.loads(files["json"].read_text())
    assert sidecar["receipt"]["merges"] == 1
    assert sidecar["shapes"]["c.weight"] == [11, 160]
    session = onnxruntime.InferenceSession(
        str(files["onnx"]), providers=["CPUExecutionProvider"]
    )
    values = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    assert np.abs(values - expected.numpy()).max() <= 1e-5 * float(expected.abs().max())
    again = torch.export.load(files["pt2"]).module()(x)
    assert float((again - expected).detach().abs().max()) < 1e-5


def test_tied_weights_are_written_once(tmp_path):
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    files = export_model(net, torch.randn(2, 4), tmp_path)
    assert "2.weight" not in load_file(files["safetensors"])
    assert json.loads(files["json"].read_text())["tied"] == {"2.weight": "0.weight"}


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="formats: given keras"):
        export_model(nn.Linear(2, 2), torch.randn(1, 2), tmp_path, formats=["keras"])


def test_the_commands(factory, tmp_path, capsys):
    target = tmp_path / "out"
    assert (
        main(["reduce", factory, "--shape", "6,4", "--to", str(target), "--json"]) == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["receipt"]["merges"] == 1
    assert load_file(target / "model.safetensors")["0.weight"].shape == (11, 4)
    assert (
        main(
            ["grow", factory, "--shape", "6,4", "--width", "0=20", "--to", str(target)]
        )
        == 0
    )
    assert "0: 12 → 20" in capsys.readouterr().out
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((40, 4)))
    options = [
        "--data",
        str(tmp_path / "x.npy"),
        "--mode",
        "approximate",
        "--tau",
        "0.5",
        "--max-error",
        "0.5",
    ]
    assert main(["reduce", factory, *options, "--on-data", "--to", str(target)]) == 0
    assert "12 → " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reduce", "FACTORY"], "--shape: given neither a shape nor data"),
        (["reduce", "FACTORY", "--shape", "6,x"], "--shape: given 6,x"),
        (
            ["reduce", "FACTORY", "--shape", "6,5"],
            "example_inputs: given shapes (6, 5)",
        ),
        (["reduce", "FACTORY", "--shape", "6,4", "--mode", "fast"], "mode: given fast"),
        (["reduce", "nowhere:build", "--shape", "6,4"], "nowhere"),
        (["reduce", "FACTORY", "--data", "none.npy"], "--data: given none.npy"),
        (["grow", "FACTORY", "--shape", "6,4", "--width", "0"], "--width: given 0"),
        (["grow", "FACTORY", "--shape", "6,4"], "grow: given neither"),
    ],
)
def test_bad_input_is_one_line_and_status_2(words, message, factory, capsys):
    assert main([factory if word == "FACTORY" else word for word in words]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 3)

    def forward(self, x):
        return self.a(x) if x.sum() > 0 else x


@pytest.mark.parametrize("formats", ["safetensors", "pt2", "onnx"])
def test_what_cannot_be_exported_is_refused_in_one_exception(tmp_path, formats):
    with pytest.raises(
        InvalidInputError, match=r"example_inputs: given shapes \(2, 7\)"
    ):
        export_model(nn.Linear(3, 2), torch.randn(2, 7), tmp_path, formats=formats)
    with pytest.raises(InvalidInputError, match="model: given dict"):
        export_model({}, torch.randn(2, 3), tmp_path, formats=formats)
    if formats != "safetensors":
        with pytest.raises(
            InvalidInputError,
            match=r"torch.export cannot follow at test_export\.py:\d+",
        ):
            export_model(Branching(), torch.randn(2, 3), tmp_path, formats=formats)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_onnx_in_kinds_of_numbers_that_its_runtime_has_not(tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    with pytest.raises(
        InvalidInputError, match=r"onnxruntime cannot run .*use model\.float\(\)"
    ):
        export_model(
            nn.Linear(3, 2).bfloat16(),
            torch.randn(2, 3).bfloat16(),
            tmp_path,
            formats="onnx",
        )
    assert list(tmp_path.glob("*.onnx")) == []


class Several(nn.Module):
    """Outputs by name, of which one is of whole numbers."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 4)

    def forward(self, x):
        y = self.a(x)
        return {"class": y.argmax(1), "logits": y}


@pytest.mark.slow
def test_onnx_of_a_model_with_several_outputs(tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    files = export_model(Several(), torch.randn(2, 3), tmp_path, formats=("onnx",))
    assert files["onnx"].exists()
