"""What became of the records of a source: converted, dropped with a reason, or set aside."""

from dataclasses import dataclass, field

__all__ = ["BadRecord", "ConversionReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRecord:
    """A record that could not be read: where it lies and why; never what it says.

    `offset` and `length` are bytes of a text file or rows of a columnar one.
    """

    file: str
    offset: int
    length: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionReport:
    """The conversion of one source, counted.

    Args:
        name: The data set.
        format: The standard that was read.
        files: Parts of files that were converted now.
        files_known: Parts that were collected before, byte for byte, and were not read again.
        rows_in: Records read, by kind (a resource type, a table, a message type).
        events_out: New events, by kind of fact.
        subjects: Subjects among the new events.
        already_here: Records that were collected before, word for word.
        corrections: Records that replace an earlier version of themselves.
        taken_back: Records that were withdrawn by their source.
        merges: Statements that two identifiers are one person.
        dropped: Records or parts of records that gave no event, by reason.
        quarantined: Unreadable records, by reason.
        known_at: By kind of fact: how many got the source's own stamp, and how many the delay.
        codes_mapped: Events whose local code was translated.
        codes_unknown: Codes of no system that Bedside knows, and how often each was met.
        units_unknown: Units that are not UCUM, nor a known spelling of it, and how often.
    """

    name: str
    format: str
    files: int = 0
    files_known: int = 0
    rows_in: dict[str, int] = field(default_factory=dict)
    events_out: dict[str, int] = field(default_factory=dict)
    subjects: int = 0
    already_here: int = 0
    corrections: int = 0
    taken_back: int = 0
    merges: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    known_at: dict[str, dict[str, int]] = field(default_factory=dict)
    codes_mapped: int = 0
    codes_unknown: dict[str, int] = field(default_factory=dict)
    units_unknown: dict[str, int] = field(default_factory=dict)
