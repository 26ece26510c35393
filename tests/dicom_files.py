"""DICOM for tests: a CT of the chest of a made-up patient, and files of the public data sets."""

import io
import os
import shutil
import zipfile
from functools import cache

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.dicom.deidentifier import DicomDeidentifier
from bedside.privacy.dicom.options import DicomOptions
from bedside.privacy.dicom.text_finder import TextFinder
from bedside.privacy.memory_vault import MemoryVault
from data_folder import data_folder

__all__ = ["Nothing", "a_ct", "as_bytes", "cleaned", "cleaner", "program", "real_files"]

_ARCHIVES = {"dicom-deid": "dicom_deid.zip", "dicom-test-files": "dicom.zip"}


class Nothing:
    """Finds no text, quickly: for tests of headers."""

    def find(self, picture, *, eager=False):
        return []


NOTHING = Nothing()


def program(name, package):
    """The path of a program; where it is not installed the test is skipped, in CI it fails."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed. Fix: apt-get install {package}."
        if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return found


@cache
def real_files(name):
    """The files of a public data set, by name."""
    with zipfile.ZipFile(data_folder(name) / _ARCHIVES[name]) as archive:
        return {one: archive.read(one) for one in archive.namelist() if not one.endswith("/")}


def a_ct(pixels=None, **changed):
    """A CT of the chest, 64 by 64, unless you say otherwise."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"WRITER MILLER".ljust(128, b"\0"))
    picture = np.zeros((64, 64), np.uint8) if pixels is None else pixels
    values = {
        "SpecificCharacterSet": "ISO_IR 100",
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": "1.2.3.4.5",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.4",
        "FrameOfReferenceUID": "1.2.3.9",
        "Modality": "CT",
        "BodyPartExamined": "CHEST",
        "PatientName": "Miller^Jane",
        "PatientID": "MRN-778899",
        "PatientBirthDate": "19300517",
        "PatientSex": "F",
        "PatientAge": "094Y",
        "StudyDate": "20240517",
        "ContentDate": "20240517",
        "ContentTime": "081530",
        "AcquisitionDateTime": "20240517081530+0100",
        "Rows": picture.shape[0],
        "Columns": picture.shape[1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PixelData": picture.tobytes(),
    } | changed
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def as_bytes(dataset: Dataset) -> bytes:
    """As a file."""
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def cleaner(
    mode=ReleaseMode.SAFE_HARBOR, *, vault=None, finder: TextFinder | None = NOTHING, **options
):
    """A de-identifier with a vault of its own."""
    return DicomDeidentifier(
        options=DicomOptions(mode=mode, **options),
        vault=vault or MemoryVault(),
        salt="ward",
        finder=finder,
    )


def cleaned(outcome):
    """The data set of a cleaned file."""
    assert outcome.status == "cleaned", outcome.reasons
    return pydicom.dcmread(io.BytesIO(outcome.content))
