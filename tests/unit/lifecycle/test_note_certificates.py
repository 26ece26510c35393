"""From a sample that two people read to a certificate, and to what a release may take."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused
from bedside.core.records.certificate import Required
from bedside.core.records.ledger import Actor
from bedside.core.records.release_mode import ReleaseMode
from bedside.core.records.snapshot import Zone
from bedside.lifecycle import note_certificates
from bedside.lifecycle.deid_notes import train_labeller
from bedside.lifecycle.deidentify import Judgement, release_data
from bedside.lifecycle.erase import erase
from bedside.lifecycle.note_certificates import Certified, certificates, certify
from bedside.lifecycle.note_labels import Labelling, labelled_notes
from bedside.lifecycle.note_samples import SampleRun, draw_notes
from bedside.lifecycle.platform import Platform
from bedside.privacy.cleaner import Note
from bedside.privacy.rules import ReleasePlan
from bedside.privacy.text.annotated import AnnotatedNote, LabelledSpan, to_json
from bedside.privacy.text.training import TrainingOptions
from bedside.wiring.certifying import certificate_signer, texts_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from stored import a_row, events_of

CODE = "LOCAL//letter"
LOW = Required(overall=0.3, names=0.3)
NAMES = ["Maria Lopez", "John Baker", "Helen Carter", "Peter Dawson", "Alice Gibson",
         "Emily Foster", "Robert Harper", "Laura Ingram"]  # fmt: skip


def a_letter(name: str) -> str:
    return f"Dear colleague, Mr. {name} was seen on 03/04/2020. Blood pressure 120/80."


def truth(text: str) -> tuple[LabelledSpan, ...]:
    name = next(name for name in NAMES if name in text)
    at, day = text.index(name), text.index("03/04/2020")
    return (
        LabelledSpan(start=at, end=at + len(name), label="name"),
        LabelledSpan(start=day, end=day + 10, label="date"),
    )


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    opened = open_workspace(tmp_path / "w", actor=actor_of("t", "de-identification"),
                            progress=LineProgress())  # fmt: skip
    rows = []
    for subject, name in enumerate(NAMES, start=1):
        rows += [
            a_row(subject, f"{subject} {n}", code=CODE, value=None,
                  text=a_letter(name).replace("120/80", f"12{n}/80"))
            for n in range(2)
        ]  # fmt: skip
    opened.store.save("ward/prepared", [events_of(*rows)], zone=Zone.IDENTIFIED,
                      release_mode="identified", salt="bedside", sources=())  # fmt: skip
    return opened


def drawn(platform: Platform, many: int = 6) -> None:
    draw_notes(
        platform,
        SampleRun(data="ward/prepared", many=many, language="en", codes=(CODE,), seed="s"),
    )


def as_person(platform: Platform, name: str) -> Platform:
    return replace(platform, actor=Actor(name=name, purpose="de-identification"))


def read_by(
    platform: Platform,
    name: str,
    mark: Callable[[str], tuple[LabelledSpan, ...]] = truth,
) -> None:
    person = Labelling(as_person(platform, name), "ward/prepared")
    for place in person.places:
        person.save(place, mark(person.shown(place).text))


def certified(platform: Platform, **more: object) -> Certified:
    signer = certificate_signer(platform)
    return certify(platform, "ward/prepared", signer, required=LOW, **more)  # type: ignore[arg-type]


def refusal(act: Callable[[], object], kind: type[BedsideError] = Refused) -> str:
    with pytest.raises(kind) as caught:
        act()
    assert not any(part in str(caught.value) for name in NAMES for part in name.split())
    return caught.value.code


def test_texts_are_released_once_two_people_have_read_and_the_engine_found_enough(
    platform: Platform,
) -> None:
    plan = ReleasePlan(mode=ReleaseMode.EXPERT, project="sepsis", dossier="d")
    drawn(platform)
    read_by(platform, "ana")
    read_by(platform, "ben")

    done = certified(platform)

    assert done.certificate.passed
    assert done.certificate.blind == ("ana", "ben")
    assert done.page.is_file()
    texts = texts_of(platform, "ward/prepared", "sepsis", ReleaseMode.EXPERT)
    judged = Judgement(certified=texts.certified, cleaner=texts.cleaner)
    released = release_data(platform, "ward/prepared", plan, judged).snapshot.events()
    out = [text for text in released["text"] if text is not None]
    assert out  # those that are not moved beyond the day of the release
    assert not any(name in text for text in out for name in NAMES)
    assert all("03/04/2020" not in text for text in out)


def test_without_a_certificate_texts_stay_in_the_identified_zone(platform: Platform) -> None:
    texts = texts_of(platform, "ward/prepared", "sepsis", ReleaseMode.SAFE_HARBOR)

    assert not texts.certified(CODE)
    assert texts.cleaner is None


def test_a_certificate_counts_for_its_engine_its_data_and_its_column_alone(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(platform)
    read_by(platform, "ana")
    read_by(platform, "ben")
    certified(platform)

    def texts(data: str = "ward/prepared") -> object:
        return texts_of(platform, data, "sepsis", ReleaseMode.EXPERT)

    assert texts().certified(CODE)  # type: ignore[attr-defined]
    assert not texts().certified("LOCAL//other")  # type: ignore[attr-defined]
    assert texts().cleaner.clean([Note(1, "Ana Ruiz", "LOCAL//other")]) == [None]  # type: ignore[attr-defined]
    assert not texts("other/prepared").certified(CODE)  # type: ignore[attr-defined]
    now = note_certificates.engine_identity
    monkeypatch.setattr(
        note_certificates, "engine_identity", lambda *a, **k: replace(now(*a, **k), code="e" * 64)
    )
    assert not texts().certified(CODE)  # type: ignore[attr-defined]
    (use,) = certificates(platform, certificate_signer(platform))
    assert use.why == "the engine has changed since"


def test_a_certificate_ends(platform: Platform) -> None:
    drawn(platform)
    read_by(platform, "ana")
    read_by(platform, "ben")
    certified(platform)
    clock = platform.clock

    class Later:
        def now(self):
            return clock.now() + timedelta(days=366)

    later = replace(platform, clock=Later())

    (use,) = certificates(later, certificate_signer(platform))

    assert (use.counts, use.why) == (False, "it has expired")


def test_one_that_was_not_reached_does_not_count_and_says_so(platform: Platform) -> None:
    drawn(platform)
    read_by(platform, "ana")
    read_by(platform, "ben")

    done = certify(platform, "ward/prepared", certificate_signer(platform))

    assert not done.certificate.passed  # 12 identifiers cannot show 95 %
    assert not texts_of(platform, "ward/prepared", "p", ReleaseMode.EXPERT).certified(CODE)


def test_one_reader_cannot_certify_however_often_they_read(platform: Platform) -> None:
    drawn(platform)
    read_by(platform, "ana")
    read_by(platform, "ana")

    assert refusal(lambda: certified(platform)) == "not_read_twice"


def test_two_who_saw_what_the_engine_suggests_cannot_certify_it(platform: Platform) -> None:
    from bedside.privacy.text.engine import NoteFinder  # noqa: PLC0415

    drawn(platform)
    for name in ("ana", "ben"):
        person = Labelling(as_person(platform, name), "ward/prepared", finder=NoteFinder("en"))
        for place in person.places:
            person.save(place, person.shown(place).marks)

    assert refusal(lambda: certified(platform)) == "nobody_blind"


def test_where_readers_differ_somebody_decides_but_takes_nothing_that_both_marked(
    platform: Platform,
) -> None:
    drawn(platform)
    read_by(platform, "ana")
    read_by(platform, "ben", lambda text: truth(text)[:1])
    assert refusal(lambda: certified(platform)) == "not_adjudicated"
    judge = Labelling(as_person(platform, "cem"), "ward/prepared", decides=True)
    place = judge.places[0]
    both, only = judge.shown(place).marks
    assert [one.second for one in judge.shown(place).open] == [()]

    assert refusal(lambda: judge.save(place, [only])) == "agreed"
    for place in judge.places:
        judge.save(place, judge.shown(place).marks[:1] if place == 1 else judge.shown(place).marks)

    done = certified(platform).certificate
    assert (done.adjudicator, done.disagreements) == ("cem", 6)
    assert done.overall.of == 11
    assert [one.hits for one in done.readers_found] == [11, 6]
    assert both.label == "name"


def test_a_decision_ends_when_a_reader_marks_the_note_anew(platform: Platform) -> None:
    drawn(platform)
    read_by(platform, "ana")
    read_by(platform, "ben", lambda text: truth(text)[:1])
    judge = Labelling(as_person(platform, "cem"), "ward/prepared", decides=True)
    for place in judge.places:
        judge.save(place, judge.shown(place).marks)
    read_by(platform, "ben", lambda text: truth(text)[1:])

    assert refusal(lambda: certified(platform)) == "not_adjudicated"


def test_a_labeller_is_not_measured_on_what_it_was_trained_on(
    platform: Platform, tmp_path: Path
) -> None:
    drawn(platform)
    read_by(platform, "ana")
    read_by(platform, "ben")
    notes = labelled_notes(platform, "ward/prepared")
    folder = tmp_path / "seen"
    folder.mkdir()
    (folder / "a.jsonl").write_text(to_json(replace(notes[0], text=f"{notes[0].text}\n")))
    seen = train_labeller(platform, folder, "en", options=TrainingOptions(rounds=2))["labeller"]
    other = tmp_path / "other"
    other.mkdir()
    text = a_letter("Maria Lopez") + " Another."
    (other / "a.jsonl").write_text(to_json(AnnotatedNote(name="a", text=text, spans=truth(text))))
    unseen = train_labeller(platform, other, "en", options=TrainingOptions(rounds=2))["labeller"]

    assert refusal(lambda: certified(platform, labeller=seen)) == "trained_on_sample"
    assert certified(platform, labeller=unseen).certificate.engine.labeller == unseen
    unknown = platform.objects.put(b"{}\n")
    assert refusal(lambda: certified(platform, labeller=unknown)) == "training_unknown"
    platform.objects.remove(unseen)
    (use,) = certificates(platform, certificate_signer(platform))
    assert (use.counts, use.why) == (False, "its labeller is gone")


def test_no_note_is_drawn_twice_and_a_sample_can_be_drawn_again(
    platform: Platform, tmp_path: Path
) -> None:
    drawn(platform, 10)
    first = {note.text for note in _all(platform)}
    with pytest.raises(Invalid):
        drawn(platform, 7)
    drawn(platform, 6)

    assert not first & {note.text for note in _all(platform)}
    again = open_workspace(tmp_path / "again", actor=platform.actor, progress=LineProgress())
    source = tmp_path / "notes"
    source.mkdir()
    for at, name in enumerate(NAMES):
        (source / f"{at}.txt").write_text(a_letter(name))
    run = SampleRun(data="x", many=3, language="en", source=source, seed="7")
    one = draw_notes(platform, run)
    assert draw_notes(again, run)["sample"] == one["sample"]


def _all(platform: Platform) -> list[object]:
    person = Labelling(platform, "ward/prepared")
    return [person.shown(place) for place in person.places]


def test_a_table_of_notes_is_drawn_from_each_type(platform: Platform, tmp_path: Path) -> None:
    table = tmp_path / "notes.csv"
    rows = [f'"{a_letter(name)}",{kind}' for name in NAMES for kind in ("ward", "letter")]
    table.write_text("\n".join(["text,kind", *rows]))
    run = SampleRun(data="x", many=4, language="en", source=table, column="text",
                    type_column="kind")  # fmt: skip

    told = draw_notes(platform, run)

    assert [(one["type"], one["drawn"]) for one in told["strata"]] == [("letter", 2), ("ward", 2)]
    with pytest.raises(NotFound, match="no such column"):
        draw_notes(platform, replace(run, column="TEXT"))
    by_name = replace(run, data="y", many=3, type_column="text")
    assert refusal(lambda: draw_notes(platform, by_name), Invalid) == "invalid"


def test_notes_and_labels_are_ciphertext_and_end_with_their_patient(platform: Platform) -> None:
    drawn(platform, 16)
    read_by(platform, "ana")
    files = b"".join(p.read_bytes() for p in platform.folder.rglob("*") if p.is_file())
    assert b"Lopez" not in files

    erase(platform, "1", is_pseudonym=True)

    person = Labelling(as_person(platform, "ana"), "ward/prepared")
    assert len(person.places) == 14
    assert not any("Lopez" in person.shown(place).text for place in person.places)


def test_what_is_no_span_of_the_note_is_not_kept(platform: Platform) -> None:
    drawn(platform)
    person = Labelling(platform, "ward/prepared")

    for bad in ((5, 5, "name"), (0, 9_999, "name"), (0, 4, "nonsense")):
        with pytest.raises(Invalid):
            person.save(1, [LabelledSpan(start=bad[0], end=bad[1], label=bad[2])])
    with pytest.raises(NotFound):
        person.save(99, [])


def test_free_texts_of_files_come_out_where_their_field_is_certified(
    platform: Platform, tmp_path: Path
) -> None:
    from bedside.wiring.deid_files import FilesRun, release_to  # noqa: PLC0415

    source = tmp_path / "letters"
    source.mkdir()
    for at, name in enumerate(NAMES):
        (source / f"{at}.txt").write_text(a_letter(name))
    run = SampleRun(data="ward/prepared", many=6, language="en", source=source, field="letter")
    draw_notes(platform, run)
    read_by(platform, "ana")
    read_by(platform, "ben")
    table = tmp_path / "in.csv"
    table.write_text(f'patient,letter,other\n7,"{a_letter(NAMES[0])}","{a_letter(NAMES[1])}"\n')
    plan = ReleasePlan(mode=ReleaseMode.EXPERT, project="sepsis", dossier="d")
    columns = {"letter": "free_text", "other": "free_text"}

    def released(to: str) -> str:
        run = FilesRun(
            source=table,
            target=tmp_path / to,
            form="table",
            plan=plan,
            subject="patient",
            columns=columns,
            certified="ward/prepared",
        )
        release_to(platform, run)
        return (tmp_path / to / "00001.csv").read_text()

    before = released("before")
    certified(platform)
    after = released("after")

    assert "seen" not in before
    assert after.count("was seen on") == 1
    assert not any(name in after for name in NAMES)
    assert "03/04/2020" not in after


def test_notes_of_files_are_called_certified_only_by_a_certificate_that_counts(
    platform: Platform,
) -> None:
    from bedside.wiring.certifying import certified_notes  # noqa: PLC0415

    assert refusal(lambda: certified_notes(platform, "ward/prepared", "en", "")) == "not_certified"
    drawn(platform)
    read_by(platform, "ana")
    read_by(platform, "ben")
    certified(platform)

    assert "at least" in certified_notes(platform, "ward/prepared", "en", "")
    assert refusal(lambda: certified_notes(platform, "other", "en", "")) == "not_certified"
    assert refusal(lambda: certified_notes(platform, "ward/prepared", "es", "")) == "not_certified"


def test_marks_that_were_made_elsewhere_are_taken_by_the_text_of_the_note(
    platform: Platform,
) -> None:
    drawn(platform)
    person = Labelling(as_person(platform, "ana"), "ward/prepared")
    text = person.shown(1).text
    elsewhere = [
        AnnotatedNote(name="a", text=text, spans=(replace(truth(text)[0], label="PERSON"),)),
        AnnotatedNote(name="b", text="another note", spans=()),
    ]

    assert person.take(elsewhere) == 1
    assert person.shown(1).marks == truth(text)[:1]
    assert not person.shown(2).saved
