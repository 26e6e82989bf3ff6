"""`diagnose` from end to end on models that train in a moment."""

import copy
import html.parser
import json
import random
import subprocess  # ruff: ignore[suspicious-subprocess-import] - to test a process without JAX
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from condensery._errors import InvalidInputError
from condensery.torch import Diagnosis, ForSteps, UntilLoss, diagnose
from condensery.torch._diagnosis._streams import kept, seed_all

X = torch.linspace(-1, 1, 8)[:, None]
BATCHES = [(X, X**2 + X)]
WIDTHS = (32, 128, 512)
SHORT = UntilLoss(0.3, steps=60)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def build(width):
    return nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))


def small(width):
    """In the condensed regime: weights of size 1/m."""
    model = build(width)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 1 / width)
    return model


def by_width(model):
    return torch.optim.SGD(model.parameters(), lr=3.0 / model[0].out_features)


def short(loader=BATCHES, make=build, **options):
    return diagnose(
        make,
        loader,
        **{
            "widths": WIDTHS,
            "stop": SHORT,
            "optimiser": by_width,
            "seeds": 2,
            **options,
        },
    )


@pytest.mark.slow
def test_the_usual_start_is_linear_and_a_small_one_condenses():
    widths, odd = (64, 128, 256, 512, 1024), [(X, X / 2)]
    usual = diagnose(
        build, odd, widths=widths, optimiser=by_width, stop=UntilLoss(0.01, steps=800)
    )
    assert usual.regime == "linear"
    assert usual.layers[0].regime == "linear"
    condensed = diagnose(
        small, odd, widths=widths, optimiser=0.1, stop=UntilLoss(0.1, steps=800)
    )
    assert condensed.regime == "condensed"
    assert condensed.layers[0].condensed > 0.7 > 0.3 > usual.layers[0].condensed
    assert [layer.role for layer in condensed.layers] == ["hidden", "output"]


def test_rd_is_that_of_ones_own_training():
    """The same seed, loader and steps, trained here in the plain way."""
    found = short(stop=ForSteps(20), optimiser=0.003)
    for run in found.runs:
        seed_all(0, run.seed, run.width)
        model = build(run.width)
        start = {name: value.clone() for name, value in model.state_dict().items()}
        rule = torch.optim.SGD(model.parameters(), lr=0.003)
        for _ in range(20):
            rule.zero_grad()
            nn.functional.mse_loss(model(X), X**2 + X).backward()
            rule.step()
        for layer, value in zip(("0", "2"), run.moments[-1].rd, strict=True):
            parts = [f"{layer}.weight", f"{layer}.bias"]
            far = sum(
                float(((model.state_dict()[part] - start[part]) ** 2).sum())
                for part in parts
            )
            size = sum(float((start[part] ** 2).sum()) for part in parts)
            assert value == pytest.approx((far / size) ** 0.5, rel=1e-4)
        assert run.steps == 20
    assert found.stages == (2.0, 6.0, 20.0)


def test_equal_arguments_give_equal_numbers_whatever_the_generators_are_at():
    texts = []
    for start in (1, 2):
        torch.manual_seed(start)
        texts.append(
            short(DataLoader(TensorDataset(X, X), batch_size=4, shuffle=True)).json()
        )
    assert texts[0] == texts[1]


def states():
    return (
        torch.get_rng_state().tolist(),
        np.random.get_state()[1].tolist(),
        random.getstate(),
    )


def test_the_generators_are_put_back_also_after_an_error():
    own = torch.Generator().manual_seed(5)
    data = TensorDataset(X, X)
    loader = DataLoader(data, batch_size=4, sampler=RandomSampler(data, generator=own))
    before, state = states(), own.get_state()
    short(loader)
    assert states() == before
    assert torch.equal(own.get_state(), state)
    with pytest.raises(InvalidInputError):
        short(loader, loss=lambda output, target: output.sum() * float("nan"))
    assert states() == before
    assert torch.equal(own.get_state(), state)
    seed_all(3)
    assert states() != before
    with kept(loader):
        seed_all(4)
    seed = states()
    seed_all(3)
    assert states() == seed


def test_every_width_sees_the_same_order_and_every_seed_another():
    seen = {}

    def dropped(width):
        return nn.Sequential(nn.Linear(1, width), nn.Dropout(0.5), nn.Linear(width, 1))

    def optimiser(model):
        seen[len(seen)] = []
        return torch.optim.SGD(model.parameters(), lr=1e-3)

    def loss(output, target):
        if seen and output.requires_grad:
            seen[len(seen) - 1].append(tuple(target[:, 0].tolist()))
        return nn.functional.mse_loss(output, target)

    loader = DataLoader(TensorDataset(X, X), batch_size=2, shuffle=True)
    short(loader, dropped, optimiser=optimiser, loss=loss, stop=ForSteps(11))
    orders = [tuple(order) for order in seen.values()]
    assert len(orders) == 6
    assert {len(order) for order in orders} == {12}
    assert orders[0::2] == [orders[0]] * 3
    assert orders[1::2] == [orders[1]] * 3
    assert orders[0] != orders[1]
    epochs = [orders[0][k : k + 4] for k in (0, 4, 8)]
    assert len(set(epochs)) == 3
    assert len({tuple(sorted(sum(epoch, ()))) for epoch in epochs}) == 1


def test_nothing_of_the_users_is_modified():
    models = {width: build(width).eval() for width in WIDTHS}
    first = {
        width: copy.deepcopy(model.state_dict()) for width, model in models.items()
    }

    def stored(width):
        model = models[width]
        return model if torch.rand(1) < 2 else None

    with pytest.raises(
        InvalidInputError, match="the same weights for every seed at width 32"
    ):
        short(make=stored)

    def shaken(width):
        model = copy.copy(models[width])
        model[0].bias = nn.Parameter(torch.randn(width))
        models[width] = model
        return model

    batches = [(X.clone(), X.clone())]
    short(batches, shaken)
    for width, model in models.items():
        assert torch.equal(model[2].weight, first[width]["2.weight"])
        assert not model.training
        assert model[2].weight.grad is None
    assert torch.equal(batches[0][0], X)


def test_no_verdict_where_the_runs_do_not_come_to_a_common_loss():
    found = short(stop=UntilLoss(0.01, steps=3), optimiser=1e-3)
    assert (found.regime, found.stages) == ("undetermined", ())
    assert "UntilLoss(relative=0.01, steps=6)" in found.remedy
    assert "6 of 6 runs did not get to 0.01 of the initial loss in 3 steps" in str(
        found
    )
    json.loads(found.json())


def test_runs_that_are_below_the_loss_from_the_start_tell_nothing():
    def still(width):
        model = build(width)
        with torch.no_grad():
            for parameter in model[2].parameters():
                parameter.mul_(1e-4 if width == 64 else 1.0)
        return model

    nothing = [(X, 0 * X)]
    found = diagnose(
        still,
        nothing,
        widths=(64, 256, 1024),
        optimiser=by_width,
        stop=UntilLoss(0.1, steps=100),
    )
    assert min(run.steps for run in found.runs) == 0
    assert found.regime == "undetermined"
    assert (
        found.remedy
        == "UntilLoss(relative=0.01): some runs were below this loss from the start"
    )


def test_the_last_common_stage_is_used():
    found = short(stop=UntilLoss(1e-4, steps=40))
    reached = min(len(run.moments) for run in found.runs)
    assert 0 < reached < len(found.stop.stages)
    assert found.stages == found.stop.stages[:reached]
    assert f"at {found.stages[-1]:g} of the initial loss" in str(found)


@pytest.mark.slow
def test_large_noise_between_seeds_withholds_the_verdict():
    """The same training with an initial scale that is drawn anew for every run: the
    slope drowns.
    """

    def noisy(width):
        model = build(width)
        with torch.no_grad():
            scale = float(torch.exp(2.5 * torch.randn(())))
            for parameter in model.parameters():
                parameter.mul_(scale)
        return model

    quiet = diagnose(
        build, BATCHES, widths=(64, 256, 1024), optimiser=by_width, stop=ForSteps(60)
    )
    found = diagnose(
        noisy,
        BATCHES,
        widths=(64, 256, 1024),
        stop=ForSteps(60),
        optimiser=lambda model: torch.optim.Adam(model.parameters(), 1e-3),
    )
    assert quiet.regime == "linear"
    assert found.regime == "undetermined"
    assert found.remedy


class _Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows = 0

    def handle_starttag(self, tag, attrs):
        self.rows += tag == "tr"


def test_it_shows_itself():
    found = short()
    assert isinstance(found, Diagnosis)
    table = found.table
    assert table["layer"].tolist() == ["0", "2"]
    assert table["slope"][0] == pytest.approx(found.layers[0].slope)
    lines = str(found).splitlines()
    assert lines[0].startswith(
        f"regime: {found.regime}  (widths 32, 128, 512; 2 seeds; at 0.3 of the "
        "initial loss)"
    )
    assert lines[2].split("  ")[0] == "layer"
    document = json.loads(found.json())
    assert document["layers"][0]["slope"] == pytest.approx(found.layers[0].slope)
    assert document["layers"][1]["condensed"] is None
    assert [run["width"] for run in document["runs"]] == [32, 32, 128, 128, 512, 512]
    tags = _Tags()
    tags.feed(found._repr_html_())
    assert tags.rows == 3
    measures = found.measures
    assert len(measures) == 6 * len(found.stages) * 2
    last = measures.select(layer="0", width=512, stage=found.stages[-1])["rd"]
    assert np.exp(np.mean(np.log(last))) == pytest.approx(found.layers[0].rd[-1])


def test_progress_is_told():
    told = []
    short(progress=lambda text, fraction: told.append((text, fraction)))
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert told[0][0] == "width 32, seed 0, step 0"


def test_whole_number_targets_have_cross_entropy_and_kernels_of_several_outputs():
    def classes(width):
        return nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, 3))

    found = short([(X, (X[:, 0] > 0).long())], classes, stop=ForSteps(5))
    assert found.runs[0].first_loss == pytest.approx(np.log(3), abs=0.5)
    assert np.isfinite(found.layers[0].drift).all()
    assert np.isnan(short(stop=ForSteps(5), samples=0).layers[0].drift_slope)


def explode(model):
    return torch.optim.SGD(model.parameters(), lr=1e12)


class Pair(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Linear(1, width)

    def forward(self, x):
        return self.inner(x), x


BAD = {
    "no module": (
        {"make": lambda width: [width]},
        r"build: given a function that returns list",
    ),
    "a module": (
        {"make": nn.Linear(1, 1)},
        r"build: given Linear; allowed: a function of the width",
    ),
    "a build that fails": (
        {"make": lambda width: 1 / 0},
        r"fails at width 32; .*ZeroDivisionError",
    ),
    "no parameters": (
        {"make": lambda width: nn.ReLU()},
        r"build: given a model without parameters",
    ),
    "fails on the data": (
        {"make": lambda w: nn.Linear(2, w)},
        r"a model that fails at width 32, seed 0, step 0; .*RuntimeError",
    ),
    "several outputs": (
        {"make": Pair, "loss": lambda out, target: out[0].mean()},
        r"a model that returns <class 'tuple'>",
    ),
    "few widths": (
        {"widths": (8, 16)},
        r"widths: given \[8, 16\]; allowed: at least three",
    ),
    "equal widths": ({"widths": (8, 8, 16)}, "at least three different whole numbers"),
    "no loader": ({"loader": []}, "loader: given no batch"),
    "an iterator": (
        {"loader": iter(BATCHES)},
        "loader: given an iterator, which ends after one epoch",
    ),
    "a number": ({"loader": 3}, "loader: given int"),
    "a failing loader": (
        {"loader": lambda: Path("nowhere").read_bytes()},
        "fix: FileNotFoundError",
    ),
    "no pairs": ({"loader": [X]}, "a batch that is a Tensor"),
    "one seed": ({"seeds": 1}, "seeds: given 1; allowed: two or more"),
    "stop": ({"stop": UntilLoss(1.5)}, r"stop: given UntilLoss\(relative=1.5"),
    "a stop of steps": (
        {"stop": 100},
        r"stop: given 100; allowed: UntilLoss or ForSteps",
    ),
    "samples": ({"samples": -1}, "samples: given -1"),
    "no optimiser": (
        {"optimiser": lambda model: 3},
        "optimiser: given a function that returns int",
    ),
    "a negative rate": ({"optimiser": -1.0}, "optimiser: given -1.0"),
    "nan": (
        {"optimiser": explode},
        r"loss: given (nan|inf) at width 32, seed 0, step \d+; .*lower the learning "
        r"rate",
    ),
    "a vector loss": (
        {"loss": lambda output, target: output},
        "loss: given Tensor at width 32",
    ),
    "shapes": (
        {"loader": [(X, torch.ones(8, 2))]},
        r"outputs of shape \(8, 1\), targets of shape \(8, 2\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case):
    options, message = BAD[case]
    with pytest.raises(InvalidInputError, match=message) as caught:
        short(**options)
    assert "\n" not in str(caught.value)
    assert "; allowed: " in str(caught.value)


@pytest.mark.slow
def test_it_works_without_jax():
    program = """
import sys
class NoJax:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"jax", "jaxlib"}:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, NoJax())
import torch
from condensery.torch import ForSteps, diagnose
x = torch.linspace(-1, 1, 4)[:, None]
build = lambda m: torch.nn.Sequential(torch.nn.Linear(1, m), torch.nn.Linear(m, 1))
print(diagnose(build, [(x, x)], widths=(4, 8, 16), stop=ForSteps(3), optimiser=0.01))
print(sorted(name for name in sys.modules if name.partition(".")[0] == "jax"))
try:
    import jax
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("regime: ")
    assert done.stdout.splitlines()[-2:] == ["[]", "jax is blocked"]
