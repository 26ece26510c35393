"""What a header says of its people, so that it is found again where nobody expects it."""

import re
from functools import lru_cache

from pydicom import DataElement, Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement

__all__ = ["SHAPES", "element_bytes", "known_pattern"]

_NAMES = ("PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName",
          "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName",
          "NameOfPhysiciansReadingStudy", "PhysiciansOfRecord", "RequestingPhysician",
          "ResponsiblePerson")  # fmt: skip
_NUMBERS = ("PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID", "AdmissionID",
            "PatientTelephoneNumbers", "PatientAddress", "PatientBirthDate", "InstitutionName",
            "InstitutionAddress", "DeviceSerialNumber", "StationName", "MilitaryRank",
            "IssuerOfPatientID")  # fmt: skip
_NAME_TAGS = tuple(tag for keyword in _NAMES if (tag := tag_for_keyword(keyword)) is not None)
_NUMBER_TAGS = tuple(tag for keyword in _NUMBERS if (tag := tag_for_keyword(keyword)) is not None)
SHAPES = re.compile(
    rb"\d{3}[-. /]\d{3,4}[-. ]?\d{2,4}|[^\s@]+@[^\s@]+\.\w|https?://"
    rb"|(?<!\d)(?:19|20)\d\d[-./]?(?:0[1-9]|1[0-2])[-./]?(?:0[1-9]|[12]\d|3[01])(?!\d)"
    rb"|(?<!\d)\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d\d(?!\d)"
)
"""Telephone numbers, mail and web addresses, days: whoever's they are."""
_NOBODY = frozenset({b"DR", b"MD", b"UNKNOWN", b"NONE", b"ANONYMOUS", b"ANONYMIZED", b"REMOVED",
                     b"TEST", b"THE", b"AND", b"NEW", b"JR", b"SR", b"HEAD", b"SCAN"})  # fmt: skip
_MOST = 64


def element_bytes(element: DataElement | RawDataElement) -> bytes:
    """The value of a text element as bytes, decoded or not."""
    value = element.value
    if isinstance(value, bytes):
        return value
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode(errors="replace")
    many = value if isinstance(value, list) or hasattr(value, "append") else [value]
    return b"\\".join(str(one).encode(errors="replace") for one in many)


def known_pattern(dataset: Dataset) -> re.Pattern[bytes]:
    """A pattern of the people, numbers and places that the header names.

    Names count from three letters on, numbers from four characters on; at most 64 of them.
    """
    found: set[bytes] = set()
    for tags, split, least in ((_NAME_TAGS, rb"[\^\\=\s,.\0]+", 3), (_NUMBER_TAGS, rb"[\\\0]+", 4)):
        for tag in tags:
            if tag in dataset:
                parts = re.split(split, element_bytes(dataset.get_item(tag))[:1024])
                found |= {part.strip().upper() for part in parts if len(part.strip()) >= least}
    return _compiled(tuple(sorted(found - _NOBODY, key=len, reverse=True)[:_MOST]))


@lru_cache(maxsize=256)
def _compiled(words: tuple[bytes, ...]) -> re.Pattern[bytes]:
    either = [rb"(?<![A-Z0-9])" + re.escape(word) + rb"(?![A-Z0-9])" for word in words]
    return re.compile(b"|".join(either) or rb"(?!)", re.IGNORECASE)
