from __future__ import annotations

import itertools
import math
import tracemalloc

import numpy as np
import pytest

from condensery._errors import InvalidInputError
from condensery.metrics import condensation, orientation


def slow_angle(u, v, *, antipodal=False) -> float:
    """Angle between two rows by hypot alone: no dot product, no matrix."""
    nu, nv = math.hypot(*u), math.hypot(*v)
    away = math.hypot(
        *(
            x / nu - y / nv
            for x, y in zip(
                u,
                v,
                strict=True,
            )
        )
    )
    along = math.hypot(
        *(
            x / nu + y / nv
            for x, y in zip(
                u,
                v,
                strict=True,
            )
        )
    )
    angle = 2 * math.atan2(away, along)
    return min(angle, math.pi - angle) if antipodal else angle


def slow_active(rows, outputs, *, active):
    sizes = [
        abs(a) * math.hypot(*row)
        for row, a in zip(
            rows,
            outputs,
            strict=True,
        )
    ]
    chosen = [k for k, size in enumerate(sizes) if size > active * max(sizes)]
    return sizes, sorted(chosen, key=lambda k: (-sizes[k], k))


def slow_cover(rows, outputs, *, threshold, active, antipodal=False) -> list[int]:
    left = slow_active(rows, outputs, active=active)[1]
    taken = []
    while left:
        taken.append(left[0])
        reach = math.acos(threshold)
        left = [
            k
            for k in left[1:]
            if slow_angle(rows[taken[-1]], rows[k], antipodal=antipodal) > reach
        ]
    return taken


def slow_linkage(rows, chosen, *, threshold, antipodal=False) -> set[frozenset[int]]:
    """Merge the two clusters with the smallest largest angle, as long as that is within
    the threshold.
    """
    angle = {
        frozenset(pair): slow_angle(
            rows[pair[0]],
            rows[pair[1]],
            antipodal=antipodal,
        )
        for pair in itertools.combinations(chosen, 2)
    }
    clusters = [frozenset([k]) for k in chosen]
    while len(clusters) > 1:
        width, first, second = min(
            (max(angle[frozenset((i, j))] for i in p for j in q), a, b)
            for (a, p), (b, q) in itertools.combinations(enumerate(clusters), 2)
        )
        if width > math.acos(threshold):
            break
        merged = clusters[first] | clusters[second]
        clusters = [c for k, c in enumerate(clusters) if k not in (first, second)] + [
            merged
        ]
    return set(clusters)


def layer(seed, units=40, features=2, centres=6, noise=0.05):
    rng = np.random.default_rng(seed)
    middle = rng.standard_normal((centres, features))
    rows = middle[rng.integers(centres, size=units)] + noise * rng.standard_normal(
        (units, features)
    )
    return rows * rng.uniform(0.2, 5.0, (units, 1)), rng.standard_normal(units)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("threshold", [0.7, 0.95, 0.99])
@pytest.mark.parametrize("antipodal", [False, True])
@pytest.mark.parametrize("features", [2, 4])
def test_equals_the_loops(seed, threshold, antipodal, features):
    rows, outputs = layer(
        seed,
        features=features,
        noise=0.3,
    )
    found = condensation(
        rows, outputs, threshold=threshold, antipodal=antipodal, block=1 + 3 * seed
    )
    listed = rows.tolist()
    assert found.ties == found.borderline_units == 0
    cover = slow_cover(
        listed, outputs.tolist(), threshold=threshold, active=0.05, antipodal=antipodal
    )
    assert found.representatives.tolist() == cover
    assert found.effective_neurons == len(cover)
    assert found.effective_neurons_range == (len(cover), len(cover))
    assert found.effective_ratio == len(cover) / 40
    sizes, chosen = slow_active(listed, outputs.tolist(), active=0.05)
    assert found.active_units == len(chosen)
    expected = slow_linkage(
        listed,
        chosen,
        threshold=threshold,
        antipodal=antipodal,
    )
    groups = [
        frozenset(np.flatnonzero(found.groups == g).tolist())
        for g in range(len(found.group_sizes))
    ]
    assert set(groups) == expected
    totals = [math.fsum(sizes[k] for k in group) for group in groups]
    assert totals == sorted(totals, reverse=True)
    np.testing.assert_allclose(
        found.group_shares, np.array(totals) / math.fsum(totals), rtol=1e-12
    )
    assert found.group_sizes.tolist() == [len(group) for group in groups]
    shares = [total / math.fsum(totals) for total in totals]
    expected_number = math.exp(-math.fsum(p * math.log(p) for p in shares))
    assert found.effective_orientations == pytest.approx(expected_number, rel=1e-12)


@pytest.mark.parametrize("antipodal", [False, True])
def test_group_directions_and_spreads_equal_the_loop(antipodal):
    rows, outputs = layer(11, features=3)
    if antipodal:
        rows[::2] *= -1.0
    found = condensation(
        rows,
        outputs,
        threshold=0.95,
        antipodal=antipodal,
    )
    sizes, _ = slow_active(rows.tolist(), outputs.tolist(), active=0.05)
    for group, (direction, spread) in enumerate(
        zip(found.group_directions, found.group_spreads, strict=True)
    ):
        members = np.flatnonzero(found.groups == group).tolist()
        heaviest = max(members, key=lambda k: sizes[k])
        total, turned = [0.0] * 3, {}
        for k in members:
            side = (
                -1.0
                if antipodal and slow_angle(rows[k], rows[heaviest]) > math.pi / 2
                else 1.0
            )
            turned[k] = [side * x / math.hypot(*rows[k]) for x in rows[k].tolist()]
            total = [
                t + sizes[k] * x
                for t, x in zip(
                    total,
                    turned[k],
                    strict=True,
                )
            ]
        np.testing.assert_allclose(
            direction, np.array(total) / math.hypot(*total), atol=1e-12
        )
        squares = [slow_angle(turned[k], total) ** 2 for k in members]
        assert spread == pytest.approx(
            math.sqrt(math.fsum(squares) / len(members)), abs=1e-9
        )


def test_two_condensed_orientations_are_found_exactly():
    rng = np.random.default_rng(5)
    kink = rng.choice([-1.0, 1.0], 200)
    rows = np.column_stack([kink, np.full(200, -1 / 6)]) * rng.uniform(
        0.5, 2.0, (200, 1)
    )
    weak = 0.001 * rng.standard_normal((800, 2))
    found = condensation(
        np.vstack([rows, weak]), np.concatenate([np.ones(200), 0.01 * np.ones(800)])
    )
    assert (found.effective_neurons, found.active_units, len(found.group_sizes)) == (
        2,
        200,
        2,
    )
    angles = sorted(orientation(found.group_directions).tolist())
    np.testing.assert_allclose(
        angles, [math.atan(1 / 6) - math.pi, -math.atan(1 / 6)], atol=1e-12
    )
    assert found.group_spreads.max() < 1e-9
    assert np.all(found.groups[200:] == -1)
    # Signed cosines by default; the two directions are not opposite, so the option
    # changes nothing here.
    assert condensation(np.vstack([rows, weak]), antipodal=True).effective_neurons == 2


def test_opposite_directions_count_once_with_antipodal():
    rows = np.array([[1.0, 2.0], [-2.0, -4.0], [1.0, -0.5]])
    assert condensation(rows).effective_neurons == 3
    found = condensation(rows, antipodal=True)
    assert found.effective_neurons == 2
    assert found.group_sizes.tolist() == [2, 1]


def test_amplitude_rules():
    rows, outputs = (
        np.array([[1.0, 0.0], [0.0, 1.0], [0.04, 0.04], [0.0, 0.0]]),
        np.array([1.0, 0.0, 9.0, 1.0]),
    )
    product = condensation(rows, outputs)
    assert (product.amplitude, product.active_units, product.zero_units) == (
        "product",
        2,
        1,
    )
    inputs = condensation(rows, outputs, amplitude="input")
    assert (inputs.amplitude, inputs.active_units) == ("input", 3)
    assert condensation(rows).active_units == 3
    assert condensation(rows, active=0.2).active_units == 2
    assert condensation(rows[:3], bias=np.array([0.0, 0.0, 50.0])).active_units == 1


def test_all_units_at_cosine_095_is_the_effective_ratio_of_the_dropout_paper():
    # 24 even directions: the cover takes every fifth or so; without the active rule
    # weak units count like strong ones.
    angles = np.linspace(
        -np.pi,
        np.pi,
        24,
        endpoint=False,
    )
    rows = (
        np.column_stack([np.cos(angles), np.sin(angles)])
        * np.where(np.arange(24) % 2, 1.0, 1e-3)[:, None]
    )
    found = condensation(
        rows,
        threshold=0.95,
        active=0.0,
    )
    assert found.active_units == 24
    assert found.effective_neurons == 12
    assert 2 * found.effective_ratio == 1
    assert condensation(rows, threshold=0.95).active_units == 12


@pytest.mark.parametrize("rows", [np.zeros((3, 2)), np.ones((3, 2))])
def test_nothing_active_is_a_value(rows):
    found = condensation(rows, np.zeros(3))
    assert found.effective_neurons == found.active_units == found.ties == 0
    assert not found.effective_ratio
    assert not found.effective_orientations
    assert found.groups.tolist() == [-1, -1, -1]
    assert found.group_directions.shape == (0, 2)


def test_grouping_by_cover_takes_the_nearest_representative():
    rows, outputs = layer(
        3,
        units=60,
        noise=0.4,
    )
    found = condensation(
        rows,
        outputs,
        grouping="cover",
        threshold=0.9,
    )
    assert found.grouping == "cover"
    assert len(found.group_sizes) == found.effective_neurons
    taken = found.representatives.tolist()
    chosen = slow_active(rows.tolist(), outputs.tolist(), active=0.05)[1]
    home = {found.groups[k]: k for k in taken}
    for k in chosen:
        earlier = [r for r in taken if chosen.index(r) <= chosen.index(k)]
        nearest = (
            k
            if k in taken
            else min(earlier, key=lambda r: slow_angle(rows[r], rows[k]))
        )
        assert home[found.groups[k]] == nearest


def test_representatives_are_searched_in_chunks(monkeypatch):
    rows, outputs = layer(
        4,
        units=60,
        centres=40,
        noise=0.4,
    )
    whole = condensation(
        rows,
        outputs,
        grouping="cover",
        block=4,
    )
    monkeypatch.setattr("condensery.metrics._cover._REPRESENTATIVES_AT_ONCE", 3)
    chunked = condensation(
        rows,
        outputs,
        grouping="cover",
        block=4,
    )
    assert whole.effective_neurons > 9
    np.testing.assert_array_equal(chunked.representatives, whole.representatives)
    np.testing.assert_array_equal(chunked.groups, whole.groups)


def test_linkage_and_cover_switch_at_the_limit():
    rows = np.tile(np.array([[1.0, 0.0], [0.0, 1.0]]), (2501, 1))
    found = condensation(rows)
    assert (found.grouping, found.effective_neurons, found.group_sizes.tolist()) == (
        "cover",
        2,
        [2501, 2501],
    )
    assert condensation(rows[:2000]).grouping == "linkage"
    with pytest.raises(InvalidInputError, match="5000"):
        condensation(rows, grouping="linkage")


def two_units_at(theta: float, features: int, seed: int) -> np.ndarray:
    q = np.linalg.qr(np.random.default_rng(seed).standard_normal((features, 2)))[0].T
    return np.stack([2.0 * q[0], math.cos(theta) * q[0] + math.sin(theta) * q[1]])


@pytest.mark.parametrize("reach", [1.4e-7, 1e-5, 1e-3, 0.02, 0.1, 1.0])
@pytest.mark.parametrize("features", [2, 50])
@pytest.mark.parametrize("antipodal", [False, True])
def test_angles_near_the_threshold_are_resolved(reach, features, antipodal):
    threshold = math.cos(reach)
    reach = 2 * math.asin(math.sqrt((1 - threshold) / 2))  # of the threshold as rounded
    options = {
        "threshold": threshold,
        "guard": 0.0,
        "antipodal": antipodal,
    }
    sides = np.array([[1.0], [-1.0 if antipodal else 1.0]])
    for seed in range(5):
        for step in (1e-12, 1e-9):
            inside = condensation(
                sides * two_units_at(reach - step, features, seed), **options
            )
            outside = condensation(
                sides * two_units_at(reach + step, features, seed), **options
            )
            assert (inside.effective_neurons, outside.effective_neurons) == (1, 2)
            assert (len(inside.group_sizes), len(outside.group_sizes)) == (1, 2)


def test_one_minus_the_dot_product_would_not_resolve_them():
    # The negative control: within 1e-9 rad of a reach of 1.4e-7 rad, 1 − u·v decides
    # wrongly for some seeds.
    limit = 1 - math.cos(1.4e-7)
    reach, wrong = 2 * math.asin(math.sqrt(limit / 2)), 0
    for seed in range(10):
        for step, expected in ((-1e-9, True), (1e-9, False)):
            u, v = two_units_at(reach + step, 50, seed)
            wrong += ((1 - float(u @ v) / 2.0) <= limit) != expected
    assert wrong > 0


def test_ties_are_reported_with_the_range_of_the_count():
    reach = math.acos(0.99)
    for step, count in ((-5e-10, 1), (5e-10, 2)):
        found = condensation(two_units_at(reach + step, 2, 0))
        assert (found.effective_neurons, found.ties, found.effective_neurons_range) == (
            count,
            1,
            (1, 2),
        )
    for step, count in ((-5e-9, 1), (5e-9, 2)):
        found = condensation(two_units_at(reach + step, 2, 0))
        assert (found.effective_neurons, found.ties, found.effective_neurons_range) == (
            count,
            0,
            (count, count),
        )


def test_the_guard_follows_the_coarsest_dtype():
    rows = two_units_at(math.acos(0.99) + 3e-7, 2, 0)
    assert condensation(rows).ties == 0
    assert condensation(rows.astype(np.float32)).ties == 1
    assert condensation(rows, guard=1e-6).ties == 1
    assert not condensation(rows, guard=0.0).guard


def test_borderline_amplitudes_are_reported():
    rows = np.array([[1.0, 0.0], [0.0, 0.05 * (1 + 1e-9)], [0.0, 0.06]])
    assert condensation(rows).borderline_units == 1
    assert condensation(rows, active=0.04).borderline_units == 0


def test_a_million_units_stay_within_bounded_memory():
    rng = np.random.default_rng(0)
    rows, outputs = rng.standard_normal((10**6, 2)), np.ones(10**6)
    tracemalloc.start()
    found = condensation(rows, outputs, active=0.2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Ten numbers per unit; a matrix of units × units would be 8 TB.
    assert peak < 10 * 8 * 10**6
    assert found.grouping == "cover"
    # A cover at radius acos(.99) leaves gaps of more than one and at most two radii
    # between neighbours.
    assert (
        math.pi / math.acos(0.99)
        <= found.effective_neurons
        <= 2 * math.pi / math.acos(0.99)
    )


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"threshold": 0.0}, "threshold"),
        ({"threshold": 1.01}, "threshold"),
        ({"threshold": math.nan}, "threshold"),
        ({"active": 1.0}, "active"),
        ({"active": -0.1}, "active"),
        ({"guard": -1.0}, "guard"),
        ({"guard": math.inf}, "guard"),
        ({"block": 0}, "block"),
        ({"amplitude": "product"}, "amplitude"),
        ({"output_weights": np.array([1.0, math.nan])}, "output_weights"),
    ],
)
def test_bad_options_are_named(options, named):
    with pytest.raises(InvalidInputError, match=f"^{named}: given .*; allowed: "):
        condensation(np.ones((2, 2)), **options)


def test_entries_that_are_not_finite_are_refused():
    with pytest.raises(InvalidInputError, match="1 units with nan"):
        condensation(np.array([[1.0, 2.0], [math.nan, 0.0]]))
    with pytest.raises(InvalidInputError, match="at least one unit"):
        condensation(np.ones((0, 2)))
