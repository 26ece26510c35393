"""Many FHIR Observations, with their components, as columns of facts."""

from collections.abc import Sequence
from datetime import UTC
from itertools import compress

from bedside.core.records.event import TAKEN_BACK
from bedside.interop.fhir_bulk.columns import FactColumns
from bedside.interop.fhir_bulk.concepts import CodeBook
from bedside.interop.fhir_bulk.elements import ABSENT, is_given
from bedside.interop.fhir_bulk.moments import microseconds
from bedside.interop.fhir_bulk.resources import Measured, Observation
from bedside.interop.fhir_bulk.standing import ALL_STANDINGS, updated_since
from bedside.interop.fhir_bulk.values import UCUM, are_plain, has_value, unit_of, value_of

__all__ = ["read_observations"]

KIND = "observation"
_STANDINGS = ALL_STANDINGS["Observation"]
_RESULTS = frozenset(status for status, standing in _STANDINGS.items() if standing == "stands")


def read_observations(
    found: Sequence[Observation], records: Sequence[int], book: CodeBook, into: FactColumns
) -> None:
    """Add the facts of Observations that each have a patient.

    Each value of the resource itself and of its components is a fact, under each known code.

    - `time`: effectiveDateTime or effectiveInstant; the end of an effectivePeriod, as for a single
      Observation that asks for a score; the last moment of an effectiveTiming. Without any of them
      there is no fact: a result of no known time is of no use.
    - `recorded`: `issued`, when this version was made available to those who treat the patient. An
      amended or corrected version, or one with a `meta.versionId` beyond 1, was not seen before
      `meta.lastUpdated` either.
    - entered-in-error and cancelled take the earlier versions back; registered and unknown say
      nothing yet; preliminary results count, since they are seen.

    Args:
        found: The resources.
        records: The number of each one's record.
        book: Knows codes.
        into: Where the facts go.

    Source: HL7 FHIR R4, Observation (status, effective[x], issued, dataAbsentReason, focus).
    """
    stands = [
        one.status in _RESULTS and one.focus is ABSENT and one.modifier_extension is ABSENT
        for one in found
    ]
    if not all(stands):
        for one, record, used in zip(found, records, stands, strict=True):
            if not used:
                _add_other(one, record, book, into)
        found, records = list(compress(found, stands)), list(compress(records, stands))
    panels = [(one, record) for one, record in zip(found, records, strict=True) if one.component]
    if panels:
        alone = [not one.component for one in found]
        found, records = list(compress(found, alone)), list(compress(records, alone))
        for one, record in panels:
            if has_value(one):
                _add_one(one, one, record, book, into)
    _add_columns(found, found, records, book, into)
    _add_columns(
        [part for one, _ in panels for part in one.component],
        [one for one, _ in panels for _ in one.component],
        [record for one, record in panels for _ in one.component],
        book,
        into,
    )


def _add_columns(
    parts: Sequence[Measured],
    owners: Sequence[Observation],
    records: Sequence[int],
    book: CodeBook,
    into: FactColumns,
) -> None:
    """Add values, each with the Observation that it belongs to: plain ones column by column."""
    known = book.known
    codes = [
        known.get((several[0].system, several[0].code))
        if len(several := one.code.coding) == 1
        else None
        for one in parts
    ]
    answers = [
        None
        if (said := one.value_codeable_concept) is None or len(said.coding) != 1
        else known.get((said.coding[0].system, said.coding[0].code))
        for one in parts
    ]
    usual = [
        code is not None and owner.effective_date_time is not None and is_plain
        for code, owner, is_plain in zip(codes, owners, are_plain(parts, answers), strict=True)
    ]
    if not all(usual):
        for at, is_usual in enumerate(usual):
            if not is_usual:
                _add_one(parts[at], owners[at], records[at], book, into)
        parts, owners = list(compress(parts, usual)), list(compress(owners, usual))
        records = list(compress(records, usual))
        codes, answers = list(compress(codes, usual)), list(compress(answers, usual))
    quantities = [one.value_quantity for one in parts]
    into.record.extend(records)
    into.code.extend([code for code in codes if code is not None])
    into.time.extend([one.effective_date_time for one in owners])
    into.recorded.extend([one.issued for one in owners])
    into.updated.extend(
        [
            None
            if (meta := one.meta) is None or meta.last_updated is None
            else updated_since(meta, one.status)
            for one in owners
        ]
    )
    into.value.extend([None if one is None else one.value for one in quantities])
    into.unit.extend(
        [
            None
            if one is None
            else one.code
            if one.code and one.system == UCUM[0]
            else unit_of(one)
            for one in quantities
        ]
    )
    into.text.extend(answers)
    into.fill(KIND)


def _add_one(
    part: Measured, one: Observation, record: int, book: CodeBook, into: FactColumns
) -> None:
    """Add one part of an Observation, under each of its codes, or say why that cannot be."""
    time = _time(one)
    value, unit, text, missing = value_of(part, book)
    codes = book.codes(part.code.coding)
    if missing == "no value" and part is one and is_given(one.has_member):
        missing = "a panel without a value"
    elif missing is None and time is None:
        missing = "no time"
    elif missing is None and not codes:
        missing = "no code"
    if missing is not None:
        into.dropped[f"Observation: {missing}"] += 1
        return
    for code in codes:
        into.add(
            KIND,
            record,
            code,
            time=time,
            recorded=one.issued,
            updated=updated_since(one.meta, one.status),
            value=value,
            unit=unit,
            text=text,
        )


def _add_other(one: Observation, record: int, book: CodeBook, into: FactColumns) -> None:
    """An Observation that takes its earlier versions back, or that perhaps says nothing."""
    standing = _STANDINGS.get(one.status)
    if standing == "taken back":
        _take_back(one, record, book, into)
        return
    if standing is None:
        reason = f"status {one.status}"
    elif is_given(one.focus):
        reason = "it is about somebody or something else than its subject"
    elif is_given(one.modifier_extension):
        reason = "a modifier extension that is not understood"
    else:  # what is written there is empty
        for part in (one, *one.component):
            if part is not one or has_value(one) or not one.component:
                _add_one(part, one, record, book, into)
        return
    into.dropped[f"Observation: {reason}"] += 1


def _take_back(one: Observation, record: int, book: CodeBook, into: FactColumns) -> None:
    into.add(
        KIND,
        record,
        next(iter(book.codes(one.code.coding)), TAKEN_BACK),
        time=_time(one),
        recorded=one.issued,
        updated=None if one.meta is None else one.meta.last_updated,
        retracts=True,
    )


def _time(one: Observation) -> str | None:
    """When it was measured, as it is written."""
    if one.effective_date_time is not None:
        return one.effective_date_time
    if one.effective_instant is not None:
        return one.effective_instant
    if one.effective_period is not None:
        return one.effective_period.end or one.effective_period.start
    if one.effective_timing is not None and one.effective_timing.event:
        return max(one.effective_timing.event, key=_order)
    return None


def _order(text: str) -> int:
    moment = microseconds(text, UTC)
    return moment if isinstance(moment, int) else -(1 << 62)
