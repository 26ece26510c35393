"""Files leave as a data set does: through the door, signed for, and counted for each patient."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from bedside.cli.deid_door import NOT_TOLD
from bedside.cli.main import app
from bedside.core.errors import Refused
from bedside.core.records.policy import Role
from bedside.core.records.release_mode import ReleaseMode
from bedside.core.records.signature import Meaning
from bedside.lifecycle.deciding import book_of, sign_decision
from bedside.lifecycle.deid_notes import NotesRun, deidentify_notes
from bedside.lifecycle.labels_out import take_labels_out
from bedside.lifecycle.leaving import content_of
from bedside.lifecycle.ledger_disclosures import account_of
from bedside.lifecycle.note_book import Sample, SampledNote, kept_sample
from bedside.lifecycle.note_labels import Labelling
from bedside.lifecycle.people import grant_role
from bedside.privacy.rules import ReleasePlan
from bedside.privacy.text.annotated import LabelledSpan
from bedside.wiring.deid_files import FilesRun, release_to
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from deciding import a_hospital, acting

SAFE = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="sepsis")
ADA = {"resourceType": "Patient", "id": "ada", "gender": "female", "name": [{"family": "Ruiz"}]}


@pytest.fixture
def hospital(tmp_path):
    founder, hands = a_hospital(tmp_path / "w")
    return founder, hands


@pytest.fixture
def run(tmp_path):
    (tmp_path / "ada.json").write_text(json.dumps(ADA))
    return FilesRun(source=tmp_path / "ada.json", target=tmp_path / "out", form="fhir", plan=SAFE)


def last_decision(platform):
    return list(book_of(platform).decisions.values())[-1]


def second(founder, hands):
    """The deputy signs the newest decision."""
    deputy = acting(founder, "user:deputy")
    sign_decision(deputy, last_decision(founder), hands["user:deputy"], meaning=Meaning.APPROVAL)


def test_files_wait_for_a_second_person_and_leave_once(hospital, run):
    founder, hands = hospital
    officer = acting(founder, "user:dpo", "de-identification")

    def asked(one=run):
        return release_to(officer, one, lambda: hands["user:dpo"])

    with pytest.raises(Refused) as waits:
        asked()
    assert waits.value.code == "waits"
    assert not run.target.exists()
    second(founder, hands)

    assert asked().written == 1
    entry = list(founder.ledger.entries())[-1]
    assert entry.action == "deidentify.files"
    assert entry.details["decision_id"] == last_decision(founder).id
    with pytest.raises(Refused, match="waits"):  # it was used up
        asked(replace(run, target=run.target.with_name("again")))


def test_what_was_signed_for_is_these_files_in_this_way(hospital, run):
    founder, hands = hospital
    officer = acting(founder, "user:dpo", "de-identification")
    with pytest.raises(Refused):
        release_to(officer, run, lambda: hands["user:dpo"])
    second(founder, hands)
    signed = last_decision(founder).id
    assert "ada" not in str(dict(last_decision(founder).record))

    for other in (
        replace(run, plan=replace(SAFE, attested_by="A. Privacy")),
        replace(run, certified="ward/prepared"),
    ):
        with pytest.raises(Refused, match="waits"):
            release_to(officer, other, lambda: hands["user:dpo"])
        assert last_decision(founder).id != signed
    run.source.write_text(json.dumps(ADA | {"gender": "male"}))
    with pytest.raises(Refused, match="waits"):
        release_to(officer, run, lambda: hands["user:dpo"])


def test_who_may_not_de_identify_opens_no_decision(hospital, run):
    founder, hands = hospital
    scientist = acting(founder, "user:sam", "de-identification")

    with pytest.raises(Refused) as refused:
        release_to(scientist, run, lambda: hands["user:sam"])

    assert refused.value.code == "not_allowed"
    assert book_of(founder).decisions == {}


def test_a_folder_that_cannot_be_written_to_uses_no_decision_up(hospital, run):
    founder, hands = hospital
    run.target.mkdir()
    (run.target / "mine").write_text("kept")

    with pytest.raises(Exception, match="not empty"):
        release_to(acting(founder, "user:dpo", "de-identification"), run, lambda: hands["user:dpo"])

    assert book_of(founder).decisions == {}


def a_workspace(tmp_path, purpose="de-identification"):
    actor = actor_of("user:grey", purpose)
    return open_workspace(tmp_path / "own", actor=actor, progress=LineProgress())


def test_a_patient_is_told_of_the_files_that_they_were_in_and_nobody_else_is(tmp_path, run):
    platform = a_workspace(tmp_path)
    agreed = ReleasePlan(mode=ReleaseMode.LIMITED_DATASET, project="sepsis", agreement="DUA 7")

    release_to(platform, replace(run, plan=agreed))

    (told,) = account_of(platform, "ada").disclosures
    assert (told.named, told.exempt) == (True, "part of a limited data set")
    assert told.what == "files with your records (fhir)"
    assert account_of(platform, "ben").disclosures == ()
    shown = [str(entry.details) for entry in platform.ledger.entries()]
    assert not any("ada" in one for one in shown)


def test_notes_without_a_certificate_are_disclosed_as_identified_ones(tmp_path):
    platform = a_workspace(tmp_path)
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.txt").write_text("Seen on the ward.\n")
    (notes / "b.txt").write_text("Seen at home.\n")
    known = tmp_path / "known.jsonl"
    known.write_text('{"note": "a.txt", "subject": 5}\n')
    asked = NotesRun(source=notes, out=tmp_path / "out", language="en", plan=SAFE, known=known)

    with pytest.raises(Refused) as refused:  # research is no purpose for identified notes
        deidentify_notes(asked, acting(platform, "user:grey", "research"))
    assert refused.value.code == "not_allowed"
    deidentify_notes(asked, platform)

    (fifth,) = account_of(platform, "5", is_pseudonym=True).disclosures
    (other,) = account_of(platform, "6", is_pseudonym=True).disclosures
    assert fifth.exempt == "for treatment, payment or the running of the hospital"
    assert (fifth.named, other.named) == (True, False)  # b.txt may be of anybody


def test_notes_without_a_certificate_need_the_right_to_export_identified_rows(hospital, tmp_path):
    founder, hands = hospital
    grant_role(founder, "user:steward", Role.DATA_STEWARD)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("Seen on the ward.\n")
    asked = NotesRun(source=tmp_path / "notes", out=tmp_path / "out", language="en", plan=SAFE)

    with pytest.raises(Refused) as refused:
        deidentify_notes(asked, acting(founder, "user:steward", "de-identification"))
    assert refused.value.code == "not_allowed"
    with pytest.raises(Refused) as waits:
        deidentify_notes(
            asked, acting(founder, "user:dpo", "de-identification"), lambda: hands["user:dpo"]
        )
    assert waits.value.code == "waits"


def labelled(platform):
    """A sample of two notes, one of them of patient 7, that somebody has read."""
    notes = [
        SampledNote(
            place=1, text="Ana was seen.", type="n", column="n", digest="a" * 64, subject=7
        ),
        SampledNote(place=2, text="Ben was seen.", type="n", column="n", digest="b" * 64),
    ]
    sample = Sample(
        digest="c" * 64, data="ward", language="en", columns=("n",), population=2, notes=2, draw=1,
        seed="s",
    )  # fmt: skip
    kept_sample(platform, sample, notes)
    reading = Labelling(platform, "ward")
    for place in (1, 2):
        reading.save(place, [LabelledSpan(start=0, end=3, label="name")])


def test_labelled_notes_leave_as_identified_and_are_accounted_for(tmp_path):
    platform = a_workspace(tmp_path)
    labelled(platform)

    with pytest.raises(Refused):
        take_labels_out(acting(platform, "user:grey", "research"), "ward", tmp_path / "no.jsonl")
    assert take_labels_out(platform, "ward", tmp_path / "out.jsonl") == 2

    assert "Ana was seen." in (tmp_path / "out.jsonl").read_text()
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o077 == 0
    (seventh,) = account_of(platform, "7", is_pseudonym=True).disclosures
    assert (seventh.named, seventh.what) == (
        True, "notes in which your name was marked (labelled notes)",
    )  # fmt: skip


def test_labelled_notes_wait_for_two_people_and_a_steward_may_not_take_them(hospital, tmp_path):
    founder, hands = hospital
    grant_role(founder, "user:steward", Role.DATA_STEWARD)
    officer = acting(founder, "user:dpo", "de-identification")
    labelled(officer)

    with pytest.raises(Refused) as refused:
        take_labels_out(
            acting(founder, "user:steward", "de-identification"), "ward", tmp_path / "l.jsonl"
        )
    assert refused.value.code == "not_allowed"
    with pytest.raises(Refused, match="waits"):
        take_labels_out(officer, "ward", tmp_path / "l.jsonl", lambda: hands["user:dpo"])
    second(founder, hands)
    assert take_labels_out(officer, "ward", tmp_path / "l.jsonl", lambda: hands["user:dpo"]) == 2


def test_the_digest_of_a_folder_is_of_what_is_in_its_files_and_not_of_their_names(tmp_path):
    for folder, names in (("one", "ab"), ("two", "cd")):
        (tmp_path / folder).mkdir()
        for name, text in zip(names, ("x", "y"), strict=True):
            (tmp_path / folder / name).write_text(text)
    (tmp_path / "two" / "link").symlink_to(tmp_path / "one" / "a")

    assert content_of(tmp_path / "one") == content_of(tmp_path / "two")
    (tmp_path / "two" / "d").write_text("z")
    assert content_of(tmp_path / "one") != content_of(tmp_path / "two")


def test_leaving_the_workspace_out_leads_past_no_door(tmp_path, run):
    own = tmp_path / "own"

    def command(to):
        words = ["deid", "fhir", str(run.source), "--mode", "safe_harbor", "--out", str(to)]
        return CliRunner().invoke(app, words, env={"BEDSIDE_WORKSPACE": str(own)})

    told = command(tmp_path / "before")
    assert (told.exit_code, NOT_TOLD in told.stdout, own.exists()) == (0, True, False)

    platform = a_workspace(tmp_path)
    told = command(tmp_path / "after")
    assert (told.exit_code, NOT_TOLD in told.stdout) == (0, False)
    assert [entry.action for entry in platform.ledger.entries()] == ["deidentify.files"]

    grant_role(platform, "user:grey", Role.ADMINISTRATOR)  # whoever runs the test holds no role
    assert command(tmp_path / "strict").exit_code == 4
    assert not (tmp_path / "strict").exists()
