"""A folder of files: each ends as cleaned or as kept back, and the source is never touched."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bedside.core.errors import Invalid, Unavailable
from bedside.core.ids import digest_bytes
from bedside.core.ports import Progress
from bedside.privacy.dicom.deidentifier import DicomDeidentifier
from bedside.privacy.dicom.outcome import FileOutcome, Status

__all__ = ["FolderResult", "Places", "deidentify_folder"]

_NAME_OF_LIST = "files.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a run reads and writes.

    Args:
        source: A file, or a folder that is gone through to its depth; links are not followed.
        out: A new folder: the cleaned files and the report. It may be handed on.
        identified: A new folder beside it: which source became what. It may not be handed on.
    """

    source: Path
    out: Path

    @property
    def identified(self) -> Path:
        """Beside `out`, so that it is not handed on with it."""
        return self.out.with_name(f"{self.out.name}-identified")

    def check(self) -> None:
        """Refuse places that would mix what came in with what goes out.

        Raises:
            Invalid: the source is absent (code `no_source`), or a target is in use
                (`target_in_use`) or lies in the source (`target_in_source`).
        """
        if not self.source.exists():
            raise Invalid(
                "The path to de-identify does not exist.",
                fix="name a DICOM file or a folder of them.",
                code="no_source",
            )
        source = self.source.resolve()
        for target in (self.out, self.identified):
            if target.is_file() or (target.is_dir() and any(target.iterdir())):
                raise Invalid(
                    "The folder for the results, or the one beside it that ends in -identified, "
                    "is in use.",
                    fix="name a folder that does not exist yet.",
                    code="target_in_use",
                )
            if source in target.resolve().parents or source == target.resolve():
                raise Invalid(
                    "The folder for the results lies in the source.",
                    fix="name a folder outside of it.",
                    code="target_in_source",
                )


@dataclass(slots=True)
class FolderResult:
    """How a run ended: counts, and the number and reasons of each file kept back."""

    cleaned: int = 0
    boxes: int = 0
    looked: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    words: dict[str, str] = field(default_factory=dict)
    accepted: Counter[str] = field(default_factory=Counter)
    quarantined: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    @property
    def files(self) -> int:
        """How many files were looked at."""
        return self.cleaned + len(self.quarantined)

    def add(self, number: int, outcome: FileOutcome) -> None:
        """Count one file in."""
        self.boxes += outcome.boxes
        self.looked += outcome.looked
        self.accepted.update(outcome.accepted)
        if outcome.status is Status.CLEANED:
            self.cleaned += 1
            return
        self.quarantined.append((number, outcome.reasons))
        self.reasons.update(outcome.reasons)
        self.words.update(zip(outcome.reasons, outcome.words, strict=True))


def deidentify_folder(
    places: Places, deidentifier: DicomDeidentifier, progress: Progress
) -> FolderResult:
    """De-identify every file of a folder.

    Raises:
        Invalid: a place is not fit; see `Places.check`.
        Unavailable: a result cannot be written (code `cannot_write`); what is done stays.
    """
    places.check()
    paths = list(_files(places.source))
    result = FolderResult()
    try:
        (places.out / "images").mkdir(parents=True, exist_ok=True)
        places.identified.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = places.identified / _NAME_OF_LIST
        lines.touch(mode=0o600)
        with (
            lines.open("a", newline="", encoding="utf-8", errors="surrogateescape") as stream,
            progress.step("de-identify", total=len(paths)) as advance,
        ):
            rows = csv.writer(stream)
            rows.writerow(["number", "source", "sha256", "outcome", "reasons", "result"])
            for number, path in enumerate(paths, start=1):
                digest, outcome = _one(path, deidentifier)
                outcome = _placed(outcome, places.out / "images")
                result.add(number, outcome)
                source = str(path.relative_to(places.source)) if path != places.source else path
                reasons = " ".join(outcome.reasons)
                rows.writerow([number, source, digest, outcome.status, reasons, outcome.name])
                stream.flush()
                advance(1)
    except OSError:
        raise Unavailable(
            "A result cannot be written.",
            fix="make room or check the rights of the folder, then run into a new folder.",
            code="cannot_write",
        ) from None
    return result


def _files(source: Path) -> Iterator[Path]:
    if not source.is_dir():
        yield source
        return
    for path in sorted(source.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path


def _one(path: Path, deidentifier: DicomDeidentifier) -> tuple[str, FileOutcome]:
    if path.is_symlink() or not path.is_file():
        return "", _kept("link", "A link or no plain file: it is not followed.")
    try:
        if path.stat().st_size > deidentifier.options.max_bytes:
            return "", _kept("too_large", "The file is larger than allowed.")
        content = path.read_bytes()
    except OSError:
        return "", _kept("unreadable", "The file cannot be opened.")
    return digest_bytes(content), deidentifier.file(content)


def _kept(reason: str, words: str) -> FileOutcome:
    return FileOutcome(status=Status.QUARANTINED, reasons=(reason,), words=(words,))


def _placed(outcome: FileOutcome, folder: Path) -> FileOutcome:
    """Write a cleaned file; a second file of the same instance is kept back."""
    if outcome.status is not Status.CLEANED:
        return outcome
    target = folder / outcome.name
    if target.exists():
        return _kept("same_instance", "Another file of the same instance was cleaned before it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    with io.FileIO(unfinished, "w") as stream:
        stream.write(outcome.content)
    unfinished.replace(target)
    return outcome
