"""The files of a source, from a folder, ZIP archives and gzip, cut into parts of bounded size."""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO

from bedside.core.errors import NotFound, Unavailable
from bedside.core.ids import digest_of
from bedside.core.records.conversion import BadRecord
from bedside.data.collect.facts import Part

__all__ = ["PART_BYTES", "SourceFiles"]

PART_BYTES = 64 << 20
LARGEST_WHOLE = 1 << 30  # bytes of a file that cannot be cut
LARGEST_MEMBER = 64 << 30  # bytes that one compressed file may give
LARGEST_RATIO = 1000  # of what gzip or ZIP gives to what it was given; text stays below 100
MOST_MEMBERS = 1_000_000
_READ = 4 << 20


@dataclass(slots=True)
class SourceFiles:
    """The files of a source below one folder, or one file.

    A member of a ZIP archive is a file as well, called by its path in the archive; `x.gz` is read
    as `x`. Links that lead out of the folder are not followed. What cannot be read is told in
    `bad`, and the rest goes on.

    Args:
        place: The folder, or the file.
        patterns: Which files are wanted, by name or by path (`*.ndjson`, `set-a/*.txt`).
        passive: Which of them are only looked at beside others.
    """

    place: Path
    patterns: tuple[str, ...]
    passive: tuple[str, ...] = ()
    bad: list[BadRecord] = field(default_factory=list)
    _beside: dict[str, tuple[Path, str | None]] | None = field(default=None)
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
            split: `lines`: a long text is cut at line ends; `whole`: it is not cut.

        Raises:
            NotFound: the place is not there, or holds no wanted file.
        """
        found = 0
        for name, path, member in self._files():
            if self._is_wanted(name):
                found += 1
                yield from self._read(name, path, member, split)
        if not found:
            raise NotFound(
                f"No file in '{self.place.name}' is called {' or '.join(self.patterns)}.",
                fix="give the folder that holds them with --data, or correct files: in the source.",
            )

    def beside(self, name: str) -> bytes | None:
        """The content of the file of this name (without a folder, any case), or None."""
        if self._beside is None:
            self._beside = {
                PurePosixPath(found).name.lower(): (path, member)
                for found, path, member in self._files()
            }
        place = self._beside.get(PurePosixPath(name).name.lower())
        if place is None:
            return None
        read = list(self._read(name, *place, "whole"))
        return read[0].content if read else None

    def fingerprint(self) -> str:
        """Names, sizes and times of change of all files."""
        told = []
        for name, path, member in self._files():
            state = path.stat()
            told.append([name, member, state.st_size, state.st_mtime_ns])
        return digest_of(told)

    def kept(self) -> None:
        """The files stay where they are."""

    def _is_wanted(self, name: str) -> bool:
        def matches(patterns: tuple[str, ...]) -> bool:
            last = PurePosixPath(name).name
            return any(fnmatch(last, one) or fnmatch(name, one) for one in patterns)

        return matches(self.patterns) and not matches(self.passive)

    def _files(self) -> Iterator[tuple[str, Path, str | None]]:
        """Name (without `.gz`), path, and for a member of an archive its name in it."""
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
        for path in paths:
            name = path.relative_to(base).as_posix()
            if path.suffix.lower() == ".zip":
                for member in self._members(path, name):
                    yield _without_gz(member), path, member
            else:
                yield _without_gz(name), path, None

    def _members(self, path: Path, name: str) -> list[str]:
        try:
            with zipfile.ZipFile(path) as archive:
                every = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            self._tell(name, "the archive is not a readable ZIP file")
            return []
        if len(every) > MOST_MEMBERS:
            self._tell(name, f"the archive has more than {MOST_MEMBERS} members")
            return []
        return sorted(
            one.filename
            for one in every
            if not one.is_dir() and not one.filename.startswith("__MACOSX/")
        )

    def _read(self, name: str, path: Path, member: str | None, split: str) -> Iterator[Part]:
        try:
            if member is None:
                with path.open("rb") as raw:
                    stream = _Bounded(raw, path.name, path.stat().st_size)
                    yield from self._cut(name, stream, split)
                return
            archive = self._archive(path)
            with archive.open(member) as inside:
                size = archive.getinfo(member).compress_size
                yield from self._cut(name, _Bounded(inside, member, size), split)
        except (_TooLarge, zlib.error, EOFError, zipfile.BadZipFile, RuntimeError) as error:
            self._tell(name, str(error) if isinstance(error, _TooLarge) else "the archive is cut")
        except NotImplementedError:
            self._tell(name, "it is compressed in a way that is not read here")
        except OSError as error:
            raise Unavailable(
                f"'{name}' cannot be read ({type(error).__name__}).", fix="check its permissions."
            ) from None

    def _archive(self, path: Path) -> zipfile.ZipFile:
        """The archive, kept open while its members are read: its directory may be long."""
        if self._open is None or self._open[0] != path:
            if self._open is not None:
                self._open[1].close()
            self._open = (path, zipfile.ZipFile(path))
        return self._open[1]

    def _cut(self, name: str, stream: "_Bounded", split: str) -> Iterator[Part]:
        if split == "whole":
            yield Part(name=name, content=stream.all())
            return
        first, rest = 0, b""
        while chunk := stream.read(PART_BYTES - min(len(rest), PART_BYTES - _READ)):
            held = rest + chunk
            if len(held) < PART_BYTES:
                rest = held
                continue
            end = held.rfind(b"\n") + 1
            if not end:
                if len(held) > LARGEST_WHOLE:
                    raise _TooLarge("a line is longer than 1 GiB")
                rest = held
                continue
            yield Part(name=name, content=held[:end], first=first)
            first, rest = first + end, held[end:]
        if rest or not first:
            yield Part(name=name, content=rest, first=first)

    def _tell(self, name: str, reason: str) -> None:
        self.bad.append(BadRecord(file=name, offset=0, length=0, reason=reason))


class _TooLarge(Exception):
    """A compressed file gives more than it should."""


class _Bounded:
    """A stream, gunzipped where its name says so, that stops at a bomb."""

    def __init__(self, raw: IO[bytes], name: str, size: int) -> None:
        self._raw, self._size, self._given = raw, max(size, 1), 0
        self._gzip = name.lower().endswith(".gz")
        self._inflater = zlib.decompressobj(wbits=31) if self._gzip else None
        self._waiting = b""
        self._fault: Exception | None = None

    def read(self, wanted: int) -> bytes:
        """At most about `wanted` bytes; empty at the end. What precedes a fault is given first."""
        made: list[bytes] = []
        height = 0
        while height < wanted and self._fault is None:
            try:
                chunk = self._next(wanted - height)
            except (EOFError, zlib.error, zipfile.BadZipFile) as error:
                self._fault = error
                break
            if not chunk:
                break
            made.append(chunk)
            height += len(chunk)
        self._given += height
        if self._given > LARGEST_MEMBER or (
            self._given > _READ and self._given > LARGEST_RATIO * self._size
        ):
            raise _TooLarge("it gives far more than its size explains (a decompression bomb?)")
        if self._fault is not None and not height:
            raise self._fault
        return b"".join(made)

    def all(self) -> bytes:
        """Everything."""
        made, height = [], 0
        while chunk := self.read(_READ):
            made.append(chunk)
            height += len(chunk)
            if height > LARGEST_WHOLE:
                raise _TooLarge("it is larger than 1 GiB, and its format cannot be cut")
        return b"".join(made)

    def _next(self, wanted: int) -> bytes:
        if self._inflater is None:
            return bytes(self._raw.read(wanted))
        while True:
            compressed = self._waiting or self._raw.read(_READ)
            if not compressed:
                if not self._inflater.eof:
                    raise EOFError
                return b""
            if self._inflater.eof:  # gzip files may follow one another (RFC 1952, 2.2)
                if not compressed.strip(b"\0"):
                    self._waiting = b""
                    continue
                self._inflater = zlib.decompressobj(wbits=31)
            made = self._inflater.decompress(compressed, wanted)
            self._waiting = self._inflater.unconsumed_tail or self._inflater.unused_data
            if made:
                return made


def _without_gz(name: str) -> str:
    return name[:-3] if name.lower().endswith(".gz") else name
