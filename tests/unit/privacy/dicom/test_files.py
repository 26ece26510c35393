import io
import re
import subprocess
import zlib
from collections import Counter

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.dicom.reading import quiet
from bedside.privacy.dicom.risks import NEVER, RiskClass
from dicom_files import a_ct, as_bytes, cleaned, cleaner, program, real_files

EVERY = frozenset(RiskClass) - NEVER
SMALL = ("CT_small", "MR_small.dcm", "test-SR", "rtplan.dcm", "priv_SQ", "nested_priv_SQ", "rwvm")


def _small():
    files = real_files("dicom-test-files")
    return [files[name] for name in sorted(files) if any(one in name for one in SMALL)]


def _errors(content, folder, dciodvfy):
    """What dciodvfy calls an error, without the UIDs in it; it exits with 0 all the same."""
    file = folder / "file.dcm"
    file.write_bytes(content)
    done = subprocess.run([dciodvfy, "-new", str(file)], capture_output=True, check=False)
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    return Counter(re.sub(r"<[\d.]+>", "<UID>", one) for one in lines if one.startswith("Error"))


def _inflated(content):
    """A deflated file as dciodvfy can read it."""
    with quiet():
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        syntax = dataset.file_meta.get("TransferSyntaxUID")
        if syntax is None or not syntax.is_deflated:
            return content
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        out = io.BytesIO()
        dataset.save_as(out)
        return out.getvalue()


@pytest.mark.parametrize(("mode", "every"), [(ReleaseMode.SAFE_HARBOR, 1), (ReleaseMode.EXPERT, 5)])
def test_no_real_file_crashes_and_none_becomes_less_valid_than_it_was(tmp_path, mode, every):
    dciodvfy = program("dciodvfy", "dicom3tools")
    ours = cleaner(mode, accept=EVERY)
    ends = Counter()

    for name, content in list(real_files("dicom-test-files").items())[::every]:
        outcome = ours.file(content)
        ends[outcome.status.value] += 1
        if outcome.content and len(content) < 2**19:
            before = _errors(_inflated(content), tmp_path, dciodvfy)
            new = _errors(outcome.content, tmp_path, dciodvfy) - before
            assert not new, name

    assert ends["cleaned"] > 100 / every


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_mutated_file_ends_as_one_of_two_can_be_read_again_and_is_not_quoted(data):
    source = a_ct(
        StudyDescription="Jane Miller", ContrastBolusAgent="for Miller", AccessionNumber="A77"
    )
    sources = [as_bytes(source), *_small()]
    content = bytearray(sources[data.draw(st.integers(0, len(sources) - 1))])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]

    outcome = cleaner(accept=EVERY).file(bytes(content))

    assert outcome.status in ("cleaned", "quarantined")
    assert (outcome.content == b"") == (outcome.status == "quarantined")
    assert not any("Miller" in words for words in outcome.words)
    if outcome.content:
        with quiet():
            assert pydicom.dcmread(io.BytesIO(outcome.content)).PatientIdentityRemoved == "YES"


def test_an_image_cut_off_anywhere_is_kept_back_once_it_says_that_it_is_one():
    content = as_bytes(a_ct())

    for end in range(0, len(content) - 1, 37):
        outcome = cleaner().file(content[:end])
        whole = outcome.status == "cleaned" and "Rows" not in cleaned(outcome)
        assert whole or outcome.status == "quarantined", end


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not_dicom"),
        (b"%PDF-1.7 Jane Miller" * 20, "not_dicom"),
        (b"\0" * 128 + b"DICM", "malformed"),
    ],
)
def test_what_is_no_dicom_says_so(content, reason):
    outcome = cleaner().file(content)

    assert outcome.status == "quarantined"
    assert outcome.reasons[0] in (reason, "no_identity", "malformed", "cannot_decode")
    assert "Miller" not in repr(outcome)


def test_a_length_beyond_the_file_is_kept_back_without_taking_memory():
    content = bytearray(as_bytes(a_ct(StudyDescription="CHEST CT")))
    at = content.index(b"\x08\x00\x30\x10LO")
    content[at + 4 : at + 6] = b"UT"
    content[at + 6 : at + 12] = b"\0\0\xf0\xff\xff\x7f"

    assert cleaner().file(bytes(content)).status == "quarantined"


def test_a_small_file_that_unfolds_to_much_is_kept_back():
    image = a_ct()
    image.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    whole = as_bytes(image)
    start = 144 + int.from_bytes(whole[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(b"\0" * (40 * 2**20)) + packer.flush()

    outcome = cleaner(max_bytes=2**20).file(whole[:start] + bomb)

    assert outcome.reasons == ("too_large",)


def test_an_image_that_claims_to_be_huge_is_kept_back():
    assert cleaner().file(as_bytes(a_ct(Rows=60000, Columns=60000))).reasons == ("too_large",)


def test_an_image_shorter_than_its_header_says_is_kept_back():
    assert cleaner().file(as_bytes(a_ct(Rows=100))).reasons == ("truncated_pixels",)


def test_bytes_behind_the_picture_do_not_go_along():
    image = a_ct()
    image.PixelData = image.PixelData + b"Jane Miller "

    outcome = cleaner().file(as_bytes(image))

    assert len(cleaned(outcome).PixelData) == 64 * 64
    assert b"Jane" not in outcome.content


def test_an_unknown_character_set_does_not_stop_the_cleaning_or_leak():
    content = as_bytes(a_ct()).replace(b"ISO_IR 100", b"NOT_A SET ")

    assert b"Miller" not in cleaner().file(content).content
