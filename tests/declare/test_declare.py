"""An experiment that is declared: tasks, tables and claims say what was written."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pytest
from pydantic import ValidationError

from condensery.declare import (
    Count,
    Declared,
    Distinct,
    Measured,
    Results,
    Settings,
    at_least,
    at_most,
    between,
    claim,
    equal_to,
    exactly,
    needs,
    no_less,
    rows,
    stack,
    table,
    task,
    within,
)
from condensery.protocols import Experiment
from condensery.records import Table
from condensery.testing import ExperimentContract


class Config(Settings):
    """Parameters of the experiment."""

    count: Count = 3
    """How many numbers are drawn."""
    seeds: Count = 2
    """Seeds of the draws."""


@task(Config)
def draw(config, seed, advance, *, mean):
    advance("drawing", 1.0)
    random = np.random.default_rng(seed)
    return {"numbers": mean + random.standard_normal(config.count)}


@task(Config)
def summarise(config, seed, advance, *, power):
    return {"sum": np.array([float(config.count) ** power])}


def work(config):
    for seed in range(config.seeds):
        for mean in (0.0, 100.0):
            yield draw.work(f"draw {seed}", 1.0, seed, mean=mean)
    yield summarise.work("summary", 0.5, power=2)


@table(number="of the draw")
def numbers(config, results):
    for arguments, arrays in results.of(draw):
        index = {"index": range(config.count)}
        yield rows(index, **arguments, number=arrays["numbers"])


def sums(config, results):
    return stack([rows({}, total=results.only(summarise)["sum"][0])])


@table(middle="median of the draws")
def medians(config, tables):
    drawn = tables["numbers"]
    for mean in np.unique(drawn["mean"]):
        numbers = drawn.select(mean=mean)["number"]
        yield {"mean": mean, "middle": np.median(numbers)}


@table()
def spreads(config, tables):
    yield {"spread": np.ptp(tables["medians"]["middle"])}


@table()
def nothing(config, tables):
    yield from ()


@claim(
    "small",
    "Small means stay small.",
    at_most(50.0),
    kind="aim",
    paper="me",
    source="Fig. 1",
)
def largest_small(config, tables):
    table = tables["numbers"].select(mean=0.0)
    return Measured(float(table["number"].max()))


@claim(
    "large",
    "Large means stay large.",
    at_least(50.0),
    kind="aim",
    paper="me",
    source="Fig. 2",
)
def smallest_large(config, tables):
    table = tables["numbers"].select(mean=100.0)
    return Measured(float(table["number"].min()), "of all seeds")


draws = Declared(
    name="draws",
    title="Draws",
    summary="Draws of numbers around two means.",
    papers=("me",),
    Config=Config,
    presets={"quick": {}, "paper": {"seeds": 5}},
    work=work,
    makes={"numbers": numbers, "sums": sums},
    derives={"medians": medians, "spreads": spreads, "nothing": nothing},
    judges=(largest_small, smallest_large),
    draws=(),
)


class TestDraws(ExperimentContract):
    @pytest.fixture
    def experiment(self):
        return draws


def computed(config):
    tasks = draws.tasks(config)
    calls = {"draw": draw, "summarise": summarise}
    shards = []
    for declared in tasks:
        function = calls[declared.function.rpartition(":")[2]]
        shards.append(function(declared.parameters, declared.seed, lambda *_: None))
    return shards


def test_a_declaration_is_an_experiment():
    assert isinstance(draws, Experiment)
    assert [statement.id for statement in draws.statements] == ["small", "large"]


def test_results_are_asked_for_by_function():
    config = Config(count=2)
    tables = draws.tables(config, computed(config))
    table = tables["numbers"]
    assert len(table) == 8
    assert table["mean"].tolist() == [0, 0, 100, 100] * 2
    expected = np.random.default_rng(1).standard_normal(2)
    np.testing.assert_array_equal(table["number"][4:6], expected)
    assert tables["sums"]["total"].tolist() == [4.0]
    assert table.units == {"number": "of the draw"}


def test_tables_are_made_of_the_tables_before_them():
    config = Config()
    tables = draws.tables(config, computed(config))
    assert list(tables) == ["numbers", "sums", "medians", "spreads"]
    drawn = tables["numbers"]
    small, large = (
        np.median(drawn.select(mean=mean)["number"]) for mean in (0.0, 100.0)
    )
    assert tables["medians"]["middle"].tolist() == [small, large]
    assert tables["medians"].units == {"middle": "median of the draws"}
    assert tables["spreads"]["spread"].tolist() == [large - small]


def test_the_arrays_of_all_calls_are_joined():
    config = Config(count=2)
    pairs = []
    for number, call in enumerate(draws.work(config)):
        row = np.full((1, 2), number)
        pairs.append((call, {"numbers": row[0], "row": row}))
    results = Results(tuple(pairs))
    assert results.first(draw)["numbers"].tolist() == [0, 0]
    joined = [0, 0, 1, 1, 2, 2, 3, 3]
    assert results.joined(draw, "numbers").tolist() == joined
    assert results.joined(draw, "row", axis=1).tolist() == [joined]


def test_two_swapped_measures_are_seen():
    config = Config()
    tables = draws.tables(config, computed(config))
    judged = {verdict.id: verdict for verdict in draws.claims(config, tables)}
    assert [verdict.passed for verdict in judged.values()] == [True, True]
    assert judged["large"].note == "of all seeds"
    # what a person would have to do now to pair a sentence with another's measure
    sentences = (largest_small, smallest_large)
    measures = (smallest_large.measure, largest_small.measure)
    swapped = [
        claim(
            judge.statement.id,
            judge.statement.statement,
            judge.expected,
            kind="aim",
            paper="me",
            source=judge.statement.source,
        )(measure)
        for judge, measure in zip(sentences, measures, strict=True)
    ]
    assert [judge.judge(config, tables).passed for judge in swapped] == [False, False]
    # and the order in which claims are listed decides nothing
    reversed_judges = [judge.judge(config, tables) for judge in reversed(draws.judges)]
    assert {verdict.id: verdict for verdict in reversed_judges} == judged


def test_a_claim_says_nothing_about_other_settings():
    @claim(
        "few",
        "Few numbers are few.",
        at_most(3.0),
        kind="aim",
        paper="me",
        source="Fig. 3",
        when=needs("count<10", lambda config: config.count < 10),
    )
    def how_many(config, tables):
        return Measured(float(config.count), "counted")

    assert how_many.judge(Config(count=4), {}).passed is False
    other = how_many.judge(Config(count=10), {})
    assert (other.passed, other.value) == (None, 10.0)
    assert (other.note, other.needs) == ("counted", "count<10")


def test_an_expectation_may_depend_on_the_run_but_not_its_relation():
    @claim(
        "a",
        "A.",
        at_most(1.0),
        kind="aim",
        paper="me",
        source="Fig. 1",
    )
    def looser(config, tables):
        return Measured(2.0, expected=at_most(3.0))

    @claim(
        "b",
        "B.",
        at_most(1.0),
        kind="aim",
        paper="me",
        source="Fig. 1",
    )
    def turned(config, tables):
        return Measured(2.0, expected=at_least(1.0))

    assert looser.judge(Config(), {}).passed is True
    with pytest.raises(ValueError, match="declared with '<='"):
        turned.judge(Config(), {})


@pytest.mark.parametrize(
    ("expected", "passes", "fails"),
    [
        (at_most(1.0), 1.0, 1.1),
        (at_most(1.0, slack=0.2), 1.2, 1.3),
        (at_least(1.0), 1.0, 0.9),
        (at_least(1.0, slack=0.2), 0.8, 0.7),
        (within(1.0, 0.1), 1.05, 1.2),
        (equal_to(2.0), 2.0, 2.1),
        (between(1.0, 2.0), 1.5, 2.5),
    ],
)
def test_every_relation_can_pass_and_fail(expected, passes, fails):
    verdicts = []
    for value in (passes, fails):
        judge = claim("a", "A.", expected, kind="aim", paper="me", source="Fig. 1")
        measure = judge(lambda config, tables, value=value: Measured(value))
        verdicts.append(measure.judge(Config(), {}).passed)
    assert verdicts == [True, False]


def test_rows_are_the_long_form_of_a_grid():
    block = rows(
        {"seed": [3, 4], "step": [1, 10, 100]},
        loss=np.ones((2, 3)),
        way="a",
    )
    assert block["seed"].tolist() == [3, 3, 3, 4, 4, 4]
    assert block["step"].tolist() == [1, 10, 100] * 2
    assert block["way"].tolist() == ["a"] * 6
    with pytest.raises(ValueError, match="broadcast"):
        rows({"seed": [3, 4]}, loss=np.ones(3))


def test_an_axis_without_a_name_leaves_no_column():
    block = rows({"when": [0, 1], "": range(3)}, size=np.arange(6).reshape(2, 3))
    assert list(block) == ["when", "size"]
    assert block["when"].tolist() == [0, 0, 0, 1, 1, 1]


def test_numbers_and_texts_of_a_block_stand_in_all_its_rows():
    stacked = stack(
        [
            {"way": "b", "step": [1, 10], "map": np.ones((2, 3, 3))},
            {"way": "long", "step": np.arange(0), "map": np.ones((0, 3, 3))},
            {"way": "a", "step": 5, "map": np.zeros((1, 3, 3))},
        ]
    )
    assert stacked["way"].tolist() == ["b", "b", "a"]
    assert stacked["step"].tolist() == [1, 10, 5]
    assert stacked["step"].dtype == np.int64
    assert stacked["map"].shape == (3, 3, 3)


def test_values_that_must_differ():
    class Widths(Settings):
        widths: Annotated[tuple[int, ...], Distinct] = (1, 2)

    assert Widths(widths=(3, 4)).widths == (3, 4)
    with pytest.raises(ValidationError, match="differ from one another"):
        Widths(widths=(3, 3))


def test_blocks_that_differ_in_their_columns_are_refused():
    with pytest.raises(ValueError, match="columns"):
        stack([rows({"step": [1]}, loss=1.0), rows({"step": [1]}, rate=1.0)])
    with pytest.raises(ValueError, match="at least one block"):
        stack([])


def test_settings_refuse_what_they_do_not_have_and_explain_what_they_have():
    with pytest.raises(ValidationError):
        Config(counts=3)
    assert Config.model_fields["count"].description == "How many numbers are drawn."


def test_a_table_is_of_the_results_alone():
    tables = draws.tables(Config(), computed(Config()))
    assert all(isinstance(table, Table) for table in tables.values())


def test_a_claim_without_a_kind_is_refused():
    with pytest.raises(TypeError, match="kind"):
        claim("a", "A.", at_most(1.0), paper="me", source="Fig. 1")


@pytest.mark.parametrize("kind", ["theorem", "unknown", "", None])
def test_a_kind_that_is_none_of_the_four_is_refused(kind):
    allowed = "allowed: identity, reproduction, observation, aim"
    with pytest.raises(ValueError, match=allowed):
        claim("a", "A.", at_most(1.0), kind=kind, paper="me", source="Fig. 1")


def test_a_condition_without_words_is_refused():
    with pytest.raises(TypeError, match=r"claim a: .* needs\(text, predicate\)"):
        claim(
            "a",
            "A.",
            at_most(1.0),
            kind="aim",
            paper="me",
            source="Fig. 1",
            when=lambda config: True,
        )


def test_conditions_say_what_a_configuration_lacks():
    few = needs("count<5", lambda config: config.count < 5)
    both = few & exactly(count=3) & no_less(count=2)
    assert both.lacks(Config(count=3)) == ()
    assert both.lacks(Config(count=4)) == ("count=3",)
    assert both.lacks(Config(count=9)) == ("count<5", "count=3")
    assert no_less(count=9).lacks(Config(count=4)) == ("count>=9",)
