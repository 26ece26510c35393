"""The risk that is left in a table, as figures for a page, a file and an expert's dossier."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from bedside.charts.columns import trend
from bedside.core.errors import Invalid
from bedside.privacy.pages import page
from bedside.privacy.risk.generalising import suggestions
from bedside.privacy.risk.measures import (
    SIZES,
    attack,
    class_sizes,
    delta_presence,
    distinct_l,
    entropy_l,
    histogram,
    t_closeness,
    uniqueness,
)

__all__ = ["RiskQuestion", "dossier_page", "risk_of", "risk_page"]

SMALL = 10  # people; so few are not told exactly


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskQuestion:
    """What is measured.

    Args:
        quasi: Columns that somebody outside could know of a person.
        sensitive: Columns that they must not learn.
        k: How many must look alike: 11 for the public, 5 where access is controlled.
        threshold: A chance of being found above it counts as too high.
        may_leave_out: The share of people that a suggestion may leave out.
    """

    quasi: tuple[str, ...]
    sensitive: tuple[str, ...] = ()
    k: int = 11
    threshold: float = 0.09
    may_leave_out: float = 0.05

    def __post_init__(self) -> None:
        if self.k < 2 or not 0 < self.threshold < 1 or not 0 <= self.may_leave_out < 1:
            raise Invalid(
                "k must be 2 or more, the threshold between 0 and 1.", fix="use k = 11 and 0.09."
            )
        if set(self.quasi) & set(self.sensitive):
            raise Invalid(
                "A column is both known outside and sensitive.", fix="name it once, where it fits."
            )


def risk_of(
    table: pl.DataFrame, question: RiskQuestion, *, population: pl.DataFrame | None = None
) -> dict[str, Any]:
    """The risk that is left, as one JSON document.

    Args:
        table: One row for each person.
        question: What is measured.
        population: The people of whom they are a part, with the same quasi-identifiers.

    Raises:
        Invalid: a column is not there, or the table is empty.
    """
    quasi = list(question.quasi)
    classes = class_sizes(table, quasi)
    everybody = None if population is None else class_sizes(population, quasi)
    attacks = attack(classes, threshold=question.threshold, population=everybody)
    least = int(classes["_size"].min())  # type: ignore[arg-type]
    presence = None if population is None else delta_presence(table, population, quasi)
    enough = least >= question.k
    return {
        "people": table.height,
        "classes": classes.height,
        "quasi": quasi,
        "k": least,
        "wanted_k": question.k,
        "is_enough": enough,
        "unique": uniqueness(classes),
        "histogram": [
            {"from": low, "people": people if people == 0 or people > SMALL else None}
            for low, people in zip(SIZES, histogram(classes), strict=True)
        ],
        "attacks": asdict(attacks),
        "population": None if population is None else population.height,
        "delta_presence": None if presence is None else list(presence),
        "sensitive": [
            {
                "column": name,
                "distinct_l": distinct_l(table, quasi, name),
                "entropy_l": entropy_l(table, quasi, name),
                "t": t_closeness(table, quasi, name),
            }
            for name in question.sensitive
        ],
        "may_leave_out": question.may_leave_out,
        "suggestions": []
        if enough
        else [
            asdict(one)
            for one in suggestions(table, quasi, k=question.k, may_leave_out=question.may_leave_out)
        ],
    }


def risk_page(report: Mapping[str, Any]) -> str:
    """The figures as a page."""
    return page("risk", {**report, "chart": _chart(report)})


def dossier_page(report: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """The dossier for an expert's determination (45 CFR 164.514(b)(1)): theirs to finish and sign.

    Args:
        report: From `risk_of`.
        facts: `data`, `snapshot`, `mode`, `project`, `made_at`, and `done`, what was done before.
    """
    return page("dossier", {**report, **facts, "chart": _chart(report)})


def _chart(report: Mapping[str, Any]) -> Markup:
    bars: Sequence[Mapping[str, Any]] = report["histogram"]
    edges = [one["from"] for one in bars]
    labels = [
        f"{low}+" if high is None else str(low) if high - low == 1 else f"{low}–{high - 1}"
        for low, high in zip(edges, [*edges[1:], None], strict=True)
    ]
    people = [one["people"] for one in bars]
    says = "How many people look like how many: the smaller the class, the easier to find."
    drawn = trend(labels, people, [None] * len(labels), says=says)
    return Markup(drawn)  # noqa: S704 - drawn by us, from numbers
