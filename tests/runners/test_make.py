"""Runners by name: ours, and those that packages install."""

import sys

import pytest

from condensery import runners
from condensery._errors import InvalidInputError
from condensery.runners import LocalRunner, make

PLUGIN = """
from dataclasses import dataclass


@dataclass
class Cluster:
    workers: int = 1
    address: str = "here"

    def run(self, tasks, on_outcome, on_progress, **listeners):
        pass


def anything(**options):
    return Cluster()


NOT_CALLABLE = 3


def not_a_runner(workers=None):
    return object()
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package whose metadata name runners, as an installed one's do."""
    name = f"plugin_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(PLUGIN)
    folder = tmp_path / "plugin-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: plugin\nVersion: 1.0"
    )
    points = "\n".join(
        [
            "[condensery.runners]",
            f"cluster = {name}:Cluster",
            f"anything = {name}:anything",
            f"number = {name}:NOT_CALLABLE",
            f"object = {name}:not_a_runner",
            "broken = no_such_package_at_all:Runner",
            f"local = {name}:Cluster",
        ]
    )
    (folder / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop(name, None)


def test_the_local_runner():
    assert make() == make("local") == LocalRunner()
    assert make("local", workers=3) == LocalRunner(workers=3)
    assert make("local", workers=None) == LocalRunner()


def test_an_installed_runner(installed):
    cluster = make("cluster", workers=4, address="there")
    assert (cluster.workers, cluster.address) == (4, "there")
    assert make("cluster", address=None).address == "here"
    assert make("anything", of="any kind").workers == 1


def test_ours_cannot_be_replaced(installed):
    assert make("local") == LocalRunner()


def test_an_unknown_name_is_answered_with_all_names(installed):
    names = "anything, broken, cluster, local, number, object"
    with pytest.raises(InvalidInputError) as caught:
        make("clustr")
    message = f"runner: given clustr; did you mean cluster?; allowed: {names}"
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "local",
            {"address": "x"},
            "option of runner local: given address; allowed: wo",
        ),
        ("local", {"workers": 0}, "workers: given 0; allowed: a whole number >= 1"),
        (
            "cluster",
            {"nodes": 2},
            "given nodes; allowed: workers, address; leave it out",
        ),
        ("number", {}, "allowed: what makes a condensery.protocols.Runner"),
        ("object", {}, "allowed: what makes a condensery.protocols.Runner"),
        ("broken", {}, "module: given no_such_package_at_all;.*install it"),
    ],
)
def test_refused(installed, name, options, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        make(name, **options)
    assert "\n" not in str(caught.value)


def test_the_names_of_all_runners(installed):
    assert set(runners.registered()) >= {"local", "cluster"}
