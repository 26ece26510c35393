"""Strangers' bytes to a data set, within bounds; nothing that fails here repeats a value."""

import io
import logging
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pydicom
from pydicom import Dataset
from pydicom.uid import UID

from bedside.core.errors import Invalid

__all__ = ["quiet", "read_dicom"]

_DEFLATED = "1.2.840.10008.1.2.1.99"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom from telling values to the log or as warnings."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def read_dicom(content: bytes, *, max_bytes: int) -> pydicom.FileDataset:
    """Read one file.

    Raises:
        Invalid: it is no DICOM (code `not_dicom`), breaks off or is malformed (`malformed`),
            unfolds to more than `max_bytes` (`too_large`), or does not name its class and
            instance (`no_identity`).
    """
    if len(content) > max_bytes:
        raise _refused("The file is larger than allowed.", "too_large")
    marked = content[128:132] == b"DICM"
    if not marked and not _looks_like_a_data_set(content):
        raise _refused("The file is no DICOM.", "not_dicom")
    try:
        _check_deflated(content, marked, max_bytes)
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        if not marked and "TransferSyntaxUID" not in dataset.file_meta:
            dataset.file_meta.TransferSyntaxUID = UID(_guessed(dataset))
    except Invalid:
        raise
    except Exception:
        raise _refused("The file breaks off, or is malformed.", "malformed") from None
    _check_whole(dataset)
    _check_syntax(dataset)
    return dataset


def _refused(problem: str, code: str) -> Invalid:
    return Invalid(problem, fix="fetch it again from where it came from.", code=code)


def _looks_like_a_data_set(content: bytes) -> bool:
    """Without the mark of a file, a data set opens with group 2 or 8, and a small element."""
    return (
        len(content) > 132
        and content[:2] in (b"\2\0", b"\x08\0", b"\0\x08")
        and (content[2:4] < b"\x40\0" or content[2] < 0x40)
    )


def _guessed(dataset: pydicom.FileDataset) -> str:
    implicit, little = dataset.original_encoding
    if implicit:
        return pydicom.uid.ImplicitVRLittleEndian
    return pydicom.uid.ExplicitVRLittleEndian if little else pydicom.uid.ExplicitVRBigEndian


def _check_deflated(content: bytes, marked: bool, max_bytes: int) -> None:
    """Unfold no more than allowed: a small file may be made to unfold to any size."""
    if not marked or _DEFLATED.encode() not in content[132:1024]:
        return
    if content[132:136] != b"\2\0\0\0":
        raise _refused("The file breaks off, or is malformed.", "malformed")
    start = 144 + int.from_bytes(content[140:144], "little")
    unfolded = zlib.decompressobj(-zlib.MAX_WBITS)
    if len(unfolded.decompress(content[start:], max_bytes + 1)) > max_bytes:
        raise _refused("The file unfolds to more than is allowed.", "too_large")


def _check_syntax(dataset: pydicom.FileDataset) -> None:
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None or not syntax.is_transfer_syntax or syntax.is_private:
        raise Invalid(
            "The file is written in a transfer syntax that cannot be read here.",
            fix="convert it with the tool it came from.",
            code="cannot_decode",
        )


def _check_whole(dataset: Dataset) -> None:
    """Refuse what has no class and instance, or whose last element is shorter than it says."""
    try:
        identity = (str(dataset.get("SOPClassUID") or ""), str(dataset.get("SOPInstanceUID") or ""))
        for element in dataset.elements():
            length, value = getattr(element, "length", 0), element.value
            undefined = length == 0xFFFFFFFF
            if isinstance(value, bytes) and not undefined and length != len(value):
                raise _refused("The file breaks off in the middle of a value.", "malformed")
    except Invalid:
        raise
    except Exception:
        raise _refused("The file breaks off, or is malformed.", "malformed") from None
    if not all(identity):
        raise _refused("The file does not say of which class and instance it is.", "no_identity")
