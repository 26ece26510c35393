import json

import pydicom

from bedside.core.ids import subject_pseudonym
from dicom_files import a_ct, as_bytes, program
from planted import bedside_run


def _pseudonyms(folder):
    files = sorted((folder / "images").rglob("*.dcm"))
    return {str(pydicom.dcmread(file).PatientID) for file in files}


def test_images_of_a_project_keep_their_pseudonym_and_the_ledger_says_what_was_done(tmp_path):
    program("tesseract", "tesseract-ocr")
    source, workspace = tmp_path / "Miller", tmp_path / "workspace"
    source.mkdir()
    (source / "one.dcm").write_bytes(as_bytes(a_ct()))
    (source / "us.dcm").write_bytes(as_bytes(a_ct(Modality="US")))
    words = ["deid", "dicom", str(source), "--mode", "expert", "--project", "trial-1"]
    words += ["--dossier", "the finding of 3 May"]

    runs = [
        bedside_run(workspace, *words, "--out", str(tmp_path / name), "--json")
        for name in ("first", "second")
    ]

    told = [json.loads(run.stdout) for run in runs]
    assert [(one["cleaned"], one["quarantined"]) for one in told] == [(1, 1), (1, 1)]
    assert _pseudonyms(tmp_path / "first") == _pseudonyms(tmp_path / "second")
    assert str(subject_pseudonym("MRN-778899", salt="bedside")) not in runs[0].stdout
    shown = bedside_run(workspace, "ledger", "show", "--json").stdout
    entries = [one for one in json.loads(shown)["entries"] if one["action"] == "deid.dicom"]
    assert [one["details"]["mode"] for one in entries] == ["expert", "expert"]
    assert "Miller" not in shown
    assert "MRN-778899" not in shown


def test_an_option_that_the_mode_forbids_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "one.dcm").write_bytes(as_bytes(a_ct()))
    words = ["deid", "dicom", str(tmp_path / "one.dcm"), "--mode", "safe_harbor"]

    run = bedside_run(
        tmp_path / "w", *words, "--retain", "uids", "--out", str(tmp_path / "out"), "--json"
    )

    assert run.returncode == 4
    assert json.loads(run.stdout)["code"] == "illegal_option"
    assert not (tmp_path / "out").exists()
