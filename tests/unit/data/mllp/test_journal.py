"""The journal of received messages: what is appended is there, sealed, and in its place."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Refused, Unavailable
from bedside.data.adapters.mllp.journal import Journal, forget, journal_parts
from bedside.interop.hl7v2.framing import Frames
from mllp_sending import data_keys_in

MANY = [f"MSH|^~\\&|message {number}".encode() for number in range(6)]


def written(folder: Path, *groups: list[bytes], largest_file: int = 1 << 20) -> list[Path]:
    """Append these groups, each in a frame; return the files."""
    with Journal(folder / "journal", data_keys_in(folder), largest_file=largest_file) as journal:
        for group in groups:
            journal.append(group)
    return files(folder)


def killed_while_writing(folder: Path, *groups: list[bytes]) -> Path:
    """The file as it is when a process is killed right after these groups."""
    journal = Journal(folder / "journal", data_keys_in(folder))
    for group in groups:
        journal.append(group)
    content = files(folder)[-1].read_bytes()
    journal.close()
    files(folder)[-1].write_bytes(content)
    return files(folder)[-1]


def files(folder: Path) -> list[Path]:
    return sorted((folder / "journal").glob("*.journal"))


def read(folder: Path) -> list[bytes]:
    return [
        message
        for one in journal_parts(folder / "journal", data_keys_in(folder), unfinished=True)
        for message in Frames(1 << 20).feed(one.part.content)
    ]


def test_what_was_appended_is_read_in_its_order(tmp_path):
    written(tmp_path, MANY[:2], MANY[2:3], MANY[3:])

    assert read(tmp_path) == MANY


def test_no_message_stands_on_the_disk_in_the_clear(tmp_path):
    written(tmp_path, MANY)

    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"message" not in path.read_bytes()


def test_a_process_goes_on_in_a_new_file_after_another(tmp_path):
    written(tmp_path, MANY[:3])
    written(tmp_path, MANY[3:])

    assert len(files(tmp_path)) == 2
    assert read(tmp_path) == MANY


@pytest.mark.parametrize("lost", [1, 5, 20, 40])
def test_the_torn_tail_of_a_killed_writer_is_cut_and_the_rest_is_there(tmp_path, lost):
    path = killed_while_writing(tmp_path, MANY[:2], MANY[2:4])
    path.write_bytes(path.read_bytes()[:-lost])

    assert read(tmp_path) == MANY[:2]
    written(tmp_path, MANY[4:])
    assert read(tmp_path) == MANY[:2] + MANY[4:]


def test_a_file_that_was_begun_and_nothing_more_is_no_obstacle(tmp_path):
    written(tmp_path, MANY[:2])
    (tmp_path / "journal" / "000000000002.journal").write_bytes(b"bed.mllp\x01")

    written(tmp_path, MANY[2:])

    assert read(tmp_path) == MANY


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_whatever_is_changed_no_other_message_is_read_than_was_written(tmp_path, data):
    if not files(tmp_path):
        killed_while_writing(tmp_path, MANY[:2], MANY[2:4], MANY[4:])
    (path,) = files(tmp_path)
    sound = path.read_bytes()
    place = data.draw(st.integers(0, len(sound) - 1))
    changed = bytearray(sound)
    changed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    try:
        found = read(tmp_path)
    except BedsideError as error:
        found = error.code
    finally:
        path.write_bytes(sound)

    # Only the last frame may look torn.
    assert found in (MANY[:4], "journal_tampered", "not_found", "wrong_key")


def frames_of(path: Path) -> list[bytes]:
    """The header, and each frame of a file."""
    content, place, found = path.read_bytes(), 41, []
    found.append(content[:place])
    while place < len(content):
        end = place + 8 + int.from_bytes(content[place : place + 4], "big")
        found.append(content[place:end])
        place = end
    return found


@pytest.mark.parametrize(
    "order", [[0, 2, 1, 3], [0, 1, 1, 2, 3], [0, 1, 3], [0, 2, 3]],
    ids=["swapped", "repeated", "left out", "first left out"],
)  # fmt: skip
def test_frames_that_are_moved_repeated_or_left_out_are_noticed(tmp_path, order):
    path = killed_while_writing(tmp_path, MANY[:2], MANY[2:4], MANY[4:])
    frames = frames_of(path)

    path.write_bytes(b"".join(frames[number] for number in order))

    with pytest.raises(Refused, match="changed, moved or cut"):
        read(tmp_path)


def test_a_file_that_is_cut_or_gone_from_between_others_is_noticed(tmp_path):
    first, second, third = written(tmp_path, MANY[:2], MANY[2:4], MANY[4:], largest_file=1)
    sound = second.read_bytes()
    second.write_bytes(b"".join(frames_of(second)[:1]))
    with pytest.raises(Refused, match="changed, moved or cut"):
        read(tmp_path)
    second.unlink()
    with pytest.raises(Refused, match="changed, moved or cut"):
        read(tmp_path)
    second.write_bytes(sound)
    assert read(tmp_path) == MANY
    assert first.exists()
    assert third.exists()


def test_two_processes_cannot_write_one_journal(tmp_path):
    with Journal(tmp_path / "journal", data_keys_in(tmp_path)):
        with pytest.raises(Unavailable, match="Another process"):
            Journal(tmp_path / "journal", data_keys_in(tmp_path))


def test_the_file_that_is_being_written_is_read_only_on_request_and_never_forgotten(tmp_path):
    keys = data_keys_in(tmp_path)
    with Journal(tmp_path / "journal", keys) as journal:
        journal.append(MANY)
        assert list(journal_parts(tmp_path / "journal", keys)) == []
        (one,) = journal_parts(tmp_path / "journal", keys, unfinished=True)
        assert not one.complete
        assert forget(tmp_path / "journal", keys, [one.file]) == 0
        journal.rotate()
        (one,) = journal_parts(tmp_path / "journal", keys)
        assert one.complete
        assert forget(tmp_path / "journal", keys, [one.file]) == 1
    assert read(tmp_path) == []


def test_what_was_forgotten_cannot_be_read_from_a_copy_of_the_disk(tmp_path):
    (path,) = written(tmp_path, MANY)
    copy = path.read_bytes()
    keys = data_keys_in(tmp_path)

    assert forget(tmp_path / "journal", keys, [path.name]) == 1

    path.write_bytes(copy)
    with pytest.raises(BedsideError):
        read(tmp_path)


def test_files_are_forgotten_from_the_oldest_on(tmp_path):
    first, second, _ = written(tmp_path, MANY[:2], MANY[2:4], MANY[4:], largest_file=1)
    keys = data_keys_in(tmp_path)

    assert forget(tmp_path / "journal", keys, [second.name]) == 0
    assert forget(tmp_path / "journal", keys, [first.name, second.name]) == 2
    assert read(tmp_path) == MANY[4:]


def test_a_disk_that_takes_nothing_costs_no_message_that_was_kept(tmp_path, monkeypatch):
    with Journal(tmp_path / "journal", data_keys_in(tmp_path)) as journal:
        journal.append(MANY[:2])
        with monkeypatch.context() as disk:
            disk.setattr("os.fdatasync", _full)
            with pytest.raises(Unavailable, match="disk"):
                journal.append(MANY[2:4])
        journal.append(MANY[4:])

    assert read(tmp_path) == MANY[:2] + MANY[4:]


def _full(handle: int) -> None:
    raise OSError(28, "No space left on device")
