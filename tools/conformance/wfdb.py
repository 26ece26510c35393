"""The sample records of wfdb-python, sample by sample against that package's own reading."""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from bedside.core.errors import Invalid
from bedside.interop.wfdb.annotation import read_annotations
from bedside.interop.wfdb.record import Record, read_record
from conformance.suite import UNEXPLAINED, Case, Status, Suite, members

with warnings.catch_warnings():  # the package has not caught up with pandas
    warnings.simplefilter("ignore")
    import wfdb

__all__ = ["run"]

FOLDER = "wfdb-samples"
_MISSING = {"a signal file is missing": "the data set has no signal file for it (see its README)"}
_EDF = "EDF is another format: it is refused, with the program that converts it"


def run(data: Path) -> Suite:
    """Read every record and annotation file in both ways.

    Args:
        data: The folder that holds `wfdb-samples`, zipped or not.
    """
    files = members(data / FOLDER)
    files = {name: content for name, content in files.items() if not name.endswith("README.md")}
    named = {PurePosixPath(name).name: content for name, content in files.items()}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            place = Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        signals = {line for line in named if _is_signal_file(line, named)}
        read = [name for name in sorted(files) if PurePosixPath(name).name not in signals]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cases = [_case(Path(folder, name), named) for name in read]
    return Suite(name="WFDB records", cases=tuple(cases))


def _is_signal_file(name: str, named: dict[str, bytes]) -> bool:
    """Whether a header names the file: then it is read with its record."""
    headers = (content for other, content in named.items() if other.endswith(".hea"))
    return any(f"{name} ".encode() in content for content in headers)


def _case(path: Path, named: dict[str, bytes]) -> Case:
    if path.suffix == ".edf":
        return Case(name=path.name, group="EDF", status="not_run", reason=_EDF)
    if path.suffix != ".hea":
        problem = _annotations(path)
        status: Status = "fail" if problem else "pass"
        return Case(name=path.name, group="annotations", status=status, reason=problem)
    try:
        record = read_record(path.read_bytes(), named.get)
        record.physical()
    except Invalid as error:
        reason = _MISSING.get(error.code or "", UNEXPLAINED)
        return Case(name=path.name, group="records", status="not_run", reason=reason)
    same = _whole(record, path) if record.header.segments else _samples(record, path)
    if same:
        return Case(name=path.name, group="records", status="pass")
    return Case(name=path.name, group="records", status="fail", reason=UNEXPLAINED)


def _samples(record: Record, path: Path) -> bool:
    """Whether each sample is the same number, and missing in the same places."""
    told = wfdb.rdrecord(str(path.with_suffix("")), physical=True, **_frames(record))
    theirs = told.p_signal.T if told.e_p_signal is None else told.e_p_signal
    ours = record.physical()
    return len(ours) == len(theirs) and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(ours, theirs, strict=True)
    )


def _frames(record: Record) -> dict[str, bool]:
    """The package cannot give the frames of a record with formats 8, 310 and 311 unsmoothed."""
    many = any(signal.frequency != record.header.frequency for signal in record.signals)
    return {"smooth_frames": False} if many else {}


def _whole(record: Record, path: Path) -> bool:
    """Whether a record of segments is what its segments are, one after the other."""
    parts = [
        read_record(path.with_name(f"{segment.name}.hea").read_bytes(), _beside(path))
        for segment in record.header.segments
    ]
    joined = [np.concatenate(held) for held in zip(*(p.physical() for p in parts), strict=True)]
    told = wfdb.rdrecord(str(path.with_suffix("")))
    return told.sig_len == record.frames and all(
        np.array_equal(ours, theirs, equal_nan=True)
        for ours, theirs in zip(record.physical(), joined, strict=True)
    )


def _beside(path: Path) -> Callable[[str], bytes | None]:
    """The files of the record's own folder."""

    def read(name: str) -> bytes | None:
        found = path.with_name(name)
        return found.read_bytes() if found.is_file() else None

    return read


def _annotations(path: Path) -> str:
    """How the annotations differ from the package's; empty where they do not."""
    told = wfdb.rdann(str(path.with_suffix("")), path.suffix[1:])
    found = read_annotations(path.read_bytes())
    ours = [(one.place, one.subtype, one.channel, one.number, one.text) for one in found.found]
    notes = [note.rstrip("\0") for note in told.aux_note]
    theirs = list(zip(told.sample, told.subtype, told.chan, told.num, notes, strict=True))
    if ours != theirs:
        return UNEXPLAINED
    symbols = [found.symbols.get(one.code) for one in found.found]
    odd = {mine for mine, other in zip(symbols, told.symbol, strict=True) if mine != other}
    if odd == {"CAL"} and path.name == "12726.wabp":
        return (
            "it defines its own symbol CAL without the line that announces definitions; WFDB's own "
            "library reads it, as we do, and wfdb-python has no symbol for it"
        )
    return UNEXPLAINED if odd else ""
