"""The three-layer phase diagram: the contract of experiments, and claims on tables that
are right and then wrong.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery.experiments.three_layer import Config, three_layer
from condensery.experiments.three_layer._work import longest
from condensery.records import Status, Table
from condensery.testing import ExperimentContract
from condensery.theory import three_layer_slopes


class TestThreeLayerContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return three_layer

    @pytest.fixture
    def overrides(self):
        return {
            "gamma2s": [0.0],
            "gamma3s": [1.2, 1.8],
            "widths": [8, 16],
            "seeds": 1,
            "row_seeds": 2,
            "shown_width": 8,
            "eta": 0.2,
        }


def members(config, *, first=three_layer_slopes, noise=0.0):
    """RD that follow given exponents exactly, or with noise."""
    rng = np.random.default_rng(0)
    rows = [
        (g2, g3, m, seed)
        for g2 in config.gamma2s
        for g3 in config.gamma3s
        for m in config.widths
        for seed in range(3)
    ]
    g2, g3, m, seed = (np.array(column) for column in zip(*rows, strict=True))
    slopes = first(g2, g3)
    logarithms = noise * rng.standard_normal((3, len(rows)))
    first, second, output = np.exp(logarithms)
    first *= 0.3 * m**slopes.first
    second *= 0.2 * m**slopes.second
    output *= 0.1 * m**0.2
    converged = int(Status.CONVERGED)
    columns = {
        "gamma2": g2,
        "gamma3": g3,
        "width": m,
        "seed": seed,
        "rd1": first,
        "rd2": second,
        "rd_a": output,
        "status": np.full(len(rows), converged),
    }
    return Table(columns=columns)


def slope_table(members):
    derive = three_layer.derives["slopes"]
    tables = {"members": members}
    return derive(Config(), tables)


def orientations(table, *, linear=1.0, condensed=0.1):
    """Counts whose shares left are those of a layer's regime, by the exponents."""
    greatest = table["width"].max()
    widest = table.select(width=greatest)
    slopes = three_layer_slopes(widest["gamma2"], widest["gamma3"])
    names = ("gamma2", "gamma3", "width", "seed")
    columns = {name: widest[name] for name in names}
    before = np.full(len(widest), 20.0)
    for layer in ("first", "second"):
        slope = getattr(slopes, layer)
        is_condensed = slope > 1e-9
        shares = np.where(is_condensed, condensed, linear)
        columns[f"{layer}_before"] = before
        columns[layer] = before * (shares - 0.01 * slope)
    return Table(columns=columns)


def with_plane(tables, counts):
    counted = tables | {"orientations": counts}
    plane = three_layer.derives["plane"](Config(), counted)
    return counted | {"plane": plane}


def tables_of(table):
    gammas = np.array([1.0, 1.5, 2.0])
    tables = {
        "slopes": slope_table(table),
        "neurons": Table(
            columns={"gamma3": gammas, "orientations": np.array([20, 15, 3])}
        ),
        "methods": Table(
            columns={
                "gamma3": gammas,
                "exponential_1": np.ones(3),
                "gram_1": np.full(3, 1.01),
            }
        ),
    }
    return with_plane(tables, orientations(table))


def verdicts(config, tables):
    return {claim.id: claim.passed for claim in three_layer.claims(config, tables)}


def test_slopes_are_those_of_the_members_and_the_unconverged_are_left_out():
    config = Config()
    table = members(config)
    status = table["status"].copy()
    status[np.isclose(table["gamma3"], 1.5) & (table["width"] == 100)] = int(
        Status.OUT_OF_STEPS
    )
    spoilt = np.where(status == Status.CONVERGED, table["rd1"], 1e9)
    found = slope_table(
        Table(columns={**table.columns, "rd1": spoilt, "status": status})
    )
    theory = three_layer_slopes(found["gamma2"], found["gamma3"])
    np.testing.assert_allclose(found["first"], theory.first, atol=1e-12)
    np.testing.assert_allclose(found["second"], theory.second, atol=1e-12)
    assert found["left_out"].sum() == 3 * len(config.gamma2s)


def test_every_claim_holds_for_the_exponents_of_the_balance():
    config = Config()
    found = verdicts(config, tables_of(members(config, noise=0.02)))
    assert found.pop("exponents") is None
    assert set(found.values()) == {True}, found


def shifted(gamma2, gamma3):
    """Both boundaries one unit of γ₃ further right."""
    return three_layer_slopes(gamma2, gamma3 - 1.0)


def early(gamma2, gamma3):
    """Both layers condense everywhere."""
    return three_layer_slopes(0 * gamma2, gamma3 + 2.5)


def test_claims_can_fail():
    config = Config()
    found = verdicts(config, tables_of(members(config, first=shifted)))
    assert (
        found["first-condensed"],
        found["first-crossing"],
        found["four-regimes"],
    ) == (False, False, False)
    found = verdicts(config, tables_of(members(config, first=early)))
    failing = (
        "first-linear",
        "first-crossing",
        "second-linear",
        "mixed",
        "four-regimes",
    )
    assert {found[name] for name in failing} == {False}
    tables = tables_of(members(config))
    neurons = dict(tables["neurons"].columns)
    neurons["orientations"] = np.array([20, 15, 12])
    tables["neurons"] = Table(columns=neurons)
    methods = dict(tables["methods"].columns)
    methods["gram_1"] = np.array([1.0, 1.0, 1.05])
    tables["methods"] = Table(columns=methods)
    found = verdicts(config, tables)
    assert (found["condenses"], found["method"]) == (False, False)


def test_condensation_over_the_plane_can_be_absent():
    config = Config()
    table = members(config, noise=0.02)
    tables = tables_of(table)
    counts = orientations(table, condensed=0.9)
    found = verdicts(config, with_plane(tables, counts))
    assert found["first-condensed-plane"] is False
    assert found["second-condensed-plane"] is False
    assert found["fewer-orientations"] is True
    counts = orientations(table, linear=0.1, condensed=1.0)
    found = verdicts(config, with_plane(tables, counts))
    assert found["fewer-orientations"] is False


def test_mixed_regimes_are_sought_among_cells_that_are_decided():
    config = Config()
    tables = tables_of(members(config, noise=0.02))
    slopes = tables["slopes"]
    errors = np.full(len(slopes), 10.0)
    noisy = Table(columns={**slopes.columns, "first_se": errors})
    found = verdicts(config, tables)
    assert found["mixed"] is True
    found = verdicts(config, tables | {"slopes": noisy})
    assert found["mixed"] is None


def test_orientations_are_those_of_the_longest_tenth():
    angles = np.repeat([0.3, 2.0], 5)
    rays = 10.0 * np.column_stack([np.cos(angles), np.sin(angles)])
    around = 2.4 * np.arange(90)
    cloud = np.column_stack([np.cos(around), np.sin(around)])
    together = np.vstack([cloud, rays])
    condensed = longest(together)
    assert condensed.effective_neurons == 2
    scattered = longest(cloud)
    assert scattered.effective_neurons > 4


def test_what_cannot_be_judged_is_open():
    config = Config(gamma2s=(0.4,), gamma3s=(1.0, 2.0))
    found = verdicts(config, tables_of(members(config, noise=0.02)))
    open_ones = {name for name, passed in found.items() if passed is None}
    assert {
        "first-linear",
        "first-condensed",
        "first-crossing",
        "second-linear",
        "grows",
        "four-regimes",
    } <= open_ones


@pytest.mark.parametrize(
    "wrong",
    [
        {"widths": [10]},
        {"widths": [0, 10]},
        {"widths": [10, 10]},
        {"gamma3s": []},
        {"gamma2s": [0.0, 0.0]},
        {"gamma3s": [11.0]},
        {"gamma3s": [float("nan")]},
        {"seeds": 0},
        {"seeds": 9, "row_seeds": 2},
        {"eta": 0.0},
        {"shown_width": 0},
        {"target_loss": 0},
        {"width": 3},
    ],
)
def test_refusals(wrong):
    with pytest.raises(ValidationError):
        Config.model_validate(wrong)
