import json
from dataclasses import replace

import pytest

from bedside.core.errors import Invalid, NotFound
from bedside.core.records.release_mode import ReleaseMode
from bedside.lifecycle.deid_notes import NotesRun, deidentify_notes, labeller_of, train_labeller
from bedside.privacy.rules import ReleasePlan
from bedside.privacy.text.annotated import to_json
from bedside.privacy.text.training import TrainingOptions
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from meddocan import meddocan

NOTE = "Ana Etxeberria (DOB 04/11/1961, MRN 00123456) was seen. Etxebería agrees. BP 120/80.\n"


@pytest.fixture
def run(tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "etxeberria.txt").write_text(NOTE)
    known = tmp_path / "known.jsonl"
    known.write_text(
        json.dumps({"note": "etxeberria.txt", "subject": 5, "names": ["Ana Etxeberria"]})
    )
    return NotesRun(
        source=notes,
        out=tmp_path / "out",
        language="en",
        plan=ReleasePlan(mode=ReleaseMode.EXPERT, project="trial", dossier="finding"),
        known=known,
    )


def test_notes_are_written_without_their_patient_and_their_files_without_names(run):
    report = deidentify_notes(run)

    assert sorted(path.name for path in run.out.iterdir()) == ["note-000001.txt", "report.json"]
    text = (run.out / "note-000001.txt").read_text()
    assert text.endswith(" agrees. BP 120/80.\n")
    assert not {"Ana", "Etxeberria", "Etxebería", "04/11/1961", "00123456"} & set(
        text.replace("(", " ").replace(",", " ").replace(".", " ").split()
    )
    assert report["kinds"]["name"]["known"] == 2
    assert "identified zone" in report["notice"]
    assert "Etxeberria" not in (run.out / "report.json").read_text()


def test_results_never_lie_among_their_notes(run):
    with pytest.raises(Invalid, match="among the notes"):
        deidentify_notes(replace(run, out=run.source / "out"))


def test_a_folder_with_something_in_it_is_not_written_to(run):
    run.out.mkdir()
    (run.out / "mine").write_text("kept")

    with pytest.raises(Invalid, match="not empty"):
        deidentify_notes(run)


@pytest.mark.parametrize("line", ["[1]", '{"subject": 1}', '{"note": "a", "names": "Ana Ruiz"}',
                                  '{"note": "a", "dates": ["Ana Ruiz"]}', "\xff"])  # fmt: skip
def test_what_is_known_in_another_form_is_refused_and_not_repeated(run, line):
    run.known.write_bytes(line.encode("latin-1"))

    with pytest.raises(Invalid) as caught:
        deidentify_notes(run)

    assert "Ana" not in str(caught.value)


def test_a_labeller_is_sealed_in_the_workspace_and_finds_there(run, tmp_path):
    platform = open_workspace(
        tmp_path / "workspace", actor=actor_of("t", "test"), progress=LineProgress()
    )
    folder = tmp_path / "annotated"
    folder.mkdir()
    (folder / "a.jsonl").write_text("\n".join(to_json(n) for n in meddocan("train", 8)))

    told = train_labeller(platform, folder, "es", options=TrainingOptions(rounds=5))

    assert told["notes"] == 8
    assert labeller_of(platform, told["labeller"]).language == "es"
    spanish = replace(run, language="es", labeller=told["labeller"])
    assert deidentify_notes(spanish, platform)["notes"] == 1
    sealed = b"".join(p.read_bytes() for p in platform.folder.rglob("*") if p.is_file())
    assert b"bedside-note-labeller" not in sealed
    actions = [entry.action for entry in platform.ledger.entries()]
    assert actions[-2:] == ["deid.train", "deid.text"]


def test_a_labeller_without_a_workspace_is_not_found(run):
    with pytest.raises(NotFound):
        deidentify_notes(replace(run, labeller="0" * 64))
