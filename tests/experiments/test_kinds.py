"""Every claim of the built-in experiments says what it is evidence of."""

from __future__ import annotations

from typing import get_args

import pytest

from condensery.experiments import BUILT_IN
from condensery.records import Kind
from condensery.workbench import find

THEOREMS = {
    "critical-census": {"never-fewer"},
    "embedding-depth": {"critical", "inertia", "output"},
    "generalisation": {"rank"},
    "manifold-dimension": {"degenerate"},
    "optimistic-sizes": {"ranks"},
    "phase-diagram-three-layer": {"method"},
}
"""Identities of experiments that have few, so that none is moved without notice."""

PROJECT = "condensery"
"""What the sources of our own findings and bars name."""


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_claim_has_a_kind(name):
    statements = find(name).experiment.statements
    kinds = {statement.kind for statement in statements}
    assert kinds
    assert kinds <= set(get_args(Kind))


@pytest.mark.parametrize("name", THEOREMS)
def test_theorems_are_identities(name):
    statements = find(name).experiment.statements
    identities = {item.id for item in statements if item.kind == "identity"}
    assert identities == THEOREMS[name]


def test_the_regulariser_is_all_theorems():
    statements = find("dropout-regulariser").experiment.statements
    assert {statement.kind for statement in statements} == {"identity"}


@pytest.mark.parametrize("name", ["diagnose-calibration", "reduce-benchmark"])
def test_bars_that_we_set_are_aims(name):
    statements = find(name).experiment.statements
    assert {statement.kind for statement in statements} == {"aim"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_ours_names_this_project_and_nothing_else_does(name):
    experiment = find(name).experiment
    ours, papers = set(), set()
    for statement in experiment.statements:
        is_ours = statement.kind in {"observation", "aim"}
        (ours if is_ours else papers).add(statement.paper)
        assert statement.source.startswith("this project") == is_ours, statement.id
    assert ours <= {PROJECT}
    assert PROJECT not in papers
    cited = set(experiment.papers)
    assert ours | papers <= cited
