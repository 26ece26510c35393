import io

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from bedside.core.errors import Refused
from bedside.core.ids import subject_pseudonym
from bedside.core.records.release_mode import ReleaseMode
from bedside.privacy.dicom.header import DEEPEST
from bedside.privacy.dicom.marks import IMPLEMENTATION
from bedside.privacy.dicom.options import DicomOptions, ProfileOption, legal_options
from bedside.privacy.memory_vault import MemoryVault
from dicom_files import a_ct, as_bytes, cleaned, cleaner, real_files

PLANTED = [
    b"Miller", b"MILLER", b"Jane", b"778899", b"19300517", b"20240517", b"555-1234",
    b"1.2.3.4", b"Mercy", b"SN4711", b"Dr Adams",
]  # fmt: skip


def _a_revealing_ct():
    dataset = a_ct(
        StudyDescription="CT for Jane Miller",
        PatientComments="call 555-1234",
        InstitutionName="Mercy Hospital",
        DeviceSerialNumber="SN4711",
        ReferringPhysicianName="Adams^Dr Adams",
        ContrastBolusAgent="Iohexol for MILLER",
        ConvolutionKernel="H31s",
        PatientAddress="1 Elm Street",
    )
    block = dataset.private_block(0x0009, "ACME", create=True)
    block.add_new(0x01, "LO", "Jane Miller")
    dataset.add_new(0x60003000, "OW", b"Miller  ")
    dataset.add_new(0x60000010, "US", 4)
    dataset.add_new(0x50003000, "OW", b"Miller  ")
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.BitsAllocated = 8
    icon.PixelData = b"Mill"
    dataset.IconImageSequence = Sequence([icon])
    referenced = Dataset()
    referenced.ReferencedSOPClassUID = dataset.SOPClassUID
    referenced.ReferencedSOPInstanceUID = "1.2.3.4.5"
    dataset.ReferencedImageSequence = Sequence([referenced])
    return dataset


@pytest.mark.parametrize("mode", [ReleaseMode.SAFE_HARBOR, ReleaseMode.EXPERT])
def test_nothing_that_was_planted_is_left_anywhere_in_the_file(mode):
    outcome = cleaner(mode).file(as_bytes(_a_revealing_ct()))

    assert outcome.status == "cleaned"
    assert [
        text for text in PLANTED if text in outcome.content or text.decode() in outcome.name
    ] == []


def test_what_the_picture_needs_stays_and_what_is_said_of_the_cleaning_is_true():
    result = cleaned(cleaner().file(as_bytes(_a_revealing_ct())))

    assert (result.Modality, result.BodyPartExamined, result.ConvolutionKernel) == (
        "CT", "CHEST", "H31s",
    )  # fmt: skip
    assert result.PatientAge == "090Y"
    assert result.PatientIdentityRemoved == "YES"
    assert result.BurnedInAnnotation == "NO"
    assert result.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = [one.CodeValue for one in result.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113101", "113103", "113108"]
    assert result.preamble == b"\0" * 128
    assert result.file_meta.ImplementationClassUID == IMPLEMENTATION
    assert result.file_meta.MediaStorageSOPInstanceUID == result.SOPInstanceUID
    assert "IconImageSequence" not in result


def test_safe_harbor_keeps_the_year_alone_in_a_valid_form():
    result = cleaned(cleaner().file(as_bytes(a_ct())))

    assert (result.StudyDate, result.AcquisitionDateTime) == ("20240101", "2024")
    assert (result.ContentDate, result.ContentTime, result.PatientBirthDate) == (
        "20240101", "000000", "",
    )  # fmt: skip


def test_an_expert_release_moves_dates_by_the_offset_that_rows_and_notes_have():
    vault = MemoryVault()
    subject = subject_pseudonym("MRN-778899", salt="ward")

    result = cleaned(cleaner(ReleaseMode.EXPERT, vault=vault).file(as_bytes(a_ct())))

    moved = pydicom.valuerep.DA(result.StudyDate) - pydicom.valuerep.DA("20240517")
    assert moved.days == vault.offset(subject) != 0
    assert result.PatientID == str(vault.pseudonym(subject))
    assert result.ContentTime == "081530"
    assert "113107" in [one.CodeValue for one in result.DeidentificationMethodCodeSequence]


def test_a_limited_data_set_keeps_dates_but_no_birth_date():
    result = cleaned(cleaner(ReleaseMode.LIMITED_DATASET).file(as_bytes(a_ct())))

    assert (result.StudyDate, result.PatientBirthDate) == ("20240517", "")
    assert result.LongitudinalTemporalInformationModified == "UNMODIFIED"


def test_a_reference_still_leads_to_its_image_across_files():
    ours = cleaner()
    image = cleaned(ours.file(as_bytes(a_ct())))
    pointing = _a_revealing_ct()
    pointing.SOPInstanceUID = "1.2.3.4.6"

    other = cleaned(ours.file(as_bytes(pointing)))

    assert other.ReferencedImageSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert other.StudyInstanceUID == image.StudyInstanceUID != "1.2.3"
    assert other.SOPInstanceUID != image.SOPInstanceUID


def test_two_projects_share_no_uid_and_no_pseudonym():
    one, two = (cleaned(cleaner().file(as_bytes(a_ct()))) for _ in range(2))

    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.PatientID != two.PatientID


def test_a_structured_report_loses_text_names_and_dates_and_keeps_its_findings():
    reports = [name for name in real_files("dicom-test-files") if name.endswith("/sr.dcm")]
    source = pydicom.dcmread(io.BytesIO(real_files("dicom-test-files")[reports[0]]))
    said = Dataset()
    said.RelationshipType, said.ValueType, said.TextValue = "CONTAINS", "TEXT", "Jane was here"
    named = Dataset()
    named.RelationshipType, named.ValueType = "HAS OBS CONTEXT", "PNAME"
    named.PersonName = "Adams^Paula"
    dated = Dataset()
    dated.RelationshipType, dated.ValueType, dated.Date = "CONTAINS", "DATE", "20240517"
    source.ContentSequence = Sequence([*source.ContentSequence, said, named, dated])
    numbers = [e.value for e in source.iterall() if e.keyword == "NumericValue"]

    result = cleaned(cleaner().file(as_bytes(source)))

    items = result.ContentSequence[-3:]
    assert (items[0].TextValue, items[1].PersonName, items[2].Date) == (
        "REMOVED", "REMOVED", "20240101",
    )  # fmt: skip
    assert [e.value for e in result.iterall() if e.keyword == "NumericValue"] == numbers != []
    assert "113104" in [one.CodeValue for one in result.DeidentificationMethodCodeSequence]


def test_safe_private_attributes_stay_only_on_request():
    dataset = a_ct()
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "1000")
    block.add_new(0x08, "LO", "Jane Miller")
    retain = frozenset({ProfileOption.RETAIN_SAFE_PRIVATE})

    kept = cleaned(cleaner(retain=retain).file(as_bytes(dataset)))
    gone = cleaned(cleaner().file(as_bytes(dataset)))

    assert kept.get((0x0019, 0x100C)).value == 1000
    assert (0x0019, 0x1008) not in kept
    assert [e for e in gone if e.tag.is_private] == []


def test_a_date_that_is_none_is_not_passed_on():
    dataset = a_ct()
    dataset.add_new("SeriesDate", "LO", "Jane Miller")
    dataset["SeriesDate"].VR = "LO"

    outcome = cleaner(ReleaseMode.LIMITED_DATASET).file(as_bytes(dataset))

    assert b"Jane" not in outcome.content


def test_sequences_deeper_than_any_real_file_are_kept_back():
    dataset = inner = a_ct()
    for _ in range(DEEPEST + 2):
        item = Dataset()
        inner.ReferencedImageSequence = Sequence([item])
        inner = item
    inner.ReferencedSOPInstanceUID = "1.2.3"

    outcome = cleaner().file(as_bytes(dataset))

    assert outcome.reasons == ("too_deep",)


@pytest.mark.parametrize(
    ("mode", "option"),
    [(m, o) for m in ReleaseMode for o in ProfileOption if o not in legal_options(m)],
)
def test_a_mode_refuses_the_options_that_its_rule_forbids(mode, option):
    with pytest.raises(Refused):
        DicomOptions(mode=mode, retain=frozenset({option}))


def test_a_code_that_looks_like_a_day_stays_and_a_word_that_holds_one_goes():
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "20101001", "SCT"
    code.CodeMeaning = "seen on 2024-05-17"
    dataset = a_ct(AnatomicRegionSequence=Sequence([code]))

    result = cleaned(cleaner().file(as_bytes(dataset))).AnatomicRegionSequence[0]

    assert (result.CodeValue, result.CodeMeaning) == ("20101001", "REMOVED")
