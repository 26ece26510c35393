"""What a FHIR Patient says of birth, age and administrative sex, as events of a model's codes."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import msgspec

from bedside.core.records.declaration import Signal
from bedside.core.records.event import Event
from bedside.interop.asked import find_label
from bedside.interop.fhir.codes import AGE, BIRTH, SEX
from bedside.interop.fhir.places import source_row_of
from bedside.interop.fhir.resources import Patient
from bedside.interop.strict_json import decode, invalid

__all__ = ["age_in_years", "read_patient", "unknown_gender"]

_GENDERS = {"male": "M", "female": "F", "other": "O", "unknown": "U"}  # HL7 v2 table 0001
_DECODER = msgspec.json.Decoder(Patient)


def read_patient(
    raw: msgspec.Raw,
    where: str,
    *,
    signals: Mapping[str, Signal],
    marks: Collection[str] = (),
    as_of: datetime,
    subject_id: int,
) -> tuple[Patient, list[Event]]:
    """The Patient, and its events of age, birth and sex, where the model asks for them.

    A gender that is no category of the declared signal (other, unknown) gives no event; see
    `unknown_gender`. Birth is at the start of the birth date in UTC.

    Raises:
        Invalid: the birth date or the gender is malformed, or the birth is after `as_of`.
    """
    patient = decode(_DECODER, raw, where)
    digest, events = sha256(raw).digest(), []

    def fact(code: str, time: datetime | None = None, **said: Any) -> Event:
        row = source_row_of(digest, code)
        return Event(
            subject_id=subject_id, time=time, known_at=as_of, code=code, source_row=row, **said
        )

    if (AGE in signals or BIRTH in marks) and patient.birth_date is not None:
        years = age_in_years(patient.birth_date, as_of, f"{where}.birthDate")
        if AGE in signals:
            events.append(fact(AGE, value=years, unit="a"))
        if BIRTH in marks:
            born = _born(patient.birth_date, f"{where}.birthDate")
            events.append(fact(BIRTH, datetime(born.year, born.month, born.day, tzinfo=UTC)))
    asked = [code for code in SEX if code in signals]
    if asked and patient.gender is not None:
        if patient.gender not in _GENDERS:
            raise invalid(
                f"{where}.gender",
                "is not an administrative gender of FHIR.",
                fix=f"give one of: {', '.join(_GENDERS)}.",
            )
        for code in asked:
            label = find_label(signals[code], patient.gender, _GENDERS[patient.gender])
            if label is not None:
                events.append(fact(code, text=label))
    return patient, events


def unknown_gender(patient: Patient, signals: Mapping[str, Signal]) -> tuple[str, str] | None:
    """The code and the gender, where it is no category of the signal of that code.

    Args:
        patient: As `read_patient` read it.
        signals: By code, what the model asks for.
    """
    for code in SEX:
        if code in signals and patient.gender is not None:
            known = find_label(signals[code], patient.gender, _GENDERS[patient.gender])
            if known is None:
                return code, patient.gender
    return None


def age_in_years(birth_date: str, as_of: datetime, where: str) -> float:
    """Completed years at `as_of`; a birth date that lacks its month or day is taken mid-period.

    Raises:
        Invalid: it is not a FHIR date, is after `as_of`, or more than 130 years before it.

    >>> from datetime import UTC
    >>> age_in_years("1960-06-16", datetime(2026, 6, 15, tzinfo=UTC), "Patient.birthDate")
    65.0
    """
    born = _born(birth_date, where)
    today = as_of.date()
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if years < 0 and len(birth_date) < 10 and born.year == today.year:
        years = 0
    if not 0 <= years <= 130:
        raise invalid(
            where, "does not fit the time of the question.", fix="correct the birth date."
        )
    return float(years)


def _born(birth_date: str, where: str) -> date:
    try:
        filled = birth_date + {4: "-07-01", 7: "-15"}.get(len(birth_date), "")
        return date.fromisoformat(filled)
    except ValueError:
        raise invalid(where, "is not a date.", fix="write it like 1960-06-16.") from None
