"""Sentences, what is expected of them, and the functions that measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, get_args

from pydantic import BaseModel

from condensery.declare._conditions import ANY, Condition
from condensery.records import Claim, Kind, Relation, Statement, Table

C = TypeVar("C", bound=BaseModel)
Tables = Mapping[str, Table]
"""The stored tables of a run, by name: all that claims and figures read."""


@dataclass(frozen=True)
class Expected:
    """What a measured value is compared with (see `condensery.records.Claim`).

    Attributes:
        relation: How it is compared.
        value: The number or the interval; None predicts nothing.
        tolerance: Slack of ``<=`` and ``>=``, half-width of ``within``.
    """

    relation: Relation
    value: float | tuple[float, float] | None
    tolerance: float | None = None


def at_most(value: float | None, *, slack: float | None = None) -> Expected:
    """At most `value` (plus `slack`); None predicts nothing."""
    return Expected("<=", value, slack)


def at_least(value: float | None, *, slack: float | None = None) -> Expected:
    """At least `value` (less `slack`); None predicts nothing."""
    return Expected(">=", value, slack)


def within(value: float | None, tolerance: float | None) -> Expected:
    """`value`, give or take `tolerance`; None predicts nothing."""
    return Expected("within", value, tolerance)


def equal_to(value: float | None) -> Expected:
    """Exactly `value`; None predicts nothing."""
    return Expected("equal", value)


def between(low: float, high: float) -> Expected:
    """In the closed interval from `low` to `high`."""
    return Expected("between", (low, high))


@dataclass(frozen=True)
class Measured:
    """What the measure of a claim returns.

    Attributes:
        value: The number; None where there was nothing to measure.
        note: What a reader of the claim should know.
        needs: What a run has to be of for the claim to be one of it, where its tables
            and not its configuration say so.
        expected: Replaces the expectation of the claim where it depends on the run; its
            relation must be the one that was declared.
    """

    value: float | None
    note: str = ""
    expected: Expected | None = None
    needs: str = ""


@dataclass(frozen=True)
class JudgedMeasure(Generic[C]):
    """A statement, what is expected, and the function that measures; made by `claim`.

    Attributes:
        statement: The sentence and its source.
        expected: What the measured value is compared with.
        when: Of which configurations the statement speaks.
        measure: ``measure(config, tables) -> Measured``.
    """

    statement: Statement
    expected: Expected
    when: Condition[C]
    measure: Callable[[C, Tables], Measured]

    def __call__(self, config: C, tables: Tables) -> Measured:
        """Measure, without judging."""
        return self.measure(config, tables)

    def judge(self, config: C, tables: Tables) -> Claim:
        """Measure, and judge where the statement speaks of this configuration.

        Raises:
            ValueError: If the measure answers with another relation than was declared.
        """
        measured = self.measure(config, tables)
        expected = measured.expected or self.expected
        if expected.relation != self.expected.relation:
            raise ValueError(
                f"claim {self.statement.id} was declared with "
                f"{self.expected.relation!r} and judged with {expected.relation!r}"
            )
        needs = ", ".join(self.when.lacks(config)) or measured.needs
        checked = self.statement.check(
            measured.value,
            None if needs else expected.value,
            tolerance=expected.tolerance,
            note=measured.note,
        )
        return checked.model_copy(update={"needs": needs})


def claim(
    name: str,
    statement: str,
    expected: Expected,
    *,
    kind: Kind,
    paper: str,
    source: str,
    when: Condition[C] = ANY,
) -> Callable[[Callable[[C, Tables], Measured]], JudgedMeasure[C]]:
    """Claim a sentence on the function that measures it.

    Args:
        name: Id of the claim, unique within the experiment.
        statement: The sentence of the paper, in plain words.
        expected: `at_most`, `at_least`, `within`, `equal_to` or `between`.
        kind: What it is evidence of: ``identity`` (a theorem; a failure is a fault in
            the code), ``reproduction`` (a printed number, picture or sentence),
            ``observation`` (a finding of one's own) or ``aim`` (a bar one sets).
        paper: BibTeX key.
        source: Where in the paper.
        when: Of which configurations the statement speaks: `needs`, `exactly`,
            `no_less`. In a run of others the claim is none of it.

    Raises:
        ValueError: If the kind is none of the four.
        TypeError: If the condition has no words.
    """
    kinds = get_args(Kind)
    if kind not in kinds:
        allowed = ", ".join(kinds)
        raise ValueError(f"claim {name}: kind {kind!r}; allowed: {allowed}")
    if not isinstance(when, Condition):
        raise TypeError(f"claim {name}: when={when!r}; allowed: needs(text, predicate)")
    sentence = Statement(
        id=name,
        paper=paper,
        statement=statement,
        relation=expected.relation,
        source=source,
        kind=kind,
    )
    return lambda measure: JudgedMeasure(sentence, expected, when, measure)
