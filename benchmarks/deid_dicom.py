"""DICOM headers: ours against dicom-anonymizer alone; and what either leaves of what was planted.

Both read, clean and write the same files in memory, in one run, in turn. The floor is reading and
writing without cleaning.
"""

import argparse
import contextlib
import io
import json
import os
import random
import sys
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pydicom
from dicomanonymizer.simpledicomanonymizer import anonymize_dataset, initialize_actions
from pydicom.uid import UID
from scipy.stats import beta

from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.dicom.deidentifier import DicomDeidentifier
from bedside.privacy.dicom.frames import pictures
from bedside.privacy.dicom.options import DicomOptions
from bedside.privacy.dicom.reading import quiet, read_dicom
from bedside.privacy.dicom.risks import NEVER, RiskClass
from bedside.privacy.dicom.text_finder import TesseractFinder
from bedside.privacy.memory_vault import MemoryVault

SETS = {"dicom-deid": "dicom_deid.zip", "dicom-test-files": "dicom.zip"}
DATA = Path(
    os.environ.get("BEDSIDE_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data"
)
LIMIT = 512 * 2**20
IN_PIXELS = ("ZZZ", "TEST", "PATIENTFI", "00079241539", "08/29/1951", "CCHS", "CLEVELA",
             "03/02/2017", "05:24:5")  # fmt: skip
"""What a reader sees in the top line of the two ultrasound files."""


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of a data set's archive, by name."""
    with zipfile.ZipFile(folder / SETS[folder.name]) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}


def ours(finder: Any = None, mode: ReleaseMode = ReleaseMode.SAFE_HARBOR) -> DicomDeidentifier:
    """Everything that may be accepted is accepted, so that each file is cleaned."""
    options = DicomOptions(mode=mode, accept=frozenset(RiskClass) - NEVER)
    return DicomDeidentifier(options=options, vault=MemoryVault(), salt="b", finder=finder)


def written(dataset: pydicom.FileDataset) -> bytes:
    """As a file."""
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def clean_ours(content: bytes, cleaner: DicomDeidentifier) -> bytes:
    """The header by our rules; the picture as it is."""
    dataset = read_dicom(content, max_bytes=LIMIT)
    cleaner.header(dataset, looked=False)
    return written(dataset)


def clean_peer(content: bytes) -> bytes:
    """The header by dicom-anonymizer, with the same edition of the table."""
    dataset = pydicom.dcmread(io.BytesIO(content), force=True)
    anonymize_dataset(dataset, base_rules_gen=lambda: initialize_actions("dicomfields_2026c"))
    return written(dataset)


def clean_not(content: bytes) -> bytes:
    """Read and written."""
    return written(pydicom.dcmread(io.BytesIO(content), force=True))


def both_can(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files that both get through, without the largest, whose pixels hide what is measured."""
    found, cleaner = {}, ours()
    for name, content in files.items():
        with contextlib.suppress(Exception):
            clean_ours(content, cleaner)
            clean_peer(content)
            if len(content) < 2**20:
                found[name] = content
    return found


def speed(files: dict[str, bytes], passes: int) -> dict[str, Any]:
    """Milliseconds a file, and the ratio to the peer in the same pass."""
    cleaner = ours()
    ways: dict[str, Callable[[bytes], bytes]] = {
        "ours": lambda content: clean_ours(content, cleaner),
        "dicom-anonymizer": clean_peer,
        "read and write": clean_not,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for index in range(passes):
        for name in random.Random(index).sample(sorted(ways), len(ways)):  # noqa: S311
            began = time.process_time()
            for content in files.values():
                ways[name](content)
            times[name].append((time.process_time() - began) * 1000 / len(files))
    pairs = zip(times["dicom-anonymizer"], times["ours"], strict=True)
    return {
        "files": len(files),
        "ms_a_file": {name: round(median(took), 2) for name, took in times.items()},
        "times_as_fast_as_dicom_anonymizer": round(median(p / o for p, o in pairs), 2),
    }


def planted(dataset: pydicom.Dataset) -> Iterator[tuple[str, str]]:
    """What identifies in a header, by kind: every value of an attribute of that kind."""
    private = ("LO", "PN", "SH", "UT", "LT", "ST")
    for element in dataset.iterall():
        values = element.value if element.VM > 1 else [element.value]
        if element.VR in ("SQ", "OB", "OW", "OF", "UN") or element.VM == 0:
            continue
        kind = ""
        if element.tag.is_private:
            kind = "private text" if element.VR in private else ""
        elif element.VR == "PN":
            kind = "name"
        elif element.VR in ("DA", "DT"):
            kind = "date"
        elif element.VR == "UI":
            kind = "UID"
        elif element.keyword in ("PatientID", "OtherPatientIDs", "AccessionNumber", "StudyID",
                                 "RequestedProcedureID", "ScheduledProcedureStepID"):  # fmt: skip
            kind = "number"
        elif element.keyword.startswith(("Institution", "CurrentPatientLocation")):
            kind = "place"
        elif element.keyword in ("DeviceSerialNumber", "StationName"):
            kind = "device"
        elif element.VR in ("LT", "ST", "UT") or element.keyword in ("ReasonForStudy",):
            kind = "free text"
        for value in values if kind else ():
            text = str(value).strip(" ^")
            # 1 January is what every date of its year becomes; a registered UID names nobody.
            registered = kind == "UID" and (UID(text).is_private is False or "107.5.9.1" in text)
            if len(text) > 2 and not registered and text[4:] != "0101":
                yield kind, text


def left(original: bytes, cleaned: bytes) -> Iterator[tuple[str, bool]]:
    """For each distinct planted value its kind, and whether it is still anywhere in the header."""
    source = pydicom.dcmread(io.BytesIO(original), force=True)
    result = pydicom.dcmread(io.BytesIO(cleaned), force=True)
    if "PixelData" in result:
        del result.PixelData
    told = "\n".join(f"{element.value}" for element in result.iterall() if element.VR != "SQ")
    told += "\n".join(str(element.value) for element in result.file_meta)
    for kind, text in sorted(set(planted(source))):
        yield kind, text in told


def interval(missed: int, total: int) -> tuple[float, float]:
    """Clopper-Pearson, 95 %, of the share that is left."""
    low = 0.0 if missed == 0 else float(beta.ppf(0.025, missed, total - missed + 1))
    high = 1.0 if missed == total else float(beta.ppf(0.975, missed + 1, total - missed))
    return round(low, 4), round(high, 4)


def leaks(files: dict[str, bytes], clean: Callable[[bytes], bytes]) -> list[dict[str, Any]]:
    """A row for each kind: how many were planted, how many are left, with what interval."""
    total: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for content in files.values():
        for kind, still in left(content, clean(content)):
            total[kind] += 1
            missed[kind] += still
    return [
        {"kind": k, "planted": total[k], "left": missed[k], "share": interval(missed[k], total[k])}
        for k in sorted(total)
    ]


def in_pictures(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """For each picture with writing: which of its words Tesseract still reads, before and after."""
    finder = TesseractFinder.installed()
    rows = []
    for name, content in files.items():
        if "ultrasounds" in name:
            outcome = ours(finder).file(content)
            before, after = (words(one, finder) for one in (content, outcome.content))
            rows.append(
                {
                    "file": name,
                    "outcome": outcome.status,
                    "boxes": outcome.boxes,
                    "read_before": [word for word in IN_PIXELS if word in before],
                    "read_after": [word for word in IN_PIXELS if word in after],
                }
            )
    return rows


def words(content: bytes, finder: TesseractFinder) -> str:
    """All that Tesseract reads in a file's pictures, sure of it or not."""
    dataset = read_dicom(content, max_bytes=LIMIT)
    return "\n".join(finder.words(picture) for picture in pictures(dataset))


def main() -> None:
    """Print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="The folder of the data sets.")
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--leaks", action="store_true", help="Count what is left in headers.")
    parser.add_argument("--pixels", action="store_true", help="And read the pictures again.")
    asked = parser.parse_args()
    if not all((asked.data / name).is_dir() for name in SETS):
        print(f"Not measured: {' and '.join(SETS)} are not in the folder of --data.")
        return
    told: dict[str, Any] = {"python": sys.version.split()[0]}
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        for name in SETS:
            files = both_can(files_of(asked.data / name))
            told[name] = {"speed": speed(files, asked.passes)}
        files = files_of(asked.data / "dicom-deid")
        if asked.leaks:
            cleaner = ours()
            told["left"] = {
                "ours": leaks(files, lambda content: clean_ours(content, cleaner)),
                "dicom-anonymizer": leaks(files, clean_peer),
            }
        if asked.pixels:
            told["pictures"] = in_pictures(files)
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
