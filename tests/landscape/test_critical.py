"""Critical points: known ones are found, false ones are told apart, each is counted
once.
"""

from functools import cache

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.landscape import (
    Problem,
    SearchStatus,
    UnitSplit,
    canonical,
    find_critical,
    flatten,
    gradient,
    hessian,
    inertia_at,
    loss,
    plateau_starts,
    split_inertia,
    unflatten,
)


def three_steps():
    x = np.linspace(-15, 15, 50)
    return Problem(
        x[:, None],
        np.tanh(x - 7) + np.tanh(x) + np.tanh(x + 7),
        "tanh",
    )


def starts(width, count, seed=0):
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        w = random.normal(size=width)
        found.append(
            [
                (w[:, None], -w * random.uniform(-15, 15, width)),
                (2 * random.normal(size=(1, width)), None),
            ]
        )
    return found


@pytest.fixture(scope="module")
def searched():
    """Searches by width, each made when a test first asks for it."""

    @cache
    def search(width):
        return find_critical(starts(width, 64), three_steps())

    return search


@pytest.mark.slow
@pytest.mark.parametrize(("width", "expected"), [(1, 0.10902), (2, 0.06979), (3, 0.0)])
def test_the_best_losses_of_the_benchmark(searched, width, expected):
    best = searched(width).distinct()[0]
    assert best.loss == pytest.approx(expected, abs=1e-5)
    assert inertia_at(best.parameters, three_steps()).counts == (0, 0, 3 * width)


@pytest.mark.parametrize("width", [1, 2, pytest.param(3, marks=pytest.mark.slow)])
def test_what_is_called_critical_has_no_gradient_by_an_independent_formula(
    searched, width
):
    search = searched(width)
    assert len(search.found) > 10
    for row in search.found:
        end = search.parameters(row)
        size = np.abs(flatten(gradient(end, three_steps()))).sum()
        assert size <= 1.01e-10 * (1 + search.loss[row])
        assert loss(end, three_steps()) == pytest.approx(search.loss[row], abs=1e-14)


@pytest.mark.parametrize(
    ("width", "fractions", "expected"),
    [
        (1, (0.5, 0.5), (1, 1, 4)),
        (1, (1 / 3, 1 / 3, 1 / 3), (2, 2, 5)),
        (1, (1.5, -0.5), (1, 1, 4)),
        (2, (0.5, 0.5), (1, 1, 7)),
        (2, (1 / 3, 1 / 3, 1 / 3), (2, 2, 8)),
        (2, (1.5, -0.5), (1, 1, 7)),
    ],
)
def test_the_published_inertias(searched, width, fractions, expected):
    point = searched(width).distinct()[0]
    for unit in range(width):
        found = split_inertia(
            point.parameters, three_steps(), [UnitSplit(1, unit, fractions)]
        )
        assert found.decided
        assert found.counts == expected


def test_both_mirror_images_are_found_and_each_is_counted_once(searched):
    best = [
        point for point in searched(2).distinct() if abs(point.loss - 0.06979) < 1e-5
    ]
    assert len(best) == 2
    assert sum(point.starts for point in best) > 10
    # mirrored in x, since the targets are odd: b and the signs of the outputs change, w
    # does not
    one, other = (np.sort(np.abs(flatten(point.parameters))) for point in best)
    assert one == pytest.approx(other, abs=1e-9)


@pytest.mark.slow
def test_saddles_are_found_by_the_other_method():
    found = find_critical(
        starts(2, 128, seed=3), three_steps(), method="any", steps=150
    )
    kinds = {
        inertia_at(point.parameters, three_steps()).negative
        for point in found.distinct(by="function")
    }
    assert kinds - {0}


@pytest.mark.slow
def test_a_saddle_between_two_minima_by_its_closed_form():
    # R = (a·w − 1)², linear: minima on a·w = 1, and one saddle at 0 with R = 1
    problem = Problem(np.ones((1, 1)), np.ones(1), "linear")
    near = [(np.array([[0.1]]), None), (np.array([[-0.2]]), None)]
    found = find_critical([near], problem, method="any")
    assert found.status.tolist() == [SearchStatus.FOUND]
    assert found.loss[0] == pytest.approx(1)
    assert inertia_at(found.parameters(0), problem).counts == (1, 0, 1)


@pytest.mark.slow
def test_a_minimum_of_the_gradient_alone_is_rejected():
    problem = three_steps()
    found = find_critical(
        starts(2, 512, seed=2),
        problem,
        method="any",
        steps=200,
    )
    rows = np.flatnonzero(found.status == SearchStatus.GRADIENT_FLAT)
    assert len(rows)
    for row in rows:
        g, H = (
            flatten(gradient(found.parameters(row), problem)),
            hessian(found.parameters(row), problem),
        )
        assert np.linalg.norm(g) > 1e-6
        # the gradient of ½‖g‖² is Hg
        assert np.linalg.norm(H @ g) < 1e-5 * np.linalg.norm(H, 2) * np.linalg.norm(g)


@pytest.mark.slow
def test_a_saturated_unit_is_on_its_way_to_infinity():
    # two samples and a step between them: tanh(w x) → ±1 as w grows
    problem = Problem(
        np.array([[-1.0], [1.0]]),
        np.array([-1.0, 1.0]),
        "tanh",
    )
    start = [(np.array([[25.0]]), np.array([0.0])), (np.array([[1.0]]), None)]
    assert find_critical([start], problem).status.tolist() == [SearchStatus.AT_INFINITY]


@pytest.mark.slow
def test_a_channel_to_infinity_is_told_apart():
    # (tanh((w + h)x) − tanh(w x))/h → x·tanh′(w x): the data are the limit, which no
    # finite net reaches
    x = np.linspace(-2, 2, 21)
    problem = Problem(
        x[:, None],
        x * (1 - np.tanh(x) ** 2),
        "tanh",
    )
    start = [(np.array([[1.02], [0.98]]), None), (np.array([[25.0, -25.0]]), None)]
    assert find_critical([start], problem).status.tolist() == [SearchStatus.AT_INFINITY]


@pytest.mark.slow
def test_a_kink_is_a_status():
    # the least squares line through (0, 1) by a ReLU without bias: z = 0 at the sample
    # x = 0
    problem = Problem(
        np.array([[0.0], [1.0]]),
        np.array([1.0, 1.0]),
        "relu",
    )
    start = [(np.array([[1.0]]), None), (np.array([[0.7]]), None)]
    assert find_critical([start], problem).status.tolist() == [SearchStatus.AT_KINK]


@pytest.mark.slow
def test_an_overflow_is_a_status_and_the_others_go_on():
    problem = Problem(
        np.array([[1.0]]),
        np.array([0.5]),
        "linear",
    )
    fine, wild = (
        [(np.array([[size]]), None), (np.array([[size]]), None)]
        for size in (0.5, 1e200)
    )
    found = find_critical([wild, fine], problem)
    assert found.status.tolist() == [SearchStatus.NOT_FINITE, SearchStatus.FOUND]
    assert SearchStatus.NOT_FINITE.remedy
    assert not SearchStatus.FOUND.remedy


@pytest.mark.slow
def test_a_start_ends_alike_alone_and_among_others(searched):
    alone = find_critical(starts(2, 64)[:1], three_steps())
    assert alone.loss[0] == pytest.approx(searched(2).loss[0], abs=1e-9)


def test_canonical_is_the_same_for_every_order_and_sign():
    random = np.random.default_rng(1)
    net = [
        (random.normal(size=(4, 2)), random.normal(size=4)),
        (random.normal(size=(3, 4)), None),
    ]
    for activation, flip in (("tanh", -1.0), ("xtanh", 1.0), ("sigmoid", None)):
        order, signs = (
            random.permutation(4),
            random.choice([-1.0, 1.0], 4) if flip else np.ones(4),
        )
        (W, b), (A, _) = net
        outer = signs if activation == "tanh" else np.ones(4)
        moved = [
            ((signs[:, None] * W)[order], (signs * b)[order]),
            ((A * outer)[:, order], None),
        ]
        assert canonical(moved, activation) == pytest.approx(
            canonical(net, activation), abs=1e-14
        )
        other = unflatten(flatten(net) + 1e-3, net)
        assert (
            np.abs(canonical(other, activation) - canonical(net, activation)).max()
            > 1e-4
        )


@pytest.mark.slow
def test_starts_from_the_plateaus_of_a_training():
    problem = three_steps()
    point = find_critical(starts(1, 16), problem).distinct()[0].parameters
    steps = np.array([1, 10, 100, 1000, 10000])
    nets = [
        unflatten(flatten(point) + shift, point)
        for shift in (0.5, 0.2, 1e-2, 1e-5, 1e-4)
    ]
    losses = np.array([loss(net, problem) for net in nets])
    losses[2:] = 0.109
    ((step, start),) = plateau_starts(steps, losses, nets, problem)
    assert step == 1000
    assert find_critical([start], problem).loss[0] == pytest.approx(0.10902, abs=1e-5)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: find_critical([], three_steps()), "starts"),
        (
            lambda: find_critical([*starts(1, 1), *starts(2, 1)], three_steps()),
            "starts",
        ),
        (
            lambda: find_critical(
                starts(1, 1),
                three_steps(),
                steps=0,
            ),
            "steps",
        ),
        (
            lambda: find_critical(
                starts(1, 1),
                three_steps(),
                method="saddle",
            ),
            "method",
        ),
        (
            lambda: find_critical([[(np.array([[np.nan]]), None)]], three_steps()),
            "layer 1",
        ),
        (
            lambda: plateau_starts(
                np.arange(3),
                np.ones(2),
                [],
                three_steps(),
            ),
            "snapshots",
        ),
    ],
)
def test_refusals(call, what):
    with pytest.raises(InvalidInputError) as caught:
        call()
    assert caught.value.what == what
