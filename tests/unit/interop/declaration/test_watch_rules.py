"""A watch that could not be kept is refused, with the place and the fix."""

import pytest

from bedside.core.errors import Invalid
from bedside.interop.declaration import read_declaration
from bedside.metrics.names import metric_names
from bedside.usecases import folder_of

SHIPPED = (folder_of("diagnosis") / "bedside.yaml").read_text().partition("\nhazards:")[0]


def read(watch: str):
    text = f"{SHIPPED}\nmonitoring: {{watch: {watch}}}\n"
    return read_declaration(text.encode(), metrics=metric_names)


def test_a_watch_that_can_be_kept_is_read() -> None:
    told = read(
        "{false_alarms: 0.5, per: 365 d, every: 12 h, window: 7 d, owner: the safety officer, "
        "respond: [{when: [input], causes: [unit_change], then: abstain}, "
        "{when: [performance, fairness], severity: medium, then: ask}]}"
    ).monitoring.watch
    assert told.false_alarms == 0.5
    assert [one.then for one in told.respond] == ["abstain", "ask"]
    assert told.respond[0].severity == "high"


@pytest.mark.parametrize(
    ("watch", "says"),
    [
        ("{false_alarms: 0}", "false_alarms"),
        ("{false_alarms: .inf}", "false_alarms"),
        ("{per: 12 h}", "whole days"),
        ("{window: a month}", "window"),
        ("{every: 0 d}", "every"),
        ("{retrain_every: 1 h}", "retrain_every"),
        ("{owner: ' '}", "owner"),
        ("{respond: [{when: [], then: ask}]}", "kinds of alarms"),
        ("{respond: [{when: [weather], then: ask}]}", "weather"),
        ("{respond: [{when: [input], then: reboot}]}", "reboot"),
        ("{respond: [{when: [input], guard: {every_at_least: never}}]}", "every_at_least"),
        ("{respond: [{when: [input], guard: {judged_at_least: -1}}]}", "judged_at_least"),
        ("{interventions: {x: {label: x, within: 6 h}}}", "not exactly one way"),
        ("{interventions: {x: {label: ' ', within: 6 h, signal: mean_area}}}", "label"),
        ("{interventions: {x: {label: x, within: soon, signal: mean_area}}}", "within"),
        ("{interventions: {x: {label: x, within: 0 h, signal: mean_area}}}", "within"),
        ("{interventions: {x: {label: x, within: 6 h, signal: mean_aera}}}", "mean_area"),
        ("{interventions: {x: {label: x, within: 6 h, signal: malignant}}}", "the outcome"),
        ("{interventions: {x: {label: x, within: 6 h, event: {expr: 'or(a, b)'}}}}", "expr"),
        ("{interventions: {x: {label: x, within: 6 h, event: {code: {regex: '('}}}}}", "regular"),
        (
            "{interventions: {x: {label: x, within: 6 h, signal: mean_area, not_within: never}}}",
            "not_within",
        ),
        ("{respond: [{when: [performance], then: retrain}]}", "plan a modification of kind refit"),
    ],
)
def test_a_watch_that_cannot_be_kept_is_refused(watch: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(watch)
    assert says in f"{refused.value.problem} {refused.value.fix}"


def test_what_a_person_approves_needs_no_plan() -> None:
    told = read("{respond: [{when: [performance], then: retrain, guard: {within_plan: false}}]}")
    assert told.monitoring.watch.respond[0].then == "retrain"
