"""What becomes of each attribute: table E.1-1 of PS3.15, as a maintained library keeps it.

The library (dicom-anonymizer) keeps the column of the Basic Profile. The columns of the options
that retain something are written out below, from the same table.
"""

import importlib
from collections.abc import Mapping
from enum import Enum
from functools import cache

from pydicom.datadict import dictionary_VR, tag_for_keyword

from bedside.core.errors import Unavailable
from bedside.privacy.dicom.options import DicomOptions, ProfileOption

__all__ = ["EDITION", "Action", "rules_of"]

EDITION = "2026c"
_TABLE = f"dicomanonymizer.dicom_anonymization_databases.dicomfields_{EDITION}"


class Action(Enum):
    """What is done with one attribute."""

    DUMMY = "D"
    EMPTY = "Z"
    DROP = "X"
    UID = "U"
    KEEP = "K"
    WALK = "C"
    """A sequence: its items are treated one by one."""


# Where the table leaves a choice, the one that keeps the object valid.
_COLUMNS = (
    ("X_TAGS", Action.DROP),
    ("D_TAGS", Action.DUMMY),
    ("Z_TAGS", Action.EMPTY),
    ("U_TAGS", Action.UID),
    ("Z_D_TAGS", Action.DUMMY),
    ("X_Z_TAGS", Action.EMPTY),
    ("X_D_TAGS", Action.DUMMY),
    ("X_Z_D_TAGS", Action.DUMMY),
    ("X_Z_U_STAR_TAGS", Action.WALK),
)
_SEQUENCES = {
    "ContentSequence": Action.WALK,
    "GraphicAnnotationSequence": Action.WALK,
    "ReferencedPerformedProcedureStepSequence": Action.WALK,
    "ReferencedStudySequence": Action.WALK,
    "OperatorIdentificationSequence": Action.DROP,
    "WaveformAnnotationSequence": Action.DROP,
    "InstitutionCodeSequence": Action.DROP,
    "FlowIdentifierSequence": Action.DROP,
}
_RETAINED: Mapping[ProfileOption, tuple[str, ...]] = {
    ProfileOption.RETAIN_PATIENT_CHARACTERISTICS: (
        "EthnicGroup", "EthnicGroups", "EthnicGroupCodeSequence", "PatientAge", "PatientSex",
        "PatientSexNeutered", "PatientSize", "PatientWeight", "PregnancyStatus", "SmokingStatus",
    ),
    ProfileOption.RETAIN_DEVICE_IDENTITY: (
        "CassetteID", "DetectorID", "DeviceDescription", "DeviceLabel", "DeviceSerialNumber",
        "DeviceUID", "GantryID", "GeneratorID", "PerformedStationAETitle",
        "PerformedStationName", "PerformedStationNameCodeSequence", "PlateID",
        "ScheduledStationAETitle", "ScheduledStationName", "ScheduledStationNameCodeSequence",
        "ScheduledStudyLocation", "SourceManufacturer", "SourceSerialNumber", "StationName",
        "TransducerIdentificationSequence", "UDISequence", "UniqueDeviceIdentifier",
        "XRaySourceID", "ManufacturerDeviceIdentifier", "ManufacturerDeviceClassUID",
    ),
    ProfileOption.RETAIN_INSTITUTION_IDENTITY: (
        "InstitutionCodeSequence", "InstitutionName", "InstitutionalDepartmentName",
        "InstitutionalDepartmentTypeCodeSequence",
    ),
}  # fmt: skip
_OURS = {
    "PatientBirthDate": Action.EMPTY,
    "PatientBirthTime": Action.DROP,
    "DataSetTrailingPadding": Action.DROP,
    "IconImageSequence": Action.DROP,
}


def _table() -> Mapping[str, list[tuple[int, ...]]]:
    try:
        module = importlib.import_module(_TABLE)
    except ModuleNotFoundError:
        raise Unavailable(
            "The table of confidential attributes is not installed.",
            fix="pip install 'bedside[deid]'.",
            code="no_dicom_table",
        ) from None
    return {name: list(getattr(module, name)) for name, _ in _COLUMNS}


@cache
def rules_of(options: DicomOptions) -> Mapping[int, Action]:
    """The action of every attribute that the profile names, by tag.

    Overlays and curves (groups 60xx and 50xx) and private attributes are no part of it: they
    always go.

    Raises:
        Unavailable: the library with the table is not installed (code `no_dicom_table`).
    """
    table = _table()
    rules: dict[int, Action] = {}
    for name, action in _COLUMNS:
        for tag in table[name]:
            if len(tag) == 2:
                rules[tag[0] << 16 | tag[1]] = action
    for keyword, action in _SEQUENCES.items():
        rules[_tag(keyword)] = action
    for option in options.retain:
        for keyword in _RETAINED.get(option, ()):
            if (found := tag_for_keyword(keyword)) is not None:
                rules[found] = Action.WALK if dictionary_VR(found) == "SQ" else Action.KEEP
    if ProfileOption.RETAIN_UIDS in options.retain:
        rules = {t: Action.KEEP if a is Action.UID else a for t, a in rules.items()}
    return rules | {_tag(keyword): action for keyword, action in _OURS.items()}


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag
