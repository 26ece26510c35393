"""Look for canaries in every byte under a folder, in the usual dresses and in packed forms."""

import base64
import binascii
import contextlib
import gzip
import io
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polars as pl

__all__ = ["Canaries", "Leak", "Walk"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Leak:
    """A canary that was found, and where."""

    place: str
    origin: str


@cache
def _dresses(word: str) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """How a word may look: forms to seek in lower case, and forms whose case matters."""
    small = word.lower()
    plain = {small.encode(), small.encode("utf-16-le"), small.encode("utf-16-be")}
    exact: set[bytes] = set()
    for spelt in {word, small, word.upper(), word.title()}:
        plain.add(spelt.encode().hex().encode())
        for shift in range(3):  # inside a longer text
            dressed = base64.b64encode(b"x" * shift + spelt.encode())
            exact.add(dressed[4 if shift else 0 : -4])
    return tuple(plain), tuple(exact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """Words with one beginning, and numbers with another; `origins` says whence each is."""

    stems: tuple[str, ...]
    origins: dict[str, str]

    def seen(self, content: bytes) -> set[str]:
        """The origins of what is in these bytes; `unknown` of a stem with another ending."""
        if not any(_holds(content, stem) for stem in self.stems):
            return set()
        found = {origin for word, origin in self.origins.items() if _holds(content, word)}
        return found or {"unknown"}


def _holds(content: bytes, word: str) -> bool:
    plain, exact = _dresses(word)
    small = content.lower()
    return any(one in small for one in plain) or any(one in content for one in exact)


@dataclass(slots=True)
class Walk:
    """One walk; `files` and `bytes_read` say how much was looked at."""

    canaries: Canaries
    files: int = 0
    bytes_read: int = 0
    unpacked: int = 0
    leaks: set[Leak] = field(default_factory=set)

    def over(self, *folders: Path) -> set[Leak]:
        """Every file below these folders, its name, and what is packed in it."""
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                name = str(path.relative_to(folder))
                self._look(f"the name {folder.name}/{path.name}", name.encode())
                if path.is_file():
                    self.files += 1
                    content = path.read_bytes()
                    self.bytes_read += len(content)
                    self._whole(f"{folder.name}/{name}", content)
                    if content.startswith(b"SQLite format 3\0"):
                        self._database(f"{folder.name}/{name}", path)
        return self.leaks

    def _look(self, place: str, content: bytes) -> None:
        self.leaks |= {Leak(place=place, origin=one) for one in self.canaries.seen(content)}

    def _whole(self, place: str, content: bytes, depth: int = 0) -> None:
        self._look(place, content)
        if depth < 4:
            for name, inner in _unpacked(content):
                self.unpacked += 1
                self._look(f"{place}!{name}", name.encode())
                self._whole(f"{place}!{name}", inner, depth + 1)

    def _database(self, place: str, path: Path) -> None:
        """Each cell: a long one lies in several pages, where a word may be torn apart."""
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
            tables = opened.execute("select name from sqlite_master where type = 'table'")
            for (table,) in tables.fetchall():
                for row in opened.execute(f'select * from "{table}"'):
                    for cell in row:
                        told = cell if isinstance(cell, bytes) else str(cell).encode()
                        self._whole(f"{place}!{table}", told, 1)


_BASE64 = re.compile(rb"[A-Za-z0-9+/]{200,}={0,2}")


def _unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What is packed in these bytes; nothing where they are no such thing."""
    for match in _BASE64.finditer(content):
        with contextlib.suppress(binascii.Error, ValueError):
            inner = base64.b64decode(match.group() + b"==")
            if inner[:2] in (b"\x1f\x8b", b"PK"):
                yield "base64", inner
    if content[:2] == b"\x1f\x8b":
        with contextlib.suppress(OSError, EOFError, zlib.error):
            yield "gzip", gzip.decompress(content)
    elif content[:1] == b"\x78":
        with contextlib.suppress(zlib.error):
            yield "zlib", zlib.decompress(content)
    elif content[:4] == b"PK\x03\x04":
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(content)) as held:
            yield from ((one, held.read(one)) for one in held.namelist())
    elif content[:4] == b"PAR1":
        with contextlib.suppress(pl.exceptions.PolarsError):
            yield from _columns(pl.read_parquet(io.BytesIO(content)))


def _columns(table: pl.DataFrame) -> Iterable[tuple[str, bytes]]:
    for column in table.iter_columns():
        yield column.name, "\n".join(map(str, column.to_list())).encode()
