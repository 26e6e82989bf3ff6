from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.properties.strategies import Layer, layers, matrices, positive, rotations

from condensery.metrics import (
    Condensation,
    amplitude,
    angle_between,
    boundary_row_fit,
    condensation,
    cosine_matrix,
    directions,
    effective_orientations,
    effective_rank,
    orientation,
    relative_distance,
    width_slope,
)

few = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
)

options = st.fixed_dictionaries(
    {
        "threshold": st.sampled_from([0.7, 0.95, 0.99]),
        "active": st.sampled_from([0.0, 0.05]),
        "antipodal": st.booleans(),
        "grouping": st.sampled_from(["linkage", "cover"]),
        "block": st.sampled_from([1, 5, 512]),
    }
)


def measured(layer: Layer, chosen: dict) -> Condensation:
    """The measure, in cases that rounding cannot decide differently."""
    found = condensation(layer.rows, layer.outputs, **chosen)
    assume(found.ties == found.borderline_units == 0)
    return found


def assert_same_numbers(one: Condensation, other: Condensation) -> None:
    assert one.effective_neurons == other.effective_neurons
    assert one.active_units == other.active_units
    np.testing.assert_allclose(one.group_shares, other.group_shares, rtol=1e-9)
    assert one.effective_orientations == pytest.approx(
        other.effective_orientations, rel=1e-9
    )


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {
        frozenset(np.flatnonzero(labels == label).tolist())
        for label in np.unique(labels[labels >= 0])
    }


@few
@given(
    layers(),
    options,
    positive,
    positive,
)
def test_condensation_ignores_positive_scales(layer, chosen, of_rows, of_outputs):
    found = measured(layer, chosen)
    other = condensation(layer.rows * of_rows, layer.outputs * of_outputs, **chosen)
    assert_same_numbers(found, other)
    assert partition(found.groups) == partition(other.groups)


@few
@given(layers(), options, st.data())
def test_condensation_follows_permutations(layer, chosen, data):
    found = measured(layer, chosen)
    order = np.array(data.draw(st.permutations(range(len(layer.rows)))))
    other = condensation(layer.rows[order], layer.outputs[order], **chosen)
    assert_same_numbers(found, other)
    np.testing.assert_array_equal(order[other.representatives], found.representatives)
    back = np.empty_like(other.groups)
    back[order] = other.groups
    assert partition(back) == partition(found.groups)


@few
@given(layers(), options, st.data())
def test_condensation_ignores_rotations(layer, chosen, data):
    found = measured(layer, chosen)
    rotation = data.draw(rotations(layer.rows.shape[1]))
    other = condensation(layer.rows @ rotation, layer.outputs, **chosen)
    assert_same_numbers(found, other)
    assert partition(found.groups) == partition(other.groups)
    np.testing.assert_allclose(other.group_spreads, found.group_spreads, atol=1e-7)


@few
@given(layers(), options)
def test_copies_change_no_effective_number(layer, chosen):
    found = measured(layer, chosen)
    other = condensation(
        np.vstack([layer.rows] * 3), np.concatenate([layer.outputs] * 3) / 3, **chosen
    )
    assert other.effective_neurons == found.effective_neurons
    assert other.effective_ratio == pytest.approx(found.effective_ratio / 3)
    assert other.effective_orientations == pytest.approx(
        found.effective_orientations, rel=1e-9
    )
    assert len(other.group_sizes) == len(found.group_sizes)


@few
@given(layers(), options)
def test_zero_rows_change_only_the_ratio(layer, chosen):
    found = measured(layer, chosen)
    rows = np.vstack([layer.rows, np.zeros((2, layer.rows.shape[1]))])
    other = condensation(
        rows,
        np.append(layer.outputs, [1.0, 1.0]),
        **chosen,
    )
    assert_same_numbers(found, other)
    assert other.zero_units == 2


@few
@given(layers(), options)
def test_signs_are_ignored_with_antipodal_alone(layer, chosen):
    found = measured(
        layer,
        {
            **chosen,
            "antipodal": True,
        },
    )
    signs = np.where(
        np.arange(len(layer.rows)) % 2,
        -1.0,
        1.0,
    )
    other = condensation(
        layer.rows * signs[:, None],
        layer.outputs,
        **{
            **chosen,
            "antipodal": True,
        },
    )
    assert_same_numbers(found, other)
    assert (
        found.effective_neurons
        <= condensation(layer.rows, layer.outputs, **chosen).effective_neurons_range[1]
    )


@few
@given(layers(), options)
def test_the_cover_covers_and_is_spread(layer, chosen):
    found = measured(layer, chosen)
    cosines = directions(layer.rows) @ directions(layer.rows[found.representatives]).T
    cosines = np.abs(cosines) if chosen["antipodal"] else cosines
    active = found.groups >= 0
    assert np.all(cosines[active].max(axis=1) >= chosen["threshold"])
    among = cosines[found.representatives] - 2.0 * np.eye(found.effective_neurons)
    assert np.all(among < chosen["threshold"])
    assert (
        found.effective_neurons_range[0]
        <= found.effective_neurons
        <= found.effective_neurons_range[1]
    )


@few
@given(layers(), options)
def test_groups_are_a_partition_with_shares(layer, chosen):
    found = measured(layer, chosen)
    assert (
        np.bincount(found.groups[found.groups >= 0]).tolist()
        == found.group_sizes.tolist()
    )
    assert found.group_sizes.sum() == found.active_units
    assert found.group_shares.sum() == pytest.approx(1.0)
    assert np.all(np.diff(found.group_shares) <= 1e-15)
    assert (
        1 - 1e-9 <= found.effective_orientations <= len(found.group_sizes) * (1 + 1e-9)
    )
    if chosen["grouping"] == "linkage":
        for group in partition(found.groups):
            unit = directions(layer.rows[sorted(group)])
            cosines = np.abs(unit @ unit.T) if chosen["antipodal"] else unit @ unit.T
            assert cosines.min() >= chosen["threshold"] - 1e-12


@few
@given(layers(), st.sampled_from([1, 3, 512]))
def test_the_block_size_changes_nothing(layer, block):
    found = measured(layer, {"grouping": "cover"})
    other = condensation(
        layer.rows,
        layer.outputs,
        grouping="cover",
        block=block,
    )
    assert_same_numbers(found, other)
    np.testing.assert_array_equal(other.representatives, found.representatives)
    np.testing.assert_array_equal(other.groups, found.groups)


@few
@given(layers(max_features=2), st.floats(-3.0, 3.0), positive)
def test_orientation_turns_with_the_rows(layer, turn, scale):
    before = orientation(layer.rows)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    after = orientation(scale * layer.rows @ rotation)
    difference = np.remainder(after - before - turn + np.pi, 2 * np.pi) - np.pi
    np.testing.assert_allclose(difference, 0.0, atol=1e-12)
    assert np.all((after > -np.pi) & (after <= np.pi))
    np.testing.assert_allclose(
        np.cos(after - before[0]),
        np.cos(after) * np.cos(before[0]) + np.sin(after) * np.sin(before[0]),
    )


@few
@given(layers(), st.data())
def test_angles_and_amplitudes_ignore_rotations(layer, data):
    rotation = data.draw(rotations(layer.rows.shape[1]))
    turned = layer.rows @ rotation
    np.testing.assert_allclose(
        amplitude(layer.outputs, turned),
        amplitude(layer.outputs, layer.rows),
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        angle_between(turned, turned[0]),
        angle_between(layer.rows, layer.rows[0]),
        atol=1e-14 * layer.rows.size,
    )


@few
@given(layers(), positive)
def test_relu_rescaling_keeps_amplitude_and_condensation(layer, scale):
    found = measured(layer, {})
    scaled = Layer(layer.rows * scale, layer.outputs / scale)
    np.testing.assert_allclose(
        amplitude(scaled.outputs, scaled.rows),
        amplitude(layer.outputs, layer.rows),
        rtol=1e-12,
    )
    assert_same_numbers(found, condensation(scaled.rows, scaled.outputs))


@few
@given(layers(), st.data())
def test_cosine_matrix_is_a_gram_matrix_and_follows_permutations(layer, data):
    found = cosine_matrix(layer.rows, sort=False)
    np.testing.assert_allclose(found.matrix, found.matrix.T, atol=1e-15)
    np.testing.assert_allclose(np.diag(found.matrix), 1.0, atol=1e-15)
    assert np.linalg.eigvalsh(found.matrix)[0] >= -1e-12
    assert 1 / layer.rows.shape[1] - 1e-12 <= found.leading_share <= 1 + 1e-12
    order = np.array(data.draw(st.permutations(range(len(layer.rows)))))
    other = cosine_matrix(layer.rows[order] * 3.0, sort=False)
    np.testing.assert_allclose(
        other.matrix, found.matrix[np.ix_(order, order)], atol=1e-14
    )
    assert other.leading_share == pytest.approx(found.leading_share, rel=1e-9)


@few
@given(matrices(), positive, st.data())
def test_effective_rank_ignores_rotation_and_scale(matrix, scale, data):
    rotation = data.draw(rotations(matrix.shape[1]))
    rank = effective_rank(matrix)
    # Singular values at rounding level add at most 1e-16·log 1e16 each to the entropy.
    assert effective_rank(scale * matrix @ rotation) == pytest.approx(
        rank, rel=1e-11, abs=1e-12
    )
    assert rank == 0 or 1 - 1e-12 <= rank <= min(matrix.shape) * (1 + 1e-12)
    assert effective_rank(matrix.T) == pytest.approx(rank, rel=1e-9)


@few
@given(layers())
def test_effective_orientations_is_largest_for_equal_shares(layer):
    shares = np.abs(layer.outputs)
    number = effective_orientations(shares)
    assert number <= len(shares) * (1 + 1e-12)
    assert effective_orientations(np.append(shares, 0.0)) == pytest.approx(number)
    assert effective_orientations(np.concatenate([shares, shares])) == pytest.approx(
        2 * number
    )


@few
@given(layers(), positive, st.data())
def test_relative_distance_ignores_rotation_and_scale(layer, scale, data):
    final = layer.rows + 1.0
    rotation = data.draw(rotations(layer.rows.shape[1]))
    found = relative_distance(layer.rows, final)
    assert relative_distance(
        scale * layer.rows @ rotation, scale * final @ rotation
    ) == pytest.approx(found, rel=1e-9)
    assert relative_distance(layer.rows, (1 + scale) * layer.rows) == pytest.approx(
        scale, rel=1e-9
    )


@few
@given(
    st.floats(-3, 3),
    positive,
    st.integers(2, 6),
    st.integers(1, 3),
    positive,
)
def test_width_slope_recovers_power_laws_and_ignores_units(
    slope, factor, widths, seeds, units
):
    m = np.logspace(1, 4, widths)
    values = np.repeat(
        (factor * m**slope)[:, None],
        seeds,
        axis=1,
    )
    found = width_slope(m, values)
    assert found.slope == pytest.approx(slope, abs=1e-12)
    other = width_slope(units * m, factor * values)
    assert other.slope == pytest.approx(slope, abs=1e-12)


@few
@given(
    st.floats(0.5, 1.5),
    st.floats(0.1, 2),
    st.permutations(range(7)),
)
def test_row_fit_recovers_straight_rows_in_any_order(root, slope, order):
    gammas = np.linspace(0.7, 1.3, 7)[np.array(order)]
    found = boundary_row_fit(gammas, slope * (gammas - root))
    assert found.gamma == pytest.approx(root, abs=1e-9)
    assert found.gamma_se < 1e-9
