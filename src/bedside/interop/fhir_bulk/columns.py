"""What the resources of a part say, as columns that are filled type by type."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["FactColumns", "Records"]


@dataclass(slots=True)
class Records:
    """The records of a text, one for each line that is not empty, block by block and type by type.

    `digest` is of a record's bytes, and None for those of a type that gives no facts; `identity` is
    the digest of `Type/id`, and None where a record has none.
    """

    offset: list[int] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    digest: list[bytes | None] = field(default_factory=list)
    identity: list[bytes | None] = field(default_factory=list)
    subject: list[str | None] = field(default_factory=list)
    encounter: list[str | None] = field(default_factory=list)

    def extend(
        self,
        offset: Sequence[int],
        line: Sequence[bytes],
        *,
        subject: Sequence[str | None],
        digest: Sequence[bytes | None] = (),
        identity: Sequence[bytes | None] = (),
        encounter: Sequence[str | None] = (),
    ) -> range:
        """Add records, and return their numbers."""
        first, nothing = len(self.offset), [None] * len(offset)
        self.offset.extend(offset)
        self.length.extend(map(len, line))
        self.digest.extend(digest or nothing)
        self.identity.extend(identity or nothing)
        self.subject.extend(subject)
        self.encounter.extend(encounter or nothing)
        return range(first, len(self.offset))


@dataclass(slots=True)
class FactColumns:
    """Facts, column by column; all lists have one entry for each fact.

    `record` counts the records of the part from 0. Times are as they were written. `updated` is
    when the server wrote this version, where it is not the first: the fact was not known before.
    `subject` names the subject of those facts that are about somebody else than their record.
    """

    record: list[int] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    time: list[str | None] = field(default_factory=list)
    end: list[str | None] = field(default_factory=list)
    recorded: list[str | None] = field(default_factory=list)
    updated: list[str | None] = field(default_factory=list)
    value: list[float | None] = field(default_factory=list)
    unit: list[str | None] = field(default_factory=list)
    text: list[str | None] = field(default_factory=list)
    retracts: list[bool] = field(default_factory=list)
    subject: dict[int, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        kind: str,
        record: int,
        code: str,
        *,
        time: str | None = None,
        end: str | None = None,
        recorded: str | None = None,
        updated: str | None = None,
        value: float | None = None,
        unit: str | None = None,
        text: str | None = None,
        retracts: bool = False,
    ) -> None:
        """Add one fact."""
        self.record.append(record)
        self.kind.append(kind)
        self.code.append(code)
        self.time.append(time)
        self.end.append(end)
        self.recorded.append(recorded)
        self.updated.append(updated)
        self.value.append(value)
        self.unit.append(unit)
        self.text.append(text)
        self.retracts.append(retracts)

    def fill(self, kind: str) -> None:
        """Complete facts of one kind that have no end and take nothing back.

        Their other columns are filled already; these three have no entries for them yet.
        """
        count = len(self.record) - len(self.kind)
        self.kind.extend([kind] * count)
        self.end.extend([None] * count)
        self.retracts.extend([False] * count)
