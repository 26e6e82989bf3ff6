"""The phase diagram as its users have it: configurations, bad input, and whole runs at
a tiny size.
"""

import subprocess  # ruff: ignore[suspicious-subprocess-import] - to see what a fresh process imports
import sys

import numpy as np
import pytest
from pydantic import ValidationError

import condensery
from condensery._errors import InvalidInputError
from condensery.experiments.phase_diagram._config import Config, kind_of
from condensery.records import Status

TINY = {
    "gammas": [0.6, 1.4],
    "gamma_primes": [-0.2, 0.2],
    "widths": [20, 40],
    "tolerance": 0.1,
}


def test_what_is_left_out_is_filled_in_by_size_and_kind_of_data():
    line, images = Config.model_validate({}), Config.model_validate({"data": "digits"})
    assert (line.kind, line.asi, line.target_loss, line.samples) == (
        "line",
        True,
        1e-6,
        None,
    )
    assert (images.kind, images.asi, images.target_loss, images.samples) == (
        "images",
        False,
        1e-4,
        45,
    )
    table_run = Config.model_validate({"data": "points.csv", "widths": [5, 10]})
    assert (
        table_run.kind,
        table_run.samples,
        table_run.scatter_widths,
    ) == ("own", None, (5, 10))
    assert Config.model_validate(
        {"data": "digits", "asi": True, "target_loss": 0.5}
    ).target_loss == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("line", "line"),
        ("Line", "line"),
        ("MNIST", "images"),
        ("fashion_mnist", "images"),
        ("Fashion MNIST", "images"),
        ("demo-a", "own"),
        ("line.csv", "own"),
    ],
)
def test_names_of_data_are_read_as_the_loader_reads_them(name, kind):
    assert kind_of(name) == kind


def test_a_full_configuration_is_its_own_fixed_point():
    for settings in (
        {},
        {"data": "digits"},
        {"data": "x.csv", "widths": [3, 9]},
        {"size": "paper"},
    ):
        config = Config.model_validate(settings)
        assert Config.model_validate(config.model_dump(mode="json")) == config


WRONG = {
    "activation": {"activation": "rleu"},
    "unknown data": {"data": "lime"},
    "missing file": {"data": "missing.csv"},
    "missing images": {"data": "mnist", "data_path": "nowhere"},
    "unknown parameter": {"width": 3},
    "width of zero": {"widths": [0, 10]},
    "negative scatter width": {"scatter_widths": [-1]},
    "one width": {"widths": [10]},
    "a width that is no whole number": {"widths": [2.5, 10]},
    "equal widths": {"widths": [10, 10]},
    "equal scatter widths": {"scatter_widths": [10, 10]},
    "no widths": {"widths": []},
    "no gammas": {"gammas": []},
    "no gamma_primes": {"gamma_primes": []},
    "equal gammas": {"gammas": [1.0, 1]},
    "nan": {"gammas": [0.5, float("nan")]},
    "inf": {"gamma_primes": [float("inf")]},
    "out of range": {"gammas": [11.0]},
    "no seeds": {"seeds": 0},
    "one sample": {"data": "digits", "samples": 1},
    "more samples than there are": {"data": "digits", "samples": 10**6},
    "target": {"target_loss": 0},
    "tolerance": {"tolerance": -0.1},
    "figure": {"figures": ["scatter"]},
    "figure twice": {"figures": ["regimes", "regimes"]},
    "size": {"size": "large"},
}


@pytest.mark.parametrize("settings", WRONG.values(), ids=WRONG)
def test_bad_input_is_one_line_and_writes_nothing(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInputError, match=r"given .*; allowed: ") as caught:
        condensery.run("phase-diagram", runs="runs", **settings)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_bad_tables_of_ones_own_are_refused(tmp_path):
    files = {
        "nan.csv": "0,1\nnan,2\n",
        "one.csv": "1,2\n",
        "ragged.csv": "1,2\n3\n",
        "word.csv": "1,2\n3,x\n4,5\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(InvalidInputError, match=r"given .*; allowed: "):
            condensery.run(
                "phase-diagram", runs=tmp_path / "runs", data=str(tmp_path / name)
            )
    assert not (tmp_path / "runs").exists()


_CHECK = """
import sys
from condensery.experiments.phase_diagram._config import Config
try:
    Config.model_validate({"activation": "rleu"})
except ValueError as error:
    assert "relu, leaky_relu" in str(error)
else:
    raise SystemExit("taken")
assert "jax" not in sys.modules
"""


def test_the_activation_is_checked_without_jax():
    done = subprocess.run(
        [sys.executable, "-c", _CHECK], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with pytest.raises(ValidationError):
        Config.model_validate({"activation": "rleu"})
    assert Config.model_validate({"activation": "x2tanh"}).activation == "x2tanh"


def bits(run):
    """What must not depend on how a run was carried out: shards, tables and claims."""
    paths = [
        *run.folder.glob("shards/*.safetensors"),
        *run.folder.glob("tables/*"),
        run.folder / "claims.json",
    ]
    return {path.name: path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def own_data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "points.csv"
    path.write_text(
        "height,width,y\n0.1,0.9,1\n0.5,-0.2,0.3\n-0.7,0.4,-0.5\n", encoding="utf-8"
    )
    return path


@pytest.fixture(scope="module")
def table_run(own_data, tmp_path_factory):
    return condensery.run(
        "phase-diagram",
        runs=tmp_path_factory.mktemp("one"),
        workers=1,
        data=str(own_data),
        **TINY,
    )


def test_ones_own_table_end_to_end(table_run):
    assert table_run.status == "done"
    members, slopes = table_run.tables["members"], table_run.tables["slopes"]
    assert len(members) == 2 * 2 * 2
    assert set(members["status"]) == {Status.CONVERGED}
    assert np.all(members["loss"] < 1e-4)
    linear, condensed = (
        members.select(gamma=gamma)["rd"].mean() for gamma in (0.6, 1.4)
    )
    assert condensed > 3 * linear
    assert len(slopes) == 4
    assert np.all(np.isfinite(slopes["slope"]))
    assert {claim.id for claim in table_run.claims if claim.passed is not None} == {
        "coordinates"
    }
    assert {path.stem for path in table_run.figures} == {
        "phase-diagram",
        "phase-plane",
        "rd-against-width",
        "scatter-grid",
    }
    assert table_run.report.stat().st_size > 10_000


def test_two_workers_give_the_bits_of_one(table_run, own_data, tmp_path):
    two = condensery.run(
        "phase-diagram", runs=tmp_path, workers=2, data=str(own_data), **TINY
    )
    assert two.id == table_run.id
    assert len(bits(table_run)) > 5
    assert bits(two) == bits(table_run)


def test_images_end_to_end(tmp_path):
    settings = {
        **TINY,
        "gamma_primes": [0.0],
        "target_loss": 1e-2,
        "activation": "tanh",
    }
    run = condensery.run(
        "phase-diagram", runs=tmp_path, workers=1, data="digits", samples=6, **settings
    )
    assert run.status == "done"
    assert np.all(run.tables["members"]["status"] == Status.CONVERGED)
    assert run.tables["data"]["x"].shape == (6, 64)
    assert {claim.id for claim in run.claims if claim.passed is not None} == {
        "coordinates"
    }


def test_the_line_end_to_end(tmp_path):
    settings = {**TINY, "gamma_primes": [0.0], "row_seeds": 1}
    run = condensery.run("phase-diagram", runs=tmp_path, workers=2, **settings)
    claims = {claim.id: claim for claim in run.claims}
    for name in (
        "conservation",
        "conservation-order",
        "other-solver",
        "scaling",
        "rd-without-asi",
        "coordinates",
    ):
        assert claims[name].passed is True, claims[name]
    assert {path.stem for path in run.figures} == {
        "phase-diagram",
        "phase-plane",
        "rd-against-width",
        "regimes",
        "scatter-grid",
    }
    assert set(run.tables["row_slopes"]["gamma"]) == {0.5, 1.0, 1.75}
