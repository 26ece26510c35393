"""The facts of HL7 v2 messages as they are gathered, and the two tables that they become."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

import polars as pl

from bedside.core.errors import Invalid
from bedside.data.collect.facts import DIGEST_BYTES, FACT_SCHEMA, RECORD_SCHEMA
from bedside.interop.hl7v2.message import Header
from bedside.interop.hl7v2.times import Moment, read_time
from bedside.interop.hl7v2.values import Coded, code_of

__all__ = ["About", "Fact", "Rows"]

LONGEST_CODE = 120
UNCHANGED = "a message repeats what those before and after it say"


class Fact(NamedTuple):
    """One fact of a record."""

    code: str
    time: datetime | None = None
    end: datetime | None = None
    value: float | None = None
    unit: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What the facts of one patient in one message share."""

    subject: str
    encounter: str | None
    recorded: datetime | None
    offset: int
    stamp: str
    zone: str | None
    header: Header

    def named(self, *words: str) -> str:
        """What names a record of this patient through all its versions."""
        return "\x1f".join((self.subject, *words))


@dataclass(slots=True)
class Rows:
    """Facts and records, column by column, and what was dropped on the way."""

    dropped: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    _facts: list[tuple[object, ...]] = field(default_factory=list)
    _places: list[tuple[int, int, str | None]] = field(default_factory=list)
    _versions: Counter[bytes] = field(default_factory=Counter)

    def drop(self, reason: str) -> None:
        """Count something that gives no fact; the reason never holds a value."""
        self.dropped[reason] += 1

    def place(self, offset: int, length: int, subject: str | None) -> None:
        """A record lies here, and is about this subject."""
        self._places.append((offset, length, subject))

    def moment(self, text: str, zone: str | None, what: str) -> Moment | None:
        """The time that a text names; None, and counted, where it names none."""
        if not text:
            return None
        try:
            return read_time(text, zone)
        except Invalid as error:
            self.drop(f"{what}: {error.problem}")
            return None

    def code(self, element: Coded, what: str) -> str | None:
        """The event code of a coded element; None, and counted, where it has none."""
        code, unknown = code_of(element)
        if code is None:
            self.drop(f"{what} without a code")
        elif len(code) > LONGEST_CODE:
            self.drop(f"{what} whose code is a long text")
            return None
        elif unknown is not None:
            self.unknown[unknown] += 1
        return _clean(code)

    def answer(self, element: Coded) -> str | None:
        """A coded answer as text. It is the patient's, so only its system is counted."""
        if not (element.code or element.other_code):
            return element.text or element.other_text
        code, unknown = code_of(element)
        if unknown is not None:
            self.unknown[f"{unknown.partition('|')[0]}|(an answer)"] += 1
        return code

    def add(
        self,
        about: About,
        kind: str,
        identity: str,
        raw: str,
        facts: list[Fact],
        *,
        retracts: bool = False,
        recorded: datetime | None = None,
    ) -> None:
        """A version of a record, with all its facts.

        Args:
            about: Whose it is.
            kind: The kind of fact.
            identity: What names it through all its versions; empty: nothing does.
            raw: Its segments as they were received.
            facts: What it says.
            retracts: It takes its earlier versions back.
            recorded: Where the message itself has no time.
        """
        name = _digest(f"{kind}\x1f{identity}") if identity else None
        record = _digest("\x1f".join((about.stamp, kind, identity, about.subject, raw)))
        if name is not None:
            self._versions[name] += 1
        says = _digest(repr((facts, about.encounter, retracts)))
        self._facts += [
            (
                about.subject,
                fact.time,
                fact.end,
                about.recorded or recorded,
                kind,
                fact.code,
                fact.value,
                fact.unit,
                _clean(fact.text),
                about.encounter,
                record,
                name,
                retracts,
                about.offset,
                says,
            )
            for fact in facts
        ]

    def frames(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The facts (`FACT_SCHEMA`) and the records (`RECORD_SCHEMA`)."""
        facts = pl.DataFrame(self._facts, schema={**FACT_SCHEMA, "_says": pl.Binary}, orient="row")
        if any(count > 2 for count in self._versions.values()):
            facts = self._changes(facts)
        records = pl.DataFrame(self._places, schema=RECORD_SCHEMA, orient="row")
        return facts.drop("_says"), records

    def _changes(self, facts: pl.DataFrame) -> pl.DataFrame:
        """Without the versions inside a run of equal ones.

        ADT messages repeat all that is known. The first of a run says since when, the last until
        when, also if a message from between them is still to come.
        """
        keys = ["identity", "record"]
        versions = (
            facts.filter(pl.col("identity").is_not_null() & pl.col("recorded").is_not_null())
            .group_by(keys)
            .agg(pl.col("recorded").first(), pl.col("_says").first())
            .sort("identity", "recorded", "record")
        )
        same = [
            (pl.col("_says") == pl.col("_says").shift(step).over("identity")).fill_null(value=False)
            for step in (1, -1)
        ]
        inner = versions.filter(same[0] & same[1])
        if inner.height:
            self.dropped[UNCHANGED] += inner.height
        return facts.join(inner, on=keys, how="anti", maintain_order="left", nulls_equal=True)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "replace"), digest_size=DIGEST_BYTES).digest()


def _clean(text: str | None) -> str | None:
    """A text without NUL, which a column of text cannot hold everywhere."""
    return text.replace("\0", "\ufffd") if text and "\0" in text else text
