"""Files of another format, released under a release mode: read, taken apart, written anew."""

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound
from bedside.core.ids import canonical_json
from bedside.interop.fhirpath.model import is_resource, known
from bedside.lifecycle.steps import WriteFile
from bedside.privacy.fields.actions import FieldActions
from bedside.privacy.fields.columns import ColumnActions
from bedside.privacy.fields.fhir import FhirRelease
from bedside.privacy.fields.hl7v2 import Hl7Release
from bedside.privacy.fields.omop import OmopRelease
from bedside.privacy.fields.tables import TableRelease

__all__ = ["FORMATS", "ReleasedFiles", "check_places", "release_files"]

FORMATS = ("fhir", "hl7", "omop", "table")
LARGEST = 2 << 30  # bytes of one file, unpacked
_BULK = re.compile(r"([A-Z][A-Za-z]{2,40})(?:\.\d{1,6})?\.ndjson")
_TABLE = re.compile(r"[A-Za-z_]{2,40}\.(?:csv|parquet)", re.IGNORECASE)


@dataclass(slots=True)
class ReleasedFiles:
    """What came of it: files that were written, those that were no such files, and what stayed."""

    written: int = 0
    refused: int = 0
    lost: dict[str, int] = field(default_factory=dict)


def check_places(source: Path, target: Path, form: str) -> None:
    """Refuse what cannot be released, before anybody signs for it.

    Raises:
        Invalid: the target holds something, or there is no such form.
        NotFound: there is no such source.
    """
    if form not in FORMATS:
        raise Invalid("There is no such form.", fix=f"use one of: {', '.join(FORMATS)}.")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Invalid("The folder to write to is not empty.", fix="give a new folder.")
    if not source.exists():
        raise NotFound("There is no such file or folder.", fix="give one that is there.")


def release_files(
    source: Path,
    target: Path,
    form: str,
    actions: FieldActions,
    write: WriteFile,
    *,
    subject: str = "",
    columns: dict[str, str] | None = None,
) -> ReleasedFiles:
    """Release a file, a folder or a ZIP archive into a new folder.

    The files get new names where theirs could name somebody. `deidentification.json` says what was
    done; nothing in it repeats a value.

    Args:
        source: What is released; `.gz` is unpacked.
        target: A folder that is empty or does not exist yet.
        form: `fhir` (JSON or NDJSON), `hl7`, `omop` or `table` (CSV or Parquet).
        actions: What is done with a field.
        write: Writes a file.
        subject: For a table: the column with the patient's identifier.
        columns: For a table: what a column is, where its name does not say it.

    Raises:
        Invalid: the folder holds something, there is no such form, or no file is of it.
        NotFound: there is no such file.
    """
    check_places(source, target, form)
    release = _releasing(form, actions, subject, columns or {})
    done = ReleasedFiles()
    for number, (name, content) in enumerate(_files(source), start=1):
        try:
            made = release(name, number, content)
        except Invalid as error:
            if error.code == "invalid_column":
                raise
            done.refused += 1
            continue
        if made is not None:
            write(target / made[0], made[1])
            done.written += 1
    if not done.written:
        raise Invalid(
            f"No file there could be released as {form}.", fix="check the form and the files."
        )
    done.lost = dict(sorted((name, count) for name, count in actions.lost.items() if count))
    write(target / "deidentification.json", canonical_json(_told(form, actions, done)))
    return done


def _told(form: str, actions: FieldActions, done: ReleasedFiles) -> dict[str, Any]:
    plan = actions.plan
    return {
        "form": form,
        "mode": plan.mode.value,
        "project": plan.project,
        "agreement": plan.agreement,
        "dossier": plan.dossier,
        "attested_by": plan.attested_by,
        "released_at": iso(actions.released_at),
        "files": done.written,
        "files_that_were_none": done.refused,
        "stayed_behind": done.lost,
    }


_Made = tuple[str, bytes] | None
_Release = Callable[[str, int, bytes], _Made]


def _releasing(form: str, actions: FieldActions, subject: str, columns: dict[str, str]) -> _Release:
    if form == "fhir":
        return _fhir(FhirRelease(actions))
    if form == "hl7":
        messages = Hl7Release(actions)

        def hl7(name: str, number: int, content: bytes) -> _Made:
            made = messages.file(content)
            return (f"{number:05d}.hl7", made) if made else None

        return hl7
    if form == "omop":
        tables = OmopRelease(ColumnActions(actions))

        def omop(name: str, number: int, content: bytes) -> _Made:
            if not _TABLE.fullmatch(name):
                raise Invalid("This is no table.", fix="give CSV or Parquet files.")
            stem = name.rpartition(".")[0]
            made = tables.table(stem, _table(name, content))
            return None if made is None else (name, _written(name, made))

        return omop
    release = TableRelease(ColumnActions(actions), subject=subject, told=columns)

    def table(name: str, number: int, content: bytes) -> _Made:
        suffix = name.rpartition(".")[2].lower()
        made = release.table(_table(name, content))
        return f"{number:05d}.{suffix}", _written(name, made)

    return table


def _fhir(release: FhirRelease) -> _Release:
    def fhir(name: str, number: int, content: bytes) -> _Made:
        if name.endswith(".ndjson"):
            bulk = _BULK.fullmatch(name)
            is_kind = bulk is not None and known(bulk[1]) and is_resource(bulk[1])
            told = name if is_kind else f"{number:05d}.ndjson"
            made = release.ndjson(content)
            return (told, made) if made else None
        return f"{number:05d}.json", release.json(content)

    return fhir


def _table(name: str, content: bytes) -> pl.DataFrame:
    try:
        if name.lower().endswith(".parquet"):
            return pl.read_parquet(BytesIO(content))
        return pl.read_csv(BytesIO(content), infer_schema=False)
    except (pl.exceptions.PolarsError, OSError):
        raise Invalid("This is no table.", fix="give CSV or Parquet files.") from None


def _written(name: str, table: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    if name.lower().endswith(".parquet"):
        table.write_parquet(buffer)
    else:
        table.write_csv(buffer)
    return buffer.getvalue()


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Every file with its bare name, unpacked; hidden ones are left out."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield _unpacked(path.name, path.read_bytes())
        return
    if not source.is_file():
        raise NotFound("There is no such file or folder.", fix="give one that is there.")
    if not zipfile.is_zipfile(source):
        yield _unpacked(source.name, source.read_bytes())
        return
    with zipfile.ZipFile(source) as archive:
        for member in archive.infolist():
            name = PurePosixPath(member.filename).name
            hidden = name.startswith(".") or "__MACOSX" in member.filename
            if member.is_dir() or hidden:
                continue
            if member.file_size > LARGEST:
                raise Invalid("A file in the archive is too large.", fix="unpack it first.")
            yield _unpacked(name, archive.read(member))


def _unpacked(name: str, content: bytes) -> tuple[str, bytes]:
    if not name.endswith(".gz"):
        return name, content
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as file:
            opened = file.read(LARGEST)
    except (OSError, EOFError, zlib.error):
        raise Invalid("A .gz file cannot be unpacked.", fix="check it with gzip -t.") from None
    return name.removesuffix(".gz"), opened
