"""What a cleaned file says of how it was cleaned, and the file meta information around it."""

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID

from bedside.privacy.dicom.options import CODES, Dates, DicomOptions
from bedside.privacy.dicom.risks import RiskClass
from bedside.privacy.dicom.rules import EDITION

__all__ = ["IMPLEMENTATION", "fresh_meta", "mark"]

IMPLEMENTATION = "2.25.171330283923104811474337829331542303245"
"""Bedside's implementation class UID."""
_TEMPORAL = {Dates.KEPT: "UNMODIFIED", Dates.SHIFTED: "MODIFIED", Dates.YEAR: "MODIFIED"}


def mark(
    dataset: Dataset,
    options: DicomOptions,
    *,
    looked: bool,
    structured: bool,
    accepted: frozenset[RiskClass] = frozenset(),
) -> None:
    """Write the attributes that PS3.15 E.1 asks for.

    Args:
        dataset: The cleaned data set.
        options: What was asked for.
        looked: Whether its pixels were cleaned.
        structured: Whether it held structured content, which was cleaned.
        accepted: Risks of this file that the options let through.
    """
    used = ["profile", *(["pixels"] if looked else []), "graphics"]
    used += ["structured"] if structured else []
    used += [options.dates] if options.dates in CODES else []
    used += sorted(options.retain)
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = [
        f"Bedside, PS3.15 Annex E {EDITION}",
        f"release mode {options.mode}",
        *[f"let through: {risk}" for risk in sorted(accepted)],
    ]
    dataset.DeidentificationMethodCodeSequence = [_code(*CODES[name]) for name in used]
    dataset.LongitudinalTemporalInformationModified = _TEMPORAL[options.dates]


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def fresh_meta(dataset: Dataset, transfer_syntax: UID) -> FileMetaDataset:
    """File meta information that keeps nothing of the old one but the transfer syntax."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = transfer_syntax
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = "BEDSIDE"
    return meta
