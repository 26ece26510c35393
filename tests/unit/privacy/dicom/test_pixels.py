import io

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from bedside.core.errors import Invalid
from bedside.privacy.dicom.frames import blank, mask_unused_bits
from bedside.privacy.dicom.regions import SiteRegions
from bedside.privacy.dicom.risks import NEVER, RiskClass
from bedside.privacy.dicom.text_finder import Box, TesseractFinder
from dicom_files import Nothing, a_ct, as_bytes, cleaned, cleaner, program, real_files

GREY_BAR = 80


def _written_on(shape=(160, 420), turned=False):
    """A soft gradient with a name in white on a grey bar, as scanners write it."""
    picture = np.tile(np.linspace(0, 60, shape[1]), (shape[0], 1)).astype(np.uint8)
    picture[:40] = GREY_BAR
    drawn = Image.fromarray(picture)
    draw = ImageDraw.Draw(drawn)
    draw.text((10, 8), "MILLER JANE  MRN 778899", fill=255, font=ImageFont.load_default(20))
    written = np.asarray(drawn)
    return np.ascontiguousarray(np.rot90(written)) if turned else written


def _finder():
    return TesseractFinder(binary=program("tesseract", "tesseract-ocr"))


@pytest.mark.parametrize("turned", [False, True])
def test_a_name_on_a_grey_bar_is_blanked_and_the_rest_of_the_picture_stays(turned):
    written = _written_on(turned=turned)

    outcome = cleaner(finder=_finder()).file(as_bytes(a_ct(written)))

    picture = cleaned(outcome).pixel_array
    upright = np.rot90(picture, 3) if turned else picture
    before = np.rot90(written, 3) if turned else written
    assert outcome.boxes >= 1
    assert (upright[:40, :280] == 255).sum() == 0
    assert np.array_equal(upright[60:], before[60:])


def test_a_picture_without_text_is_left_as_it_is():
    quiet = np.tile(np.linspace(0, 255, 128), (128, 1)).astype(np.uint8)

    outcome = cleaner(finder=_finder()).file(as_bytes(a_ct(quiet)))

    assert outcome.boxes == 0
    assert np.array_equal(cleaned(outcome).pixel_array, quiet)


def test_a_real_ultrasound_keeps_none_of_its_top_line():
    files = real_files("dicom-deid")
    ours = cleaner(finder=_finder(), accept=frozenset({RiskClass.ULTRASOUND, RiskClass.BURNED_IN}))

    top = pydicom.dcmread(io.BytesIO(files["ultrasounds/GREYSCALE_IMAGE.dcm"]))
    top.PixelData, top.Rows = top.PixelData[: 120 * top.Columns], 120

    outcome = ours.file(as_bytes(top))

    result = cleaned(outcome)
    assert result.pixel_array[:24].max() < 64  # the writing was 255, its bar is 40
    assert result.BurnedInAnnotation == "YES"  # nobody has said where this device writes


def test_known_regions_are_blanked_and_only_then_is_an_ultrasound_said_to_be_clean():
    text = "manufacturer,model,rows,columns,top,left,bottom,right\nAcme,S1,64,64,0,0,8,64\n"
    bright = np.full((64, 64), 200, np.uint8)
    ours = cleaner(accept=frozenset({RiskClass.ULTRASOUND}))
    ours.regions = SiteRegions.read(text)
    image = a_ct(bright, Modality="US", Manufacturer="ACME", ManufacturerModelName="S1")

    result = cleaned(ours.file(as_bytes(image)))

    assert result.pixel_array[:8].max() == 0
    assert result.pixel_array[8:].min() == 200
    assert result.BurnedInAnnotation == "NO"


def test_a_file_of_regions_that_says_nothing_useful_is_refused():
    with pytest.raises(Invalid):
        SiteRegions.read("manufacturer,model\nAcme,S1\n")


@pytest.mark.parametrize(
    ("changed", "risk"),
    [
        ({"Modality": "US"}, "ultrasound"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "secondary_capture"),
        ({"Modality": "ES"}, "endoscopy"),
        ({"Modality": "XC"}, "photograph"),
        ({"BurnedInAnnotation": "YES"}, "burned_in"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "dose_screen"),
        ({"BodyPartExamined": "HEAD"}, "face"),
        ({"BodyPartExamined": None}, "face_unknown"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "document"),
    ],
)
def test_a_risky_kind_is_kept_back_unless_somebody_accepts_it_and_that_is_written_down(
    changed, risk
):
    image = as_bytes(a_ct(**changed))

    refused = cleaner().file(image)
    accepted = cleaner(accept=frozenset({RiskClass(risk)})).file(image)

    assert refused.reasons == (risk,)
    if RiskClass(risk) in NEVER:
        assert accepted.status == "quarantined"
    else:
        assert accepted.accepted == (risk,)
        assert f"let through: {risk}" in cleaned(accepted).DeidentificationMethod


def test_a_picture_that_nobody_looked_at_is_kept_back():
    assert cleaner(finder=None).file(as_bytes(a_ct())).reasons == ("pixels_not_looked_at",)


def test_what_cannot_be_decoded_is_kept_back_and_never_passed():
    files = real_files("dicom-test-files")
    accept = frozenset(RiskClass) - NEVER

    outcome = cleaner(accept=accept).file(files["pydicom-data/JLSL_08_07_0_1F.dcm"])

    assert outcome.reasons == ("cannot_decode",)
    assert outcome.content == b""


def test_an_overlay_in_unused_bits_is_cleared_and_signed_values_stay():
    values = np.array([[-5, 5], [-2048, 2047]], np.int16)
    hidden = (values.view(np.uint16) & 0x0FFF) | 0x5000
    image = a_ct(
        Rows=2, Columns=2, BitsAllocated=16, BitsStored=12, HighBit=11, PixelRepresentation=1,
        PixelData=hidden.tobytes(),
    )  # fmt: skip

    assert mask_unused_bits(image)
    assert np.array_equal(np.frombuffer(image.PixelData, np.int16).reshape(2, 2), values)


@pytest.mark.parametrize("planar", [0, 1])
def test_a_box_is_blanked_in_every_sample_and_nowhere_else(planar):
    full = np.full((8, 8, 3), 9, np.uint8)
    image = a_ct(
        Rows=8, Columns=8, SamplesPerPixel=3, PhotometricInterpretation="RGB",
        PlanarConfiguration=planar, PixelData=full.tobytes(),
    )  # fmt: skip

    blank(image, [Box(1, 2, 3, 5)])

    picture = pydicom.dcmread(io.BytesIO(as_bytes(image))).pixel_array
    assert picture[1:3, 2:5].max() == 0
    assert (picture == 9).sum() == (64 - 6) * 3


def test_bits_of_a_segmentation_are_blanked_one_by_one():
    ones = np.packbits(np.ones(100, np.uint8), bitorder="little").tobytes() + b"\0"
    image = a_ct(Rows=10, Columns=10, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=ones)

    blank(image, [Box(0, 0, 1, 3)])

    picture = pydicom.dcmread(io.BytesIO(as_bytes(image))).pixel_array
    assert picture.sum() == 97
    assert picture[0, :3].sum() == 0


def test_text_that_stays_after_three_rounds_keeps_the_file_back():
    class Stubborn(Nothing):
        def find(self, picture, *, eager=False):
            return [Box(0, 0, 1, 1)]

    bright = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)

    assert cleaner(finder=Stubborn()).file(as_bytes(a_ct(bright))).reasons == ("text_stays",)


def test_a_comment_in_a_codestream_does_not_go_along():
    stream = io.BytesIO()
    Image.fromarray(np.full((64, 64), 90, np.uint8)).save(stream, "JPEG", comment="Jane Miller")
    image = a_ct(PixelData=encapsulate([stream.getvalue()]))
    image.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    image["PixelData"].is_undefined_length = True
    content = as_bytes(image)
    assert content.count(b"Jane Miller") == 1

    outcome = cleaner().file(content)

    assert b"Miller" not in outcome.content
    assert abs(int(cleaned(outcome).pixel_array.mean()) - 90) <= 1
