"""The journal read while it is written: every durable message once, in its place, with its time."""

import os
import struct
from datetime import UTC, datetime
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.core.errors import Refused, Unavailable
from bedside.data.adapters.mllp.following import Follower
from bedside.data.adapters.mllp.journal import Journal, forget, journal_parts
from bedside.data.adapters.mllp.sealing import FileHeader
from mllp_sending import data_keys_in

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
MANY = [f"MSH|^~\\&|message {number}".encode() for number in range(8)]


def following(folder, journal) -> Follower:
    return Follower(folder / "journal", data_keys_in(folder), durable=lambda: journal.place)


def told(found) -> list[tuple[int, bytes]]:
    return [(one.place, one.content) for one in found]


def test_what_is_appended_is_told_once_with_its_number_and_its_moment(tmp_path):
    with Journal(tmp_path / "journal", data_keys_in(tmp_path)) as journal:
        follower = following(tmp_path, journal)
        assert follower.after(0, most=9) == []
        journal.append(MANY[:2], AT)
        first = follower.after(0, most=9)
        journal.append(MANY[2:3])
        journal.rotate()
        journal.append(MANY[3:4], AT)
        second = follower.after(2, most=9)

    assert told(first) + told(second) == list(enumerate(MANY[:4]))
    assert [one.at for one in (*first, *second)] == [AT, AT, None, AT]
    assert "message" not in repr(first)


def test_one_who_begins_anew_finds_the_same_numbers_from_any_place_on(tmp_path):
    with Journal(tmp_path / "journal", data_keys_in(tmp_path), largest_file=1) as journal:
        for one in MANY:
            journal.append([one], AT)
    with Journal(tmp_path / "journal", data_keys_in(tmp_path)) as journal:
        follower = following(tmp_path, journal)

        assert follower.end == len(MANY)
        assert told(follower.after(5, most=2)) == [(5, MANY[5]), (6, MANY[6])]
        assert told(follower.after(7, most=2)) == [(7, MANY[7])]
        assert told(follower.after(0, most=9)) == list(enumerate(MANY)), "and back"


def test_a_write_that_failed_is_never_told_and_its_number_goes_to_the_next(tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with Journal(tmp_path / "journal", data_keys_in(tmp_path)) as journal:
        follower = following(tmp_path, journal)
        journal.append(MANY[:1])
        with monkeypatch.context() as disk:
            disk.setattr("os.fdatasync", full)
            with pytest.raises(Unavailable):
                journal.append(MANY[1:2])
        journal.append(MANY[2:3])

        assert told(follower.after(0, most=9)) == [(0, MANY[0]), (1, MANY[2])]


def test_numbers_go_on_after_everything_was_collected_and_removed(tmp_path):
    folder, keys = tmp_path / "journal", data_keys_in(tmp_path)
    with Journal(folder, keys) as journal:
        journal.append(MANY[:3])
    assert forget(folder, keys, [one.file for one in journal_parts(folder, keys)]) == 1

    with Journal(folder, keys) as journal:
        follower = following(tmp_path, journal)
        assert (follower.oldest, follower.end) == (3, 3)
        journal.append(MANY[3:5])
        assert told(follower.after(0, most=9)) == [(3, MANY[3]), (4, MANY[4])]
        assert follower.oldest == 3
        assert journal_parts(folder, keys, unfinished=True).__next__().first == 3


def test_a_file_that_vanishes_from_between_others_is_noticed(tmp_path):
    with Journal(tmp_path / "journal", data_keys_in(tmp_path), largest_file=1) as journal:
        follower = following(tmp_path, journal)
        journal.append(MANY[:1])
        assert told(follower.after(0, most=9)) == [(0, MANY[0])]
        journal.append(MANY[1:2])
        journal.append(MANY[2:3])
        (tmp_path / "journal" / "000000000002.journal").unlink()

        with pytest.raises(Refused, match="changed, moved or cut"):
            follower.after(1, most=9)


def frame_of_version_1(cipher, header, place, messages, at=None):
    """As frames were written before they said when their messages came."""
    clear = b"".join(struct.pack(">I", len(one)) + one for one in messages)
    nonce, label = os.urandom(12), header.written() + struct.pack(">Q", place)
    sealed = nonce + cipher.encrypt(nonce, clear, label)
    length = struct.pack(">I", len(sealed))
    return length + struct.pack(">I", crc32(length + struct.pack(">Q", place))) + sealed


def test_a_journal_of_before_moments_were_kept_is_read(tmp_path, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(FileHeader.__init__, "__defaults__", (1,))
        before.setattr("bedside.data.adapters.mllp.journal.sealed_frame", frame_of_version_1)
        with Journal(tmp_path / "journal", data_keys_in(tmp_path)) as journal:
            journal.append(MANY[:2], AT)
    with Journal(tmp_path / "journal", data_keys_in(tmp_path)) as journal:
        journal.append(MANY[2:3], AT)
        found = following(tmp_path, journal).after(0, most=9)

    assert told(found) == list(enumerate(MANY[:3]))
    assert [one.at for one in found] == [None, None, AT]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(["append", "rotate", "reopen", "read"]), max_size=14))
def test_however_it_is_written_and_read_every_message_is_told_once(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("j")
    keys = data_keys_in(folder)
    journal = Journal(folder / "journal", keys)
    follower, found, count = following(folder, journal), [], 0
    for step in [*steps, "read"]:
        if step == "append":
            journal.append([b"MSH|%d" % count, b"MSH|%d" % (count + 1)], AT)
            count += 2
        elif step == "rotate":
            journal.rotate()
        elif step == "reopen":
            journal.close()
            journal = Journal(folder / "journal", keys)
            follower = following(folder, journal)
        else:
            found += follower.after(len(found), most=3)
            while more := follower.after(len(found), most=3):
                found += more
    journal.close()

    assert told(found) == [(number, b"MSH|%d" % number) for number in range(count)]
