"""Never silent: every question ends in one outcome, and every outcome is in the ledger."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.clock import iso
from bedside.core.records.answer import Abstention, Failure, Score
from bedside.interop.fhir.reading import read_resources
from bedside.interop.open_inference.request import read_request
from bedside.interop.sealed_answer import opened_answer
from served import (
    NOW,
    a_declaration,
    a_fhir_patient,
    a_search,
    a_served_model,
    a_tensor,
    an_event,
    an_inference,
    an_observation,
)

CODES = {
    "LOINC//2524-7": (0.1, 40.0),
    "LOINC//8867-4": (10.0, 300.0),
    "LOINC//8480-6": (-5.0, 400.0),
    "LOINC//8310-5": (20.0, 45.0),
}
LOINC = {
    "lactate": ("2524-7", "mmol/L"),
    "heart_rate": ("8867-4", "/min"),
    "systolic": ("8480-6", "mm[Hg]"),
}


@st.composite
def histories(draw: st.DrawFn) -> list[Any]:
    events = [an_event("AGE//years", draw(st.floats(0, 110)), time=None)]
    for _ in range(draw(st.integers(0, 8))):
        code = draw(st.sampled_from(sorted(CODES)))
        time = NOW - timedelta(minutes=draw(st.integers(-60, 2000)))
        known = time + timedelta(minutes=draw(st.integers(0, 200)))
        value = draw(st.floats(*CODES[code]))
        events.append(an_event(code, value, time=time, known_at=known))
    return events


@given(history=histories(), mode=st.sampled_from(["well", "raises", "nan", "two", "unexplained"]))
@settings(max_examples=100, deadline=None)
def test_every_question_has_exactly_one_outcome_and_it_is_recorded(history, mode):
    served = a_served_model()
    served.model.mode = mode

    outcome = served.answer(history).outcome

    ((entry, sealed),) = served.ledger.kept
    assert isinstance(outcome, Score | Abstention | Failure)
    assert entry.details["outcome"] == type(outcome).__name__.lower()
    assert isinstance(outcome, Failure) <= (mode != "well")
    assert not (isinstance(outcome, Score) and mode != "well")
    if isinstance(outcome, Score):
        assert 0 <= outcome.risk <= 1
        assert outcome.alert == (outcome.risk >= 0.3)
        assert opened_answer(sealed)["answer"]["outcome"]["risk"] == outcome.risk


@st.composite
def measurements(draw: st.DrawFn) -> list[tuple[str, float, Any, Any]]:
    """Name, value, when it was measured and when it was issued."""
    made = []
    for minutes in sorted(draw(st.sets(st.integers(1, 900), max_size=8)), reverse=True):
        time = NOW - timedelta(minutes=minutes)
        issued = time + timedelta(minutes=draw(st.integers(0, 120)))
        made.append((draw(st.sampled_from(sorted(LOINC))), draw(st.floats(1, 300)), time, issued))
    return made


@given(history=measurements())
@settings(max_examples=60, deadline=None)
def test_a_patient_sent_as_fhir_or_as_tensors_gets_the_same_answer_to_the_bit(history):
    served = a_served_model()
    observations = [
        an_observation(
            LOINC[name][0],
            value,
            LOINC[name][1],
            id=f"o{index}",
            effectiveDateTime=iso(time),
            issued=iso(issued),
        )
        for index, (name, value, time, issued) in enumerate(history)
    ]
    tensors = [a_tensor("age", 71.0), a_tensor("sex", "female")]
    for name in LOINC:
        mine = [each for each in history if each[0] == name]
        tensors.append(
            a_tensor(
                name,
                *[value for _, value, _, _ in mine],
                times=[iso(time) for _, _, time, _ in mine],
                known_at=[iso(issued) for _, _, _, issued in mine],
            )
        )

    fhir = read_resources(
        a_declaration(),
        {
            "p": json.dumps(a_fhir_patient()).encode(),
            "o": json.dumps(a_search(*observations)).encode(),
        },
        as_of=NOW,
        patient_id="pat-1",
    )
    inference = read_request(json.dumps(an_inference(*tensors)).encode(), a_declaration(), now=NOW)
    outcomes = [served.answer(events).outcome for events in (fhir.events, inference.events)]

    assert without_rows(outcomes[0]) == without_rows(outcomes[1])


def without_rows(outcome: Any) -> Any:
    """The outcome, but for where its wire's raw records lie."""
    if not isinstance(outcome, Score):
        return outcome
    reasons = [
        replace(reason, sources=tuple(replace(one, row="") for one in reason.sources))
        for reason in outcome.reasons
    ]
    return replace(outcome, reasons=tuple(reasons))
