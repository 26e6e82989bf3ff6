"""How members of an ensemble stop, fail, go on, and leave one another alone."""

import numpy as np
import pytest

import condensery.engine._flow_state as module
from condensery._errors import InvalidInputError
from condensery.engine import Ensemble, RecordParameters, flow
from condensery.engine._flow_kernel import advance
from condensery.records import Status

X = np.linspace(-0.5, 0.5, 4)[:, None]
Y = X[:, 0] ** 2
ROWS = [(12, 0, 0.6, 0.0), (12, 1, 1.0, -0.4), (12, 2, 1.3, 0.3)]
WIDER = [(20, 0, 1.0, 0.0), (20, 1, 0.7, 0.2)]


def ensemble(rows=ROWS):
    return Ensemble(*(np.array(column) for column in zip(*rows, strict=True)))


def of_member(result, k):
    """All that is known of a member, as bytes."""
    numbers = [
        getattr(result, name)[k]
        for name in ("rd", "rd_a", "rd_theta", "loss", "time", "steps", "status")
    ]
    arrays = [result.parameters(k)[name] for name in ("a", "w")]
    return [np.asarray(value).tobytes() for value in (*numbers, *arrays)]


@pytest.fixture(scope="module")
def together():
    return flow(ensemble(), X, Y)


def test_members_converge_just_below_the_target(together):
    assert np.all(together.status == Status.CONVERGED)
    assert np.all((together.loss < 1e-6) & (together.loss > 1e-7))


def test_targets_may_differ():
    result = flow(
        ensemble(),
        X,
        Y,
        target_loss=np.array([1e-3, 1e-4, 1e-5]),
    )
    assert np.all(result.loss < [1e-3, 1e-4, 1e-5])
    assert np.all(result.loss > [2e-4, 2e-5, 2e-6])


def test_the_time_limit_is_met_exactly():
    result = flow(ensemble(), X, Y, max_time=77.25)
    assert np.all(result.status == Status.OUT_OF_TIME)
    assert result.time.tolist() == [77.25] * 3
    gram = flow(
        ensemble(),
        X,
        Y,
        max_time=77.25,
        method="gram",
    )
    assert gram.time.tolist() == [77.25] * 3


def test_the_step_limit_is_met_exactly():
    result = flow(ensemble(), X, Y, max_steps=7)
    assert result.steps.tolist() == [7] * 3
    assert np.all(result.status == Status.OUT_OF_STEPS)


def test_a_member_that_is_there_already_takes_no_step():
    result = flow(ensemble(), X, Y, target_loss=1.0)
    assert result.steps.tolist() == [0, 0, 0]
    assert np.all(result.status == Status.CONVERGED)
    assert np.all(result.rd == 0)


def test_divergence_is_a_value_and_stays_with_its_member():
    options = {
        "method": "gram",
        "max_steps": 200,
    }
    result = flow(
        ensemble(),
        X,
        Y,
        eta=np.array([1.0, 1e300, 1.0]),
        **options,
    )
    calm = flow(
        ensemble(),
        X,
        Y,
        eta=1.0,
        **options,
    )
    assert result.status[1] == Status.DIVERGED
    assert not np.isfinite(result.loss[1])
    assert Status(result.status[1]).remedy
    for k in (0, 2):
        assert result.status[k] != Status.DIVERGED
        assert of_member(result, k) == of_member(calm, k)


def test_a_repeated_call_gives_the_same_bits(together):
    again = flow(ensemble(), X, Y)
    assert [of_member(again, k) for k in range(3)] == [
        of_member(together, k) for k in range(3)
    ]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(ROWS[::-1], id="reversed"),
        pytest.param(ROWS[1:], id="fewer"),
        pytest.param(ROWS[:1], id="first-alone"),
        pytest.param(ROWS[2:], id="last-alone"),
        pytest.param(
            [*ROWS, *[(12, seed, 0.9, 0.1) for seed in range(14)]],
            id="more-than-one-block-of-members",
            marks=pytest.mark.slow,
        ),
        pytest.param([WIDER[0], *ROWS, WIDER[1]], id="among-wider-ones"),
    ],
)
def test_a_members_bits_do_not_depend_on_its_companions(together, rows):
    result = flow(ensemble(rows), X, Y)
    shared = [(rows.index(row), k) for k, row in enumerate(ROWS) if row in rows]
    assert shared
    for place, k in shared:
        assert of_member(result, place) == of_member(together, k), ROWS[k]


@pytest.mark.slow
def test_a_members_bits_do_not_depend_on_how_many_fit_in_memory(together, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 2 * 2 * 24)  # two members at a time
    result = flow(ensemble(), X, Y)
    assert [len(places) for places in result.state.members] == [2, 1]
    assert [of_member(result, k) for k in range(3)] == [
        of_member(together, k) for k in range(3)
    ]


def test_several_widths_go_side_by_side():
    rows = [WIDER[0], *ROWS, WIDER[1]]
    result = flow(ensemble(rows), X, Y)
    assert np.all(result.status == Status.CONVERGED)
    assert [len(result.parameters(k)["a"]) for k in range(5)] == [40, 24, 24, 24, 40]
    alone = flow(ensemble(WIDER), X, Y)
    assert [of_member(result, k) for k in (0, 4)] == [
        of_member(alone, k) for k in (0, 1)
    ]


@pytest.mark.parametrize("method", ["exponential", "gram"])
def test_going_on_is_the_same_as_not_stopping(method):
    half = flow(
        ensemble(),
        X,
        Y,
        method=method,
        max_steps=15,
    )
    whole = flow(
        ensemble(),
        X,
        Y,
        method=method,
        max_steps=30,
        state=half.state,
    )
    direct = flow(
        ensemble(),
        X,
        Y,
        method=method,
        max_steps=30,
    )
    assert direct.steps.tolist() == [30] * 3
    assert [of_member(whole, k) for k in range(3)] == [
        of_member(direct, k) for k in range(3)
    ]
    assert of_member(half, 0) != of_member(direct, 0)


def test_going_on_from_a_target_to_a_lower_one():
    first = flow(ensemble(), X, Y, target_loss=1e-3)
    second = flow(
        ensemble(),
        X,
        Y,
        target_loss=1e-5,
        state=first.state,
    )
    assert np.all(second.status == Status.CONVERGED)
    assert np.all(second.steps > first.steps)
    assert np.all(second.loss < 1e-5)
    same = flow(
        ensemble(),
        X,
        Y,
        target_loss=1e-3,
        state=first.state,
    )
    assert [of_member(same, k) for k in range(3)] == [
        of_member(first, k) for k in range(3)
    ]


def test_progress_ends_at_one_and_never_falls():
    seen = []
    flow(
        ensemble([*ROWS, *WIDER]),
        X,
        Y,
        on_progress=lambda text, fraction: seen.append(fraction),
    )
    assert seen == sorted(seen)
    assert 0 <= seen[0] <= seen[-1] == 1


def test_probes_see_the_members_and_nothing_else():
    result = flow(
        ensemble(),
        X,
        Y,
        max_steps=9,
        probes={"all": RecordParameters()},
        schedule=[0, 2, 5],
    )
    assert result.recorded.tolist() == [0, 2, 5, 9]
    assert result.probed["all"]["a"].shape == (4, 3, 24)
    assert result.probed["all"]["w"].shape == (4, 3, 24, 2)
    for step, a, w in zip(
        (2, 5, 9),
        result.probed["all"]["a"][1:],
        result.probed["all"]["w"][1:],
        strict=True,
    ):
        stopped = flow(ensemble(), X, Y, max_steps=step)
        for k in range(3):
            assert np.array_equal(a[k], stopped.parameters(k)["a"])
            assert np.array_equal(w[k], stopped.parameters(k)["w"])
    for k in range(3):
        assert np.array_equal(
            result.probed["all"]["w"][0, k], result.parameters(k, initial=True)["w"]
        )


def test_probes_change_no_bit(together):
    result = flow(ensemble(), X, Y, probes={"all": RecordParameters()})
    assert [of_member(result, k) for k in range(3)] == [
        of_member(together, k) for k in range(3)
    ]
    assert result.recorded[-1] == together.steps.max()


WRONG = {
    "method": {"method": "euler"},
    "eta": {"eta": 0.0},
    "eta of nan": {"eta": float("nan")},
    "target_loss": {"target_loss": -1.0},
    "max_steps": {"max_steps": 0},
    "activation": {"activation_name": "rleu"},
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_wrong_options_are_refused(options):
    with pytest.raises(InvalidInputError, match=r"given .*; allowed: "):
        flow(ensemble(), X, Y, **options)


DATA = {
    "flat x": (X[:, 0], Y),
    "other lengths": (X, Y[:3]),
    "one sample": (X[:1], Y[:1]),
    "nan": (X, np.array([0.0, np.nan, 0.0, 0.0])),
    "inf": (X * np.inf, Y),
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_wrong_data_are_refused(data):
    with (
        pytest.raises(InvalidInputError, match=r"x, y: given .*; allowed: "),
        np.errstate(invalid="ignore"),
    ):
        flow(ensemble(), *data)


def test_what_is_no_state_or_member_of_this_ensemble_is_refused(together):
    with pytest.raises(InvalidInputError, match="state"):
        flow(ensemble(ROWS[:1]), X, Y, state=together.state)
    with pytest.raises(InvalidInputError, match="member: given 3"):
        together.parameters(3)
    with pytest.raises(InvalidInputError, match="one width"):
        flow(
            ensemble([*ROWS, *WIDER]),
            X,
            Y,
            probes={"all": RecordParameters()},
        )


def test_going_on_and_probing_compile_nothing_anew(together):
    before = advance._cache_size()
    half = flow(ensemble(), X, Y, max_steps=15)
    flow(
        ensemble(),
        X,
        Y,
        max_steps=np.int64(30),
        max_time=100,
        state=half.state,
    )
    flow(ensemble(), X, Y, probes={"all": RecordParameters()})
    assert advance._cache_size() == before
