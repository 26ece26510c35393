"""Which parts of a source are to be read: what is new, and by other rules all that was kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import groupby, pairwise
from pathlib import PurePosixPath
from typing import Any

from bedside.core.ids import digest_bytes
from bedside.core.ports import ObjectStore
from bedside.core.records.collection import Collection
from bedside.core.records.snapshot import RawFile
from bedside.data.collect.facts import Part, Reader
from bedside.data.collect.incoming import Incoming

__all__ = ["Arrivals", "Arrived"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A part that is to be read, with the digest of its bytes as they were received."""

    part: Part
    digest: str

    @property
    def key(self) -> tuple[str, int, str]:
        """By which it is known again: name, place in its file, digest."""
        return self.part.name, self.part.first, self.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """A part that was kept: in which raw file, and the how many-eth of it."""

    file: RawFile
    number: int

    @property
    def key(self) -> tuple[str, int, str]:
        return self.file.members[self.number][:3]


@dataclass
class Arrivals:
    """What comes, seen beside what is kept.

    Args:
        source: The declaration.
        reader: Of its format.
        incoming: Where the parts come from.
        raw: Where earlier ones are kept.
        before: The raw files of the data set as it is, in the order in which they were collected.
    """

    source: Collection
    reader: Reader
    incoming: Incoming
    raw: ObjectStore
    before: tuple[RawFile, ...] = ()
    known: int = 0
    """Parts that were passed by, because they are known."""

    def fresh(self) -> Iterator[Arrived]:
        """The parts that were not collected before.

        Of a full extract a file is read whole when anything of it changed: only so can be told
        what it no longer holds.
        """
        parts = (self._arrived(part) for part in self.incoming.parts(self.reader.split))
        if self.source.extract == "full":
            states = self._states()
            for name, state in groupby(parts, key=lambda one: one.part.name):
                yield from self._renewed(state, states.get(name, []))
            return
        known = {member[:3] for file in self.before for member in file.members}
        for one in parts:
            if one.key in known:
                self.known += 1
            else:
                yield one

    def kept(self, files: Iterable[RawFile]) -> Iterator[Arrived]:
        """The parts in these raw files, as they lie there now.

        Of a table that `files:` no longer names, nothing.
        """
        for file in files:
            for number in range(len(file.members)):
                member = _Member(file=file, number=number)
                if self._is_named(member.key[0]):
                    yield self._read(member)

    def _arrived(self, part: Part) -> Arrived:
        made = self.reader.prepare(part)
        return Arrived(part=made, digest=digest_bytes(made.content))

    def _states(self) -> dict[str, list[_Member]]:
        """By name: the parts of the newest state of a file."""
        states: dict[str, list[_Member]] = {}
        for file in self.before:
            for number, (name, first, _, _) in enumerate(file.members):
                held = states.setdefault(name, [])
                if first == 0:
                    held.clear()
                held.append(_Member(file=file, number=number))
        return states

    def _renewed(self, state: Iterable[Arrived], last: list[_Member]) -> Iterator[Arrived]:
        """All parts of a file whose parts are not those of its last state; else none."""
        same, changed = 0, False
        for one in state:
            if not changed and same < len(last) and one.key == last[same].key:
                same += 1
                continue
            if not changed:
                changed = True
                yield from map(self._read, last[:same])
            yield one
        if not changed and same < len(last):  # the file has become shorter
            yield from map(self._read, last[:same])
        elif not changed:
            self.known += same

    def _read(self, member: _Member) -> Arrived:
        """A part that was kept."""
        file = member.file
        name, first, digest, _ = file.members[member.number]
        content = self.raw.get(file.digest)
        if len(file.members) > 1:
            places = [file.place(start) for _, _, _, start in file.members] + [len(content)]
            start, end = list(pairwise(places))[member.number]
            content = content[start:end]
        unit: Any = file.unit
        return Arrived(part=Part(name=name, content=content, unit=unit, first=first), digest=digest)

    def _is_named(self, name: str) -> bool:
        if self.source.format != "table" or not self.source.files:
            return True
        path = PurePosixPath(name)
        tails = [PurePosixPath(*path.parts[at:]) for at in range(len(path.parts))]
        names = {str(tail) for tail in tails} | {str(tail).removesuffix(".csv") for tail in tails}
        return any(fnmatch(one, pattern) for one in names for pattern in self.source.files)
