"""What a receipt shows does not depend on the names of the user's files."""

import importlib.util

import pytest
import torch

from condensery.torch import reduce
from condensery.torch._surgery._coupling import couple
from condensery.torch._surgery._graph import trace
from condensery.torch._surgery._kept import Cause, Kept

MODEL = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 3)
    def forward(self, x):
        return self.b(torch.softmax(self.a(x), dim=1))
"""
HOSTILE = ("returns.py", "no layer.py", "attention heads are left as they are.py")


def net_from(path):
    path.write_text(MODEL)
    spec = importlib.util.spec_from_file_location("model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    return module.Net()


def rows(receipt):
    return [(entry.name, entry.before, entry.after) for entry in receipt.layers]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_receipt_has_the_same_rows_whatever_the_file_is_called(tmp_path, name):
    x = torch.randn(5, 4)
    plain = reduce(net_from(tmp_path / "plain.py"), x).receipt
    hostile = reduce(net_from(tmp_path / name), x).receipt
    assert rows(plain) == rows(hostile) == [("a", 8, 8)]
    note = plain.layers[0].note
    assert note == "softmax at plain.py:10 depends on all of them"
    assert hostile.layers[0].note == note.replace("plain.py", name)
    assert hostile.notes == plain.notes


@pytest.mark.parametrize("name", HOSTILE)
def test_causes_are_codes(tmp_path, name):
    net = net_from(tmp_path / name).eval()
    coupling = couple(trace(net, (torch.randn(5, 4),)))
    causes = {family.name: family.kept.cause for family in coupling.families}
    assert causes == {
        "a": Cause.MIXED,
        "b": Cause.RETURNED,
    }


@pytest.mark.parametrize("cause", Cause)
def test_only_what_no_layer_makes_and_outputs_are_passed_over(cause):
    assert Kept(cause, "").silent == (cause in {Cause.NO_LAYER, Cause.RETURNED})
