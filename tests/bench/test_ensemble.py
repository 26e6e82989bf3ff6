"""The bench of ensembles at a size that is over at once: what it measures, and that
rivals solve the same problem.
"""

import numpy as np
import pytest

from condensery.bench import BENCHES, ensemble


@pytest.fixture
def small(monkeypatch):
    constants = {
        "SIZES": (2,),
        "REPEATS": 1,
        "OURS_STEPS": {2: 4},
        "VMAP_STEPS": {2: 2},
        "LOOP_STEPS": 2,
    }
    for name, value in constants.items():
        monkeypatch.setattr(ensemble, name, value)


@pytest.mark.slow
def test_rows_and_ratios(small, monkeypatch):
    assert BENCHES["ensemble"] == "condensery.bench.ensemble:run"
    monkeypatch.setattr(ensemble, "find_spec", lambda name: None)
    result = ensemble.run(lambda text: None)
    assert len(result["rows"]) == 3 * 4
    for rule, nets, program, value, ratio in result["rows"]:
        assert rule in ensemble.RULES
        assert nets == 2
        if program in (ensemble.LOOP, ensemble.VMAP):
            assert (value, ratio) == ("not installed", None)
        else:
            assert value > 0
            assert ratio > 0
    assert "condensery[bench]" in result["notes"][-1]


def test_operations_of_a_step():
    # four products: x W and Wᵀ-gradient of n (d + 1) m, hidden·a and its gradient of n
    # m, two operations each
    first_layer = 4 * 80 * 6 * 50
    second_layer = 4 * 80 * 50
    assert ensemble._operations() == first_layer + second_layer


def test_rivals_start_from_the_same_nets():
    starts = ensemble._starts(3)
    contents = {start["a"].tobytes() for start in starts}
    assert len(contents) == 3
    fewer = ensemble._starts(2)
    np.testing.assert_array_equal(starts[1]["w"], fewer[1]["w"])


@pytest.mark.slow
def test_with_pytorch(small):
    pytest.importorskip("torch")
    rows = ensemble.run(lambda text: None)["rows"]
    assert all(isinstance(row[3], float) for row in rows)
