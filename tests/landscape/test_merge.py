"""Merging: the inverse of every width operator, every row of the table, and what is
refused.
"""

import numpy as np
import pytest

from condensery import landscape
from condensery._errors import InvalidInputError
from condensery.landscape import Problem, flatten
from condensery.theory import ACTIVATION_NAMES, merge_rule


@pytest.mark.parametrize(
    ("sizes", "activation", "output_bias"),
    [
        ((2, 3, 1), "tanh", False),
        ((1, 4, 2), "relu", True),
        ((2, 3, 2, 2), "softplus", True),
        ((2, 2, 3), "sigmoid", True),
    ],
)
@pytest.mark.parametrize("move", ["split", "split_many", "null", "global_three"])
def test_merge_undoes_every_move(
    moves, critical_problem, move, sizes, activation, output_bias
):
    """The unit that was split is the first of its copies, so that even the order of
    units is the old one.
    """
    for seed in range(3):
        net, problem = critical_problem(
            seed, sizes, activation, output_bias=output_bias
        )
        wide, _ = moves[move](net, problem, seed)
        narrow, receipt = landscape.merge(wide, problem, spectrum=False)
        assert landscape.widths(narrow) == sizes
        np.testing.assert_allclose(
            flatten(narrow), flatten(net), rtol=1e-12, atol=1e-13
        )
        assert receipt.random_change_relative < 1e-13
        assert receipt.gradient[1] < 1e-12


@pytest.mark.parametrize("ratio", [1.0, -1.0, 2.5, -2.5])
@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_every_row_of_the_table(make, activation, ratio):
    net, problem = make(1, (2, 3, 2), activation)
    (W, b), (V, c) = net
    net = [
        (np.vstack([W, ratio * W[1]]), np.append(b, ratio * b[1])),
        (np.column_stack([V, [0.7, -1.1]]), c),
    ]
    rule = merge_rule(activation, ratio)
    narrow, receipt = landscape.merge(net, problem, spectrum=False)
    if rule is None or not rule.exact:
        assert landscape.widths(narrow) == (2, 4, 2)
        with pytest.raises(
            InvalidInputError,
            match=rf"units 1 and 3: given rows with the ratio {ratio:g}",
        ):
            landscape.merge(
                net,
                problem,
                layer=1,
                units=[1, 3],
            )
        return
    assert landscape.widths(narrow) == (2, 3, 2)
    assert receipt.random_change_relative < 1e-13
    named, _ = landscape.merge(
        net,
        problem,
        layer=1,
        units=[1, 3],
        spectrum=False,
    )
    np.testing.assert_array_equal(flatten(named), flatten(narrow))


def test_criticality_survives_a_merge(critical_problem):
    """A wide critical point whose copies were not split by hand: the narrow gradient is
    a combination of the wide.
    """
    net, problem = critical_problem(4, (2, 3, 1), "tanh")
    wide, _ = landscape.split(
        net,
        problem,
        layer=1,
        unit=0,
        alpha=-0.3,
        spectrum=False,
    )
    wide[0][0][3] *= -1
    wide[0][1][3] *= -1
    wide[1][0][0, 3] *= -1
    wide[0][0][1:3] += 1e-3  # no critical point any more
    narrow, receipt = landscape.merge(wide, problem, spectrum=False)
    assert landscape.widths(narrow) == (2, 3, 1)
    assert 0 < receipt.gradient[1] <= 4 * receipt.gradient[0]


def test_a_merge_can_make_units_of_the_next_layer_parallel():
    """Both copies of layer 1 are read differently by layer 2, whose units differ until
    the columns are summed.
    """
    first = (np.array([[1.0, 2.0], [1.0, 2.0]]), np.array([0.5, 0.5]))
    second = (np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([0.1, 0.1]))
    net = [first, second, (np.array([[1.0, 2.0]]), None)]
    problem = Problem(np.random.default_rng(0).normal(size=(5, 2)), np.zeros(5), "tanh")
    narrow, receipt = landscape.merge(net, problem, spectrum=False)
    assert landscape.widths(narrow) == (2, 1, 1, 1)
    assert receipt.random_change < 1e-15


def test_constants_go_into_the_next_bias_if_there_is_one():
    x = np.random.default_rng(0).normal(size=(6, 2))
    rows = (np.array([[1.0, 2.0], [0.0, 0.0], [3.0, -1.0]]), np.array([0.5, 0.7, 0.2]))
    biased = [rows, (np.array([[1.0, 2.0, 0.0]]), np.array([0.25]))]
    narrow, receipt = landscape.merge(biased, Problem(x, np.zeros(6)), spectrum=False)
    assert narrow[1][1] == pytest.approx([0.25 + 2 * np.tanh(0.7)])
    assert (landscape.widths(narrow), receipt.random_change < 1e-15) == (
        (2, 1, 1),
        True,
    )
    without, _ = landscape.merge(
        [rows, (biased[1][0], None)], Problem(x, np.zeros(6)), spectrum=False
    )
    assert landscape.widths(without) == (
        2,
        2,
        1,
    )  # the constant needs a bias, the silent unit does not


def test_the_last_unit_stays():
    net = [(np.zeros((2, 1)), np.zeros(2)), (np.zeros((1, 2)), np.array([0.5]))]
    narrow, _ = landscape.merge(
        net, Problem(np.ones((1, 1)), np.ones(1)), spectrum=False
    )
    assert landscape.widths(narrow) == (1, 1, 1)


def test_dead_units_go_only_when_asked_and_off_the_data_they_may_be_missed(make):
    net, problem = make(0, (2, 3, 1), "relu")
    net[0][1][0] = -1 - (problem.x @ net[0][0][0]).max()
    assert landscape.widths(landscape.merge(net, problem, spectrum=False)[0]) == (
        2,
        3,
        1,
    )
    narrow, receipt = landscape.merge(
        net,
        problem,
        dead=True,
        spectrum=False,
    )
    assert landscape.widths(narrow) == (2, 2, 1)
    assert receipt.data_change < 1e-14
    assert receipt.random_change > 0


def nearly(angle, outgoing, activation="relu"):
    """Two units at an angle, with these outgoing weights, and a third far away."""
    rows = np.array([[1.0, 0.0], [2 * np.cos(angle), 2 * np.sin(angle)], [-1.0, 0.3]])
    x = np.random.default_rng(1).normal(size=(20, 2))
    return [(rows, None), (np.array([[*outgoing, 1.0]]), np.zeros(1))], Problem(
        x, np.zeros(20), activation
    )


def test_an_approximate_merge_reports_its_error():
    net, problem = nearly(0.05, (1.0, 1.0))
    assert landscape.widths(landscape.merge(net, problem, spectrum=False)[0]) == (
        2,
        3,
        1,
    )
    narrow, receipt = landscape.merge(
        net,
        problem,
        cosine=0.95,
        spectrum=False,
    )
    assert landscape.widths(narrow) == (2, 2, 1)
    assert 1e-4 < receipt.data_change_relative < 0.05
    # |a|‖w‖ is kept, and the direction is the amplitude-weighted mean: angle 2/3 of
    # 0.05 to first order
    row, out = narrow[0][0][0], narrow[1][0][0, 0]
    assert out * np.linalg.norm(row) == pytest.approx(3.0)
    assert np.arctan2(row[1], row[0]) == pytest.approx(2 / 3 * 0.05, rel=1e-3)
    tight, _ = nearly(0.5, (1.0, 1.0))
    assert landscape.widths(
        landscape.merge(
            tight,
            problem,
            cosine=0.9,
            spectrum=False,
        )[0]
    ) == (2, 3, 1)


def test_lengths_count_where_they_cannot_be_traded():
    net, problem = nearly(0.05, (1.0, 1.0), "tanh")
    assert landscape.widths(
        landscape.merge(
            net,
            problem,
            cosine=0.9,
            spectrum=False,
        )[0]
    ) == (2, 3, 1)


def test_every_pair_of_a_group_is_close():
    """A chain of directions 0.3 rad apart: single linkage would make one group of
    all.
    """
    angles = 0.3 * np.arange(6)
    net = [
        (np.column_stack([np.cos(angles), np.sin(angles)]), None),
        (np.ones((1, 6)), None),
    ]
    problem = Problem(
        np.random.default_rng(1).normal(size=(20, 2)), np.zeros(20), "relu"
    )
    narrow, _ = landscape.merge(
        net,
        problem,
        cosine=float(np.cos(0.4)),
        spectrum=False,
    )
    assert landscape.widths(narrow)[1] == 3


def test_channels_to_infinity_are_left_and_copies_merge_whatever_their_signs():
    net, problem = nearly(1e-3, (-1000.0, 500.5))
    narrow, receipt = landscape.merge(
        net,
        problem,
        cosine=0.9,
        spectrum=False,
    )
    assert landscape.widths(narrow) == (2, 3, 1)
    assert "channels to infinity" in receipt.notes[0]
    for cosine in (None, 0.9):
        with pytest.raises(
            InvalidInputError, match=r"units \[0, 1\]: given .*channels to infinity"
        ):
            landscape.merge(
                net,
                problem,
                layer=1,
                units=[0, 1],
                cosine=cosine,
            )
    exact, problem = nearly(0.0, (-1000.0, 500.5))
    merged, receipt = landscape.merge(
        exact, problem, layer=1, units=[0, 1], spectrum=False
    )
    assert merged[1][0][0, 0] == pytest.approx(1.0)
    assert receipt.data_change < 1e-12
    # 15 % of the sum of sizes is no cancellation
    fair, problem = nearly(1e-3, (-1.0, 0.675))
    assert landscape.widths(
        landscape.merge(
            fair,
            problem,
            cosine=0.9,
            spectrum=False,
        )[0]
    ) == (2, 2, 1)


REFUSED = {
    "layer": (
        lambda n, p: landscape.merge(n, p, layer=2),
        "layer: given 2; allowed: 1 to 1",
    ),
    "units without layer": (
        lambda n, p: landscape.merge(n, p, units=[0, 1]),
        "layer: given None with units",
    ),
    "unit": (
        lambda n, p: landscape.merge(
            n,
            p,
            layer=1,
            units=[0, 3],
        ),
        "unit: given 3; allowed: 0 to 2",
    ),
    "one unit": (
        lambda n, p: landscape.merge(
            n,
            p,
            layer=1,
            units=[1, 1],
        ),
        "units: given",
    ),
    "not parallel": (
        lambda n, p: landscape.merge(
            n,
            p,
            layer=1,
            units=[0, 2],
        ),
        "rows with a least cosine of -0.957826",
    ),
    "not near": (
        lambda n, p: landscape.merge(
            n,
            p,
            layer=1,
            units=[0, 2],
            cosine=0.9,
        ),
        "allowed: a cosine of at least 0.9",
    ),
    "cosine": (lambda n, p: landscape.merge(n, p, cosine=1.5), "cosine: given 1.5"),
    "drop": (
        lambda n, p: landscape.merge(n, p, drop_below=1.0),
        "drop_below: given 1.0",
    ),
    "constant": (
        lambda n, p: landscape.merge(
            [(n[0][0] * [[1.0], [0.0], [1.0]], None), n[1]], p, layer=1, units=[0, 1]
        ),
        "unit 1: given no input weights",
    ),
    "no bias for a constant": (
        lambda n, p: landscape.merge(
            [(np.array([[1.0, 2.0], [-1.0, -2.0]]), None), (np.ones((1, 2)), None)],
            Problem(p.x, p.y, "sigmoid"),
            layer=1,
            units=[0, 1],
        ),
        "units 0 and 1: given a merge that moves a constant",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name_and_left_as_it_was(name):
    net, problem = nearly(0.05, (1.0, 1.0))
    call, match = REFUSED[name]
    before = flatten(net).copy()
    with pytest.raises(InvalidInputError, match=match):
        call(net, problem)
    assert (flatten(net) == before).all()
