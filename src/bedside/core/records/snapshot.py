"""A snapshot: one fixed state of a data set, its shards, and the raw files that it came from."""

from dataclasses import dataclass, field
from enum import StrEnum

from bedside.core.ids import digest_of

__all__ = ["Manifest", "RawFile", "Shard", "SnapshotEntry", "Zone"]


class Zone(StrEnum):
    """A boundary that a policy guards, and the name of the key that protects what lies in it."""

    IDENTIFIED = "identified"
    RELEASED = "released"

    @classmethod
    def of(cls, release_mode: str) -> "Zone":
        """Where data that may be used under this rule belong.

        >>> Zone.of("safe_harbor").value
        'released'
        """
        return cls.IDENTIFIED if release_mode == "identified" else cls.RELEASED


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFile:
    """A file as it was received, found by the SHA-256 of its bytes.

    `unit` says what an offset into it counts: bytes of a text file, rows of a columnar one.
    `subject` names the column with the source's own patient identifier. `gone` lists what was
    erased from it since, as first offset and length in the file as it was received: the offsets of
    events stay those of that file, and `place` says where a record lies now.

    A part of a source (`bedside data collect`) has no column `subject`; instead `index` is the
    digest of a sealed table of its records (offset, length, subject_id, and for an unreadable one
    the reason), `rules` that of the declaration by which it was read, and `members` are the files
    that were put into it one after the other: each one's name, how many bytes of it lie before
    this part, the digest of its bytes as they were received, and where it begins. `collected_at`,
    ISO 8601, is when it came: by other rules it is read again as if it came then.
    """

    digest: str
    name: str
    unit: str
    rows: int
    subject: str
    gone: tuple[tuple[int, int], ...] = ()
    index: str = ""
    rules: str = ""
    members: tuple[tuple[str, int, str, int], ...] = ()
    collected_at: str = ""

    def place(self, offset: int) -> int:
        """Where the record that was received at this offset lies in the file as it is now.

        >>> file = RawFile(digest="", name="", unit="row", rows=3, subject="", gone=((1, 1),))
        >>> file.place(0), file.place(2)
        (0, 1)
        """
        return offset - sum(length for first, length in self.gone if first < offset)

    def member_at(self, offset: int) -> tuple[str, int]:
        """The file that a record came in, and its offset there.

        Where that file was collected in several parts, it is the part that is named.

        >>> file = RawFile(digest="", name="a and 1 more", unit="byte", rows=2, subject="",
        ...                members=(("a", 0, "", 0), ("b", 0, "", 90)))
        >>> file.member_at(120)
        ('b', 30)
        """
        inside = [member for member in self.members if member[3] <= offset]
        if not inside or inside[-1][1]:
            return self.name, self.place(offset)
        name, _, _, start = inside[-1]
        return name, offset - start

    def as_received(self, place: int) -> int:
        """The offset, in the file as it was received, of what lies at this place now."""
        offset = place
        for first, length in sorted(self.gone):
            if first > offset:
                break
            offset += length
        return offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One encrypted Parquet file with whole subjects, sorted by subject and time.

    `content` is the digest of the rows themselves, the same in every workspace; `sha256`, `size`
    (bytes) and `material` (the id of its data key) belong to the encrypted file of this one.
    """

    first_bucket: int
    last_bucket: int
    rows: int
    subjects: int
    content: str
    sha256: str
    size: int
    material: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a snapshot consists of; signed, sealed, and chained to the one before it.

    Args:
        name: The data set, e.g. `early_warning/prepared`.
        sequence: Counts the states of this data set from 1. A state from which a subject was
            erased keeps its number.
        zone: Where it lies.
        release_mode: Under which rule it may be used.
        salt: Of the pseudonyms; needed to find a subject by the source's identifier.
        shards: In the order of their buckets.
        sources: The raw files; a row's `source_file` counts them from 0.
        merged: Pairs of subject and the subject beside which it is kept, because a merge says that
            they are one person.
        previous: The digest of the manifest before this one, or None.
        erased: How many subjects were erased from this state after it was first saved.
        created_at: ISO 8601.
    """

    name: str
    sequence: int
    zone: Zone
    release_mode: str
    salt: str
    shards: tuple[Shard, ...]
    sources: tuple[RawFile, ...]
    merged: tuple[tuple[int, int], ...] = ()
    previous: str | None = None
    erased: int = 0
    created_at: str

    @property
    def snapshot(self) -> str:
        """The address of what the data set says: the same for the same rows, in any workspace."""
        return digest_of(
            {
                "format": "bedside-snapshot/1",
                "name": self.name,
                "zone": self.zone.value,
                "sources": [source.digest for source in self.sources],
                "shards": [[s.first_bucket, s.last_bucket, s.rows, s.content] for s in self.shards],
            }
        )

    @property
    def rows(self) -> int:
        """Events in all shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def subjects(self) -> int:
        """Subjects in all shards; a merged person counts once for each identifier."""
        return sum(shard.subjects for shard in self.shards)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotEntry:
    """A line of the catalogue: a state of a data set and where its manifest lies.

    `successor` is the digest of the snapshot that took its place when a subject was erased.
    """

    name: str
    sequence: int
    zone: Zone
    snapshot: str
    manifest: str
    created_at: str
    rows: int
    subjects: int
    shards: int
    erased: int = 0
    raw_files: tuple[str, ...] = field(default_factory=tuple)
    successor: str | None = None
