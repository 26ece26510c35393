"""Views of SQL on FHIR: what becomes of a record, what is refused, and where it came from."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.interop.sql_on_fhir import ViewDefinition, read_view, run_view, run_view_apart

ADA = {
    "resourceType": "Patient",
    "id": "ada",
    "birthDate": "1815-12-10",
    "name": [{"family": "Lovelace", "given": ["Ada", "Augusta"]}, {"family": "Byron"}],
}
GRACE = {"resourceType": "Patient", "id": "grace", "active": True, "name": [{"family": "Hopper"}]}
NOBODY = {"resourceType": "Patient", "id": "nobody"}
WEIGHT = {"resourceType": "Observation", "id": "w", "valueQuantity": {"value": 72.5}}


def a_view(*columns: tuple[str, str], **rest: Any) -> ViewDefinition:
    """A view with one select, and whatever else is given."""
    listed = [{"name": name, "path": path} for name, path in columns]
    view = {"resource": "Patient", "select": [{"column": listed}], **rest}
    return read_view(json.dumps(view).encode())


def for_each_name(**select: Any) -> ViewDefinition:
    family = {"column": [{"name": "family", "path": "family"}], **select}
    return read_view(
        json.dumps(
            {
                "resource": "Patient",
                "select": [{"column": [{"name": "id", "path": "id"}]}, family],
            }
        ).encode()
    )


def test_each_row_says_which_record_it_comes_from() -> None:
    table = run_view(for_each_name(forEach="name"), [GRACE, WEIGHT, NOBODY, ADA])

    assert table.columns == {
        "id": ["grace", "ada", "ada"],
        "family": ["Hopper", "Lovelace", "Byron"],
    }
    assert table.source.tolist() == [0, 3, 3]
    assert table.source.dtype == np.int64


def test_a_record_without_nodes_keeps_a_row_where_the_view_says_so() -> None:
    table = run_view(for_each_name(forEachOrNull="name"), [NOBODY, GRACE])

    assert list(table.rows()) == [
        {"id": "nobody", "family": None},
        {"id": "grace", "family": "Hopper"},
    ]


def test_types_are_declared_or_follow_from_the_path() -> None:
    view = a_view(
        ("id", "id"),
        ("born", "birthDate"),
        ("year", "birthDate.toString().substring(0, 4).toInteger()"),
        ("old", "birthDate < @1900"),
        ("mixed", "iif(active, 1, 2.5)"),
    )

    table = run_view(view, [ADA, GRACE])

    assert table.types == {
        "id": "id", "born": "date", "year": "integer", "old": "boolean", "mixed": "decimal",
    }  # fmt: skip
    assert table.columns["mixed"] == [2.5, 1]
    assert run_view(view, []).types["born"] == "date"


def test_a_constant_may_be_given_for_a_run_and_keeps_its_type() -> None:
    view = a_view(
        ("id", "id"),
        where=[{"path": "birthDate < %limit"}],
        constant=[{"name": "limit", "valueDate": "1800-01-01"}],
    )

    assert run_view(view, [ADA]).columns["id"] == []
    assert run_view(view, [ADA], constants={"limit": "1900"}).columns["id"] == ["ada"]
    with pytest.raises(Invalid, match="limit"):
        run_view(view, [ADA], constants={"limit": 1900})
    with pytest.raises(Invalid, match="no constant"):
        run_view(view, [ADA], constants={"other": "1900"})


def test_two_values_for_a_column_of_one_are_refused_by_the_name_of_the_column() -> None:
    view = a_view(("id", "id"), ("family", "name.family"))

    with pytest.raises(Invalid, match="Column 'family'") as refused:
        run_view(view, [GRACE, ADA])

    assert "Lovelace" not in str(refused.value)


def test_records_that_do_not_fit_are_set_apart_and_the_rest_goes_on() -> None:
    view = a_view(("id", "id"), ("family", "name.family"))
    resources = [GRACE, ADA, NOBODY, *[GRACE] * 3000, ADA]

    table, rejected = run_view_apart(view, resources)

    assert [refused.place for refused in rejected] == [1, len(resources) - 1]
    assert len(table) == len(resources) - 2
    assert table.source[:3].tolist() == [0, 2, 3]


def test_an_element_that_r4_does_not_have_is_told() -> None:
    assert a_view(("family", "name.famly")).unknown == ("HumanName.famly",)
    assert a_view(("family", "name.family.first()")).unknown == ()


@pytest.mark.parametrize(
    ("view", "told"),
    [
        (b"{", "JSON"),
        (b"[]", "must be"),
        (b"\xff", "JSON"),
        (b"{}", "resource"),
        (b'{"resourceType": "Patient", "resource": "Patient"}', "another kind"),
        (b'{"resource": "Patient"}', "select"),
        (b'{"resource": "Patient", "select": []}', "select"),
        (b'{"resource": "Patient", "select": 1}', "select is no list"),
        (b'{"resource": "Patient", "select": [{}]}', "no column"),
        (b'{"resource": "Patient", "select": [{"forEach": 1}]}', "forEach"),
        (b'{"resource": "Patient", "select": [{"forEach": "@@"}]}', "forEach"),
        (b'{"resource": "Patient", "select": [{"forEach": "a", "repeat": ["b"]}]}', "forEach and"),
        (b'{"resource": "Patient", "select": [{"foreach": "name"}]}', "foreach"),
        (b'{"resource": "Patient", "where": [{"path": "id"}]}', r"where\[0\]"),
    ],
)
def test_a_view_that_cannot_be_run_is_refused_with_its_place(view: bytes, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        read_view(view)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ({"name": "x", "path": "name.("}, "Column 'x'"),
        ({"name": "x", "path": "name.shout()"}, "Column 'x'"),
        ({"name": "x", "path": "%nobody"}, "%nobody"),
        ({"name": "x"}, "Column 'x'"),
        ({"path": "id"}, "name of a column"),
        ({"name": "1x", "path": "id"}, "name of a column"),
        ({"name": "id", "path": "id"}, "Column 'id' is there twice"),
        ({"name": "x", "path": "id", "collection": "yes"}, "collection"),
    ],
)
def test_a_column_that_cannot_be_made_is_refused_by_name(column: Any, told: str) -> None:
    view = {
        "resource": "Patient",
        "select": [{"column": [{"name": "id", "path": "id"}]}, {"column": [column]}],
    }
    with pytest.raises(Invalid, match=told):
        read_view(json.dumps(view).encode())


def test_records_of_any_shape_give_no_row_and_no_crash() -> None:
    endless: dict[str, Any] = {"resourceType": "Patient", "id": "e"}
    endless["name"] = [endless]
    strange = [None, 3, "x", [], {}, {"resourceType": ["Patient"]}, {"resourceType": "patient"}]

    table = run_view(a_view(("id", "id")), [*strange, endless])

    assert table.columns["id"] == ["e"]
    assert table.source.tolist() == [len(strange)]
    with pytest.raises(Invalid, match="Column 'all'"):
        run_view(a_view(("all", "descendants().count()")), [endless])


def test_a_resource_without_an_end_is_set_apart_from_a_repeat() -> None:
    endless: dict[str, Any] = {"resourceType": "QuestionnaireResponse", "item": []}
    endless["item"].append(endless)
    view = read_view(
        b'{"resource": "QuestionnaireResponse", "select": [{"repeat": ["item"],'
        b' "column": [{"name": "link", "path": "linkId"}]}]}'
    )
    good = {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "1"}]}

    table, rejected = run_view_apart(view, [good, endless, good])

    assert table.columns["link"] == ["1", "1"]
    assert [refused.place for refused in rejected] == [1]


KEYS = st.sampled_from(
    ["resource", "resourceType", "select", "column", "name", "path", "forEach", "forEachOrNull",
     "repeat", "unionAll", "where", "constant", "valueString", "collection", "type"]
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(
    ["Patient", "id", "name", "name.given", "$this", "x", "", "%rowIndex", "\x00", "("]
)  # fmt: skip
VIEWS = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(KEYS, part), max_leaves=12
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, VIEWS), st.booleans())
def test_any_view_is_run_or_refused(view: dict[str, Any], whole: bool) -> None:
    if whole:
        view = {**view, "resourceType": "ViewDefinition", "resource": "Patient"}
    try:
        table = run_view(read_view(json.dumps(view).encode()), [ADA, GRACE, None])
    except Invalid:
        return

    assert all(len(values) == len(table) for values in table.columns.values())


SELECTS = st.sampled_from(
    [
        {"column": [{"name": "id", "path": "id"}]},
        {"forEach": "name", "column": [{"name": "f", "path": "family"}]},
        {"forEachOrNull": "name.given", "column": [{"name": "g", "path": "$this"}]},
        {"unionAll": [
            {"column": [{"name": "u", "path": "id"}]},
            {"forEach": "name", "column": [{"name": "u", "path": "family"}]},
        ]},
        {"forEachOrNull": "name", "column": [{"name": "i", "path": "%rowIndex"}],
         "select": [{"forEach": "given", "column": [{"name": "n", "path": "$this"}]}]},
    ]
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.lists(SELECTS, min_size=1, max_size=5, unique_by=str),
    st.lists(st.sampled_from([ADA, GRACE, NOBODY, WEIGHT]), max_size=6),
)
def test_the_rows_of_a_batch_are_those_of_its_records(selects: list[Any], resources: Any) -> None:
    view = read_view(json.dumps({"resource": "Patient", "select": selects}).encode())

    together = run_view(view, resources)

    alone = [(i, run_view(view, [resource])) for i, resource in enumerate(resources)]
    assert list(together.rows()) == [row for _, table in alone for row in table.rows()]
    assert together.source.tolist() == [i for i, table in alone for _ in range(len(table))]
