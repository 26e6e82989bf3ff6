"""The calibration as an experiment: its contract, what counts as right, and claims that
can fail.
"""

import numpy as np
import pytest
from pydantic import ValidationError

from condensery.experiments.diagnose_calibration import (
    Config,
    diagnose_calibration,
    is_right,
)
from condensery.records import Table
from condensery.testing import ExperimentContract
from condensery.theory import phase_slope

pytest.importorskip("torch")

TINY = {
    "gammas": [0.5, 1.75],
    "gamma_primes": [0.0],
    "widths": [32, 64, 128],
    "seeds": 2,
    "relative_loss": 0.3,
}
TUNED = {
    (gamma, prime)
    for gamma in (0.6, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4)
    for prime in (-0.4, -0.2, 0.0, 0.2, 0.4)
}


class TestContract(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return diagnose_calibration

    @pytest.fixture
    def overrides(self):
        return TINY

    def test_rows_are_cells_and_layers(self, tables):
        rows = tables["verdicts"]
        assert rows["layer"].tolist() == ["hidden", "output"] * 2
        assert rows["gamma"].tolist() == [0.5, 0.5, 1.75, 1.75]
        assert rows["theory"].tolist() == pytest.approx([-0.5, -0.5, 0.375, 0.375])
        # the sign is seen even at these widths and this loss
        assert np.sign(rows["slope"]).tolist() == [-1, -1, 1, 1]
        assert tables["models"]["regime"].tolist() == ["linear", "condensed"]
        assert tables["boundary"]["theory"].tolist() == [1.0]


def test_cells_and_seeds_had_no_part_in_the_choice_of_the_margins():
    for preset in diagnose_calibration.presets.values():
        config = Config.model_validate(preset)
        cells = {
            (gamma, prime) for gamma in config.gammas for prime in config.gamma_primes
        }
        assert not cells & TUNED
        assert config.seeds < 100
        slopes = np.array([phase_slope(*cell) for cell in cells])
        assert np.sum(np.abs(slopes) >= 0.1) >= 20
        assert np.sum(np.abs(slopes) < 0.1) >= 5


@pytest.mark.parametrize(
    ("verdict", "slope", "right"),
    [
        ("linear", -0.3, True),
        ("linear", -0.01, True),
        ("linear", 0.0, False),
        ("linear", 0.2, False),
        ("condensed", 0.3, True),
        ("condensed", 0.0, False),
        ("condensed", -0.05, False),
        ("critical", 0.0, True),
        ("critical", -0.09, True),
        ("critical", 0.1, False),
        ("critical", -0.3, False),
        ("undetermined", 0.4, True),
    ],
)
def test_what_counts_as_right(verdict, slope, right):
    assert is_right(np.array([verdict]), np.array([slope])).tolist() == [right]


def table(verdicts, slopes, layer="hidden"):
    theory, words = np.array(slopes), np.array(verdicts)
    return {
        "layer": np.repeat(layer, len(theory)),
        "theory": theory,
        "clear": np.abs(theory) >= 0.1,
        "verdict": words,
        "right": is_right(words, theory),
    }


def judged(hidden, output):
    columns = {name: np.concatenate([hidden[name], output[name]]) for name in hidden}
    tables = {"verdicts": Table(columns=columns)}
    claims = diagnose_calibration.claims(Config(), tables)
    return {claim.id: claim for claim in claims}


def test_claims_count_and_can_fail():
    slopes = [-0.5] * 4 + [0.3] * 6 + [0.02] * 20
    output = table(["linear"] * 3, [-0.4] * 3, "output")
    words = (
        ["linear"] * 4
        + ["condensed"] * 3
        + ["undetermined"] * 3
        + ["critical"] * 19
        + ["linear"]
    )
    claims = judged(table(words, slopes), output)
    assert {name: claim.passed for name, claim in claims.items()} == dict.fromkeys(
        claims, True
    )
    assert (claims["clear-decided"].value, claims["near-wrong"].value) == pytest.approx(
        (0.7, 0.05)
    )
    words[6] = "undetermined"
    assert judged(table(words, slopes), output)["clear-decided"].passed is False
    words[6], words[28] = "critical", "linear"
    claims = judged(table(words, slopes), output)
    assert claims["clear-wrong"].value == 1
    assert (claims["clear-wrong"].passed, claims["near-wrong"].passed) == (False, False)
    assert (
        judged(table(words, slopes), table(["condensed"], [-0.4], "output"))[
            "output-wrong"
        ].passed
        is False
    )


def test_claims_without_such_cells_are_open():
    claims = judged(table(["linear"], [-0.5]), table(["linear"], [-0.05], "output"))
    assert (claims["near-wrong"].passed, claims["output-wrong"].passed) == (None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"widths": [8, 16]},
        {"widths": [8, 8, 16]},
        {"seeds": 1},
        {"gammas": []},
        {"relative_loss": 2.0},
    ],
)
def test_bad_configurations(wrong):
    with pytest.raises(ValidationError):
        Config.model_validate(wrong)
