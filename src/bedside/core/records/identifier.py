"""What identifies a person: the kinds of 45 CFR 164.514(b)(2)(i), and where one stands."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["IdentifierKind", "IdentifierSpan"]


class IdentifierKind(StrEnum):
    """The eighteen kinds, (A) to (R); those that are treated differently have a name of their own.

    They are those of the patient, and of relatives, employers and members of the household.
    """

    NAME = "name"
    """(A)"""
    STAFF_NAME = "staff_name"
    """Of whoever treats the patient: not in the list, but taken out all the same."""
    PLACE = "place"
    """(B) Street, town, county: smaller than a state."""
    POSTCODE = "postcode"
    """(B)"""
    ORGANISATION = "organisation"
    """An employer, a hospital, a school: it says where somebody is."""
    DATE = "date"
    """(C) All of a date but its year."""
    AGE = "age"
    """(C) Above 89."""
    PHONE = "phone"
    """(D)"""
    FAX = "fax"
    """(E)"""
    EMAIL = "email"
    """(F)"""
    SOCIAL_SECURITY = "social_security"
    """(G) And every other national number of a person."""
    RECORD_NUMBER = "record_number"
    """(H)"""
    HEALTH_PLAN = "health_plan"
    """(I)"""
    ACCOUNT = "account"
    """(J)"""
    LICENCE = "licence"
    """(K)"""
    VEHICLE = "vehicle"
    """(L)"""
    DEVICE = "device"
    """(M)"""
    URL = "url"
    """(N)"""
    IP_ADDRESS = "ip_address"
    """(O)"""
    BIOMETRIC = "biometric"
    """(P)"""
    FACE = "face"
    """(Q)"""
    OTHER = "other"
    """(R) Any other number, characteristic or code that is somebody's alone."""
    PROFESSION = "profession"
    """Not in the list; with the rest it may say who somebody is."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class IdentifierSpan:
    """Where an identifier stands in a text: characters `start` up to, not including, `end`.

    `found_by` names the pass that found it: known, pattern, gazetteer, tagger, or a plug-in's name.
    """

    start: int
    end: int
    kind: IdentifierKind
    found_by: str
