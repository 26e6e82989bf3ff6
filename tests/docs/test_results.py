"""The committed results are those of the program as it is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from condensery.records import Claim
from condensery.workbench import find

RESULTS = Path(__file__).parents[2] / "docs" / "results"
FOLDERS = sorted(folder.name for folder in RESULTS.iterdir())


def by_folder(renew, name):
    (shown,) = [shown for shown in renew.SHOWN if shown.folder == name]
    return shown


def write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture(params=FOLDERS)
def shown(request, renew):
    return by_folder(renew, request.param)


def test_every_built_in_experiment_is_shown(renew):
    from condensery.experiments import BUILT_IN

    folders = sorted(shown.folder for shown in renew.SHOWN)
    experiments = {shown.experiment for shown in renew.SHOWN}
    assert folders == FOLDERS
    assert experiments == set(BUILT_IN)


def test_a_committed_result_is_not_stale(shown, renew):
    assert renew.stale(shown) == ""


def test_a_result_has_all_parts_and_stays_small(shown, renew):
    record = shown.provenance()
    assert {"condensery", "numpy", "python"} <= set(record["versions"])
    experiment = find(shown.experiment).experiment
    model = experiment.Config.model_validate(record["config"]["parameters"])
    for spec in experiment.figures(model):
        endings = [".png", ".gif"] if spec.animated else [".png"]
        for ending in endings:
            picture = shown.path / f"{spec.name}{ending}"
            size = picture.stat().st_size
            assert 1000 < size <= renew.LARGEST[ending], spec.name
    claims = [Claim.model_validate(document) for document in shown.claims()]
    statements = experiment.statements
    ids = [statement.id for statement in statements]
    assert [claim.id for claim in claims] == ids
    sentences = [statement.statement for statement in statements]
    assert [claim.statement for claim in claims] == sentences


def test_another_configuration_is_called_stale(renew, tmp_path, monkeypatch):
    first = renew.SHOWN[0]
    changed = dataclasses.replace(first, overrides={"steps": 7})
    assert "make figures" in renew.stale(changed)
    monkeypatch.setattr(renew, "RESULTS", tmp_path)
    assert "is missing" in renew.stale(first)


def test_a_record_that_does_not_match_its_id_is_called_stale(
    renew, tmp_path, monkeypatch
):
    first = renew.SHOWN[0]
    record = first.provenance()
    parameters = record["config"]["parameters"]
    parameters["width"] += 1
    monkeypatch.setattr(renew, "RESULTS", tmp_path)
    first.path.mkdir()
    write(first.path / renew.PROVENANCE, record)
    assert renew.stale(first)


def test_another_statement_or_expectation_is_called_stale(renew, tmp_path, monkeypatch):
    first = by_folder(renew, "dropout-stall")
    claims = first.claims()
    record = first.provenance()
    monkeypatch.setattr(renew, "RESULTS", tmp_path)
    first.path.mkdir()

    def commit(claims, record):
        write(first.path / renew.CLAIMS, claims)
        write(first.path / renew.PROVENANCE, record)

    commit(claims, record)
    assert renew.stale(first) == ""
    claim, *others = claims
    problem = f"states otherwise ({claim['id']})"
    sentence = claim["statement"]
    restated = claim | {"statement": f"{sentence} Always."}
    commit([restated, *others], record)
    assert problem in renew.stale(first)
    commit(others, record)
    assert problem in renew.stale(first)
    commit(claims, record | {"verdicts": {"expectations": "of a wider tolerance"}})
    assert "judged by other expectations" in renew.stale(first)


@pytest.mark.slow
def test_a_run_is_copied_with_its_claims_and_hash(renew, tmp_path, monkeypatch):
    monkeypatch.setattr(renew, "RESULTS", tmp_path)
    overrides = {
        "width": 20,
        "steps": 30,
        "seeds": 1,
    }
    small = renew.Shown("small", "demo-a", overrides)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "old.png").write_bytes(b"of another run")
    renew.renew(small)
    assert renew.stale(small) == ""
    names = sorted(path.name for path in small.path.iterdir())
    assert names == [
        "claims.json",
        "demo-a.png",
        "provenance.json",
    ]


def test_an_unknown_name_is_refused(renew, capsys):
    assert renew.main(["demo-b"]) == 2
    assert "demo-b" in capsys.readouterr().err


def test_what_is_of_absent_packages_is_kept(renew, tmp_path, monkeypatch, capsys):
    there = next(shown for shown in renew.SHOWN if shown.packages)
    nowhere = dataclasses.replace(there, packages=("no-such-package-of-condensery",))
    current = nowhere.config()
    changed = current.model_copy(update={"data_digest": "of other files"})
    monkeypatch.setattr(renew.Shown, "config", lambda self: changed)
    assert renew.stale(nowhere) == ""
    # with the packages at hand their files count
    at_hand = dataclasses.replace(there, packages=("numpy",))
    assert "make figures" in renew.stale(at_hand)
    # and what does not come from them counts in any case
    older = changed.model_copy(update={"task_version": "0"})
    monkeypatch.setattr(renew.Shown, "config", lambda self: older)
    assert "make figures" in renew.stale(nowhere)
    monkeypatch.setattr(renew, "RESULTS", tmp_path)
    monkeypatch.setattr(renew, "SHOWN", (nowhere,))
    assert renew.main([there.folder]) == 2
    message = capsys.readouterr().err
    assert "needs pip install --no-deps no-such-package-of-condensery" in message
    assert renew.main([]) == 0
    assert not list(tmp_path.iterdir())


def test_optional_data_are_named_by_digest_and_never_by_path(shown, renew):
    record = shown.provenance()
    assert not record["config"].get("stand_ins")
    parameters = record["config"]["parameters"]
    assert not parameters.get("data_path")
    assert ("data" in record) == bool(shown.data)
    if not shown.data:
        return
    data = record["data"]
    assert data["name"] == shown.data
    assert data["extent"].startswith(("a subset: ", "all "))
    assert {len(digest) for digest in data["sha256"].values()} == {64}


@pytest.fixture
def optional(renew):
    """A committed result of optional data."""
    return by_folder(renew, "reduction-mnist")


@pytest.fixture
def no_files(tmp_path, monkeypatch):
    """A machine without files of data."""
    monkeypatch.setenv("CONDENSERY_DATA", str(tmp_path / "nowhere"))


def test_what_is_of_absent_files_is_taken_at_its_word(
    renew, optional, no_files, tmp_path, monkeypatch, capsys
):
    assert renew.stale(optional) == ""
    stricter = {"cosine": 0.98}
    changed = dataclasses.replace(optional, overrides=optional.overrides | stricter)
    assert "make figures" in renew.stale(changed)
    monkeypatch.setattr(renew, "SHOWN", (optional,))
    assert renew.main([optional.folder]) == 2
    message = capsys.readouterr().err
    assert f"the IDX files of {optional.data} below CONDENSERY_DATA" in message
    assert renew.main([]) == 0


def idx(array: np.ndarray) -> bytes:
    kind = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return kind + shape + array.tobytes()


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Sixty images under the name that the environment variable leads to."""
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, size=(60, 4, 4), dtype=np.uint8)
    labels = (np.arange(60) % 10).astype(np.uint8)
    (folder / "train-images-idx3-ubyte").write_bytes(idx(pixels))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    monkeypatch.setenv("CONDENSERY_DATA", str(folder.parent))
    return folder


def test_other_files_of_the_same_name_do_not_make_a_result_stale(
    renew, optional, files
):
    assert renew.stale(optional) == ""


@pytest.mark.slow
def test_files_of_data_are_recorded_and_compared(renew, files, tmp_path, monkeypatch):
    monkeypatch.setattr(renew, "RESULTS", tmp_path)
    overrides = {
        "data": "mnist",
        "samples": 10,
        "gammas": [0.8],
        "gamma_primes": [0.0],
        "widths": [10, 30],
    }
    small = renew.Shown("small", "phase-diagram", overrides, data="mnist")
    at_path = dataclasses.replace(
        small, overrides=overrides | {"data_path": str(files)}
    )
    renew.renew(at_path)
    assert renew.stale(small) == ""
    text = (small.path / "provenance.json").read_text(encoding="utf-8")
    assert str(files) not in text
    record = json.loads(text)
    assert record["data"]["extent"] == "a subset: 60 of the 60000 published images"
    images = files / "train-images-idx3-ubyte"
    sha256 = hashlib.sha256(images.read_bytes()).hexdigest()
    assert record["data"]["sha256"][images.name] == sha256
    # what the record says of these files is checked while they are here
    write(small.path / "provenance.json", _of_other_data(record))
    assert "make figures" in renew.stale(small)


def _of_other_data(record):
    config = record["config"] | {"data_digest": "0" * 16}
    return record | {"config": config}
