import csv
import json
import stat

import pytest

from bedside.core.errors import Invalid
from bedside.privacy.dicom.folder import Places, deidentify_folder
from bedside.privacy.dicom.report import report_json, report_page
from bedside.wiring.progress import LineProgress
from dicom_files import a_ct, as_bytes, cleaner


def _a_folder(root):
    """Two images of a patient, one twice, an ultrasound, a letter and a link."""
    source = root / "Miller_Jane"
    source.mkdir()
    (source / "one.dcm").write_bytes(as_bytes(a_ct()))
    (source / "one_again.dcm").write_bytes(as_bytes(a_ct()))
    (source / "two.dcm").write_bytes(as_bytes(a_ct(SOPInstanceUID="1.2.3.4.6")))
    (source / "us.dcm").write_bytes(as_bytes(a_ct(Modality="US")))
    (source / "letter.txt").write_text("Dear Mrs Miller")
    (source / "link.dcm").symlink_to(source / "one.dcm")
    return source


def test_every_file_is_counted_and_the_results_name_nobody(tmp_path):
    source = _a_folder(tmp_path)
    before = {path: path.read_bytes() for path in source.iterdir()}
    ours = cleaner()
    places = Places(source=source, out=tmp_path / "out")

    result = deidentify_folder(places, ours, LineProgress())

    report = report_json(result, ours.options)
    assert (report["files"], report["cleaned"], report["quarantined"]) == (6, 2, 4)
    assert {one["reason"] for one in report["reasons"]} == {
        "link", "not_dicom", "same_instance", "ultrasound",
    }  # fmt: skip
    told = [str(path.relative_to(places.out)) for path in places.out.rglob("*")]
    told += [json.dumps(report), report_page(result, ours.options)]
    told += [path.read_bytes().decode("latin-1") for path in places.out.rglob("*.dcm")]
    assert not any("Miller" in text or "778899" in text for text in told)
    assert {path: path.read_bytes() for path in source.iterdir()} == before


def test_the_list_that_names_the_sources_lies_apart_for_its_owner_alone(tmp_path):
    source = _a_folder(tmp_path)
    places = Places(source=source, out=tmp_path / "out")

    deidentify_folder(places, cleaner(), LineProgress())

    listed = places.identified / "files.csv"
    with listed.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["source"] for row in rows if row["outcome"] == "cleaned"] == ["one.dcm", "two.dcm"]
    assert stat.S_IMODE(listed.stat().st_mode) == 0o600
    assert stat.S_IMODE(places.identified.stat().st_mode) == 0o700


@pytest.mark.parametrize("target", ["Miller_Jane/out", "Miller_Jane", "used"])
def test_a_target_that_would_mix_in_and_out_is_refused(tmp_path, target):
    source = _a_folder(tmp_path)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "x").write_text("x")

    with pytest.raises(Invalid):
        deidentify_folder(Places(source=source, out=tmp_path / target), cleaner(), LineProgress())
