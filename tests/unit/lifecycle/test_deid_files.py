"""Files are released into a new folder, under names that name nobody."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.records.release_mode import ReleaseMode
from bedside.lifecycle.platform import Platform
from bedside.privacy.rules import ReleasePlan
from bedside.wiring.deid_files import FilesRun, release_to
from bedside.wiring.privacy import vault_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

SAFE = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="sepsis")
ADA = {"resourceType": "Patient", "id": "ada", "gender": "female", "name": [{"family": "Ruiz"}]}


def released(platform: Platform | None, source: Path, target: Path):
    return release_to(platform, FilesRun(source=source, target=target, form="fhir", plan=SAFE))


def a_workspace(folder: Path) -> Platform:
    return open_workspace(folder, actor=actor_of("t", "test"), progress=LineProgress())


def test_an_archive_comes_out_under_other_names_and_says_what_stayed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("Ada_Ruiz.json", json.dumps(ADA))
        archive.writestr("notes.json", "Mr Ruiz")
        archive.writestr("Patient.000.ndjson.gz", gzip.compress(json.dumps(ADA).encode()))

    done = released(None, tmp_path / "in.zip", tmp_path / "out")

    assert (done.written, done.refused) == (2, 1)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["00001.json", "Patient.000.ndjson", "deidentification.json"]
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert b"Ruiz" not in everything
    told = json.loads((tmp_path / "out" / "deidentification.json").read_text())
    assert told["stayed_behind"] == {"Patient.name": 2}


def test_a_projects_patients_have_the_same_pseudonym_in_files_and_in_data_sets(
    tmp_path: Path,
) -> None:
    platform = a_workspace(tmp_path / "w")
    (tmp_path / "in.json").write_text(json.dumps(ADA))

    released(platform, tmp_path / "in.json", tmp_path / "out")

    (made,) = (tmp_path / "out").glob("0*.json")
    number = int(json.loads(made.read_text())["id"].replace("-", ""), 16)
    assert vault_of(platform, "sepsis").subject_of(number)
    assert [entry.action for entry in platform.ledger.entries()][-1] == "deidentify.files"


def test_what_cannot_be_released_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text("Mr Ruiz")
    with pytest.raises(Invalid, match="could be released") as error:
        released(None, tmp_path / "in.json", tmp_path / "out")
    assert "Ruiz" not in str(error.value)
    with pytest.raises(NotFound):
        released(None, tmp_path / "none", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(Invalid, match="not empty"):
        released(None, tmp_path / "in.json", tmp_path / "full")


def test_a_subject_who_was_erased_stops_the_release_of_their_file(tmp_path: Path) -> None:
    platform = a_workspace(tmp_path / "w")
    (tmp_path / "in.json").write_text(json.dumps(ADA))
    released(platform, tmp_path / "in.json", tmp_path / "out")
    (made,) = (tmp_path / "out").glob("0*.json")
    vault = vault_of(platform, "sepsis")
    number = int(json.loads(made.read_text())["id"].replace("-", ""), 16)
    vault.forget(vault.subject_of(number))

    with pytest.raises(Refused, match="erased"):
        released(platform, tmp_path / "in.json", tmp_path / "again")
