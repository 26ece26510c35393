"""Files of a source: folders, archives, gzip, cut lines; and what strangers may put in them."""

import csv
import gzip
import io
import os
import random
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import NotFound, Unavailable
from bedside.data.collect import parts as reading
from bedside.data.collect.facts import Part
from bedside.data.collect.parts import SourceFiles


def read(place: Path, *patterns: str, split: str = "whole") -> tuple[list[Part], SourceFiles]:
    with SourceFiles(place, patterns or ("*",)) as files:
        return list(files.parts(split)), files


def told(place: Path, *patterns: str, split: str = "whole") -> dict[str, bytes]:
    parts, files = read(place, *patterns, split=split)
    assert files.bad == []
    return {part.name: part.content for part in parts}


def reasons(files: SourceFiles) -> list[tuple[str, str]]:
    return [(one.file, one.reason) for one in files.bad]


def a_zip(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_csv", ".csv"), content)
    return path


def test_files_are_read_by_the_order_of_their_names_in_folders_archives_and_gzip(tmp_path):
    (tmp_path / "ward").mkdir()
    (tmp_path / "ward" / "b.csv").write_bytes(b"b")
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(b"c"))
    (tmp_path / "notes.txt").write_bytes(b"not wanted")
    a_zip(tmp_path / "a.ZIP", set__a_csv=b"a", set__z_csv=b"z")
    with zipfile.ZipFile(tmp_path / "a.ZIP", "a") as archive:
        archive.writestr("set/g.csv.gz", gzip.compress(b"g"))

    found = told(tmp_path, "*.csv")

    assert found == {
        "set/a.csv": b"a",
        "set/g.csv": b"g",
        "set/z.csv": b"z",
        "c.csv": b"c",
        "ward/b.csv": b"b",
    }
    assert list(found) == ["set/a.csv", "set/g.csv", "set/z.csv", "c.csv", "ward/b.csv"]


def test_a_pattern_may_name_a_folder_and_a_single_file_may_be_given(tmp_path):
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_bytes(name.encode())

    assert told(tmp_path, "x/*.csv") == {"x/a.csv": b"x"}
    assert told(tmp_path / "y" / "a.csv", "*.csv") == {"a.csv": b"y"}


def test_files_that_would_be_called_the_same_are_told_apart(tmp_path):
    a_zip(tmp_path / "a.zip", t_csv=b"1")
    a_zip(tmp_path / "b.zip", t_csv=b"2")
    (tmp_path / "c.csv").write_bytes(b"3")
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(b"4"))
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("u.csv", b"5")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("u.csv", b"6")

    found = told(tmp_path, "*.csv")

    assert found == {
        "t.csv": b"1",
        "b.zip/t.csv": b"2",
        "c.csv": b"3",
        "c.csv.gz": b"4",
        "u.csv": b"5",
        "d.zip/u.csv": b"6",
    }


def test_a_link_out_of_the_folder_is_not_followed_and_one_inside_is(tmp_path):
    inside = tmp_path / "data"
    (inside / "deep").mkdir(parents=True)
    (tmp_path / "secret.csv").write_bytes(b"secret")
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "o.csv").write_bytes(b"secret")
    (inside / "deep" / "a.csv").write_bytes(b"a")
    (inside / "out.csv").symlink_to(tmp_path / "secret.csv")
    (inside / "others").symlink_to(tmp_path / "others")
    (inside / "in.csv").symlink_to(inside / "deep" / "a.csv")
    (inside / "loop").symlink_to(inside)
    (inside / "nowhere.csv").symlink_to(inside / "absent")
    os.mkfifo(inside / "pipe.csv")

    assert told(inside, "*.csv") == {"deep/a.csv": b"a", "in.csv": b"a"}


def test_where_nothing_is_wanted_the_words_say_so(tmp_path):
    with pytest.raises(NotFound, match="No file in this folder"):
        read(tmp_path, "*.csv")
    with pytest.raises(NotFound, match="no folder or file"):
        read(tmp_path / "absent", "*.csv")


def test_a_file_that_the_disk_refuses_is_told_as_such():
    with pytest.raises(Unavailable) as caught:
        read(Path("/proc/self/mem"))

    assert str(caught.value) == "'mem' cannot be read (OSError). Fix: check its permissions."


def test_what_precedes_the_cut_of_a_gzip_is_read_to_its_last_line_and_the_rest_told(tmp_path):
    lines = b"".join(b'{"n": %d, "noise": %d}\n' % (n, hash((n, 7))) for n in range(20_000))
    packed = gzip.compress(lines)
    (tmp_path / "a.ndjson.gz").write_bytes(packed[: len(packed) // 2])

    (part,), files = read(tmp_path, split="lines")

    assert lines.startswith(part.content)
    assert part.content.endswith(b"\n")
    assert len(part.content) > len(lines) // 3
    assert [(one.file, one.offset, one.reason) for one in files.bad] == [
        ("a.ndjson", len(part.content), "it is damaged or cut")
    ]
    nothing, files = read(tmp_path, split="whole")  # half a table is none
    assert nothing == []
    assert reasons(files) == [("a.ndjson", "it is damaged or cut")]


def test_gzip_members_one_after_another_are_one_file(tmp_path):
    packed = gzip.compress(b"one\n") + gzip.compress(b"") + gzip.compress(b"two\n") + b"\0" * 99
    (tmp_path / "a.gz").write_bytes(packed)

    assert told(tmp_path) == {"a": b"one\ntwo\n"}


@pytest.mark.parametrize(
    "more", [b"garbage", gzip.compress(b"two", mtime=0)[:-1], b"\x1f\x8b", b"\0\0\x1f"]
)
def test_what_follows_a_gzip_member_and_is_none_is_told(tmp_path, more):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one\n") + more)

    (part,), files = read(tmp_path, split="lines")

    assert part.content == b"one\n"
    assert reasons(files) == [("a", "it is damaged or cut")]


def test_a_damaged_archive_is_told_and_the_others_are_read(tmp_path):
    whole = a_zip(tmp_path / "b.zip", b_csv=os.urandom(3000)).read_bytes()
    a_zip(tmp_path / "good.zip", g_csv=b"g")
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 no archive")
    (tmp_path / "b.zip").write_bytes(whole[:500] + b"\0" * 500 + whole[1000:])

    parts, files = read(tmp_path, "*.csv")

    assert [part.name for part in parts] == ["g.csv"]
    assert reasons(files) == [
        ("a.zip", "the archive is not a readable ZIP file"),
        ("b.csv", "it is damaged or cut"),
    ]


def test_a_member_that_is_encrypted_or_of_an_unknown_method_is_told(tmp_path):
    content = bytearray(a_zip(tmp_path / "a.zip", a_csv=b"a" * 99).read_bytes())
    central = content.rindex(b"PK\x01\x02")
    for name, place, value in (("locked", 8, 1), ("odd", 10, 99)):
        changed = bytearray(content)
        struct.pack_into("<H", changed, central + place, value)
        struct.pack_into("<H", changed, place - 2, value)
        (tmp_path / f"{name}.zip").write_bytes(changed)
    (tmp_path / "a.zip").unlink()

    with pytest.raises(NotFound):
        read(tmp_path, "*.txt")
    _, files = read(tmp_path, "*.csv")

    assert [reason for _, reason in reasons(files)] == [
        "it is encrypted",
        "it is compressed in another way than Deflate",
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_cannot_be_bounded_is_told(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a.csv", b"a" * 30_000)

    parts, files = read(tmp_path, "*.csv")

    assert parts == []
    assert reasons(files) == [("a.csv", "it is compressed in another way than Deflate")]


def test_damage_inside_a_member_is_told(tmp_path):
    content = bytearray(
        a_zip(tmp_path / "a.zip", a_csv=random.Random(5).randbytes(9000)).read_bytes()
    )
    content[200:260] = bytes(60)
    (tmp_path / "a.zip").write_bytes(content)

    parts, files = read(tmp_path, "*.csv")

    assert parts == []
    assert reasons(files) == [("a.csv", "it is damaged or cut")]


def a_bomb(kind: str, path: Path, *, mebibytes: int) -> None:
    """A file that gives so many MiB of zeros."""
    if kind == "gz":
        with gzip.open(path / "bomb.gz", "wb", compresslevel=9) as file:
            for _ in range(mebibytes):
                file.write(bytes(1 << 20))
        return
    with zipfile.ZipFile(path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("bomb", "w", force_zip64=True) as file:
            for _ in range(mebibytes):
                file.write(bytes(1 << 20))


@pytest.mark.parametrize("split", ["lines", "whole"])
@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_a_decompression_bomb_is_refused_in_bounded_memory(tmp_path, kind, split):
    a_bomb(kind, tmp_path, mebibytes=99)
    tracemalloc.start()

    parts, files = read(tmp_path, "bomb", split=split)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parts == []
    assert [reason for _, reason in reasons(files)][-1] == (
        "it gives far more than its size explains (a decompression bomb?)"
    )
    assert peak < 140 << 20


def test_an_archive_whose_directory_lies_is_read_or_told_but_not_believed(tmp_path):
    content = bytearray(a_zip(tmp_path / "a.zip", a_csv=b"a" * 1000).read_bytes())
    central = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, central + 24, 1 << 31)  # it says to give 2 GiB
    (tmp_path / "a.zip").write_bytes(content)

    parts, files = read(tmp_path, "*.csv")

    assert len(parts) + len(files.bad) == 1
    assert all(len(part.content) <= 1000 for part in parts)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/x.csv",
        "/etc/x.csv",
        "C:\\x.csv",
        "a\x1b[31m\r\nb.csv",
        "x" * 60_000 + ".csv",
        "\ud800",
    ],
)
def test_absurd_member_names_are_only_names(tmp_path, name):
    folder = tmp_path / "data"
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr(name.encode("utf-8", "replace").decode(), b"a")
    before = sorted(tmp_path.rglob("*"))

    with SourceFiles(folder, ("*",)) as files:
        (part,) = files.parts("whole")
        assert len(files.fingerprint()) == 64

    assert part.content == b"a"
    assert part.name.isprintable()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_name_that_is_no_text_is_read_all_the_same(tmp_path):
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.csv")).write_bytes(b"a")
    except OSError:
        pytest.skip("this file system wants names in UTF-8")

    with SourceFiles(tmp_path, ("*.csv",)) as files:
        (part,) = files.parts("whole")
        assert len(files.fingerprint()) == 64

    assert part.name.encode().endswith(b".csv")


lines_of_text = st.lists(
    st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=25
).map(b"\n".join)


@given(lines_of_text, st.integers(1, 40), st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_lines_are_cut_at_their_ends_into_bounded_parts_and_nothing_is_lost(
    tmp_path_factory, content, size, is_gz, ends_with_break
):
    content += b"\n" * ends_with_break
    file = tmp_path_factory.mktemp("cut") / ("a.ndjson.gz" if is_gz else "a.ndjson")
    file.write_bytes(gzip.compress(content) if is_gz else content)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "PART_BYTES", size)
        patched.setattr(reading, "_READ", 7)
        parts, files = read(file, split="lines")

    assert all(len(part.content) <= size for part in parts)
    assert all(part.content == content[part.first :][: len(part.content)] for part in parts)
    assert all(part.content.endswith(b"\n") for part in parts[:-1])
    whole = {part.first: part.content for part in parts}
    for one in files.bad:  # lines that are longer than a part are told, with their place
        assert "a line is longer than" in one.reason
        line = content[one.offset :][: one.length]
        assert len(line) >= size
        assert line.count(b"\n") == line.endswith(b"\n")
        whole[one.offset] = line
    assert b"".join(whole[first] for first in sorted(whole)) == content
    again = {part.first for part in parts} | {one.offset for one in files.bad}
    assert len(again) == len(parts) + len(files.bad)


cells = st.text(alphabet='ab"\n,;\r ', max_size=9)


@given(
    st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=20), st.integers(90, 200)
)
@settings(max_examples=150, deadline=None)
def test_a_table_is_cut_between_its_rows_and_each_part_begins_with_the_header(
    tmp_path_factory, rows, size
):
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["id", "a\nb", "c"], *rows])
    content = buffer.getvalue().encode()
    file = tmp_path_factory.mktemp("rows") / "a.csv"
    file.write_bytes(content)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "ROWS_BYTES", size)
        parts, files = read(file, split="rows")

    assert files.bad == []
    header = content[: content.index(b"c\r\n") + 3]
    assert all(part.content.startswith(header) for part in parts)
    assert all(len(part.content) <= size + len(header) for part in parts)
    told = [
        row
        for part in parts
        for row in list(csv.reader(io.StringIO(part.content.decode(), newline="")))[1:]
    ]
    assert told == rows
    for part in parts[1:]:
        rest = part.content[len(header) :]
        assert content[part.first :][: len(rest)] == rest


def test_a_huge_line_is_passed_over_in_bounded_memory_and_the_rest_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "PART_BYTES", 1 << 20)
    with (tmp_path / "a.ndjson").open("wb") as file:
        file.write(b"first\n")
        for _ in range(60):
            file.write(b"x" * (1 << 20))
        file.write(b"\nlast\n")
    tracemalloc.start()

    parts, files = read(tmp_path, split="lines")

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [part.content for part in parts] == [b"first\n", b"last\n"]
    assert [(one.offset, one.length) for one in files.bad] == [(6, (60 << 20) + 1)]
    assert parts[1].first == 6 + (60 << 20) + 1
    assert peak < 16 << 20


def test_a_document_is_not_cut_at_its_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "PART_BYTES", 10)
    (tmp_path / "bundle.json").write_bytes(b'{\n"resourceType":\n"Bundle"\n}')

    (part,), _ = read(tmp_path, split="lines")

    assert part.content == b'{\n"resourceType":\n"Bundle"\n}'


@pytest.mark.parametrize("split", ["lines", "whole"])
def test_an_empty_file_is_one_empty_part(tmp_path, split):
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b""))

    parts, files = read(tmp_path, split=split)

    assert [(part.name, part.content, part.first) for part in parts] == [
        ("a", b"", 0), ("b", b"", 0),
    ]  # fmt: skip
    assert files.bad == []


def test_a_file_beside_is_found_by_its_name_in_any_case_also_in_an_archive(tmp_path):
    a_zip(tmp_path / "omop.zip", cdm__CONCEPT_csv=b"1")
    (tmp_path / "Person.csv.gz").write_bytes(gzip.compress(b"2"))

    with SourceFiles(tmp_path, ("*",), passive=("concept.csv",)) as files:
        assert files.beside("concept.csv") == b"1"
        assert files.beside("PERSON.CSV") == b"2"
        assert files.beside("absent.csv") is None


@given(
    st.binary(max_size=400), st.sampled_from([".zip", ".gz"]), st.integers(0, 399), st.booleans()
)
@settings(max_examples=150, deadline=None)
def test_no_bytes_break_the_reading_of_archives(tmp_path_factory, noise, suffix, at, is_near):
    folder = tmp_path_factory.mktemp("fuzz")
    if is_near:  # a real one with a hole torn into it
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a.csv", b"a,b\n1,2\n" * 9)
        real = buffer.getvalue() if suffix == ".zip" else gzip.compress(b"a,b\n1,2\n" * 9)
        noise = real[:at] + noise[:20] + real[at + len(noise[:20]) :]
    (folder / f"x{suffix}").write_bytes(noise)
    (folder / "good.csv").write_bytes(b"good")

    for split in ("lines", "whole"):
        parts, files = read(folder, split=split)

        assert b"good" in [part.content for part in parts]
        assert all("a,b" not in one.reason for one in files.bad)
