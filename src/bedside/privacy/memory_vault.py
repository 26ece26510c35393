"""A vault in memory, for a release whose stand-ins nobody will need again."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random, SystemRandom

from bedside.core.errors import NotFound
from bedside.core.ports.vault import Numbers, Vault
from bedside.core.records.identifier import IdentifierKind
from bedside.privacy.drawing import ALONE, draw_free, draw_numbers, project_name
from bedside.privacy.erased import erased

__all__ = ["MemoryVault", "MemoryVaults"]

_Key = tuple[IdentifierKind, str]


@dataclass(slots=True)
class _Drawer:
    """What is kept of one subject; of nobody's own there are no numbers."""

    numbers: Numbers | None = None
    values: dict[_Key, str] = field(default_factory=dict)
    told: set[_Key] = field(default_factory=set)  # the stand-ins among them


class MemoryVault:
    """The Vault port in this process: it ends with it, and so does the way back.

    Args:
        random: Draws; the operating system's own source if none is given.
    """

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or SystemRandom()
        self._lock = threading.RLock()
        self._drawers: dict[int | None, _Drawer] = {}
        self._forgotten: dict[int, int] = {}
        self._subjects: dict[int, int | None] = {}
        self._taken: set[_Key] = set()

    def stand_in(
        self,
        subject: int | None,
        kind: IdentifierKind,
        value: str,
        draw: Callable[[Random], str],
    ) -> str:
        """What stands for a value; see the port."""
        with self._lock:
            drawer = self._drawer(subject)
            values, told = drawer.values, drawer.told
            if (kind, value) not in values:

                def is_free(proposed: str) -> bool:
                    new = (kind, proposed)
                    clash = new in told or new in values
                    return not clash and (kind not in ALONE or new not in self._taken)

                stand_in = draw_free(draw, self._random, value, is_free=is_free)
                values[kind, value] = stand_in
                told.add((kind, stand_in))
                self._taken.add((kind, stand_in))
            return values[kind, value]

    def offset(self, subject: int) -> int:
        """By how many days all dates of the subject are moved; see the port."""
        return self.numbers([subject])[subject].offset

    def pseudonym(self, subject: int) -> int:
        """The number under which the subject is released; see the port."""
        return self.numbers([subject])[subject].pseudonym

    def numbers(self, subjects: Collection[int]) -> dict[int, Numbers]:
        """The pseudonym and the offset of many subjects; see the port."""
        with self._lock:
            return {subject: self._numbers(subject) for subject in subjects}

    @contextmanager
    def together(self) -> Iterator[Vault]:
        """Others wait until it ends."""
        with self._lock:
            yield self

    def originals(self, subject: int) -> list[tuple[IdentifierKind, str, str]]:
        """Everything kept of a subject; see the port."""
        with self._lock:
            values = self._drawer(subject).values
            return sorted((kind, value, told) for (kind, value), told in values.items())

    def subject_of(self, pseudonym: int) -> int:
        """Who was released under a pseudonym; see the port."""
        with self._lock:
            if pseudonym not in self._subjects:
                raise NotFound("Nobody was released under this number.", fix="check the project.")
            subject = self._subjects[pseudonym]
            if subject is None:
                raise erased()
            return subject

    def forget(self, subject: int) -> int:
        """Drop everything of the subject; see the port."""
        with self._lock:
            drawer = self._drawers.pop(subject, None)
            if drawer is not None:
                self._forgotten[subject] = len(drawer.values)
                if drawer.numbers is not None:
                    self._subjects[drawer.numbers.pseudonym] = None
            return self._forgotten.get(subject, 0)

    def _drawer(self, subject: int | None) -> _Drawer:
        if subject in self._forgotten:
            raise erased()
        return self._drawers.setdefault(subject, _Drawer())

    def _numbers(self, subject: int) -> Numbers:
        drawer = self._drawer(subject)
        if drawer.numbers is None:
            free = self._subjects
            drawer.numbers = draw_numbers(self._random, is_free=lambda one: one not in free)
            self._subjects[drawer.numbers.pseudonym] = subject
        return drawer.numbers


class MemoryVaults:
    """The Vaults port in this process."""

    def __init__(self) -> None:
        self._of: dict[str, MemoryVault] = {}

    def of(self, project: str) -> MemoryVault:
        """The vault of a project; see the port."""
        return self._of.setdefault(project_name(project), MemoryVault())

    def projects(self) -> list[str]:
        """Every project that was asked for."""
        return sorted(self._of)
