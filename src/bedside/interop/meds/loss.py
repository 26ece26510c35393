"""What an export to MEDS could not say, counted."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Loss"]

_WORDS = {
    "known_at": "became known later than they happened, and MEDS has one time: a model that learns "
    "from these files sees them too early",
    "static_known_at": "are static, and MEDS does not say since when they are known",
    "end": "are intervals: the end is not told",
    "unit": "have a unit and a code that others of another unit share: the unit is not told",
    "unit_in_codes": "have a unit that is told in metadata/codes.parquet only",
    "encounter_id": "belong to a stay or visit: it is not told which",
    "replaces": "correct an earlier record: it is not told which",
    "folded": "rows were corrected, taken back or said that two subjects are one: left out",
    "rounded": "have a value that 32 bits round",
    "too_large": "have a value that 32 bits cannot hold: it is left empty",
    "source_place": "came from a raw record: its place is not told",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Events, by what is lost of them; one event may count in several.

    Args:
        events: Events that were written.
        known_at: Known later than they happened.
        static_known_at: Static, so that their only time, `known_at`, is gone.
        end: With an end.
        unit: With a unit, where events of the same code have another one or none.
        unit_in_codes: With a unit that is the only one of its code.
        encounter_id: Of a stay or visit.
        replaces: That correct another record.
        folded: Rows that are not written: replaced, taken back, or about identifiers.
        rounded: Whose value is another one in 32 bits.
        too_large: Whose value 32 bits cannot hold.
        source_place: Whose raw record is known.
    """

    events: int = 0
    known_at: int = 0
    static_known_at: int = 0
    end: int = 0
    unit: int = 0
    unit_in_codes: int = 0
    encounter_id: int = 0
    replaces: int = 0
    folded: int = 0
    rounded: int = 0
    too_large: int = 0
    source_place: int = 0

    def as_json(self) -> dict[str, Any]:
        """The counts, with what each means."""
        return {
            "format": "MEDS 0.4",
            "lost": asdict(self),
            "meaning": {"events": "events that were written", **_WORDS},
        }

    def words(self) -> list[str]:
        """One line for each thing that was lost.

        >>> Loss(events=3, end=2).words()
        ['2 of 3 events are intervals: the end is not told.']
        """
        lines = []
        for name, words in _WORDS.items():
            count = getattr(self, name)
            if count:
                whole = "" if name == "folded" else f" of {self.events:,} events"
                lines.append(f"{count:,}{whole} {words}.")
        return lines
