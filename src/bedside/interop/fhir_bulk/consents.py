"""FHIR Consent: what a patient permits and refuses, as the text of one fact.

What a rule of a hospital cannot be decided by here (an actor, a class of documents, a code) counts
against the use of data: a refusal that names such a thing is a whole refusal, a permit none.

Source: HL7 FHIR R4, Consent; purposes are codes of HL7 v3 ActReason.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from bedside.core.records.consent import Kind, Provision, told_provisions
from bedside.core.records.purpose import Purpose
from bedside.interop.fhir_bulk.elements import (
    ABSENT,
    CodeableConcept,
    Coding,
    Element,
    Period,
    Reference,
    Resource,
    is_given,
)

__all__ = ["Consent", "ConsentProvision", "provisions_text"]

_BASE: dict[str, Kind] = {
    "OPTIN": "permit",
    "OPTINR": "permit",
    "OPTOUT": "deny",
    "OPTOUTE": "deny",
}
_KINDS_OF = {
    Purpose.HRESCH: "BIORCH CLINTRCH CLINTRCHNPC CLINTRCHPC PRECLINTRCH DSRCH POARCH TRANSRCH",
    Purpose.TREAT: "CLINTRL COC CAREMGT POPHLTH",
    Purpose.ETREAT: "ERTREAT BTG",
    Purpose.HOPERAT: "DONAT FRAUD GOV HACCRED HDECD HDIRECT HDM HLEGAL HOUTCOMS HPRGRP LABELING "
    "METAMGT MEMADMIN MILCDM PATADMIN PERFMSR",
    Purpose.HPAYMT: "CLMATTCH COVAUTH COVERAGE ELIGDTRM ELIGVER ENROLLM REMITADV",
    Purpose.PUBHLTH: "DISASTER THREAT",
    Purpose.PATRQT: "FAMRQT PWATRNY SUPNWK",
}
_PURPOSES = {code: wide for wide, codes in _KINDS_OF.items() for code in codes.split()}
_DEEPEST = 8


class ConsentProvision(Element, kw_only=True):
    """One rule; a rule inside it is an exception to it."""

    type: Literal["deny", "permit"] | None = None
    period: Period | None = None
    purpose: tuple[Coding, ...] = ()
    actor: msgspec.Raw = ABSENT
    action: msgspec.Raw = ABSENT
    security_label: msgspec.Raw = ABSENT
    class_: msgspec.Raw = msgspec.field(default=ABSENT, name="class")
    code: msgspec.Raw = ABSENT
    data_period: msgspec.Raw = ABSENT
    data: msgspec.Raw = ABSENT
    provision: "tuple[ConsentProvision, ...]" = ()

    @property
    def is_narrow(self) -> bool:
        """Whether it speaks of a part of the record, or to somebody, that is not told apart."""
        parts = (self.actor, self.action, self.security_label, self.class_, self.code)
        return any(map(is_given, (*parts, self.data_period, self.data)))


class Consent(Resource, kw_only=True, tag=True):
    """What a patient permits and refuses."""

    status: Literal["draft", "proposed", "active", "rejected", "inactive", "entered-in-error"]
    patient: Reference | None = None
    date_time: str | None = None
    policy_rule: CodeableConcept | None = None
    provision: ConsentProvision | None = None


def provisions_text(consent: Consent) -> str | None:
    """Its provisions, as `provision_of` reads them; None where it says nothing.

    The base is the type of the outermost rule, else what the policy rule says (OPTIN, OPTOUT).
    """
    root = consent.provision or ConsentProvision()
    base = root.type or _base_of(consent.policy_rule)
    found = [*_rules(root, base, None, 0)]
    return told_provisions(found) or None


def _base_of(rule: CodeableConcept | None) -> Kind | None:
    codes = () if rule is None else (one.code or "" for one in rule.coding)
    return next((_BASE[code] for code in codes if code in _BASE), None)


def _rules(
    rule: ConsentProvision, kind: Kind | None, outer: Period | None, depth: int
) -> Iterator[Provision]:
    """A rule and its exceptions; a rule without a period has that of the one around it."""
    period = rule.period or outer
    is_clear = not rule.is_narrow and _is_readable(period)
    if kind == "deny" or (kind == "permit" and is_clear):
        purposes = frozenset(map(_purpose, rule.purpose))
        whole = kind == "deny" and (Purpose.UNKNOWN in purposes or rule.is_narrow)
        starts, ends = _span(period)
        if starts is None or ends is None or starts < ends:
            yield Provision(
                kind=kind,
                purposes=frozenset() if whole else purposes,
                starts=starts,
                ends=ends,
            )
    if depth < _DEEPEST:
        for inner in rule.provision:
            yield from _rules(inner, inner.type, period, depth + 1)


def _purpose(coding: Coding) -> Purpose:
    code = coding.code or ""
    if code in Purpose.__members__:
        return Purpose[code]
    return _PURPOSES.get(code, Purpose.UNKNOWN)


def _span(period: Period | None) -> tuple[datetime | None, datetime | None]:
    """From the first moment of the start to the first one after the end, which is inclusive."""
    if period is None:
        return None, None
    start = None if period.start is None else _moments(period.start)
    end = None if period.end is None else _moments(period.end)
    return None if start is None else start[0], None if end is None else end[1]


def _is_readable(period: Period | None) -> bool:
    written = () if period is None else (period.start, period.end)
    return all(one is None or _moments(one) is not None for one in written)


def _moments(written: str) -> tuple[datetime, datetime] | None:
    """The first moment of what is written and the first one after it; None: it cannot be read.

    A date without a zone is one of UTC.
    """
    try:
        if len(written) == 4:
            year = int(written)
            return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        if len(written) == 7:
            year, month = int(written[:4]), int(written[5:])
            after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            return datetime(year, month, 1, tzinfo=UTC), after
        moment = datetime.fromisoformat(written)
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        longer = timedelta(days=1) if len(written) == 10 else timedelta(seconds=1)
        return aware, aware + longer
    except (ValueError, OverflowError):
        return None
