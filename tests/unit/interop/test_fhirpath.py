"""FHIRPath over batches: each record by itself, and records that are not what they should be."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.checking import check, outlook
from bedside.interop.fhirpath.expression import compile_expression

NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
ADA = {
    "resourceType": "Patient",
    "id": "ada",
    "active": True,
    "birthDate": "1815-12-10",
    "_birthDate": {"extension": [{"url": "http://x.org/time", "valueTime": "07:30:00"}]},
    "name": [
        {"use": "official", "family": "Lovelace", "given": ["Ada", "Augusta"]},
        {"use": "maiden", "family": "Byron", "given": ["Ada"]},
    ],
    "multipleBirthInteger": 2,
    "deceasedDateTime": "1852-11-27T10:00:00Z",
}
GRACE = {"resourceType": "Patient", "id": "grace", "name": [{"given": ["Grace", "Brewster"]}]}
WEIGHT = {
    "resourceType": "Observation",
    "valueQuantity": {"value": 72.5, "unit": "kg", "code": "kg"},
    "component": [{"valueInteger": 3}, {"valueInteger": 5}],
}


def ask(expression: str, *resources: Any) -> list[list[Any]]:
    """What the expression gives for each resource, dates and decimals as text."""
    found = compile_expression(expression).evaluate(resources, now=NOW)
    rows: list[list[Any]] = [[] for _ in resources]
    for row, value in zip(found.rows.tolist(), found.values, strict=True):
        plain = isinstance(value, bool | int | float | dict | list | None)
        rows[row].append(value if plain else str(value))
    return rows


@pytest.mark.parametrize(
    ("expression", "answers"),
    [
        ("name.given.first()", [["Ada"], ["Grace"]]),
        ("name.where(use = 'maiden').family", [["Byron"], []]),
        ("name.given.count()", [[3], [2]]),
        ("name[1].given", [["Ada"], []]),
        ("name.exists(use = 'official')", [[True], [False]]),
        ("name.given.distinct().join('/')", [["Ada/Augusta"], ["Grace/Brewster"]]),
        ("birthDate < @1900", [[True], []]),
        ("birthDate.extension('http://x.org/time').value", [["07:30:00"], []]),
        ("deceased is dateTime", [[True], []]),
        ("multipleBirth.ofType(integer) + 1", [[3], []]),
        ("name.given.where($index = 1)", [["Augusta"], ["Brewster"]]),
        ("iif(active, name.count() / 0, 'none')", [[], ["none"]]),
        ("name.given.aggregate($total + $this.length(), 0)", [[13], [13]]),
        ("name.select(given.first() & ' ' & family)", [["Ada Lovelace", "Ada Byron"], ["Grace "]]),
        ("name.given.sort(-$this).first()", [["Augusta"], ["Grace"]]),
        ("%resource.id in ('ada' | 'mary')", [[True], [False]]),
        ("getResourceKey()", [["Patient/ada"], ["Patient/grace"]]),
    ],
)
def test_each_record_of_a_batch_gets_its_own_answer(expression: str, answers: list[Any]) -> None:
    assert ask(expression, ADA, GRACE) == answers


def test_children_come_in_the_order_of_their_own_record() -> None:
    turned = {"resourceType": "Patient", "birthDate": "1906-12-09", "id": "g"}
    twin = {"resourceType": "Patient", "id": "t", "_birthDate": {"id": "b"}, "_resourceType": {}}

    assert ask("children().first()", turned, ADA) == [["1906-12-09"], ["ada"]]
    assert ask("children().id", twin) == [["b"]]
    assert (
        ask("children().descendants()", ADA, GRACE)[1] == ask("children().descendants()", GRACE)[0]
    )


def test_numbers_of_json_are_compared_as_the_decimals_they_were_written_as() -> None:
    third = {"resourceType": "Observation", "valueQuantity": {"value": 0.1}}

    assert ask("value.ofType(Quantity).value = 0.1", third) == [[True]]
    assert ask("value.ofType(Quantity).value + 0.2 = 0.3", third) == [[True]]
    assert ask("value > 72 'kg' and value < 73000 'g'", WEIGHT) == [[True]]


def test_a_name_of_one_option_of_a_choice_is_refused_with_the_way_to_write_it() -> None:
    with pytest.raises(Invalid, match=r"value\.ofType\(Quantity\)"):
        ask("valueQuantity.value", WEIGHT)


def test_the_clock_is_asked_only_where_one_is_given() -> None:
    assert ask("today()", ADA) == [["2026-11-25"]]
    with pytest.raises(Invalid, match="clock"):
        compile_expression("birthDate < today()").evaluate([ADA])


def test_an_element_that_r4_does_not_have_is_named_and_read_where_data_hold_it() -> None:
    later = {"resourceType": "Patient", "pronouns": ["she"]}
    expression = compile_expression("pronouns")

    assert outlook(expression, frozenset({"Patient"})).unknown == ("Patient.pronouns",)
    assert ask("pronouns", later, GRACE) == [["she"], []]
    with pytest.raises(Invalid, match=r"Patient\.pronouns"):
        check(expression, "Patient")


@pytest.mark.parametrize(
    "expression",
    [
        "name.given & 'x'",
        "name.family = 'Byron' and name.given > 3",
        "name.given.toInteger()",
        "1 + 'a'",
        "name['x']",
        "active + 1",
        "@2020-01-01 + 1 'mo'",
        "$total",
        "%nobody",
        "id.startsWith(1)",
        "birthDate.matches('(')",
    ],
)
def test_what_does_not_fit_is_refused_without_the_patient(expression: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(expression, ADA)

    assert not {"Lovelace", "Byron", "Augusta", "1815"} & set(str(refused.value).split())


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 5000,
        "(" * 5000 + "1" + ")" * 5000,
        "-" * 15000 + "1",
        "a" + ".a" * 6000,
        "1" + "+1" * 6000,
        "9" * 5000,
        "'\x00",
        "name\x00",
        "@2024-02-30",
        "@T25:00",
        "'\\q'",
        "where(" * 3000,
        "x" * 30_000,
        "iif(",
        "name.",
        "",
        "é",
        "name.shout()",
        "name.where()",
        "name is Bogus",
    ],
)
def test_text_that_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(Invalid):
        compile_expression(expression)


def test_records_without_an_end_are_refused_and_not_followed() -> None:
    endless: dict[str, Any] = {"resourceType": "Questionnaire"}
    endless["item"] = [endless]
    branching: dict[str, Any] = {"resourceType": "Questionnaire"}
    branching["item"] = [branching, branching]
    deep: dict[str, Any] = {}
    for _ in range(3000):
        deep = {"item": [deep]}

    for resource in (endless, branching, {"resourceType": "Questionnaire", **deep}):
        for expression in ("descendants()", "repeat(item)", "item.distinct()"):
            with pytest.raises(Invalid):
                ask(expression, resource)


@pytest.mark.parametrize(
    "resource",
    [
        None, 1, "Patient", [], {}, {"resourceType": 7}, {"resourceType": "Patient", "name": 3},
        {"resourceType": "Patient", "name": [[{"given": "x"}]], "birthDate": True},
        {"resourceType": "Patient", "name": {"given": [None, {"a": 1}]}, "_name": [None]},
        {"resourceType": "Patient", "birthDate": "0000-00-00", "_birthDate": 5},
    ],
)  # fmt: skip
def test_records_of_a_wrong_shape_give_nothing_or_an_error(resource: Any) -> None:
    for expression in ("name.given", "birthDate < @2020", "name.given.extension.url", "children()"):
        with suppress(Invalid):
            assert len(compile_expression(expression).evaluate([resource]).values) <= 12


NAMES = st.sampled_from(
    ["name", "given", "value", "code", "item", "extension", "id", "birthDate", "deceased", "x"]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["a", "", "2020-01-01", "2020", "12:00", "\x00", "é", "1.5", "Patient"])
)
KEYS = st.sampled_from(
    ["name", "given", "_given", "valueQuantity", "valueString", "valueInteger", "value", "code",
     "unit", "item", "extension", "url", "id", "birthDate", "_birthDate", "deceasedBoolean",
     "deceasedDateTime", "contained", "resourceType", "reference"]
)  # fmt: skip
JSON = st.recursive(
    LEAVES, lambda node: st.lists(node, max_size=3) | st.dictionaries(KEYS, node), max_leaves=12
)
RESOURCES = st.builds(
    lambda kind, rest: {**rest, "resourceType": kind},
    st.sampled_from(["Patient", "Observation", "Questionnaire", "Unheard"]),
    st.dictionaries(KEYS, JSON, max_size=6),
)
ATOMS = NAMES | st.sampled_from(
    ["1", "0", "2.50", "'a'", "true", "{}", "@2020-01", "@2020-01-01T10:00:00Z", "@T12:30", "$this",
     "3 days", "4 'mg'", "9223372036854775807", "%resource", "Patient", "$index"]
)  # fmt: skip
STEPS = [
    "{0}.{1}", "{0} = {1}", "{0} ~ {1}", "{0} < {1}", "{0} >= {1}", "{0} + {1}", "{0} - {1}",
    "{0} * {1}", "{0} / {1}", "{0} mod {1}", "{0} & {1}", "{0} | {1}", "{0} and {1}", "{0} in {1}",
    "{0} implies {1}", "-({0})", "({0})[{1}]", "({0}).where({1})", "({0}).select({1})",
    "({0}).repeat({1})", "({0}).all({1})", "({0}).exists()", "({0}).first()", "({0}).take({1})",
    "({0}).combine({1})", "({0}).intersect({1})", "iif({0}, {1}, {0})", "({0}).toString()",
    "({0}).toQuantity()", "({0}).toDateTime()", "({0}).lowBoundary({1})", "({0}).power({1})",
    "({0}).aggregate($total * {1}, {1})", "({0}).sort({1})", "({0}).substring({1})",
    "({0}).matches({1})", "({0}).replace({1}, {0})", "({0}).children()", "({0}).descendants()",
    "({0}) is Quantity", "({0}).ofType(string)", "({0}).type()", "({0}).extension({1})",
    "({0}).hasValue()", "({0}).resolve()", "({0}).round({1})", "({0}).not()", "({0}).distinct()",
    "({0}).getReferenceKey()", "({0}).sum()", "({0}).escape('json')", "({0}).join({1})",
    "({0}).comparable({1})", "({0}).precision()", "({0}).exp()", "({0}).split({1})",
]  # fmt: skip
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda part: st.builds(
        lambda step, a, b: step.format(a, b), st.sampled_from(STEPS), part, part
    ),
    max_leaves=6,
)


@settings(max_examples=70, deadline=None)
@given(EXPRESSIONS, st.lists(RESOURCES | JSON, max_size=4))
def test_any_expression_over_any_json_gives_values_or_invalid(
    expression: str, resources: list[Any]
) -> None:
    try:
        found = compile_expression(expression).evaluate(resources, now=NOW)
    except Invalid:
        return

    rows = found.rows.tolist()
    assert len(found.values) == len(rows) == len(found.type_list())
    assert rows == sorted(rows)
    assert all(0 <= row < len(resources) for row in rows)


@settings(max_examples=70, deadline=None)
@given(EXPRESSIONS, st.lists(RESOURCES, min_size=1, max_size=4))
def test_a_batch_gives_what_its_records_give_one_by_one(
    expression: str, resources: list[Any]
) -> None:
    try:
        alone = [ask(expression, resource)[0] for resource in resources]
    except Invalid:
        return

    assert repr(ask(expression, *resources)) == repr(alone)


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(ATOMS | st.sampled_from([".", "(", ")", "[", "'", "`", "/*", "%", "@", "\\", "is "]))
    .map("".join)
)  # fmt: skip
def test_any_text_is_an_expression_or_invalid(text: str) -> None:
    with suppress(Invalid):
        assert compile_expression(text).text == text
