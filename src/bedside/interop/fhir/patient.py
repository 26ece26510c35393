"""What a FHIR Patient says of age and administrative sex, as events of the declared signals."""

from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import msgspec

from bedside.core.records.declaration import Signal
from bedside.core.records.event import Event
from bedside.interop.asked import find_label
from bedside.interop.fhir.codes import AGE, SEX
from bedside.interop.fhir.places import source_row_of
from bedside.interop.fhir.resources import Patient
from bedside.interop.strict_json import decode, invalid

__all__ = ["age_in_years", "read_patient"]

_GENDERS = ("male", "female", "other", "unknown")
_DECODER = msgspec.json.Decoder(Patient)


def read_patient(
    raw: msgspec.Raw,
    where: str,
    *,
    signals: Mapping[str, Signal],
    as_of: datetime,
    subject_id: int,
) -> tuple[Patient, list[Event]]:
    """The Patient, and its events of the codes `AGE//years` and `SEX//administrative`.

    A gender that is no category of the declared signal (other, unknown) gives no event.

    Raises:
        Invalid: the birth date or the gender is malformed, or the birth is after `as_of`.
    """
    patient = decode(_DECODER, raw, where)
    digest, events = sha256(raw).digest(), []

    def fact(code: str, **said: Any) -> Event:
        row = source_row_of(digest, code)
        return Event(
            subject_id=subject_id, time=None, known_at=as_of, code=code, source_row=row, **said
        )

    if AGE in signals and patient.birth_date is not None:
        years = age_in_years(patient.birth_date, as_of, f"{where}.birthDate")
        events.append(fact(AGE, value=years, unit="a"))
    if SEX in signals and patient.gender is not None:
        if patient.gender not in _GENDERS:
            raise invalid(
                f"{where}.gender",
                "is not an administrative gender of FHIR.",
                fix=f"give one of: {', '.join(_GENDERS)}.",
            )
        label = find_label(signals[SEX], patient.gender)
        if label is not None:
            events.append(fact(SEX, text=label))
    return patient, events


def age_in_years(birth_date: str, as_of: datetime, where: str) -> float:
    """Completed years at `as_of`; a birth date that lacks its month or day is taken mid-period.

    Raises:
        Invalid: it is not a FHIR date, is after `as_of`, or more than 130 years before it.

    >>> from datetime import UTC
    >>> age_in_years("1960-06-16", datetime(2026, 6, 15, tzinfo=UTC), "Patient.birthDate")
    65.0
    """
    try:
        filled = birth_date + {4: "-07-01", 7: "-15"}.get(len(birth_date), "")
        born = date.fromisoformat(filled)
    except ValueError:
        raise invalid(where, "is not a date.", fix="write it like 1960-06-16.") from None
    today = as_of.date()
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if years < 0 and len(birth_date) < 10 and born.year == today.year:
        years = 0
    if not 0 <= years <= 130:
        raise invalid(
            where, "does not fit the time of the question.", fix="correct the birth date."
        )
    return float(years)
