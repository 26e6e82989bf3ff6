"""The schematic plane: regimes by name, the line between, named initialisations."""

from __future__ import annotations

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.plots.phase_plane import draw, figure_data
from condensery.records import Table
from condensery.theory import boundary, regime


@pytest.fixture
def data(tables):
    made = tables["plane"]([1.0], [0.0])
    return figure_data(made)


@pytest.fixture
def axes(data):
    return draw(data).axes[0]


def test_the_line_is_that_of_theory(data):
    gamma, gamma_prime = data.boundary.T
    np.testing.assert_array_equal(gamma, boundary(gamma_prime))


def test_names_stand_in_their_regimes(axes):
    texts = {text.get_text(): text for text in axes.texts}
    for name in ("linear", "condensed"):
        gamma, gamma_prime = texts[name].get_position()
        assert regime(gamma, gamma_prime) == name
    gamma, gamma_prime = texts["critical"].get_position()
    assert abs(gamma - boundary(gamma_prime)) < 0.2


def test_initialisations_are_where_table_1_has_them(axes):
    diamonds = {
        tuple(line.get_xydata()[0]) for line in axes.lines if line.get_marker() == "D"
    }
    assert diamonds == {(0.5, 0.5), (0.5, 0.0), (1.0, 0.0)}
    labels = {text.get_text() for text in axes.texts}
    assert {"LeCun, He", "NTK", "E et al.: γ′ = γ"} <= labels


def test_the_line_of_e_et_al_is_drawn_where_it_is_in_the_table(axes):
    def diagonals(axes):
        corners = [line.get_xydata() for line in axes.lines]
        return [
            points
            for points in corners
            if len(points) == 2 and np.array_equal(*points.T)
        ]

    (line,) = diagonals(axes)
    np.testing.assert_array_equal(line, [[0, 0], [1, 1]])
    columns = {
        "name": ["ntk"],
        "gamma": [0.5],
        "gamma_prime": [0.0],
    }
    without = figure_data({"initialisations": Table(columns=columns)})
    assert without.diagonal == ""
    assert diagonals(draw(without).axes[0]) == []


def test_without_initialisations_it_is_refused():
    with pytest.raises(InvalidInputError, match="initialisations"):
        figure_data({"slopes": Table(columns={"gamma": [1.0]})})
