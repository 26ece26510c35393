"""Which options of the profile are used, and which release mode allows them."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from bedside.core.errors import Refused
from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.dicom.risks import RiskClass

__all__ = ["CODES", "Dates", "DicomOptions", "ProfileOption", "legal_options"]


class Dates(StrEnum):
    """What becomes of dates and times; the release mode decides."""

    YEAR = "year"
    """The year alone, as 1 January of it; a time of day is gone."""
    SHIFTED = "shifted"
    """Moved by the subject's offset; intervals and times of day stay."""
    KEPT = "kept"


class ProfileOption(StrEnum):
    """The options of PS3.15 Annex E.3 that a caller may choose."""

    RETAIN_PATIENT_CHARACTERISTICS = "patient_characteristics"
    """Sex, age (90 and above as 090Y), size, weight, ethnic group, smoking, pregnancy."""
    RETAIN_DEVICE_IDENTITY = "device_identity"
    RETAIN_INSTITUTION_IDENTITY = "institution_identity"
    """Name and department; never the address."""
    RETAIN_UIDS = "uids"
    RETAIN_SAFE_PRIVATE = "safe_private"
    """Private attributes that the standard itself lists as safe (table E.3.10-1)."""


_LEGAL = MappingProxyType(
    {
        ReleaseMode.SAFE_HARBOR: frozenset(
            {ProfileOption.RETAIN_PATIENT_CHARACTERISTICS, ProfileOption.RETAIN_SAFE_PRIVATE}
        ),
        ReleaseMode.EXPERT: frozenset(ProfileOption),
        # 164.514(e)(2) names device identifiers; it does not name hospitals, nor other codes.
        ReleaseMode.LIMITED_DATASET: frozenset(ProfileOption)
        - {ProfileOption.RETAIN_DEVICE_IDENTITY},
        ReleaseMode.IDENTIFIED: frozenset(),
    }
)
CODES = MappingProxyType(
    {
        "profile": ("113100", "Basic Application Confidentiality Profile"),
        "pixels": ("113101", "Clean Pixel Data Option"),
        "graphics": ("113103", "Clean Graphics Option"),
        "structured": ("113104", "Clean Structured Content Option"),
        Dates.KEPT: ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
        Dates.SHIFTED: (
            "113107",
            "Retain Longitudinal Temporal Information Modified Dates Option",
        ),
        ProfileOption.RETAIN_PATIENT_CHARACTERISTICS: (
            "113108",
            "Retain Patient Characteristics Option",
        ),
        ProfileOption.RETAIN_DEVICE_IDENTITY: ("113109", "Retain Device Identity Option"),
        ProfileOption.RETAIN_UIDS: ("113110", "Retain UIDs Option"),
        ProfileOption.RETAIN_SAFE_PRIVATE: ("113111", "Retain Safe Private Option"),
        ProfileOption.RETAIN_INSTITUTION_IDENTITY: (
            "113112",
            "Retain Institution Identity Option",
        ),
    }
)
"""Code value and meaning of context group CID 7050, De-identification Method (scheme DCM)."""


def legal_options(mode: ReleaseMode) -> frozenset[ProfileOption]:
    """The options that a release mode allows.

    >>> sorted(legal_options(ReleaseMode.SAFE_HARBOR))
    [<ProfileOption.RETAIN_PATIENT_CHARACTERISTICS: 'patient_characteristics'>,
     <ProfileOption.RETAIN_SAFE_PRIVATE: 'safe_private'>]
    """
    return _LEGAL[mode]


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomOptions:
    """How images are de-identified.

    Args:
        mode: The release mode; it decides what becomes of dates.
        retain: Options of the profile beyond the basic one.
        accept: Kinds of images that are let through although they are kept back by default; each
            is recorded. A document inside an image file is never let through.
        pixels: Whether text is looked for in pixels. Without it a file with pixels is kept back.
        max_bytes: The most that one image may take up decoded.

    Raises:
        Refused: the mode does not allow an option (code `illegal_option`), or takes nothing out
            (`identified`).
    """

    mode: ReleaseMode
    retain: frozenset[ProfileOption] = frozenset({ProfileOption.RETAIN_PATIENT_CHARACTERISTICS})
    accept: frozenset[RiskClass] = frozenset()
    pixels: bool = True
    max_bytes: int = 512 * 2**20

    def __post_init__(self) -> None:
        if self.mode is ReleaseMode.IDENTIFIED:
            raise Refused(
                "The mode 'identified' takes nothing out.",
                fix="choose safe_harbor, expert or limited_dataset.",
                code="identified",
            )
        illegal = sorted(self.retain - legal_options(self.mode))
        if illegal:
            raise Refused(
                f"The mode '{self.mode}' does not allow to retain: {', '.join(illegal)}.",
                fix="leave the option out, or choose another release mode.",
                code="illegal_option",
            )

    @property
    def dates(self) -> Dates:
        """What becomes of dates and times."""
        if self.mode.keeps_dates:
            return Dates.KEPT
        return Dates.SHIFTED if self.mode.shifts_dates else Dates.YEAR
