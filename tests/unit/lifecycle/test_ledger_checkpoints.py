"""Checkpoints find what the chain alone cannot, and nothing that goes wrong with them is quiet."""

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.core.clock import FixedClock
from bedside.core.errors import Refused, Unavailable
from bedside.core.ports import Blobs
from bedside.governance.checkpoint_keys import KEY, introduced
from bedside.governance.checkpointing import SUFFIX
from bedside.governance.notes import Checkpoint, NoteSignature, Witness, note_of
from bedside.governance.shipping import Place
from bedside.infra.blobs.memory import MemoryBlobs
from bedside.infra.blobs.s3 import S3Blobs
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.lifecycle.ledger_checkpoints import (
    checkpoint,
    rotate_checkpoint_key,
)
from bedside.lifecycle.ledger_verify import LedgerReport, verify_ledger
from bedside.lifecycle.platform import Platform
from bedside.wiring.checkpoints import CheckpointWatch, books_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from postgres_server import a_postgres_url, drop_databases
from s3_server import an_s3_bucket


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BEDSIDE_CHECKPOINT_PLACES", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


def opened(folder: Path) -> Platform:
    actor = actor_of("user:grey", "audit")
    return open_workspace(folder / "w", actor=actor, progress=LineProgress())


def worked(platform: Platform, count: int = 5) -> None:
    for number in range(count):
        platform.ledger.append(platform.actor, "thing", {"number": number})


def verified(folder: Path, *against: Path) -> LedgerReport:
    platform = opened(folder)
    return verify_ledger(platform, books_of(platform), against=against)


def kinds(report: LedgerReport) -> set[str]:
    return {one.kind for one in report.checkpoint_faults}


def test_a_whole_ledger_agrees_with_every_checkpoint_wherever_it_lies(tmp_path, place):
    platform = opened(tmp_path)
    for _ in range(3):
        worked(platform)
        done = checkpoint(platform, books_of(platform))
    report = verified(tmp_path, place)

    assert (report.faults, report.checkpoint_faults, report.notes) == ((), (), ())
    assert (report.entries, report.checkpoints, report.newest) == (16, 3, 16)
    assert len(list(place.iterdir())) == 3
    assert done.places[0].missing == 0


def test_a_ledger_put_back_whole_is_found_by_what_lies_elsewhere(tmp_path, place):
    platform = opened(tmp_path)
    worked(platform)
    checkpoint(platform, books_of(platform))
    shutil.copytree(tmp_path / "w", tmp_path / "before")
    worked(platform)
    checkpoint(platform, books_of(platform))

    shutil.rmtree(tmp_path / "w")
    (tmp_path / "before").rename(tmp_path / "w")

    report = verified(tmp_path, place)
    assert report.faults == ()  # the chain and its head are whole: that is the point
    assert kinds(report) == {"rolled_back"}
    worked(opened(tmp_path), 7)
    assert kinds(verified(tmp_path)) == {"forked"}  # also once it has grown beyond


def test_without_the_places_the_workspaces_own_checkpoints_find_a_database_put_back(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("BEDSIDE_CHECKPOINT_PLACES", raising=False)
    platform = opened(tmp_path)
    worked(platform)
    with closing(sqlite3.connect(tmp_path / "w" / "bedside.sqlite")) as base:
        base.execute("VACUUM INTO ?", (str(tmp_path / "old"),))
    worked(platform)
    checkpoint(platform, books_of(platform))
    for path in (tmp_path / "w").glob("bedside.sqlite*"):
        path.unlink()
    shutil.copy(tmp_path / "old", tmp_path / "w" / "bedside.sqlite")

    assert kinds(verified(tmp_path)) == {"rolled_back"}
    with pytest.raises(Refused) as refused:
        checkpoint(opened(tmp_path), books_of(opened(tmp_path)))
    assert refused.value.code == "ledger_broken"


def test_no_checkpoint_is_made_over_a_broken_chain(tmp_path, place):
    platform = opened(tmp_path)
    worked(platform)
    checkpoint(platform, books_of(platform))
    worked(platform)
    with closing(sqlite3.connect(tmp_path / "w" / "bedside.sqlite")) as base, base:
        base.execute("UPDATE ledger SET purpose = 'other' WHERE sequence = 8")

    with pytest.raises(Refused) as refused:
        checkpoint(platform, books_of(platform))

    assert refused.value.code == "ledger_broken"
    assert len(list(place.iterdir())) == 1


def test_an_entry_changed_before_the_last_checkpoint_is_found_though_the_chain_was_made_anew(
    tmp_path, place
):
    """Whoever holds every key of the host rewrites it all; what lies elsewhere contradicts them."""
    platform = opened(tmp_path)
    worked(platform)
    checkpoint(platform, books_of(platform))
    (tmp_path / "w" / "bedside.sqlite").unlink()
    for left in (tmp_path / "w").glob("bedside.sqlite-*"):
        left.unlink()
    shutil.rmtree(tmp_path / "w" / "checkpoints")
    again = opened(tmp_path)
    worked(again, 9)
    checkpoint(again, replace(books_of(again), places=()))

    assert kinds(verified(tmp_path, place)) == {"elsewhere"}


def test_a_rotated_key_leaves_old_checkpoints_good_and_a_stolen_one_signs_nothing_more(
    tmp_path, place
):
    platform = opened(tmp_path)
    books = books_of(platform)
    worked(platform)
    checkpoint(platform, books)
    first = rotate_checkpoint_key(platform, books)
    worked(platform)
    second = rotate_checkpoint_key(platform, books, stolen=True, trusted_size=7)

    report = verified(tmp_path)
    assert (first.number, first.endorsed) == (2, True)
    assert (second.number, second.endorsed) == (3, False)
    assert kinds(report) == set()
    assert any("stolen" in one for one in report.notes)  # its last one, of size 12

    now = books.checkpointer.grown()
    for thief in (books.signer_of(2), books.signer_of(1)):
        told = Checkpoint(origin=now.checkpoint.origin, size=now.size, root=bytes(32))
        forged = note_of(told, thief.public_key_bytes, thief.sign)
        (place / f"{told.name}{SUFFIX}").write_text(forged.text)
        assert kinds(verified(tmp_path)) == {"forked"}
        true = note_of(now.checkpoint, thief.public_key_bytes, thief.sign)
        (place / f"{told.name}{SUFFIX}").write_text(true.text)
        assert kinds(verified(tmp_path)) == {"unsigned"}


def test_a_key_that_somebody_put_into_the_ledger_signs_nothing_unnoticed(tmp_path, place):
    platform = opened(tmp_path)
    worked(platform)
    checkpoint(platform, books_of(platform))
    thief = Ed25519Signer(b"t" * 32)
    platform.ledger.append(platform.actor, KEY, introduced(2, thief.public_key_bytes, None))

    assert kinds(verified(tmp_path)) == {"unsigned"}
    with pytest.raises(Refused) as refused:
        checkpoint(platform, books_of(platform))
    assert refused.value.code == "wrong_key"


def test_a_checkpoint_that_was_cut_or_changed_where_it_lies_is_named(tmp_path, place):
    platform = opened(tmp_path)
    worked(platform)
    checkpoint(platform, books_of(platform))
    (file,) = place.iterdir()
    whole = file.read_bytes()

    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert kinds(verified(tmp_path)) == {"damaged"}
    file.write_bytes(whole)
    assert kinds(verified(tmp_path)) == set()


class Failing:
    """A store that fails at its n-th put, before or after the bytes are there."""

    def __init__(self, blobs: Blobs, at: int, *, after: bool) -> None:
        self.blobs, self.left, self.after = blobs, at, after

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Unavailable("The disk is full.", fix="make room.", code="disk_full")
        self.blobs.put(name, content)
        if self.left == 0:
            raise Unavailable("The process dies here.", fix="none.", code="killed")

    def get(self, name: str) -> bytes:
        return self.blobs.get(name)

    def has(self, name: str) -> bool:
        return self.blobs.has(name)

    def remove(self, name: str) -> None:
        self.blobs.remove(name)

    def names(self, prefix: str) -> Iterator[str]:
        return self.blobs.names(prefix)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_dying_at_any_step_of_a_checkpoint_is_made_good_by_the_next(tmp_path, at, after):
    platform = opened(tmp_path)
    kept, there = MemoryBlobs(), MemoryBlobs()
    books = replace(books_of(platform), kept=kept, places=(Place(name="there", blobs=there),))
    worked(platform)
    checkpoint(platform, books)
    worked(platform)
    one, other = Failing(kept, at, after=after), Failing(there, max(at - 2, 0), after=after)
    dying = replace(books, kept=one, places=(Place(name="there", blobs=other),))
    try:
        done = checkpoint(platform, dying)
        assert at > 2, "it should have died"
        assert (done.places[0].problem is not None) is (at == 3)
    except Unavailable:
        assert at <= 2

    again = replace(books, places=books.places)  # another process, which remembers nothing
    worked(platform, 1)
    assert checkpoint(platform, again).places[0].problem is None
    report = verify_ledger(platform, again)
    assert (report.faults, report.checkpoint_faults) == ((), ())
    assert [one.missing for one in report.places] == [0]
    assert set(there.names("")) == {n for n in kept.names("") if n.endswith(SUFFIX)}


def test_a_place_out_of_reach_is_told_and_made_good_later(tmp_path, place):
    platform = opened(tmp_path)
    worked(platform)
    place.write_text("a file stands where the folder should")

    done = checkpoint(platform, books_of(platform))
    assert done.places[0].problem is not None
    assert verified(tmp_path).places[0].missing == 1

    place.unlink()
    checkpoint(platform, books_of(platform))
    assert verified(tmp_path).places[0].missing == 0


def test_checkpoints_go_to_a_bucket(tmp_path):
    platform = opened(tmp_path)
    bucket = Place(name="s3", blobs=S3Blobs(**an_s3_bucket()))
    books = replace(books_of(platform), places=(bucket,))
    worked(platform)
    checkpoint(platform, books)
    worked(platform)
    checkpoint(platform, books)

    report = verify_ledger(platform, books)
    assert [(one.there, one.missing) for one in report.places] == [(2, 0)]
    assert report.checkpoint_faults == ()


def test_what_is_remembered_of_the_tree_is_only_believed_where_a_checkpoint_signs_it(tmp_path):
    platform = opened(tmp_path)
    kept = MemoryBlobs()
    books = replace(books_of(platform), kept=kept, places=())
    worked(platform)
    checkpoint(platform, books)
    for content in (b"", b"{}", kept.get("grown.json").replace(b'"size":6', b'"size":5')):
        kept.put("grown.json", content)
        assert books.checkpointer.last().size == 0
        assert checkpoint(platform, books).note is not None
    assert books.checkpointer.last().size == 6


def test_a_clock_that_goes_back_is_told_and_is_no_fault(tmp_path, place):
    platform = opened(tmp_path)
    worked(platform, 2)
    platform.ledger._clock = FixedClock(datetime(2020, 1, 1, tzinfo=UTC))  # type: ignore[attr-defined]
    worked(platform, 2)

    assert checkpoint(platform, books_of(platform)).note is not None
    report = verify_ledger(platform, books_of(platform))
    assert report.faults == ()
    assert any("clock went back 1 times" in one for one in report.notes)


def test_a_witness_is_counted_and_another_is_refused(tmp_path, place):
    platform = opened(tmp_path)
    worked(platform)
    key = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    witness = Witness(name="other.example", public=key.public_key().public_bytes_raw())
    books = replace(books_of(platform), witnesses=(witness,))
    note = checkpoint(platform, books).note
    assert note is not None
    at = 1_790_000_000
    told = f"cosignature/v1\ntime {at}\n{note.checkpoint.body}".encode()
    line = NoteSignature(
        name=witness.name, key_id=witness.key_id, signature=at.to_bytes(8, "big") + key.sign(told)
    )
    seen = place / f"{note.checkpoint.name}.cosigned"
    seen.write_text(replace(note, signatures=(*note.signatures, line)).text)

    assert verify_ledger(platform, books).cosigned == 1
    stranger = replace(witness, public=bytes(32))
    assert kinds(verify_ledger(platform, replace(books, witnesses=(stranger,)))) == {"unsigned"}


def test_a_watch_over_a_ledger_that_was_put_back_tells_it_and_stops_nothing(tmp_path, place):
    platform = opened(tmp_path)
    worked(platform, 2)
    with closing(sqlite3.connect(tmp_path / "w" / "bedside.sqlite")) as base:
        base.execute("VACUUM INTO ?", (str(tmp_path / "old"),))
    worked(platform, 4)
    checkpoint(platform, books_of(platform))
    for path in (tmp_path / "w").glob("bedside.sqlite*"):
        path.unlink()
    shutil.copy(tmp_path / "old", tmp_path / "w" / "bedside.sqlite")

    again = opened(tmp_path)
    with CheckpointWatch(again):
        worked(again, 1)

    told = [one for one in again.ledger.entries() if one.action == "checkpoint.failed"]
    assert [one.details["code"] for one in told] == ["ledger_broken"]


WRITER = """
import sys
from pathlib import Path
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
p = open_workspace(Path(sys.argv[1]), actor=actor_of("service:w", "care"), progress=LineProgress())
for n in range(100_000):
    p.ledger.append(p.actor, "thing", {"n": n}, sealed=b"x", subject=n % 3)
    if Path(sys.argv[2]).exists():
        break
print(n + 1)
"""


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_checkpoints_are_made_while_processes_write(tmp_path, place, monkeypatch, database):
    if database == "postgres":
        monkeypatch.setenv("BEDSIDE_DATABASE", a_postgres_url())
    platform = opened(tmp_path)
    books = replace(books_of(platform), every=10, seconds=1.0)
    enough = tmp_path / "enough"
    writer = [sys.executable, "-c", WRITER, str(tmp_path / "w"), str(enough)]
    writers = [subprocess.Popen(writer, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    watch, until = CheckpointWatch(platform, books), time.monotonic() + 60
    while verify_ledger(platform, books).checkpoints < 3:
        assert time.monotonic() < until, "no checkpoint is made while others write"
        watch.look()
    enough.touch()
    wrote = [int(one.communicate()[0]) for one in writers]
    watch.look(last=True)

    report = verify_ledger(platform, books)
    assert (report.faults, report.checkpoint_faults) == ((), ())
    assert report.entries == report.newest == 1 + sum(wrote)
    for part in (platform.ledger, platform.predictions, platform.metadata, books.links):
        part._engine.dispose()  # type: ignore[attr-defined]
    drop_databases()


MAKER = (
    WRITER.partition("    if Path")[0]
    + """\
    checkpoint(p, books)
    print(n, flush=True)
"""
)
MAKER = MAKER.replace("p = open", "from bedside.lifecycle.ledger_checkpoints import checkpoint\n"
                      "from bedside.wiring.checkpoints import books_of\np = open", 1)  # fmt: skip
MAKER = MAKER.replace("for n in", "books = books_of(p)\nfor n in", 1)


def test_a_process_killed_while_it_makes_checkpoints_leaves_all_of_them_sound(tmp_path, place):
    drawn = random.Random(8)
    for _ in range(3):
        maker = subprocess.Popen(
            [sys.executable, "-c", MAKER, str(tmp_path / "w")], stdout=subprocess.PIPE, text=True
        )
        assert maker.stdout is not None
        for _ in range(drawn.randrange(1, 6)):
            assert maker.stdout.readline()
        time.sleep(drawn.random() / 50)
        maker.kill()
        maker.communicate()

        platform = opened(tmp_path)
        assert checkpoint(platform, books_of(platform)).places[0].problem is None
        report = verified(tmp_path, place)
        assert (report.faults, report.checkpoint_faults) == ((), ())
        assert report.entries == report.newest
        assert [one.missing for one in report.places] == [0]
