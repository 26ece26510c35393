"""A text with one FHIR resource in each line, as the columns of what they say."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, compress
from typing import Any, Protocol

import msgspec

from bedside.core.records.event import MERGED_INTO, TAKEN_BACK
from bedside.interop.fhir_bulk.bundles import BOM, is_one_document
from bedside.interop.fhir_bulk.columns import FactColumns, Records
from bedside.interop.fhir_bulk.concepts import CodeBook
from bedside.interop.fhir_bulk.decoding import (
    Skipped,
    Unreadable,
    decode_resource,
    decode_resources,
    likely_patient,
)
from bedside.interop.fhir_bulk.drugs import Medication
from bedside.interop.fhir_bulk.elements import CodeableConcept, Coding, Reference, is_given
from bedside.interop.fhir_bulk.events import READERS, read_events
from bedside.interop.fhir_bulk.observations import read_observations
from bedside.interop.fhir_bulk.people import merges, read_encounters, read_patients
from bedside.interop.fhir_bulk.references import Patients, Targets, target_of
from bedside.interop.fhir_bulk.resources import (
    Bundle,
    BundleEntry,
    BundleRequest,
    Encounter,
    Observation,
    Patient,
)

__all__ = ["KINDS", "Digest", "Drugs", "Hashed", "Lines", "read_lines"]

BLOCK = 128 << 10  # bytes whose resources are objects at one time: they fit into a cache
MOST_BAD = 10_000
GIVEN_UP = f"the rest of the part was not read, after {MOST_BAD:,} lines that cannot be"
_UNREAD = "a Bundle among other resources, or an entry of one, cannot be read"
KINDS = frozenset(
    {"patient", "death", "encounter", "observation"} | {one.kind for one in READERS.values()}
)
_ENTRY = msgspec.json.Decoder(BundleEntry)
_CONTAINED = msgspec.json.Decoder(tuple[msgspec.Raw, ...])
_FAULTS = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)
_KIND_OF = {kind.__name__: reader.kind for kind, reader in READERS.items()} | {
    "Patient": "patient",
    "Encounter": "encounter",
    "Observation": "observation",
}

Drugs = Callable[[str], CodeableConcept | None]
"""What the Medication with an id is, where it does not lie in the same text."""


class Hashed(Protocol):
    """What a hash of `hashlib` gives."""

    def digest(self) -> bytes:
        """The digest."""
        ...


Digest = Callable[[bytes], Hashed]
"""Hashes bytes, as the constructors of `hashlib` do."""


@dataclass(slots=True)
class Lines:
    """What the lines of a text say.

    `bad` are lines that are no resource: offset, length, and why.
    """

    records: Records = field(default_factory=Records)
    facts: FactColumns = field(default_factory=FactColumns)
    rows_in: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[int, int, str]] = field(default_factory=list)
    book: CodeBook = field(default_factory=CodeBook)


def read_lines(content: bytes, drugs: Drugs, digest: Digest) -> Lines:
    """Read every line that is not empty; one that cannot be read does not keep the others back.

    After `MOST_BAD` lines that cannot be read the rest is one bad record, so that a file of rubbish
    costs neither time nor memory. Far fewer already stop a run that bears the usual share of them.

    Args:
        content: What `as_lines` gave. If it is still one document, it is one bad record.
        drugs: Finds a Medication that some line refers to and no line holds.
        digest: A hash, such as BLAKE2b, that is taken of each record and of what names it.
    """
    reader = _Reader(drugs, digest)
    for offsets, lines in _blocks(content):
        if len(reader.lines.bad) > MOST_BAD:
            reader.lines.bad.append((offsets[0], len(content) - offsets[0], GIVEN_UP))
            break
        reader.block(offsets, lines)
    reader.waiting_drugs()
    return reader.lines


def _blocks(content: bytes) -> Iterator[tuple[list[int], list[bytes]]]:
    """Runs of lines that are not empty, and where each begins."""
    if is_one_document(content):
        yield [0], [content]
        return
    start = len(BOM) if content.startswith(BOM) else 0
    while start < len(content):
        end = content.find(b"\n", min(start + BLOCK, len(content)))
        end = len(content) if end < 0 else end
        chunk = content[start:end]
        lines = chunk.split(b"\n")
        ends = list(accumulate([len(line) + 1 for line in lines], initial=start))
        if not all(lines) or b"\r" in chunk or any(map(bytes.isspace, lines)):
            lines = [b"" if line.isspace() else line.rstrip(b"\r") for line in lines]
        if all(lines):
            yield ends[:-1], lines
        elif kept := [at for at, line in enumerate(lines) if line]:
            yield [ends[at] for at in kept], [lines[at] for at in kept]
        start = end + 1


class _Reader:
    """Reads block after block of lines into the columns of one part."""

    def __init__(self, drugs: Drugs, digest: Digest) -> None:
        self.lines = Lines()
        self._digest = digest
        self._patients = Patients()
        self._encounters, self._medications = Targets("Encounter"), Targets("Medication")
        self._find_drug = drugs
        self._drugs: dict[str, CodeableConcept | None] = {}
        self._waiting: list[tuple[Any, int, str]] = []

    def block(self, offsets: list[int], lines: list[bytes]) -> None:
        """Read some lines."""
        every = decode_resources(lines)
        types = list(map(type, every))
        kinds = set(types)
        if len(kinds) == 1:
            self._read(types[0], every, offsets, lines)
            return
        for kind in sorted(kinds, key=types.index):
            here = [one is kind for one in types]
            self._read(
                kind,
                list(compress(every, here)),
                list(compress(offsets, here)),
                list(compress(lines, here)),
            )

    def waiting_drugs(self) -> None:
        """Read what refers to a Medication, now that all lines were seen."""
        for one, record, drug in self._waiting:
            if drug not in self._drugs:
                self._drugs[drug] = self._find_drug(drug)
            self._events([one], [record], [self._drugs[drug] or _unknown_drug(drug)])
        self._waiting.clear()

    def _read(
        self, kind: type[Any], found: list[Any], offsets: list[int], lines: list[bytes]
    ) -> None:
        """Lines that hold resources of one type."""
        records = self.lines.records
        if kind is Unreadable:
            for why, offset, line in zip(found, offsets, lines, strict=True):
                self._bad(str(why), offset, line)
            return
        if kind is Bundle:
            for one, offset, line in zip(found, offsets, lines, strict=True):
                self._deleted(one, offset, line)
            return
        name, count = kind.__name__, len(found)
        self.lines.rows_in[name] += count
        if issubclass(kind, Skipped) or kind is Medication:
            subjects = [None] * count if kind is Medication else self._owners(found)
            records.extend(offsets, lines, subject=subjects)
            if kind is Medication:
                self._drugs.update({one.id: one.code for one in found if one.id})
            self.lines.facts.dropped[f"{name}: this type gives no facts"] += count
        else:
            self._read_facts(kind, found, offsets, lines)

    def _bad(self, reason: str, offset: int, line: bytes) -> None:
        """A line that cannot be read: it is a record only if it can be told whose it is."""
        self.lines.bad.append((offset, len(line), reason))
        if subject := likely_patient(line):
            self.lines.records.extend([offset], [line], subject=[subject])

    def _read_facts(
        self, kind: type[Any], found: list[Any], offsets: list[int], lines: list[bytes]
    ) -> None:
        """Resources of a type that gives facts."""
        name, is_patient = kind.__name__, kind is Patient
        whose = [] if is_patient else _whose(kind, found)
        subjects = [one.id or None for one in found] if is_patient else self._subjects(whose)
        numbers: Sequence[int] = self.lines.records.extend(
            offsets,
            lines,
            subject=subjects,
            digest=self._digests(lines),
            identity=self._digests(
                [f"{name}/{one.id}".encode() if one.id else b"" for one in found]
            ),
            encounter=self._visits(kind, found),
        )
        if None in subjects:
            for at, subject in enumerate(subjects):
                if subject is None:
                    why = "it has no id" if is_patient else self._patients.reason(whose[at])
                    self.lines.facts.dropped[f"{name}: {why}"] += 1
            kept = [at for at, subject in enumerate(subjects) if subject is not None]
            found, numbers = [found[at] for at in kept], [numbers[at] for at in kept]
        if is_patient:
            read_patients(found, numbers, self.lines.book, self.lines.facts)
            self._merge(found, numbers)
        elif kind is Observation:
            read_observations(found, numbers, self.lines.book, self.lines.facts)
        elif kind is Encounter:
            read_encounters(found, numbers, self.lines.book, self.lines.facts)
        else:
            self._events(found, numbers, None)

    def _digests(self, texts: Sequence[bytes]) -> list[bytes | None]:
        digest = self._digest
        return [digest(text).digest() if text else None for text in texts]

    def _owners(self, found: list[Skipped]) -> list[str | None]:
        return self._subjects([one.whose() for one in found])

    def _subjects(self, whose: Sequence[Reference | None]) -> list[str | None]:
        """The patient behind each reference, or None."""
        patients = self._patients
        return [
            None if one is None or one.reference is None else patients[one.reference]
            for one in whose
        ]

    def _visits(self, kind: type[Any], found: list[Any]) -> list[str | None]:
        """The encounter that each belongs to."""
        known = self._encounters
        if kind is Encounter:
            return [one.id for one in found]
        if "encounter" in kind.__struct_fields__:
            stays = [one.encounter for one in found]
        elif "context" in kind.__struct_fields__:
            stays = [_stay(one.context) for one in found]
        else:
            return [None] * len(found)
        return [
            None if one is None or one.reference is None else known[one.reference] for one in stays
        ]

    def _events(
        self,
        found: list[Any],
        numbers: Sequence[int],
        concepts: Sequence[CodeableConcept | None] | None,
    ) -> None:
        if concepts is None:
            concepts = [None] * len(found)
            if found and hasattr(found[0], "medication_reference"):
                found, numbers, concepts = self._of_drugs(found, numbers)
        read_events(found, numbers, concepts, self.lines.book, self.lines.facts)

    def _of_drugs(
        self, found: list[Any], numbers: Sequence[int]
    ) -> tuple[list[Any], list[int], list[CodeableConcept | None]]:
        """Those whose drug is told in them; the others wait."""
        kept: list[tuple[Any, int, CodeableConcept | None]] = []
        for one, number in zip(found, numbers, strict=True):
            reference = one.medication_reference
            target = None if reference is None else self._medications[reference.reference or ""]
            if one.medication_codeable_concept is not None or target is None:
                kept.append((one, number, None))
            elif target.startswith("#"):
                kept.append((one, number, _contained_drug(one.contained, target[1:])))
            else:
                self._waiting.append((one, number, target))
        return [one[0] for one in kept], [one[1] for one in kept], [one[2] for one in kept]

    def _merge(self, found: list[Patient], numbers: Sequence[int]) -> None:
        for one, number in zip(found, numbers, strict=True):
            for goes, stays in merges(one, self._patients):
                when = None if one.meta is None else one.meta.last_updated
                self.lines.facts.add(
                    "patient", number, MERGED_INTO, time=when, recorded=when, text=stays
                )
                self.lines.facts.subject[len(self.lines.facts.record) - 1] = goes

    def _deleted(self, bundle: Bundle, offset: int, line: bytes) -> None:
        """A Bundle that is left after `as_lines`: it holds one deleted resource, or nothing."""
        kind, name, when = None, None, None
        reason = self._nothing_deleted(bundle)
        if reason == _UNREAD:
            self._bad(reason, offset, line)
            return
        self.lines.rows_in["Bundle"] += 1
        if reason is None:
            entry = _ENTRY.decode(bundle.entry[0])
            kind, name = target_of((entry.request or BundleRequest()).url or "")
            when = None if entry.response is None else entry.response.last_modified
            if kind not in _KIND_OF or name is None:
                reason = "what was deleted gives no facts"
        if reason is not None:
            self.lines.facts.dropped[f"Bundle: {reason}"] += 1
        numbers = self.lines.records.extend(
            [offset],
            [line],
            subject=[name if kind == "Patient" else None],
            digest=self._digests([line]),
            identity=self._digests([f"{kind}/{name}".encode() if reason is None else b""]),
        )
        if reason is None and kind is not None:
            self.lines.facts.add(
                _KIND_OF[kind], numbers[0], TAKEN_BACK, recorded=when, retracts=True
            )

    @staticmethod
    def _nothing_deleted(bundle: Bundle) -> str | None:
        """Why a Bundle deletes nothing; None if its one entry does."""
        if len(bundle.entry) != 1:
            return _UNREAD if bundle.entry else "it has no entry"
        try:
            entry = _ENTRY.decode(bundle.entry[0])
        except _FAULTS:
            return _UNREAD
        if is_given(entry.resource):
            return _UNREAD
        if entry.request is None or (entry.request.method or "").upper() != "DELETE":
            return "an entry without a resource"
        return None


def _unknown_drug(drug: str) -> CodeableConcept:
    """A drug that nobody describes, under its own reference, so that a site can map it."""
    return CodeableConcept(coding=(Coding(system="Medication", code=f"Medication/{drug}"),))


def _whose(kind: type[Any], found: list[Any]) -> list[Reference | None]:
    if "patient" in kind.__struct_fields__:
        return [one.patient for one in found]
    return [one.subject for one in found]


def _stay(context: Any) -> Reference | None:
    """The encounter of a drug's context, or the first one of a document's."""
    if context is None or isinstance(context, Reference):
        return context
    first: Reference | None = next(iter(context.encounter), None)
    return first


def _contained_drug(raw: msgspec.Raw, name: str) -> CodeableConcept | None:
    """The code of the contained Medication with this id."""
    try:
        every = _CONTAINED.decode(raw) if is_given(raw) else ()
    except _FAULTS:
        return None
    for one in every:
        try:
            found = decode_resource(bytes(one))
        except Unreadable:
            continue
        if isinstance(found, Medication) and found.id == name:
            return found.code
    return None
