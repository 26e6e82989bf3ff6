"""Weights and models that are read, and those that are refused with what to do
instead.
"""

import os
import pickle  # ruff: ignore[suspicious-pickle-import] - to make what must be refused
import struct
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from condensery._errors import InvalidInputError
from condensery.torch import load_model, load_weights


def net():
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))


def equal(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16]
)
@pytest.mark.parametrize("ending", ["safetensors", "pt", "pth"])
def test_every_float_dtype_is_read_bit_for_bit(tmp_path, dtype, ending):
    weights = net().to(dtype).state_dict()
    path = tmp_path / f"net.{ending}"
    save_file(weights, path) if ending == "safetensors" else torch.save(weights, path)
    found = load_weights(path)
    assert equal(found, weights)
    assert {tensor.dtype for tensor in found.values()} == {dtype}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict", "model"])
def test_checkpoints_are_unwrapped(tmp_path, key, legacy):
    weights = {
        f"module._orig_mod.{name}": tensor
        for name, tensor in net().state_dict().items()
    }
    path = tmp_path / "net.pt"
    torch.save(
        weights if key is None else {key: weights, "epoch": 3},
        path,
        _use_new_zipfile_serialization=not legacy,
    )
    assert set(load_weights(path)) == {"0.weight", "0.bias", "2.weight", "2.bias"}


class Trap:
    """Makes a folder wherever it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_pickle_that_needs_code_is_refused_and_not_run(tmp_path):
    trap = Trap(tmp_path / "sprung")
    for number, content in enumerate(
        ({"weight": trap}, net(), {"state_dict": net().state_dict(), "args": trap})
    ):
        path = tmp_path / f"{number}.pt"
        torch.save(content, path)
        with pytest.raises(
            InvalidInputError,
            match=r"a pickle that needs code .*; .*save its weights alone",
        ):
            load_weights(path)
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(trap, protocol=2))
    with pytest.raises(InvalidInputError, match=r"raw\.pth"):
        load_weights(tmp_path / "raw.pth")
    assert not (tmp_path / "sprung").exists()
    # the trap works where it is sprung
    pickle.loads(pickle.dumps(trap))  # ruff: ignore[suspicious-pickle-usage] - our own bytes
    assert (tmp_path / "sprung").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_and_exported_programs_are_refused(tmp_path):
    scripted = tmp_path / "scripted.pt"
    torch.jit.script(net()).save(scripted)
    with pytest.raises(InvalidInputError, match=r"TorchScript; .*torch.jit.load"):
        load_weights(scripted)
    exported = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(net(), (torch.zeros(1, 3),)), exported)
    with pytest.raises(
        InvalidInputError,
        match=r"can run code: where you trust it, load it with torch.export.load",
    ):
        load_weights(exported)
    disguised = exported.rename(tmp_path / "disguised.pt")
    with pytest.raises(
        InvalidInputError, match=r"an exported program; .*torch.export.load"
    ):
        load_weights(disguised)


def test_torn_files_are_named(tmp_path):
    save_file(net().state_dict(), tmp_path / "whole.safetensors")
    torch.save(net().state_dict(), tmp_path / "whole.pt")
    for ending in ("safetensors", "pt"):
        content = (tmp_path / f"whole.{ending}").read_bytes()
        for length in (0, 7, len(content) // 2, len(content) - 1):
            path = tmp_path / f"torn.{ending}"
            path.write_bytes(content[:length])
            with pytest.raises(
                InvalidInputError, match=rf"torn\.{ending} .*copy or download it again"
            ):
                load_weights(path)
    huge = tmp_path / "huge.safetensors"
    huge.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(InvalidInputError, match="huge"):
        load_weights(huge)
    with zipfile.ZipFile(tmp_path / "empty.pt", "w") as archive:
        archive.writestr("readme", "nothing")
    with pytest.raises(InvalidInputError, match="empty"):
        load_weights(tmp_path / "empty.pt")


def spoiled(value):
    weight = torch.ones(3, 4)
    weight[1, 2] = value
    return weight


@pytest.mark.parametrize(
    ("weight", "given", "remedy"),
    [
        (torch.ones(3, 4, dtype=torch.complex64), "complex numbers", "view_as_real"),
        (
            torch.ones(3, 4, dtype=torch.int8),
            "quantised numbers (torch.int8)",
            "dequantise",
        ),
        (
            torch.ones(3, 4).to(torch.float8_e4m3fn),
            "quantised numbers (torch.float8_e4m3fn)",
            "dequantise",
        ),
        (torch.ones(3, 4).to_sparse(), "a sparse tensor", "to_dense"),
        (spoiled(float("nan")), "1 of 12 entries nan or inf", "diverged"),
        (spoiled(float("inf")), "1 of 12 entries nan or inf", "diverged"),
    ],
)
def test_weights_that_cannot_be_measured_are_named(
    tmp_path,
    weight,
    given,
    remedy,
):
    path = tmp_path / "net.pt"
    torch.save({"layer.bias": torch.zeros(3), "layer.weight": weight}, path)
    with pytest.raises(InvalidInputError, match=r"weight layer.weight of") as caught:
        load_weights(path)
    assert given in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_quantised_tensor_is_refused(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(
        {"weight": torch.quantize_per_tensor(torch.ones(3, 4), 0.1, 0, torch.qint8)},
        path,
    )
    with pytest.raises(InvalidInputError, match="quantised"):
        load_weights(path)


@pytest.mark.parametrize("content", [[], {}, {"epoch": 3}, {"state_dict": {}}, 7])
def test_files_without_weights_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(InvalidInputError, match="a state dict: names and tensors"):
        load_weights(tmp_path / "net.pt")


@pytest.mark.parametrize("name", ["net.onnx", "net.h5", "net", "net.gguf"])
def test_other_formats_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InvalidInputError, match=r"safetensors.torch.save_file"):
        load_weights(tmp_path / name)
    with pytest.raises(InvalidInputError, match="a file that exists"):
        load_weights(tmp_path / "nowhere.pt")


FACTORIES = """
import torch
from torch import nn
def build(): return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
def fails(): raise ValueError("no such size")
def wrong(): return 3
number = 3
"""


@pytest.fixture
def factories(tmp_path):
    path = tmp_path / "factories.py"
    path.write_text(FACTORIES)
    return path


def test_a_factory_with_weights(tmp_path, factories):
    weights = net().state_dict()
    torch.save(weights, tmp_path / "net.pt")
    assert equal(
        load_model(f"{factories}:build", tmp_path / "net.pt").state_dict(), weights
    )
    assert isinstance(load_model("torch.nn:Identity"), nn.Identity)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", "fix: ValueError: no such size"),
        ("wrong", "returned a int"),
        ("number", "a function"),
        ("biuld", "did you mean build?"),
    ],
)
def test_factories_that_build_nothing_are_refused(factories, name, message):
    with pytest.raises(InvalidInputError, match=r"factor|name in") as caught:
        load_model(f"{factories}:{name}")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("0.bias"), "no 0.bias"),
        (lambda w: w.update(extra=torch.zeros(2)), "unknown extra"),
        (lambda w: w.update({"0.bias": torch.zeros(4)}), "0.bias is (4,), not (5,)"),
    ],
)
def test_weights_of_another_model_are_refused(
    tmp_path,
    factories,
    change,
    message,
):
    weights = dict(net().state_dict())
    change(weights)
    torch.save(weights, tmp_path / "net.pt")
    with pytest.raises(
        InvalidInputError, match="give the factory that made these weights"
    ) as caught:
        load_model(f"{factories}:build", tmp_path / "net.pt")
    assert message in str(caught.value)


def test_a_small_file_cannot_ask_for_much_memory(tmp_path):
    path = tmp_path / "repeated.pt"
    torch.save({"weight": torch.ones(1).expand(2**16, 2**16)}, path)
    assert path.stat().st_size < 4096
    with pytest.raises(InvalidInputError, match="that repeat those of a smaller"):
        load_weights(path)


def test_a_compressed_archive_is_refused(tmp_path):
    plain, packed = tmp_path / "plain.pt", tmp_path / "packed.pt"
    torch.save({"weight": torch.zeros(8, 8)}, plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert load_weights(plain)["weight"].shape == (8, 8)
    with pytest.raises(InvalidInputError, match="a compressed archive"):
        load_weights(packed)
