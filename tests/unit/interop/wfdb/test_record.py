"""WFDB records sample by sample against wfdb-python, and every way in which one can be broken."""

import tempfile
import zipfile
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.interop.wfdb.annotation import read_annotations
from bedside.interop.wfdb.coding import NO_SAMPLE, decoded
from bedside.interop.wfdb.comments import read_comments
from bedside.interop.wfdb.flac import decode_flac
from bedside.interop.wfdb.header import read_header
from bedside.interop.wfdb.record import read_record
from bedside.interop.wfdb.windows import Windows
from data_folder import data_folder
from wfdb_oracle import rdann, rdrecord

SEGMENTED = ["multi-segment/041s/041s01", "multi-segment/041s/041s02"]
UNSMOOTHED = [
    "03700181", "100", "100_3chan", "a103l", "a103l-no-len", "flacformats", "mixedsignals",
    "s0010_re", "v102s", *SEGMENTED,
]  # fmt: skip
NO_FILES = {}.get


def has_a_reason(error: Invalid) -> None:
    assert error.code


@cache
def sample_files() -> dict[str, bytes]:
    (path,) = data_folder("wfdb-samples").glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name[-1] != "/"}


def beside(name: str) -> bytes | None:
    return {PurePosixPath(one).name: raw for one, raw in sample_files().items()}.get(name)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as made:
        for name, content in sample_files().items():
            place = Path(made, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        yield Path(made)


@pytest.mark.parametrize("name", UNSMOOTHED)
def test_every_sample_is_the_same_number_as_the_package_of_physionet_reads(
    name: str, folder: Path
) -> None:
    oracle = rdrecord(str(folder / name), physical=True, smooth_frames=False)

    record = read_record(sample_files()[f"{name}.hea"], beside)

    assert [signal.name for signal in record.signals] == oracle.sig_name
    assert [signal.unit for signal in record.signals] == oracle.units
    for ours, theirs in zip(record.physical(), oracle.e_p_signal, strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)


def test_each_storage_format_gives_the_same_samples(folder: Path) -> None:
    oracle = rdrecord(str(folder / "binformats"), physical=False)

    record = read_record(sample_files()["binformats.hea"], beside)

    codings = [stretch.line.coding for _, stretch in record.stretches()]
    assert codings == [8, 16, 61, 80, 160, 212, 310, 311, 24, 32]
    for place, stretch in record.stretches():
        assert np.array_equal(stretch.samples, oracle.d_signal[:, place])


def test_a_record_of_segments_is_its_segments_one_after_the_other(folder: Path) -> None:
    whole = read_record(sample_files()["multi-segment/041s/041s.hea"], beside)
    parts = [read_record(sample_files()[f"{name}.hea"], beside) for name in SEGMENTED]

    joined = [np.concatenate(held) for held in zip(*(p.physical() for p in parts), strict=True)]
    for ours, theirs in zip(whole.physical(), joined, strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)
    assert whole.header.start is not None
    assert whole.header.start.isoformat() == "1994-10-26T08:26:04"


def test_a_layout_segment_says_which_signals_there_are_and_pauses_stay_empty() -> None:
    files = {
        "r_layout.hea": b"r_layout 2 10 0\n~ 0 100/mV 0 0 0 0 0 A\n~ 0 100/mV 0 0 0 0 0 B\n",
        "r_1.hea": b"r_1 1 10 2\nr_1.dat 16 100/mV 16 0 0 300 0 B\n",
        "r_1.dat": np.array([100, 200], "<i2").tobytes(),
        "r_2.hea": b"r_2 2 10 1\nr_2.dat 16 10/mV 16 0 0 50 0 B\nr_2.dat 16 10/mV 16 0 0 70 0 A\n",
        "r_2.dat": np.array([50, 70], "<i2").tobytes(),
    }

    record = read_record(b"r/4 2 10 6\nr_layout 0\nr_1 2\n~ 3\nr_2 1\n", files.get)

    a, b = (values.tolist() for values in record.physical())
    assert a[5] == 7.0
    assert np.isnan(a[:5]).all()
    assert b[:2] == [1.0, 2.0]
    assert np.isnan(b[2:5]).all()
    assert b[5] == 5.0


ANNOTATED = [
    "03700181.gqrsh", "03700181.gqrsl", "03700181.sqrs", "100.atr", "100.qrs", "1003.atr",
    "12726.anI", "12726.wqrs", "12726.wabp",
]  # fmt: skip


@pytest.mark.parametrize("name", ANNOTATED)
def test_every_annotation_is_the_one_that_the_package_of_physionet_reads(
    name: str, folder: Path
) -> None:
    record, _, annotator = name.partition(".")
    oracle = rdann(str(folder / record), annotator)

    found = read_annotations(sample_files()[name])

    assert [one.place for one in found.found] == oracle.sample.tolist()
    assert [one.subtype for one in found.found] == oracle.subtype.tolist()
    assert [one.channel for one in found.found] == oracle.chan.tolist()
    assert [one.number for one in found.found] == oracle.num.tolist()
    assert [one.text for one in found.found] == [note.rstrip("\0") for note in oracle.aux_note]
    symbols = [found.symbols[one.code] for one in found.found]
    if name == "12726.wabp":  # it defines CAL in a way that the package does not know
        assert symbols.count("CAL") == 45
    else:
        assert symbols == oracle.symbol


@pytest.mark.parametrize("name", ["1003.hea", "12726.hea"])
def test_a_record_without_its_signal_file_is_refused_and_says_so(name: str) -> None:
    with pytest.raises(Invalid) as told:
        read_record(sample_files()[name], beside).physical()
    assert told.value.code == "a signal file is missing"


TWO = np.array([100, 200], "<i2").tobytes()


@pytest.mark.parametrize(
    ("header", "files", "reason"),
    [
        (b"", {}, "the header has no record line"),
        (b"a 1\0 10", {}, "the header is not text"),
        (b"../a 1 10 2\nb.dat 16\n", {}, "the record line is malformed"),
        (b"a 1 10 2\n../../etc/passwd 16\n", {}, "a signal line is malformed"),
        (b"a 1 nan 2\nb.dat 16\n", {}, "the sampling frequency is malformed"),
        (b"a 1 1e300 2\nb.dat 16\n", {}, "the sampling frequency is impossible"),
        (b"a 1 0 2\nb.dat 16\n", {}, "the sampling frequency is impossible"),
        (b"a 1 10 -2\nb.dat 16\n", {}, "the number of samples is impossible"),
        (b"a 99999 10 2\nb.dat 16\n", {}, "the number of signals or segments is impossible"),
        (b"a 2 10 2\nb.dat 16\n", {}, "the header has more or fewer lines than it says"),
        (b"a 1 10 999999999999\nb.dat 16\n", {}, "it says that it has more than"),
        (b"a 1 10 2\nb.dat 16x999999\n", {}, "a signal file is missing"),
        (b"a 1 10 2\nb.dat 17\n", {"b.dat": TWO}, "a format that WFDB does not know"),
        (b"a 1 10 3\nb.dat 16\n", {"b.dat": TWO}, "shorter than the header says"),
        (b"a 1 10 2\nb.dat 16 200 16 0 100 301\n", {"b.dat": TWO}, "its checksum is of"),
        (b"a 1 10 2\nb.dat 16 inf/mV\n", {"b.dat": TWO}, "the gain of a signal is malformed"),
        (b"a 1 10 2 25:61:00\nb.dat 16\n", {}, "the time of the record is malformed"),
        (b"a 1 10 2 10:00:00 31/02/2020\nb.dat 16\n", {}, "the date of the record is impossible"),
        (b"a 1 10 2 10:00:00 01/01/0000\nb.dat 16\n", {}, "the date of the record is impossible"),
        (b"a/1 1 10 2\na 2\n", {"a.hea": b"a/1 1 10 2\na 2\n"}, "a segment has segments"),
        (b"a/1 1 10 9\nb 2\n", {"b.hea": b"b 1 10 2\nb.dat 16\n"}, "not as long as the record"),
        (b"a 1 10 2\nb.dat 516\n", {"b.dat": TWO}, "not FLAC"),
    ],
)
def test_a_broken_record_is_refused_with_a_reason_that_repeats_nothing(
    header: bytes, files: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(Invalid) as told:
        read_record(header, files.get).physical()
    assert reason in (told.value.code or "")
    assert "passwd" not in str(told.value)


def test_what_a_format_marks_as_not_measured_is_missing() -> None:
    content = np.array([-32768, 100], "<i2").tobytes()
    record = read_record(b"a 1 10 2\nb.dat 16 100/mV\n", {"b.dat": content}.get)
    ((_, stretch),) = record.stretches()
    assert stretch.samples.tolist() == [NO_SAMPLE, 100]
    assert np.isnan(record.physical()[0][0])


@pytest.mark.parametrize("comment", ["# <age>: 28  <sex>: M", "# age: 28", "# 28 M 1 2 x1"])
def test_an_age_is_read_however_the_database_writes_it(comment: str) -> None:
    told = read_comments(read_header(b"a 0 10 0\n" + comment.encode()).comments)
    assert told.age == 28
    assert told.sex == (None if "age: 28" in comment and "sex" not in comment else "male")


def test_an_age_of_minus_one_is_not_an_age() -> None:
    assert read_comments(["-1 M 1 2 x1"]).age is None


def test_diagnoses_are_kept_by_their_heading_and_no_diagnosis_is_none() -> None:
    told = read_comments(read_header(sample_files()["s0010_re.hea"]).comments)
    assert told.sex == "female"
    assert told.diagnoses == (
        ("reason for admission", "Myocardial infarction"),
        ("acute infarction (localization)", "infero-latera"),
        ("additional diagnoses", "Diabetes mellitus"),
    )


@given(
    st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), max_size=80),
    st.integers(1, 30),
    st.integers(0, 80),
)
@settings(max_examples=100)
def test_windows_are_the_same_in_one_piece_or_two_and_their_mean_lies_between(
    values: list[float], width: int, cut: int
) -> None:
    signal = np.array(values, float)
    whole, cut_up = (
        Windows(length=len(values), frequency=1.0, seconds=float(width)) for _ in range(2)
    )
    whole.add(0, signal)
    cut_up.add(0, signal[:cut])
    cut_up.add(min(cut, len(values)), signal[cut:])

    assert len(whole.mean) == -(-len(values) // width)
    assert np.array_equal(whole.least, cut_up.least, equal_nan=True)
    assert np.array_equal(whole.greatest, cut_up.greatest, equal_nan=True)
    np.testing.assert_allclose(whole.mean, cut_up.mean, atol=1e-6)
    told = np.isfinite(whole.mean)
    assert (whole.least[told] - 1e-6 <= whole.mean[told]).all()
    assert (whole.mean[told] <= whole.greatest[told] + 1e-6).all()
    measured = [value for value in values if np.isfinite(value)]
    assert (min(measured) == np.nanmin(whole.least)) if measured else not told.any()


@given(st.lists(st.integers(-2048, 2047), max_size=60))
@settings(max_examples=100)
def test_twelve_bit_samples_come_back_as_they_were_packed(samples: list[int]) -> None:
    packed = bytearray()
    for first, second in zip(samples[::2], [*samples[1::2], 0], strict=False):
        low, high = first & 0xFFF, second & 0xFFF
        packed += bytes([low & 0xFF, low >> 8 | high >> 8 << 4, high & 0xFF])
    assert decoded(bytes(packed), 212, len(samples), 1).tolist() == samples


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes_are_a_header_or_refused(content: bytes) -> None:
    for tried in (content, b"a 1 10 2\nb.dat " + content, b"a/2 1 10 2\n" + content):
        with_files = {"b.dat": content}.get
        try:
            read_record(tried, with_files).physical()
        except Invalid as error:
            has_a_reason(error)


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes_are_annotations_or_refused(content: bytes) -> None:
    try:
        read_annotations(content)
    except Invalid as error:
        has_a_reason(error)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_flac_file_with_flipped_bytes_is_read_or_refused_and_never_hangs(data) -> None:
    content = bytearray(sample_files()["flacformats.d1"])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for tried in (bytes(content), bytes(content[:cut])):
        try:
            assert len(decode_flac(tried, bits=16, channels=1, count=499)) == 499
        except Invalid as error:
            has_a_reason(error)
