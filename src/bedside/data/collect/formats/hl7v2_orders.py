"""What an HL7 v2 message says of orders: requests, reports, results, drugs and vaccines."""

from datetime import datetime

from bedside.data.collect.formats.hl7v2_rows import About, Fact, Rows
from bedside.interop.hl7v2.grouping import OrderGroup, PatientGroup
from bedside.interop.hl7v2.message import Segment
from bedside.interop.hl7v2.observation import Observation, read_observation
from bedside.interop.hl7v2.orders import (
    Control,
    Request,
    read_control,
    read_drug,
    read_given,
    read_request,
)
from bedside.interop.hl7v2.times import Moment

__all__ = ["add_facts", "observed_facts", "tell_loose", "tell_orders"]

_WITHDRAWN = frozenset({"D", "W", "X"})  # deleted, wrong, cannot be obtained
_NO_RESULT = {
    "I": "a result that is pending (OBX-11 is I)",
    "N": "an observation that was not asked for (OBX-11 is N)",
    "O": "an order without a result (OBX-11 is O)",
}
_RESULTS = frozenset({"ORU", "OUL"})


def tell_orders(rows: Rows, about: About, group: PatientGroup) -> None:
    """Every order of the group, with what came of it."""
    for order in group.orders:
        control = read_control(order.control) if order.control else None
        request = read_request(order.request) if order.request else None
        if request is not None and order.request is not None:
            if about.header.kind in _RESULTS or (control and control.code == "RE"):
                _tell_report(rows, about, order.request, request, control)
            else:
                _tell_request(rows, about, order, request, control)
        for detail in order.details:
            _tell_detail(rows, about, order, detail, control)
        _tell_results(rows, about, order, request, control)


def tell_loose(rows: Rows, about: About, group: PatientGroup) -> None:
    """Observations that stand under no order, as in ADT messages."""
    for segment in group.loose:
        observation = read_observation(segment)
        words = (observation.instance, observation.sub, observation.observed or about.stamp)
        _tell_observations(rows, about, [(segment, observation)], words, None, None)


def _order_name(control: Control | None, request: Request | None, *, filler: bool) -> str:
    """An order's number: the filler's, or the placer's, or where that is missing the other."""
    fillers = (request.filler if request else "", control.filler if control else "")
    placers = (request.placer if request else "", control.placer if control else "")
    named = (*fillers, *placers) if filler else (*placers, *fillers)
    return next((one for one in named if one), "")


def _tell_report(
    rows: Rows, about: About, segment: Segment, request: Request, control: Control | None
) -> None:
    code = rows.code(request.code, "a report (OBR)")
    if code is None:
        return
    when = rows.moment(request.observed or request.reported, about.zone, "a report (OBR)")
    if when is None and (request.observed or request.reported):
        return
    name = _order_name(control, request, filler=True)
    rows.add(
        about,
        "report",
        about.named("report", name) if name else "",
        segment.raw,
        [Fact(code, when.known if when else about.recorded)],
        retracts=request.status == "X",
    )


def _tell_request(
    rows: Rows, about: About, order: OrderGroup, request: Request, control: Control | None
) -> None:
    code = rows.code(request.code, "an order (OBR)")
    if code is not None:
        times = (control.at if control else "", request.requested)
        _tell_ordered(rows, about, order, "order", Fact(code), control, request, times)


def _tell_ordered(
    rows: Rows,
    about: About,
    order: OrderGroup,
    kind: str,
    fact: Fact,
    control: Control | None,
    request: Request | None,
    times: tuple[str, ...],
) -> None:
    """A version of an order: placed, changed, ended, or taken back."""
    if control is not None and control.effect == "refused":
        rows.drop("an order's change that was refused, or could not be made (ORC-1)")
        return
    written = next((one for one in times if one), "")
    when = rows.moment(written, about.zone, "an order")
    if when is None and written:
        return
    time = when.known if when else about.recorded
    ended = control is not None and control.effect == "ended"
    name = _order_name(control, request, filler=False)
    parts = (order.control, order.request, *order.details)
    rows.add(
        about,
        kind,
        about.named(kind, name) if name else "",
        "\r".join(part.raw for part in parts if part is not None),
        [fact._replace(time=time, end=about.recorded if ended else fact.end)],
        retracts=control is not None and control.effect == "cancelled",
    )


def _tell_detail(
    rows: Rows, about: About, order: OrderGroup, detail: Segment, control: Control | None
) -> None:
    if detail.name == "RXA":
        _tell_given(rows, about, detail, control)
    elif detail.name == "RXO" and any(one.name == "RXE" for one in order.details):
        rows.drop("a drug as it was asked for (RXO) beside the one that is encoded (RXE)")
    elif detail.name in ("RXO", "RXE"):
        drug = read_drug(detail)
        code = rows.code(drug.code, f"a drug ({detail.name})")
        if code is not None:
            fact = Fact(code, value=drug.dose, unit=drug.unit or None)
            times = (drug.at, control.at if control else "")
            _tell_ordered(rows, about, order, "medication_request", fact, control, None, times)
    else:
        rows.drop("an order of food or supplies (ODS, ODT, RQD)")


def _tell_given(rows: Rows, about: About, detail: Segment, control: Control | None) -> None:
    drug = read_given(detail)
    vaccine = about.header.kind == "VXU"
    code = rows.code(drug.code, "a drug that was given (RXA)")
    if code is None:
        return
    if not drug.given:
        rows.drop("a drug that was refused or not given (RXA-20)")
        return
    begin = rows.moment(drug.at, about.zone, "a drug that was given (RXA)")
    end = rows.moment(drug.end, about.zone, "a drug that was given (RXA)")
    if begin is None:
        rows.drop("a drug that was given (RXA) at no time")
        return
    kind = "immunization" if vaccine else "medication_administration"
    name = _order_name(control, None, filler=True)
    words = (kind, name, code) if vaccine and name else (kind, name, code, drug.at)
    rows.add(
        about,
        kind,
        about.named(*words),
        detail.raw,
        [Fact(code, begin.known, end.known if end else None, drug.dose, drug.unit or None)],
        retracts=drug.removed,
    )


def _tell_results(
    rows: Rows, about: About, order: OrderGroup, request: Request | None, control: Control | None
) -> None:
    """Results of one code and sub-identifier under one order are one record."""
    name = _order_name(control, request, filler=True)
    together: dict[tuple[str, ...], list[tuple[Segment, Observation]]] = {}
    for segment in order.observations:
        observation = read_observation(segment)
        code = observation.code
        key: tuple[str, ...] = (
            name,
            code.code or code.text,
            code.system,
            code.other_code,
            observation.sub,
        )
        if not name:
            key = (*key, observation.observed or about.stamp)
        together.setdefault(key, []).append((segment, observation))
    for key, found in together.items():
        _tell_observations(rows, about, found, key, order, request)


def _tell_observations(
    rows: Rows,
    about: About,
    found: list[tuple[Segment, Observation]],
    words: tuple[str, ...],
    order: OrderGroup | None,
    request: Request | None,
) -> None:
    first = found[0][1]
    reported = rows.moment(request.reported if request else "", about.zone, "a report (OBR-22)")
    stamp = None if reported is None else reported.known
    raw = "\r".join(segment.raw for segment, _ in found)
    if all(one.status in _WITHDRAWN for _, one in found):
        code = rows.code(first.code, "an observation (OBX-3)")
        if code is not None:
            rows.add(
                about, "observation", about.named("observation", code, *words), raw,
                [Fact(code)], retracts=True, recorded=stamp,
            )  # fmt: skip
        return
    facts: list[Fact] = []
    name = ""
    for segment, observation in found:
        if observation.status in _WITHDRAWN:
            continue
        code, told = observed_facts(rows, about, observation, _fallback(segment, order, request))
        if code is not None:
            name = name or code
            add_facts(facts, told, is_line=observation.is_line)
    if facts:
        identity = about.named("observation", name, *words)
        rows.add(about, "observation", identity, raw, facts, recorded=stamp)


def _fallback(
    segment: Segment, order: OrderGroup | None, request: Request | None
) -> tuple[str, ...]:
    """Where the time of an observation stands that has none of its own, the best first."""
    del segment
    specimen = order.specimen.text(17) if order and order.specimen else ""
    return (request.observed if request else "", specimen, request.reported if request else "")


def observed_facts(
    rows: Rows, about: About, observation: Observation, fallback: tuple[str, ...] = ()
) -> tuple[str | None, list[Fact]]:
    """The code and the facts of one observation.

    It happened at OBX-14, or else OBR-7, or when the specimen was drawn, or when it was reported;
    where none of them is given, when the message was made: then it had happened for certain.
    """
    if observation.status in _NO_RESULT:
        rows.drop(_NO_RESULT[observation.status])
        return None, []
    code = rows.code(observation.code, "an observation (OBX-3)")
    if code is None:
        return None, []
    if observation.unread:
        rows.drop(observation.unread)
    elif not observation.answers:
        rows.drop("an observation without a value (OBX-5)")
    if not observation.answers:
        return None, []
    time, fails = _time(rows, about, (observation.observed, *fallback))
    if fails:
        return None, []
    facts = []
    for answer in observation.answers:
        text = rows.answer(answer.coded) if answer.coded is not None else answer.text or None
        unit = observation.unit or None
        facts.append(Fact(code, time, None, answer.number, unit, text))
    return code, facts


def _time(rows: Rows, about: About, times: tuple[str, ...]) -> tuple[datetime | None, bool]:
    """The first time that is given, and whether it cannot be read."""
    written = next((one for one in times if one), "")
    moment: Moment | None = rows.moment(written, about.zone, "an observation")
    if moment is not None:
        return moment.known, False
    return about.recorded, bool(written)


def add_facts(facts: list[Fact], told: list[Fact], *, is_line: bool) -> None:
    """Add facts; a line goes on with the text before it, if that is about the same."""
    for fact in told:
        last = facts[-1] if facts else None
        if (
            is_line
            and last is not None
            and last.text is not None
            and last._replace(text=fact.text) == fact
        ):
            facts[-1] = last._replace(text=f"{last.text}\n{fact.text}")
        else:
            facts.append(fact)
