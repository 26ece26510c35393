"""The measures of risk, by hand, by their laws, and by counting every person."""

import math
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.privacy.risk.generalising import levels_of, suggestions
from bedside.privacy.risk.measures import (
    attack,
    class_sizes,
    delta_presence,
    distinct_l,
    entropy_l,
    histogram,
    t_closeness,
    uniqueness,
)
from bedside.privacy.risk.report import RiskQuestion, dossier_page, risk_of, risk_page

rows = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=40
)


def a_table(of: list[tuple[str, int, int]]) -> pl.DataFrame:
    return pl.DataFrame(of, schema=["sex", "ward", "stay"], orient="row")


def by_hand(of: list[tuple[str, int, int]]) -> tuple[int, int, float, float]:
    """k, distinct l, entropy l and t, by counting each person."""
    classes: dict[Any, list[int]] = {}
    for sex, ward, stay in of:
        classes.setdefault((sex, ward), []).append(stay)
    ranks = sorted({stay for _, _, stay in of})
    whole = Counter(stay for _, _, stay in of)
    farthest, least = 0.0, math.inf
    for stays in classes.values():
        here = Counter(stays)
        entropy = -sum(n / len(stays) * math.log(n / len(stays)) for n in here.values())
        least, moved, sums = min(least, entropy), 0.0, 0.0
        for rank in ranks:
            moved += here[rank] / len(stays) - whole[rank] / len(of)
            sums += abs(moved)
        farthest = max(farthest, sums / max(len(ranks) - 1, 1))
    k = min(len(stays) for stays in classes.values())
    return k, min(len(set(s)) for s in classes.values()), math.exp(least), farthest


@settings(max_examples=60, deadline=None)
@given(rows)
def test_the_measures_are_those_of_counting_each_person(of: list[tuple[str, int, int]]) -> None:
    table, quasi = a_table(of), ["sex", "ward"]
    classes = class_sizes(table, quasi)

    k, distinct, entropy, t = by_hand(of)

    assert classes["_size"].min() == k
    assert distinct_l(table, quasi, "stay") == distinct
    assert entropy_l(table, quasi, "stay") == pytest.approx(entropy)
    assert t_closeness(table, quasi, "stay") == pytest.approx(t)
    assert sum(histogram(classes)) == len(of)
    assert 1 <= entropy_l(table, quasi, "stay") <= distinct + 1e-9


@settings(max_examples=40, deadline=None)
@given(rows)
def test_words_are_as_far_apart_as_half_the_sum_of_the_differences(
    of: list[tuple[str, int, int]],
) -> None:
    table = a_table(of).with_columns(pl.col("stay").cast(pl.String))
    whole = Counter(stay for _, _, stay in of)
    farthest = 0.0
    for sex in {one[0] for one in of}:
        here = Counter(stay for one, _, stay in of if one == sex)
        n = sum(here.values())
        farthest = max(farthest, sum(abs(here[s] / n - whole[s] / len(of)) for s in whole) / 2)

    assert t_closeness(table, ["sex"], "stay") == pytest.approx(farthest)


def test_three_attackers() -> None:
    classes = class_sizes(pl.DataFrame({"a": ["x"] * 9 + ["y"]}), ["a"])
    everybody = class_sizes(pl.DataFrame({"a": ["x"] * 9 + ["y"] * 4 + ["z"]}), ["a"])

    alone = attack(classes)
    among = attack(classes, population=everybody)

    assert (alone.prosecutor, alone.journalist, alone.marketer, alone.above) == (1, 1, 0.2, 1)
    assert (among.prosecutor, among.journalist, among.marketer) == (1, 0.25, 0.125)
    assert uniqueness(classes) == 0.1


def test_presence_is_told_by_the_population() -> None:
    population = pl.DataFrame({"a": ["x", "x", "y", "z"]})

    assert delta_presence(pl.DataFrame({"a": ["x", "y"]}), population, ["a"]) == (0, 1)
    with pytest.raises(Invalid, match="population"):
        delta_presence(pl.DataFrame({"a": ["q"]}), population, ["a"])
    with pytest.raises(Invalid, match="no column"):
        class_sizes(population, ["b"])


def test_suggestions_reach_k_and_none_that_is_finer_would() -> None:
    table = pl.DataFrame(
        {"zip": [f"0213{n % 10}" for n in range(200)], "age": [20 + n % 60 for n in range(200)]}
    )

    found = suggestions(table, ["zip", "age"], k=11, may_leave_out=0.0)

    assert found
    for one in found:
        levels = {name: levels_of(table[name]) for name in table.columns}
        told = table.select(
            next(level.made for level in levels[name] if level.words == words)
            .cast(pl.String)
            .alias(name)
            for name, words in one.columns.items()
        )
        assert class_sizes(told, ["zip", "age"])["_size"].min() == one.k >= 11
        assert one.left_out == 0
    assert [one.loss for one in found] == sorted(one.loss for one in found)


def test_the_report_hides_small_counts_and_its_pages_escape() -> None:
    table = pl.DataFrame({"<b>": ["x"] * 40 + ["y"] * 3, "s": ["1", "2", "1"] + ["2"] * 40})
    question = RiskQuestion(quasi=("<b>",), sensitive=("s",), k=5)

    report = risk_of(table, question)
    facts = {"data": "ward", "snapshot": "", "mode": "expert", "project": "", "done": []}
    pages = [
        risk_page({**report, "data": "ward", "made_at": "now"}),
        dossier_page(report, {**facts, "made_at": "now"}),
    ]

    assert [bar["people"] for bar in report["histogram"]] == [0, 0, None, 0, 0, 40, 0, 0]
    assert (report["k"], report["is_enough"]) == (3, False)
    for page in pages:
        assert "<b>," not in page
        assert "&lt;b&gt;" in page
    with pytest.raises(Invalid):
        RiskQuestion(quasi=("a",), sensitive=("a",))
