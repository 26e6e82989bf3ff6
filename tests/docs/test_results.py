"""The committed results are those of the program as it is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from condensery.records import Claim
from condensery.workbench import find

RESULTS = Path(__file__).parents[2] / "docs" / "results"
FOLDERS = sorted(folder.name for folder in RESULTS.iterdir())


@pytest.fixture(params=FOLDERS)
def shown(request, renew):
    return {shown.folder: shown for shown in renew.SHOWN}[request.param]


def test_every_built_in_experiment_is_shown(renew):
    from condensery.experiments import BUILT_IN

    assert sorted(shown.folder for shown in renew.SHOWN) == FOLDERS
    assert {shown.experiment for shown in renew.SHOWN} == set(BUILT_IN)


def test_a_committed_result_is_not_stale(shown, renew):
    assert renew.stale(shown) == ""


def test_a_result_has_all_parts_and_stays_small(shown, renew):
    record = shown.provenance()
    assert {"condensery", "numpy", "python"} <= set(record["versions"])
    experiment = find(shown.experiment).experiment
    model = experiment.Config.model_validate(record["config"]["parameters"])
    for spec in experiment.figures(model):
        for ending in (".png", ".gif") if spec.animated else (".png",):
            size = (shown.path / f"{spec.name}{ending}").stat().st_size
            assert 1000 < size <= renew.LARGEST[ending], spec.name
    claims = [
        Claim.model_validate(document)
        for document in json.loads(
            (shown.path / "claims.json").read_text(encoding="utf-8")
        )
    ]
    assert [claim.id for claim in claims] == [
        statement.id for statement in experiment.statements
    ]
    assert [claim.statement for claim in claims] == [
        statement.statement for statement in experiment.statements
    ]


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
    record["config"]["parameters"]["width"] += 1
    monkeypatch.setattr(renew, "RESULTS", tmp_path)
    first.path.mkdir()
    (first.path / renew.PROVENANCE).write_text(json.dumps(record), encoding="utf-8")
    assert renew.stale(first)


def test_another_statement_or_expectation_is_called_stale(renew, tmp_path, monkeypatch):
    first = next(shown for shown in renew.SHOWN if shown.folder == "dropout-stall")
    claims, record = first.claims(), first.provenance()
    monkeypatch.setattr(renew, "RESULTS", tmp_path)
    first.path.mkdir()

    def commit(claims, record):
        for name, document in ((renew.CLAIMS, claims), (renew.PROVENANCE, record)):
            (first.path / name).write_text(json.dumps(document), encoding="utf-8")

    commit(claims, record)
    assert renew.stale(first) == ""
    sentence = claims[0]["statement"]
    commit([claims[0] | {"statement": f"{sentence} Always."}, *claims[1:]], record)
    assert f"states otherwise ({claims[0]['id']})" in renew.stale(first)
    commit(claims[1:], record)
    assert f"states otherwise ({claims[0]['id']})" in renew.stale(first)
    commit(claims, record | {"verdicts": {"expectations": "of a wider tolerance"}})
    assert "judged by other expectations" in renew.stale(first)


def test_a_run_is_copied_with_its_claims_and_hash(renew, tmp_path, monkeypatch):
    monkeypatch.setattr(renew, "RESULTS", tmp_path)
    small = renew.Shown("small", "demo-a", {"width": 20, "steps": 30, "seeds": 1})
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "old.png").write_bytes(b"of another run")
    renew.renew(small)
    assert renew.stale(small) == ""
    assert sorted(path.name for path in small.path.iterdir()) == [
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
    changed = nowhere.config().model_copy(update={"data_digest": "of other files"})
    monkeypatch.setattr(renew.Shown, "config", lambda self: changed)
    assert renew.stale(nowhere) == ""
    # with the packages at hand their files count
    assert "make figures" in renew.stale(
        dataclasses.replace(there, packages=("numpy",))
    )
    # and what does not come from them counts in any case
    monkeypatch.setattr(
        renew.Shown,
        "config",
        lambda self: changed.model_copy(update={"task_version": "0"}),
    )
    assert "make figures" in renew.stale(nowhere)
    monkeypatch.setattr(renew, "RESULTS", tmp_path)
    monkeypatch.setattr(renew, "SHOWN", (nowhere,))
    assert renew.main([there.folder]) == 2
    assert (
        "pip install --no-deps no-such-package-of-condensery" in capsys.readouterr().err
    )
    assert renew.main([]) == 0
    assert not list(tmp_path.iterdir())
