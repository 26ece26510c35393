"""The files of a source, from a folder, ZIP archives and gzip, cut into parts of bounded size."""

import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from errno import EINVAL
from fnmatch import fnmatch
from itertools import count
from pathlib import Path, PurePosixPath
from typing import IO

from bedside.core.errors import NotFound, Unavailable
from bedside.core.ids import digest_of
from bedside.core.records.conversion import BadRecord
from bedside.data.collect.facts import Part
from bedside.data.collect.unpacking import CUT, Unpacked

__all__ = ["PART_BYTES", "TABLES", "SourceFiles"]

PART_BYTES = 64 << 20
ROWS_BYTES = 16 << 20  # of a table, whose cells take far more room than their text
LARGEST_WHOLE = 1 << 30  # bytes of a file that cannot be cut
MOST_MEMBERS = 1_000_000
TABLES = (".csv", ".psv", ".tsv", ".tab", ".txt")  # the endings of files that are cut by rows
_READ = 4 << 20
_DOCUMENTS = (".json", ".xml")
_ENCRYPTED = 1  # of a member's flags: APPNOTE.TXT 4.4.4
_BAD_ARCHIVE = (
    zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, RuntimeError, ValueError, struct.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file, or a member of an archive: what the source calls it, and its name among the parts."""

    called: str
    name: str
    path: Path
    member: zipfile.ZipInfo | None = None


@dataclass(slots=True)
class SourceFiles:
    """The files of a source below one folder, or one file.

    A member of a ZIP archive is a file as well, called by its path in the archive; `x.gz` is read
    as `x`. Where two would be called the same, the later one is called by its whole path. Links
    that lead out of the folder are not followed. What cannot be read is told in `bad`, and the
    rest goes on.

    Args:
        place: The folder, or the file.
        patterns: Which files are wanted, by name or by path (`*.ndjson`, `set-a/*.txt`).
        passive: Which of them are only looked at beside others.
    """

    place: Path
    patterns: tuple[str, ...]
    passive: tuple[str, ...] = ()
    bad: list[BadRecord] = field(default_factory=list)
    _beside: dict[str, _File] | None = field(default=None)
    _open: tuple[Path, zipfile.ZipFile] | None = field(default=None)

    def __enter__(self) -> "SourceFiles":
        return self

    def __exit__(self, *_: object) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def parts(self, split: str) -> Iterator[Part]:
        """Every wanted file, in the order of their names.

        Args:
            split: `lines`: a long text is cut at line ends, but for one document (`.json`,
                `.xml`); `rows`: a long CSV is cut between its rows, and each part begins with the
                header; `whole`: it is not cut.

        Raises:
            NotFound: the place is not there, or holds no wanted file.
            Unavailable: a file may not be read.
        """
        found = 0
        for file in self._files():
            if self._is_wanted(file.called):
                found += 1
                yield from self._read(file, split)
        if not found:
            raise NotFound(
                f"No file in this folder is called {' or '.join(self.patterns)}.",
                fix="give the folder that holds them with --data, or correct files: in the source.",
            )

    def beside(self, name: str) -> bytes | None:
        """The content of the file of this name (without a folder, any case), or None."""
        if self._beside is None:
            self._beside = {PurePosixPath(one.name).name.lower(): one for one in self._files()}
        file = self._beside.get(PurePosixPath(name).name.lower())
        if file is None:
            return None
        read = list(self._read(file, "whole"))
        return read[0].content if read else None

    def fingerprint(self) -> str:
        """Names, sizes and times of change of all files."""
        told = []
        for file in self._files():
            state = file.path.stat()
            told.append([file.name, state.st_size, state.st_mtime_ns])
        return digest_of(told)

    def kept(self) -> None:
        """The files stay where they are."""

    def _is_wanted(self, name: str) -> bool:
        def matches(patterns: tuple[str, ...]) -> bool:
            last = PurePosixPath(name).name
            return any(fnmatch(last, one) or fnmatch(name, one) for one in patterns)

        return matches(self.patterns) and not matches(self.passive)

    def _files(self) -> Iterator[_File]:
        """Every file and member, wanted or not."""
        if self.place.is_file():
            paths = [self.place]
        elif self.place.is_dir():
            root = self.place.resolve()
            every = (path for path in sorted(self.place.rglob("*")) if path.is_file())
            paths = [path for path in every if path.resolve().is_relative_to(root)]
        else:
            raise NotFound(
                f"There is no folder or file '{self.place.name}'.",
                fix="give the folder that holds the data with --data.",
            )
        base = self.place if self.place.is_dir() else self.place.parent
        given = set[str]()
        for path in paths:
            name = _printable(path.relative_to(base).as_posix())
            members: Sequence[zipfile.ZipInfo | None] = [None]
            if path.suffix.lower() == ".zip":
                members = self._members(path, name)
            for member in members:
                called = _without_gz(name if member is None else _printable(member.filename))
                whole = name if member is None else f"{name}/{_printable(member.filename)}"
                unique = next(one for one in _names(called, whole) if one not in given)
                given.add(unique)
                yield _File(called=called, name=unique, path=path, member=member)

    def _members(self, path: Path, name: str) -> list[zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(path) as archive:
                every = archive.infolist()
        except _BAD_ARCHIVE:
            self._tell(name, "the archive is not a readable ZIP file")
            return []
        except OSError as error:
            raise _unavailable(name, error) from None
        if len(every) > MOST_MEMBERS:
            self._tell(name, f"the archive has more than {MOST_MEMBERS} members")
            return []
        wanted = (
            one for one in every if not one.is_dir() and not one.filename.startswith("__MACOSX/")
        )
        return sorted(wanted, key=lambda one: (one.filename, one.header_offset))

    def _read(self, file: _File, split: str) -> Iterator[Part]:
        called = _without_gz(file.called.lower())
        give = self._whole
        if split == "lines" and not called.endswith(_DOCUMENTS):
            give = self._lines
        elif split == "rows" and called.endswith(TABLES):
            give = self._rows
        try:
            if file.member is None:
                with file.path.open("rb") as raw:
                    size = file.path.stat().st_size
                    yield from give(file.name, Unpacked(raw, file.path.name, size))
            elif (inside := self._opened(file, file.member)) is not None:
                with inside:
                    size = file.member.compress_size
                    yield from give(file.name, Unpacked(inside, file.member.filename, size))
        except OSError as error:
            raise _unavailable(file.name, error) from None

    def _opened(self, file: _File, member: zipfile.ZipInfo) -> IO[bytes] | None:
        """A member; its archive stays open while others are read, for its directory may be long."""
        if member.flag_bits & _ENCRYPTED:
            self._tell(file.name, "it is encrypted")
            return None
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            self._tell(file.name, "it is compressed in another way than Deflate")
            return None
        try:
            if self._open is None or self._open[0] != file.path:
                if self._open is not None:
                    self._open[1].close()
                self._open = (file.path, zipfile.ZipFile(file.path))
            return self._open[1].open(member)
        except _BAD_ARCHIVE:
            self._tell(file.name, CUT)
        except OSError as error:
            if error.errno != EINVAL:  # a place before the file's beginning
                raise
            self._tell(file.name, CUT)
        return None

    def _whole(self, name: str, stream: Unpacked) -> Iterator[Part]:
        content = stream.all(LARGEST_WHOLE)
        if stream.fault:
            self._tell(name, stream.fault, stream.given)
        else:
            yield Part(name=name, content=content)

    def _lines(self, name: str, stream: Unpacked) -> Iterator[Part]:
        """Runs of whole lines; a line that is longer than a part is told and passed over."""
        return self._cut(name, stream, PART_BYTES, lambda held: held.rfind(b"\n") + 1, _no_header)

    def _rows(self, name: str, stream: Unpacked) -> Iterator[Part]:
        """Runs of whole rows of a CSV file (RFC 4180), each after the header."""
        return self._cut(name, stream, ROWS_BYTES, _end_of_rows, _header)

    def _cut(
        self,
        name: str,
        stream: Unpacked,
        size: int,
        end_of: Callable[[bytearray], int],
        header_of: Callable[[bytearray], bytes],
    ) -> Iterator[Part]:
        first, held, header = 0, bytearray(), b""
        while chunk := stream.read(size - len(held)):
            held += chunk
            if len(held) < size:
                continue
            end = end_of(held)
            if end:
                yield Part(name=name, content=header + held[:end], first=first)
                header = header or header_of(held)
                first += end
                del held[:end]
                continue
            length = self._passed_over(stream, held, min(size, _READ))
            reason = f"a line is longer than {size >> 20} MiB"
            self.bad.append(BadRecord(file=name, offset=first, length=length, reason=reason))
            first += length
        if stream.fault:  # what precedes is read, to its last whole line
            del held[end_of(held) :]
            self._tell(name, stream.fault, first + len(held))
        if held or not (first or stream.fault):
            yield Part(name=name, content=header + held, first=first)

    def _passed_over(self, stream: Unpacked, held: bytearray, step: int) -> int:
        """Read to the end of the line that `held` begins; then it holds what follows.

        Returns:
            The length of the line.
        """
        length = len(held)
        held.clear()
        while chunk := stream.read(step):
            end = chunk.find(b"\n") + 1
            length += end or len(chunk)
            if end:
                held += chunk[end:]
                break
        return length

    def _tell(self, name: str, reason: str, offset: int = 0) -> None:
        self.bad.append(BadRecord(file=name, offset=offset, length=0, reason=reason))


def _no_header(_: bytearray) -> bytes:
    return b""


def _header(content: bytearray) -> bytes:
    """The first record, with the empty lines before it."""
    begin = len(content) - len(content.lstrip(b"\r\n"))
    end = begin
    while end := content.find(b"\n", end) + 1:
        if content.count(b'"', begin, end) % 2 == 0:
            return bytes(content[:end])
    return b""


def _end_of_rows(content: bytearray) -> int:
    """After the last line break outside quotes; where all lie inside, after the last of them."""
    last = end = content.rfind(b"\n") + 1
    quotes = content.count(b'"', 0, end)
    while end and quotes % 2:
        before = content.rfind(b"\n", 0, end - 1) + 1
        quotes -= content.count(b'"', before, end)
        end = before
    return end or last


def _unavailable(name: str, error: OSError) -> Unavailable:
    return Unavailable(
        f"'{name}' cannot be read ({type(error).__name__}).", fix="check its permissions."
    )


def _names(called: str, whole: str) -> Iterator[str]:
    """What a file may be called, the first first."""
    yield called
    yield whole
    for number in count(2):
        yield f"{whole} ({number})"


def _printable(name: str) -> str:
    """A name that can be written down: bytes that are no text and control characters replaced."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def _without_gz(name: str) -> str:
    return name[:-3] if name.lower().endswith(".gz") else name
