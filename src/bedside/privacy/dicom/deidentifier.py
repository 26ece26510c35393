"""One file in, one outcome out: the header by the profile, the picture by a search for text."""

import io
from collections import OrderedDict
from dataclasses import dataclass, field

import pydicom
from pydicom import DataElement, Dataset
from pydicom.uid import ExplicitVRLittleEndian

from bedside.core.errors import BedsideError
from bedside.core.ids import subject_pseudonym
from bedside.core.ports.vault import Vault
from bedside.privacy.dicom.header import HeaderCleaner
from bedside.privacy.dicom.known import element_bytes, known_pattern
from bedside.privacy.dicom.marks import fresh_meta, mark
from bedside.privacy.dicom.options import Dates, DicomOptions
from bedside.privacy.dicom.outcome import FileOutcome, Status
from bedside.privacy.dicom.pixels import PixelResult, clean_pixels, has_pixels
from bedside.privacy.dicom.reading import quiet, read_dicom
from bedside.privacy.dicom.regions import SiteRegions
from bedside.privacy.dicom.risks import NEVER, WORDS, RiskClass, risks_of
from bedside.privacy.dicom.rules import rules_of
from bedside.privacy.dicom.text_finder import TextFinder
from bedside.privacy.dicom.uids import UidStandIns

__all__ = ["DicomDeidentifier"]

_SUBJECTS_AT_HAND = 64


@dataclass(slots=True, kw_only=True)
class DicomDeidentifier:
    """De-identifies files one by one.

    Args:
        options: Mode, options of the profile, what is let through.
        vault: Keeps pseudonyms, offsets and the stand-ins of UIDs of the project.
        salt: Of the declaration, so that a patient is the same subject as in rows and notes.
        finder: Finds text in pictures; None: a file with a picture is kept back.
        regions: What the site knows of its scanners.
        subjects: The patients whose files were cleaned.
        nameless: How many cleaned files name no patient.
    """

    options: DicomOptions
    vault: Vault
    salt: str
    finder: TextFinder | None
    regions: SiteRegions = field(default_factory=SiteRegions)
    subjects: set[int] = field(default_factory=set, init=False)
    nameless: int = field(default=0, init=False)
    _uids: "OrderedDict[int, UidStandIns]" = field(default_factory=OrderedDict, init=False)

    def file(self, content: bytes) -> FileOutcome:
        """What becomes of one file, given as its bytes. It never raises for what they hold."""
        with quiet():
            try:
                return self._file(content)
            except BedsideError as error:
                return _kept_back([error.code], [error.problem])
            except Exception:
                return _kept_back(["malformed"], ["The file is malformed."])

    def _file(self, content: bytes) -> FileOutcome:
        dataset = read_dicom(content, max_bytes=self.options.max_bytes)
        pictured = has_pixels(dataset)
        if "Rows" in dataset and not pictured:
            return _kept_back(["truncated_pixels"], ["The header is of an image that is absent."])
        risks = risks_of(dataset)
        refused = sorted(risks & NEVER) + sorted(risks - NEVER - self.options.accept)
        if refused:
            return _kept_back([*refused], [WORDS[risk] for risk in refused])
        if pictured and (self.finder is None or not self.options.pixels):
            return _kept_back(["pixels_not_looked_at"], ["Nobody looked for text in its picture."])
        done = None
        if pictured and self.finder is not None:
            limit = self.options.max_bytes
            done = clean_pixels(dataset, self.finder, self.regions, max_bytes=limit)
        accepted = risks & self.options.accept
        _annotate(dataset, done, accepted)
        name = self.header(dataset, looked=pictured, accepted=accepted)
        return FileOutcome(
            status=Status.CLEANED,
            name=name,
            content=_written(dataset),
            accepted=tuple(sorted(accepted)),
            boxes=done.boxes if done else 0,
            looked=pictured,
        )

    def header(
        self,
        dataset: pydicom.FileDataset,
        *,
        looked: bool,
        accepted: frozenset[RiskClass] = frozenset(),
    ) -> str:
        """Clean the attributes in place, and say what was done; returns the file's new name.

        What the vault draws for the file is durable when this ends.
        """
        subject, is_named = self._subject(dataset)
        syntax = dataset.file_meta.TransferSyntaxUID
        if syntax.is_deflated:
            syntax = ExplicitVRLittleEndian  # the same elements, and every reader takes them
        try:
            with self.vault.together() as vault:
                cleaner = self._cleaned(dataset, vault, subject)
        except Exception:
            self._uids.pop(subject, None)  # what was drawn for it is not kept
            raise
        self.subjects |= {subject} if is_named else set()
        self.nameless += not is_named
        structured = cleaner.structured_seen
        mark(dataset, self.options, looked=looked, structured=structured, accepted=accepted)
        dataset.file_meta = fresh_meta(dataset, syntax)
        dataset.preamble = b"\0" * 128
        parts = [str(dataset.PatientID)]
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            parts.append(str(dataset.get(keyword) or "none"))
        return "/".join(parts) + ".dcm"

    def _cleaned(self, dataset: pydicom.FileDataset, vault: Vault, subject: int) -> HeaderCleaner:
        pseudonym = str(vault.pseudonym(subject))
        cleaner = HeaderCleaner(
            rules=rules_of(self.options),
            retain=self.options.retain,
            dates=self.options.dates,
            offset=vault.offset(subject) if self.options.dates is Dates.SHIFTED else 0,
            uids=self._uids_of(subject, vault),
            known=known_pattern(dataset),
        )
        cleaner.clean(dataset)
        dataset[0x00100010] = DataElement(0x00100010, "PN", pseudonym)
        dataset[0x00100020] = DataElement(0x00100020, "LO", pseudonym)
        return cleaner

    def _subject(self, dataset: Dataset) -> tuple[int, bool]:
        """Whose it is: the patient by the rule of collecting; without one, the study as such.

        The second says whether it is a patient's.
        """
        for keyword, kind in (("PatientID", ""), ("StudyInstanceUID", "study:"),
                              ("SOPInstanceUID", "instance:")):  # fmt: skip
            if keyword in dataset:
                raw = element_bytes(dataset.get_item(keyword)).strip(b" \0")
                name = raw.decode(errors="replace")
                if name:
                    return subject_pseudonym(kind + name, salt=self.salt), not kind
        return subject_pseudonym("", salt=self.salt), False

    def _uids_of(self, subject: int, vault: Vault) -> UidStandIns:
        uids = self._uids.pop(subject, None) or UidStandIns(vault, subject)
        uids.vault = vault
        self._uids[subject] = uids
        if len(self._uids) > _SUBJECTS_AT_HAND:
            self._uids.popitem(last=False)
        return uids


def _annotate(dataset: Dataset, done: PixelResult | None, accepted: frozenset[RiskClass]) -> None:
    """Say of burned-in text what is known: NO only where its class is safe, or its device known."""
    if done is None:
        return
    risky = accepted - {RiskClass.FACE, RiskClass.FACE_UNKNOWN}
    if not risky or done.known_device:
        dataset.BurnedInAnnotation = "NO"
    else:
        dataset.BurnedInAnnotation = "YES"
    if RiskClass.FACE in accepted:
        dataset.RecognizableVisualFeatures = "YES"


def _kept_back(reasons: list[str], words: list[str]) -> FileOutcome:
    return FileOutcome(status=Status.QUARANTINED, reasons=tuple(reasons), words=tuple(words))


def _written(dataset: pydicom.FileDataset) -> bytes:
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()
