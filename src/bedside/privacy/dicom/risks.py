"""Kinds of images that are kept back unless somebody accepts them by name."""

import re
from enum import StrEnum
from types import MappingProxyType

from pydicom import Dataset

__all__ = ["NEVER", "WORDS", "RiskClass", "risks_of"]


class RiskClass(StrEnum):
    """Why an image as such is a risk, whatever its header says."""

    ULTRASOUND = "ultrasound"
    SECONDARY_CAPTURE = "secondary_capture"
    PHOTOGRAPH = "photograph"
    ENDOSCOPY = "endoscopy"
    DOSE_SCREEN = "dose_screen"
    BURNED_IN = "burned_in"
    FACE = "face"
    FACE_UNKNOWN = "face_unknown"
    DOCUMENT = "document"
    DIRECTORY = "directory"


NEVER = frozenset({RiskClass.DOCUMENT, RiskClass.DIRECTORY})
"""What nobody can accept: its content is not de-identified here."""
WORDS = MappingProxyType(
    {
        RiskClass.ULTRASOUND: "Ultrasound: scanners write the patient's name into the picture.",
        RiskClass.SECONDARY_CAPTURE: "A captured screen or scanned paper: it may show a name.",
        RiskClass.PHOTOGRAPH: "A photograph: it may show a face, a tattoo or a wristband.",
        RiskClass.ENDOSCOPY: "Endoscopy: the tower writes the patient's name into the picture.",
        RiskClass.DOSE_SCREEN: "A dose sheet as a picture: it shows the patient's name.",
        RiskClass.BURNED_IN: "The file itself says that its picture holds an annotation.",
        RiskClass.FACE: "A head: a face can be rendered from it, and it is not defaced here.",
        RiskClass.FACE_UNKNOWN: "CT or MR of a body part that is not named: it may be a head.",
        RiskClass.DOCUMENT: "A document (PDF, CDA, a model) in an image file: not cleaned here.",
        RiskClass.DIRECTORY: "A directory of a disc: it lists patients; write a new one.",
    }
)
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_BY_CLASS = (
    (_STORAGE + "104", RiskClass.DOCUMENT),
    ("1.2.840.10008.1.3.10", RiskClass.DIRECTORY),
    (_STORAGE + "3", RiskClass.ULTRASOUND),
    (_STORAGE + "6", RiskClass.ULTRASOUND),
    (_STORAGE + "7", RiskClass.SECONDARY_CAPTURE),
    (_STORAGE + "77.1.1", RiskClass.ENDOSCOPY),
    (_STORAGE + "77.1.4", RiskClass.PHOTOGRAPH),
    (_STORAGE + "77.1.2", RiskClass.PHOTOGRAPH),
)
_BY_MODALITY = MappingProxyType(
    {
        "US": RiskClass.ULTRASOUND,
        "IVUS": RiskClass.ULTRASOUND,
        "SC": RiskClass.SECONDARY_CAPTURE,
        "XC": RiskClass.PHOTOGRAPH,
        "DMS": RiskClass.PHOTOGRAPH,
        "ES": RiskClass.ENDOSCOPY,
        "DOC": RiskClass.DOCUMENT,
        "M3D": RiskClass.DOCUMENT,
    }
)
_HEAD = re.compile(
    r"HEAD|BRAIN|SKULL|FACE|FACIAL|ORBIT|SINUS|CRANI|NEURO|CEREB|PITUIT|TEMPORAL|JAW|MAXILL"
    r"|MANDIB|DENTAL|EYE|NECK|NASO|PAROTID|WHOLE ?BODY|SCHAEDEL|KOPF",
    re.IGNORECASE,
)
_PART = ("BodyPartExamined", "StudyDescription", "SeriesDescription", "ProtocolName",
         "RequestedProcedureDescription")  # fmt: skip
_FACE_CAPABLE = frozenset({"CT", "MR", "PT"})


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value)


def _anatomy(dataset: Dataset) -> str:
    words = [_text(dataset, keyword) for keyword in _PART]
    for item in dataset.get("AnatomicRegionSequence") or ():
        words.append(_text(item, "CodeMeaning"))
    return " ".join(word for word in words if word).strip()


def _face_risk(dataset: Dataset, modality: str, pictured: bool) -> RiskClass | None:
    if not pictured or modality not in _FACE_CAPABLE:
        return None
    anatomy = _anatomy(dataset)
    if _HEAD.search(anatomy):
        return RiskClass.FACE
    return None if _text(dataset, "BodyPartExamined") else RiskClass.FACE_UNKNOWN


def risks_of(dataset: Dataset) -> frozenset[RiskClass]:
    """Which risks an image carries by its class, modality and what it says of itself."""
    sop_class, modality = _text(dataset, "SOPClassUID"), _text(dataset, "Modality").upper()
    found = {risk for arc, risk in _BY_CLASS if f"{sop_class}.".startswith(f"{arc}.")}
    if modality in _BY_MODALITY:
        found.add(_BY_MODALITY[modality])
    if "EncapsulatedDocument" in dataset:
        found.add(RiskClass.DOCUMENT)
    if _text(dataset, "BurnedInAnnotation").upper() == "YES":
        found.add(RiskClass.BURNED_IN)
    pictured = "PixelData" in dataset
    kind = _text(dataset, "ImageType").upper()
    screen = "SCREEN" in kind or "DOSE" in _text(dataset, "SeriesDescription").upper()
    if pictured and screen and modality != "RTDOSE":
        found.add(RiskClass.DOSE_SCREEN)
    if _text(dataset, "RecognizableVisualFeatures").upper() == "YES":
        found.add(RiskClass.FACE)
    elif (face := _face_risk(dataset, modality, pictured)) is not None:
        found.add(face)
    return frozenset(found)
