"""One transaction of a vault: what is found in it, and what is drawn."""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from random import Random
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, func, insert, select, type_coerce, update
from sqlalchemy.types import NullType

from bedside.core.errors import NotFound
from bedside.core.ports.vault import Numbers
from bedside.core.records.identifier import IdentifierKind
from bedside.privacy.adapters.vault_keys import ProjectKeys, SubjectKey, broken, new_key
from bedside.privacy.adapters.vault_tables import PSEUDONYMS, SUBJECTS, TAKEN, VALUES
from bedside.privacy.drawing import ALONE, draw_free, draw_numbers
from bedside.privacy.erased import erased

__all__ = ["VaultSession"]

_Item = TypeVar("_Item")

MANY = 500  # values in one question, which every database takes
_NUMBERS = "numbers"
# Bytes are read as they lie, so that text put in their place is a finding and not a crash.
_SUBJECT = (
    SUBJECTS.c.tag,
    type_coerce(SUBJECTS.c.wrapped, NullType()).label("wrapped"),
    type_coerce(SUBJECTS.c.sealed, NullType()).label("sealed"),
    SUBJECTS.c.forgotten_at,
    SUBJECTS.c.proof,
)
_SEALED = type_coerce(VALUES.c.sealed, NullType()).label("sealed")


class VaultSession:
    """Reads and draws on one connection; who draws holds the writer's lock.

    Args:
        connection: With a transaction.
        project: The name of the project.
        keys: Its keys.
        random: Draws.
    """

    def __init__(
        self, connection: Connection, project: str, keys: ProjectKeys, random: Random
    ) -> None:
        self._connection, self._project = connection, project
        self._keys, self._random = keys, random

    def found(self, subject: int | None, kind: IdentifierKind, value: str) -> str | None:
        """The stand-in of a value, None while there is none."""
        key = self._key(subject)
        return None if key is None else self._stand_in(key, kind, value)

    def drawn(
        self,
        subject: int | None,
        kind: IdentifierKind,
        value: str,
        draw: Callable[[Random], str],
    ) -> str:
        """The stand-in of a value, drawn now if there is none."""
        key = self._key(subject) or self._new_key(subject)
        there = self._stand_in(key, kind, value)
        if there is not None:
            return there

        def is_free(proposed: str) -> bool:
            return not self._is_taken(key, kind, proposed)

        stand_in = draw_free(draw, self._random, value, is_free=is_free)
        sealed = key.seal([str(kind), value, stand_in], "value")
        row = {"subject": key.tag, "tag": key.tag_of("value", kind, value), "sealed": sealed}
        self._insert(VALUES, [row])
        self._insert(TAKEN, [{"tag": tag} for tag in self._taken_tags(key, kind, stand_in)])
        return stand_in

    def found_numbers(self, subjects: Collection[int]) -> dict[int, Numbers]:
        """The numbers of those subjects that have some."""
        of_tag = {self._keys.subject_tag(one): one for one in subjects}
        found = {}
        for row in self._rows(SUBJECTS, of_tag):
            key = self._opened(row)
            if row.sealed is not None:
                _, pseudonym, offset = self._told(key, row.sealed)
                found[of_tag[row.tag]] = Numbers(pseudonym=pseudonym, offset=offset)
        return found

    def drawn_numbers(self, subjects: Collection[int]) -> dict[int, Numbers]:
        """The numbers of all subjects, drawn now for those that have none."""
        numbers = self.found_numbers(subjects)
        missing = [one for one in dict.fromkeys(subjects) if one not in numbers]
        for part in _parts(missing):
            fresh = dict(zip(part, self._fresh(len(part)), strict=True))
            known = {row.tag: row for row in self._rows(SUBJECTS, self._tags(part))}
            new, pseudonyms = [], []
            for subject, drawn in fresh.items():
                tag = self._keys.subject_tag(subject)
                key = self._opened(known[tag]) if tag in known else SubjectKey(tag, new_key())
                sealed = key.seal([subject, drawn.pseudonym, drawn.offset], _NUMBERS)
                pseudonym = self._keys.pseudonym_tag(drawn.pseudonym)
                pseudonyms.append({"tag": pseudonym, "subject": tag})
                if tag in known:
                    self._change(tag, {"sealed": sealed})
                else:
                    new.append({"tag": tag, "wrapped": self._keys.wrap(key), "sealed": sealed})
            self._insert(SUBJECTS, new)
            self._insert(PSEUDONYMS, pseudonyms)
            numbers |= fresh
        return numbers

    def originals(self, subject: int) -> list[tuple[IdentifierKind, str, str]]:
        """Everything kept of a subject."""
        key = self._key(subject)
        if key is None:
            return []
        asked = select(_SEALED).where(self._mine(VALUES), VALUES.c.subject == key.tag)
        rows = self._connection.execute(asked)
        told = (key.open(row.sealed, "value") for row in rows)
        return sorted((IdentifierKind(kind), value, stand_in) for kind, value, stand_in in told)

    def subject_of(self, pseudonym: int) -> int:
        """Who was released under a pseudonym."""
        tag = self._keys.pseudonym_tag(pseudonym)
        asked = select(PSEUDONYMS.c.subject).where(self._mine(PSEUDONYMS), PSEUDONYMS.c.tag == tag)
        row = self._connection.execute(asked).first()
        if row is None:
            raise NotFound("Nobody was released under this number.", fix="check the project.")
        if row.subject is None:
            raise erased()
        found = next(iter(self._rows(SUBJECTS, [row.subject])), None)
        if found is None:
            raise broken()
        subject, *_ = self._told(self._opened(found), found.sealed)
        return int(subject)

    def forget(self, subject: int, at: str) -> int:
        """Destroy the subject's key; how many stand-ins that concerns."""
        tag = self._keys.subject_tag(subject)
        row = next(iter(self._rows(SUBJECTS, [tag])), None)
        if row is None:
            return 0
        if row.wrapped is not None:
            proof = self._keys.proof(tag, at)
            gone = {"wrapped": None, "sealed": None, "forgotten_at": at, "proof": proof}
            self._change(tag, gone)
            theirs = update(PSEUDONYMS).where(self._mine(PSEUDONYMS), PSEUDONYMS.c.subject == tag)
            self._connection.execute(theirs.values(subject=None))
        count = select(func.count()).where(self._mine(VALUES), VALUES.c.subject == tag)
        return int(self._connection.execute(count).scalar_one())

    def _key(self, subject: int | None) -> SubjectKey | None:
        rows = self._rows(SUBJECTS, [self._keys.subject_tag(subject)])
        return next((self._opened(row) for row in rows), None)

    def _new_key(self, subject: int | None) -> SubjectKey:
        key = SubjectKey(self._keys.subject_tag(subject), new_key())
        row = {"tag": key.tag, "wrapped": self._keys.wrap(key), "sealed": None}
        self._insert(SUBJECTS, [row])
        return key

    def _opened(self, row: Any) -> SubjectKey:
        if row.wrapped is None and self._keys.was_forgotten(row.tag, row.forgotten_at, row.proof):
            raise erased()
        return self._keys.unwrap(row.wrapped, row.tag)

    def _stand_in(self, key: SubjectKey, kind: IdentifierKind, value: str) -> str | None:
        asked = select(_SEALED).where(
            self._mine(VALUES),
            VALUES.c.subject == key.tag,
            VALUES.c.tag == key.tag_of("value", kind, value),
        )
        row = self._connection.execute(asked).first()
        if row is None:
            return None
        told = key.open(row.sealed, "value")
        if told[:2] != [str(kind), value]:
            raise broken()
        return str(told[2])

    def _is_taken(self, key: SubjectKey, kind: IdentifierKind, proposed: str) -> bool:
        """Whether somebody has it, or it is what another of theirs stands for."""
        if self._stand_in(key, kind, proposed) is not None:
            return True
        tags = self._taken_tags(key, kind, proposed)
        return any(True for _ in self._rows(TAKEN, tags))

    def _taken_tags(self, key: SubjectKey, kind: IdentifierKind, stand_in: str) -> list[str]:
        own = key.tag_of("stand-in", kind, stand_in)
        return [own, self._keys.taken_tag(kind, stand_in)] if kind in ALONE else [own]

    def _fresh(self, many: int) -> list[Numbers]:
        """So many numbers whose pseudonyms nobody has."""
        drawn: dict[int, Numbers] = {}
        while len(drawn) < many:
            for _ in range(many - len(drawn)):
                one = draw_numbers(self._random, is_free=lambda free: free not in drawn)
                drawn[one.pseudonym] = one
            of_tag = {self._keys.pseudonym_tag(one): one for one in drawn}
            for row in self._rows(PSEUDONYMS, of_tag):
                del drawn[of_tag[row.tag]]
        return list(drawn.values())

    def _told(self, key: SubjectKey, sealed: Any) -> Any:
        return key.open(sealed, _NUMBERS)

    def _tags(self, subjects: Iterable[int]) -> list[str]:
        return [self._keys.subject_tag(one) for one in subjects]

    def _rows(self, table: Table, tags: Iterable[str]) -> Iterator[Any]:
        columns = _SUBJECT if table is SUBJECTS else (table.c.tag,)
        for part in _parts(tags):
            asked = select(*columns).where(self._mine(table), table.c.tag.in_(part))
            yield from self._connection.execute(asked).all()

    def _mine(self, table: Table) -> ColumnElement[bool]:
        return table.c.project == self._project

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            named = [row | {"project": self._project} for row in rows]
            self._connection.execute(insert(table), named)

    def _change(self, tag: str, parts: dict[str, Any]) -> None:
        changed = update(SUBJECTS).where(self._mine(SUBJECTS), SUBJECTS.c.tag == tag)
        self._connection.execute(changed.values(**parts))


def _parts(items: Iterable[_Item]) -> Iterator[tuple[_Item, ...]]:
    left = iter(items)
    while part := tuple(islice(left, MANY)):
        yield part
