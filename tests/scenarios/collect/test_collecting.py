"""A source through its life in a workspace: collected again, corrected, killed, erased, judged."""

import json
import random
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from bedside.cli.main import app
from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import subject_pseudonym
from bedside.core.records.collection import Collection
from bedside.data.collect import parts as reading
from bedside.data.collect.parts import SourceFiles
from bedside.interop.collection import read_collection
from bedside.lifecycle import collect_parts
from bedside.lifecycle.collect import Collected, collect
from bedside.lifecycle.erase import erase
from bedside.lifecycle.lineage import records_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.quarantine import quarantine
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from planted import PLANTED, found_in_clear

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DECLARED = """
bedside: 1
name: ward
title: A ward
format: table
licence: none
release_mode: identified
files: ["*.csv", "*.psv", "*.parquet"]
timezone: UTC
extract: {extract}
known_at:
  observation: {{after: 90 min}}
  patient: {{after: 0 min, counted_from: first}}
tables:
  - files: "*.psv"
    time: {{column: when}}
    columns: {{pulse: {{code: LOINC//8867-4, kind: observation, unit: "/min"}}}}
  - files: "*"
    subject: id
    time: {{column: when}}
    {key}
    columns:
      pulse: {{code: LOINC//8867-4, kind: observation, unit: "/min"}}
      note: {{code: WARD//note, kind: observation}}
"""
HEADER = "id,when,pulse,note\n"


def a_source(*, key: bool = True, extract: str = "increment", **changes: object) -> Collection:
    text = DECLARED.format(extract=extract, key="key: [id, when]" if key else "")
    return replace(read_collection(text.encode()), **changes)


def row(patient: str, hour: int, pulse: object, note: str = "") -> str:
    return f"{patient},2026-03-01T{hour:02d}:00,{pulse},{note}\n"


class Ward:
    """A workspace whose clock stands where the test puts it, and a folder with the data."""

    def __init__(self, folder: Path) -> None:
        self.workspace, self.data = folder / "w", folder / "data"
        self.data.mkdir()
        self.clock = FixedClock(MARCH + timedelta(days=30))
        platform = open_workspace(
            self.workspace, actor=actor_of("test", "test"), progress=LineProgress()
        )
        self.platform: Platform = replace(platform, clock=self.clock)

    def writes(self, name: str, *rows: str, header: str = HEADER) -> None:
        (self.data / name).write_text(header + "".join(rows))

    def collects(self, source: Collection | None = None, *, days: int = 1) -> Collected:
        self.clock.at += timedelta(days=days)
        source = source or a_source()
        with SourceFiles(self.data, source.files) as files:
            return collect(self.platform, source, files)

    def seen(self, moment: datetime | None = None) -> list[tuple[str, float]]:
        """Subject and pulse of everything that is known at a moment."""
        snapshot = self.platform.store.open("ward/collected")
        names = {subject_pseudonym(name, salt="bedside"): name for name in ("a", "b", "c", "d")}
        events = pl.concat(list(snapshot.as_of(moment or datetime(2030, 1, 1, tzinfo=UTC))))
        pulses = events.filter(pl.col("code").cast(pl.String) == "LOINC//8867-4")
        return sorted(
            (names[one], value) for one, value in pulses.select("subject_id", "value").rows()
        )

    def actions(self) -> list[str]:
        return [entry.action for entry in self.platform.ledger.entries()]


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path)


def test_the_same_files_again_add_nothing_and_a_copy_of_one_adds_no_event(ward):
    ward.writes("1.csv", row("a", 8, 71), row("b", 8, 72))
    ward.writes("2.csv", row("a", 9, 73))
    ward.writes("copy of 2.csv", row("a", 9, 73))

    first = ward.collects()
    again = ward.collects()
    ward.writes("later copy.csv", row("b", 8, 72))
    copied = ward.collects()

    assert first.is_new
    assert first.report.events_out == {"observation": 3}
    assert first.report.already_here == 1
    assert first.report.known_at == {"observation": {"delay": 3}}
    assert first.snapshot.entry.rows == 3
    assert not again.is_new
    assert (again.report.files, again.report.files_known) == (0, 3)
    assert not copied.is_new
    assert copied.report.already_here == 1
    assert copied.report.events_out == {}
    assert again.snapshot.digest == copied.snapshot.digest == first.snapshot.digest
    assert ward.actions().count("collect.done") == 1


def test_rows_of_two_patients_that_read_the_same_are_both_kept(ward):
    for patient in ("a", "b"):
        ward.writes(f"{patient}.psv", "2026-03-01T08:00|71\n", header="when|pulse\n")

    done = ward.collects()

    assert done.snapshot.entry.subjects == 2
    assert ward.seen() == [("a", 71), ("b", 71)]


def test_a_changed_file_adds_corrections_and_any_moment_before_can_be_replayed(ward):
    ward.writes("1.csv", row("a", 8, 71), row("b", 8, 72), row("c", 8, 73))
    ward.collects()
    first = ward.clock.at
    ward.writes("1.csv", row("a", 8, 171), row("b", 8, 72), row("c", 8, ""), row("d", 8, 74))

    done = ward.collects()

    assert done.report.corrections == 1
    assert done.report.taken_back == 1  # the row of c is still there, and says nothing
    assert done.report.already_here == 1
    assert done.report.events_out == {"observation": 2}
    assert ward.seen(MARCH + timedelta(hours=9, minutes=29)) == []
    assert ward.seen(first) == [("a", 71), ("b", 72), ("c", 73), ("d", 74)]
    assert ward.seen(ward.clock.at - timedelta(seconds=1)) == ward.seen(first)
    assert ward.seen(ward.clock.at) == [("a", 171), ("b", 72), ("d", 74)]


def test_a_full_extract_takes_back_what_it_no_longer_holds_and_what_returns_stands_again(ward):
    source = a_source(key=False, extract="full")
    states = [
        [row("a", 8, 71), row("b", 8, 72)],
        [row("a", 8, 71)],
        [row("a", 8, 71), row("b", 8, 72)],  # the same bytes as at first
        [row("b", 8, 72)],
    ]
    told, moments = [], []
    for state in states:
        ward.writes("1.csv", *state)
        done = ward.collects(source)
        told.append((done.is_new, done.report.taken_back))
        moments.append(ward.clock.at)
        assert not ward.collects(source).is_new

    assert told == [(True, 0), (True, 1), (True, 0), (True, 1)]
    assert [ward.seen(moment) for moment in moments] == [
        [("a", 71), ("b", 72)],
        [("a", 71)],
        [("a", 71), ("b", 72)],
        [("b", 72)],
    ]


def test_of_a_full_extract_in_several_parts_the_unchanged_ones_stand(ward, monkeypatch):
    monkeypatch.setattr(reading, "ROWS_BYTES", 100)
    source = a_source(key=False, extract="full")
    rows = [row("abcd"[n % 4], n, 60 + n) for n in range(12)]
    ward.writes("1.csv", *rows)
    first = ward.collects(source)
    assert first.report.files > 3

    ward.writes("1.csv", *rows[:-1], row("d", 11, 99))
    changed = ward.collects(source)
    expected = sorted([*(("abcd"[n % 4], 60.0 + n) for n in range(11)), ("d", 99.0)])
    assert ward.seen() == expected
    assert changed.report.taken_back == 1

    ward.writes("1.csv", *rows[:3])  # whole parts are gone, and those before are the same
    ward.collects(source)
    assert ward.seen() == [("a", 60), ("b", 61), ("c", 62)]
    assert not ward.collects(source).is_new


SCRIPT = """
import sys
from pathlib import Path
from bedside.lifecycle import collect_parts
from bedside.lifecycle.collect import collect, load_source
from bedside.data.collect.parts import SourceFiles
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

collect_parts.GROUP_PARTS = 3
folder, declared, data = map(Path, sys.argv[1:])
platform = open_workspace(folder, actor=actor_of("test", "test"), progress=LineProgress())
source = load_source(declared)
print("begins", flush=True)
with SourceFiles(data, source.files) as files:
    collect(platform, source, files)
"""


def test_a_run_that_is_killed_anywhere_and_run_again_gives_the_same_data_set(
    ward, tmp_path, monkeypatch
):
    monkeypatch.setattr(collect_parts, "GROUP_PARTS", 3)
    declared = tmp_path / "source.yaml"
    declared.write_text(DECLARED.format(extract="increment", key=""))
    for n in range(24):
        rows = [row("abcd"[n % 4], hour % 24, 60 + hour, f"note {n}") for hour in range(99)]
        ward.writes(f"{n:02d}.csv", *rows)
    begin = time.monotonic()
    undisturbed = ward.collects(a_source(key=False)).snapshot.digest
    whole = time.monotonic() - begin

    moments, killed = random.Random(11), tmp_path / "killed"
    for share in (0.3, 0.8):
        command = [sys.executable, "-c", SCRIPT, str(killed), str(declared), str(ward.data)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            time.sleep(moments.uniform(0, 2 * share * whole))
            process.send_signal(signal.SIGKILL)

    ward.platform = open_workspace(killed, actor=actor_of("test", "test"), progress=LineProgress())
    assert ward.collects(a_source(key=False)).snapshot.digest == undisturbed
    assert ward.platform.ledger.verify() == []
    entries = [one for one in ward.platform.ledger.entries() if one.action == "snapshot"]
    assert [one.details["snapshot"] for one in entries] == [undisturbed]


def test_too_many_unreadable_records_stop_the_run_and_a_declared_share_lets_it_go_on(ward):
    ward.writes("1.csv", row("a", 8, 71), f"{PLANTED},soon,71,\n", row("b", 8, 72))

    with pytest.raises(Refused) as caught:
        ward.collects()

    assert caught.value.code == "too_many_bad"
    assert "1 of 3 records" in caught.value.problem
    assert PLANTED not in str(caught.value)
    with pytest.raises(NotFound):
        ward.platform.store.open("ward/collected")
    borne = a_source(quarantine=replace(a_source().quarantine, at_most=0.4))
    assert ward.collects(borne).report.quarantined == {
        "its time is missing, not written as declared, or outside 1800 to 2300": 1
    }


def test_a_file_that_is_damaged_for_good_is_told_each_time_and_does_not_stop_later_runs(ward):
    rows = [row("abcd"[n % 4], n % 24, n) for n in range(200)]
    ward.writes("1.csv", *rows)
    (ward.data / "broken.zip").write_bytes(b"PK no archive")

    first, again = ward.collects(), ward.collects()
    ward.writes("2.csv", row("a", 8, 71))
    more = ward.collects()

    for done in (first, again, more):
        assert [(one.file, one.reason) for one in done.unread] == [
            ("broken.zip", "the archive is not a readable ZIP file")
        ]
    assert (first.is_new, again.is_new, more.is_new) == (True, False, True)


def test_a_kind_of_fact_without_a_rule_for_known_at_stops_the_run(ward):
    ward.writes("1.csv", row("a", 8, 71))

    with pytest.raises(Invalid) as caught:
        ward.collects(a_source(known_at={}))

    assert caught.value.code == "no_known_at"
    assert "observation" in caught.value.problem


def test_data_that_give_no_event_are_told_as_such(ward):
    ward.writes("1.csv")

    with pytest.raises(Invalid, match="Nothing in the data gives an event"):
        ward.collects()


@pytest.mark.parametrize("extract", ["increment", "full"])
def test_by_other_rules_everything_is_read_again_as_it_came_also_what_is_gone(ward, extract):
    before = a_source(extract=extract)
    ward.writes("1.csv", row("a", 8, 71), row("b", 8, 72))
    ward.collects(before)
    first = ward.clock.at
    ward.writes("1.csv", row("a", 8, 171))
    ward.collects(before)
    second = ward.clock.at
    told = {moment: ward.seen(moment) for moment in (first, second)}
    (ward.data / "1.csv").unlink()
    ward.writes("2.csv", row("c", 8, 73))
    changed = a_source(extract=extract, codes={"WARD//note": "LOINC//34109-9"})

    done = ward.collects(changed)

    assert done.is_new
    gone = [("b", 72)] if extract == "increment" else []
    assert told == {first: [("a", 71), ("b", 72)], second: [("a", 171), *gone]}
    assert {moment: ward.seen(moment)[: len(told[moment])] for moment in told} == told
    assert ward.seen() == [("a", 171), *gone, ("c", 73)]
    assert not ward.collects(changed).is_new
    assert len(done.snapshot.manifest.sources) == 3 if extract == "full" else 2


def test_a_file_that_is_no_longer_named_leaves_the_data_set(ward):
    ward.writes("1.csv", row("a", 8, 71))
    ward.writes("wrong.csv", row("b", 8, 72))
    ward.collects()

    ward.collects(a_source(files=("1.csv",)))

    assert ward.seen() == [("a", 71)]


def raw_of(ward: Ward, patient: str) -> list[bytes]:
    """The raw records behind what is known of a patient, by their lineage."""
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    found = []
    for place in records_of(ward.platform, "ward/collected", patient, moment):
        content = ward.platform.store.raw.get(place.file)
        if place.unit == "row":
            found.append(str(pl.read_parquet(BytesIO(content)).row(place.offset)).encode())
        else:
            found.append(content[place.offset :].split(b"\n")[0])
    return found


def test_erasing_a_subject_cuts_their_records_out_of_every_part_and_keeps_the_others_places(ward):
    def write(version: int) -> None:
        for number in range(3):
            rows = [row(p, 8 + number, 70 + version, f"{p}'s note {number}") for p in "abc"]
            ward.writes(f"{number}.csv", *rows, f"b,never,{version},unreadable\n")
        columns = {"id": list("cba"), "when": ["2026-03-02T08:00"] * 3, "pulse": [version] * 3}
        pl.DataFrame({**columns, "note": ["c p", "b p", "a p"]}).write_parquet(
            ward.data / "p.parquet"
        )

    source = a_source(quarantine=replace(a_source().quarantine, at_most=0.5))
    write(0)
    ward.collects(source)
    assert [one.unit for one in ward.platform.store.open("ward/collected").manifest.sources] == [
        "byte"
    ] * 3 + ["row"]
    before = {patient: raw_of(ward, patient) for patient in "ac"}
    assert len(before["a"]) == 4

    erase(ward.platform, "b")

    manifest = ward.platform.store.open("ward/collected").manifest
    for file in manifest.sources:
        content = ward.platform.store.raw.get(file.digest)
        if file.unit == "row":
            assert pl.read_parquet(BytesIO(content))["id"].to_list() == ["c", "a"]
        else:
            assert b"\nb," not in content
            assert content.startswith(HEADER.encode())
        index = pl.read_parquet(BytesIO(ward.platform.store.raw.get(file.index)))
        gone = subject_pseudonym("b", salt="bedside")
        assert gone not in index["subject_id"].to_list()
    assert quarantine(ward.platform, "ward").records == ()
    assert {patient: raw_of(ward, patient) for patient in "ac"} == before
    assert ("b", 70) not in ward.seen()

    assert not ward.collects(source).is_new  # the same files are known, without her
    write(1)
    ward.collects(source)
    assert {patient for patient, _ in ward.seen()} == {"a", "c"}
    changed = a_source(quarantine=source.quarantine, codes={"WARD//x": "WARD//y"})
    ward.collects(changed)
    assert {patient for patient, _ in ward.seen()} == {"a", "c"}
    erase(ward.platform, "a")
    assert {patient for patient, _ in ward.seen()} == {"c"}
    for raw in raw_of(ward, "c"):
        assert b"c" in raw.split(b",")[0]


def test_small_text_files_are_kept_together_and_their_records_found_and_erased(ward):
    for number in range(20):
        rows = [row(p, number, number, f"{p} {number}") for p in ("a", "b")]
        ward.writes(f"{number:02d}.csv", *rows)
    done = ward.collects()
    (pack,) = done.snapshot.manifest.sources
    assert len(pack.members) == 20
    before = raw_of(ward, "a")
    assert before == sorted(before, key=lambda one: int(one.split()[-1]))

    erase(ward.platform, "b")

    (pack,) = ward.platform.store.open("ward/collected").manifest.sources
    content = ward.platform.store.raw.get(pack.digest)
    assert b"\nb," not in content
    assert content.count(HEADER.encode()) == 20
    assert raw_of(ward, "a") == before
    assert not ward.collects().is_new


def test_what_stands_in_quarantine_is_told_with_its_place_and_the_bytes_stay_there(
    ward, monkeypatch
):
    bad = [f"{PLANTED}-{n},never,71,\n" for n in range(3)] + ["one,two,three,four,five\n"]
    rows = [row("abcd"[n % 4], n % 24, n) for n in range(40)]
    rows[3:3], rows[20:20], rows[30:30], rows[33:33] = bad[:1], bad[1:2], bad[2:3], bad[3:]
    ward.writes("1.csv", *rows)
    ward.writes("2.csv", row("a", 8, 1), "x,y\n")
    source = a_source(key=False, quarantine=replace(a_source().quarantine, at_most=0.5))
    monkeypatch.setattr(reading, "ROWS_BYTES", 300)
    ward.collects(source)

    found = quarantine(ward.platform, "ward")

    assert found.reasons == {
        "its time is missing, not written as declared, or outside 1800 to 2300": 3,
        "a row has more or fewer fields than the header": 2,
    }
    assert [one.file for one in found.records] == ["1.csv"] * 4 + ["2.csv"]
    told = []
    for one in found.records:
        content = (ward.data / one.file).read_bytes()
        told.append(content[one.offset :][: one.length].decode())
        kept = ward.platform.store.raw.get(one.kept)
        assert kept[one.place :][: one.length].decode() == told[-1]
    assert told == [*bad, "x,y\n"]
    with pytest.raises(NotFound):
        quarantine(ward.platform, "other")


def test_a_newer_file_with_nothing_but_bad_records_is_kept_for_its_quarantine(ward):
    ward.writes("1.csv", *(row("a", n % 24, n) for n in range(200)))
    ward.collects()
    ward.writes("2.csv", *(row("a", n % 24, n) for n in range(200)), "x,y\n")

    done = ward.collects()

    assert done.report.already_here == 200
    assert [one.file for one in quarantine(ward.platform, "ward").records] == ["2.csv"]
    assert not ward.collects().is_new


PLANTED_TABLE = """
tables:
  - files: "*"
    subject: id
    time: {column: when}
    code_column: what
    value_column: value
    unit_column: unit
    codes:
      HR: {code: LOINC//8867-4, kind: observation, unit: "/min"}
      SEX: {code: BEDSIDE//sex, kind: observation, categories: {"1": male}}
"""


def test_no_command_prints_a_patients_value_whatever_is_in_the_files(tmp_path):
    data, workspace, declared = tmp_path / "data", tmp_path / "w", tmp_path / "source.yaml"
    data.mkdir()
    text = DECLARED.format(extract="increment", key="").partition("tables:")[0]
    declared.write_text(text + PLANTED_TABLE + "quarantine: {at_most: 0.9}\n")
    when = "2026-03-01T08:00"
    rows = [f"{PLANTED}-{n},{when},HR,71,/min" for n in range(20)]
    rows += [
        f"{PLANTED},{when},{PLANTED} Smith,71,/min",  # columns that slipped
        f"{PLANTED},{when},HR,{PLANTED},/min",
        f"{PLANTED},{when},HR,71,{PLANTED}",
        f"{PLANTED},{when},SEX,{PLANTED},",
        f"{PLANTED},{PLANTED},HR,71,/min",
        f"{PLANTED},{PLANTED},{PLANTED}",
    ]
    (data / "a.csv").write_text("id,when,what,value,unit\n" + "\n".join(rows))
    (data / "b.csv").write_text(f'id,when,what,value,unit\n"{PLANTED}, {when}')
    (data / "c.csv").write_bytes(f"{PLANTED},\xff\n".encode("latin-1"))
    (data / "d.parquet").write_bytes(f"PAR1{PLANTED}PAR1".encode())
    with zipfile.ZipFile(data / "e.zip", "w") as archive:
        archive.writestr("f.csv", f"id,when,what,value,unit\n{PLANTED}" + "," * 40)
    words = [
        ("data", "collect", str(declared), "--data", str(data)),
        ("data", "collect", str(declared), "--data", str(data), "--json"),
        ("data", "quality", str(declared)),
        ("data", "quarantine", str(declared)),
        ("data", "quarantine", str(declared), "--json"),
    ]

    def run(*command: str) -> Result:
        return CliRunner().invoke(app, [*command, "--workspace", str(workspace)])

    done = [run(*command) for command in words]
    declared.write_text(text + PLANTED_TABLE.replace("column: when", "column: what"))
    refused = run(*words[0])

    assert [one.exit_code for one in done] == [0] * len(words)
    assert refused.exit_code == 4
    told = json.loads(done[-1].stdout)
    assert told["reasons"]["a row has more or fewer fields than the header"] == 3
    assert set(told["records"][0]) >= {"file", "offset", "length", "reason"}
    assert "6 records are in quarantine" in done[-2].stdout
    for one in (*done, refused):
        assert PLANTED not in one.output
    assert found_in_clear(workspace, words=(PLANTED,)) == []
