"""A vault in the workspace's database, for a project whose stand-ins must come again."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random, SystemRandom

from sqlalchemy import Connection, Engine, select

from bedside.core.clock import Clock, iso
from bedside.core.ports.vault import Numbers, Vault
from bedside.core.records.identifier import IdentifierKind
from bedside.privacy.adapters.vault_keys import ProjectKeys
from bedside.privacy.adapters.vault_session import VaultSession
from bedside.privacy.adapters.vault_tables import SUBJECTS, TABLES
from bedside.privacy.drawing import project_name

__all__ = ["SqlVault", "SqlVaults"]

Writing = Callable[[Engine], AbstractContextManager[Connection]]
Clear = Callable[[Engine, Collection[str]], None]


class SqlVault:
    """The Vault port on SQLAlchemy, for SQLite and PostgreSQL; many processes may draw at once.

    Each subject has a random key of their own, wrapped by the project's secret; what stands in the
    database is found by a keyed tag, and opens with that key. Made by `SqlVaults`.

    Args:
        engine: The database, with its tables.
        writing: Opens a transaction that holds the writer's lock.
        clear: Makes the database let go of what was overwritten in the tables named.
        clock: Tells when a subject was forgotten.
        project: The name of the project.
        secret: 32 bytes, of this project alone.
        random: Draws; the operating system's own source if none is given.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        writing: Writing,
        clear: Clear,
        clock: Clock,
        project: str,
        secret: bytes,
        random: Random | None = None,
    ) -> None:
        self._engine, self._writing, self._clear = engine, writing, clear
        self._clock, self._project = clock, project_name(project)
        self._keys = ProjectKeys(project, secret)
        self._random = random or SystemRandom()

    def stand_in(
        self,
        subject: int | None,
        kind: IdentifierKind,
        value: str,
        draw: Callable[[Random], str],
    ) -> str:
        """What stands for a value; see the port."""
        with self._reading() as session:
            there = session.found(subject, kind, value)
        if there is not None:
            return there
        with self._drawing() as session:
            return session.drawn(subject, kind, value, draw)

    def offset(self, subject: int) -> int:
        """By how many days all dates of the subject are moved; see the port."""
        return self.numbers([subject])[subject].offset

    def pseudonym(self, subject: int) -> int:
        """The number under which the subject is released; see the port."""
        return self.numbers([subject])[subject].pseudonym

    def numbers(self, subjects: Collection[int]) -> dict[int, Numbers]:
        """The pseudonym and the offset of many subjects; see the port."""
        with self._reading() as session:
            there = session.found_numbers(subjects)
        missing = [one for one in subjects if one not in there]
        if missing:
            with self._drawing() as session:
                there |= session.drawn_numbers(missing)
        return there

    @contextmanager
    def together(self) -> Iterator[Vault]:
        """One transaction that holds the writer's lock; see the port."""
        with self._drawing() as session:
            yield _Together(self, session)

    def originals(self, subject: int) -> list[tuple[IdentifierKind, str, str]]:
        """Everything kept of a subject; see the port."""
        with self._reading() as session:
            return session.originals(subject)

    def subject_of(self, pseudonym: int) -> int:
        """Who was released under a pseudonym; see the port."""
        with self._reading() as session:
            return session.subject_of(pseudonym)

    def forget(self, subject: int) -> int:
        """Destroy the subject's key, and have the database let go of it; see the port."""
        with self._drawing() as session:
            count = session.forget(subject, iso(self._clock.now()))
        self._clear(self._engine, [table.name for table in TABLES.sorted_tables])
        return count

    @contextmanager
    def _reading(self) -> Iterator[VaultSession]:
        with self._engine.connect() as connection:
            yield VaultSession(connection, self._project, self._keys, self._random)

    @contextmanager
    def _drawing(self) -> Iterator[VaultSession]:
        with self._writing(self._engine) as connection:
            yield VaultSession(connection, self._project, self._keys, self._random)


class _Together:
    """A vault inside a transaction that is open already."""

    def __init__(self, vault: SqlVault, session: VaultSession) -> None:
        self._vault, self._session = vault, session

    def stand_in(
        self,
        subject: int | None,
        kind: IdentifierKind,
        value: str,
        draw: Callable[[Random], str],
    ) -> str:
        return self._session.drawn(subject, kind, value, draw)

    def offset(self, subject: int) -> int:
        return self.numbers([subject])[subject].offset

    def pseudonym(self, subject: int) -> int:
        return self.numbers([subject])[subject].pseudonym

    def numbers(self, subjects: Collection[int]) -> dict[int, Numbers]:
        return self._session.drawn_numbers(subjects)

    @contextmanager
    def together(self) -> Iterator[Vault]:
        yield self

    def originals(self, subject: int) -> list[tuple[IdentifierKind, str, str]]:
        return self._session.originals(subject)

    def subject_of(self, pseudonym: int) -> int:
        return self._session.subject_of(pseudonym)

    def forget(self, subject: int) -> int:
        raise RuntimeError("Forget outside: what is destroyed must not come back with a rollback.")


class SqlVaults:
    """The Vaults port on SQLAlchemy.

    Args:
        engine: The database; the tables are made if they are not there.
        writing: Opens a transaction that holds the writer's lock.
        clear: Makes the database let go of what was overwritten in the tables named.
        clock: Tells when a subject was forgotten.
        secret_of: The 32 bytes of a project, made on first use and kept under the key `vault`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        writing: Writing,
        clear: Clear,
        clock: Clock,
        secret_of: Callable[[str], bytes],
    ) -> None:
        self._engine, self._writing, self._clear = engine, writing, clear
        self._clock, self._secret_of = clock, secret_of
        with writing(engine) as connection:
            TABLES.create_all(connection)

    def of(self, project: str) -> Vault:
        """The vault of a project; see the port."""
        return SqlVault(
            self._engine,
            writing=self._writing,
            clear=self._clear,
            clock=self._clock,
            project=project,
            secret=self._secret_of(project_name(project)),
        )

    def projects(self) -> list[str]:
        """The projects in which a subject has a stand-in, by name."""
        asked = select(SUBJECTS.c.project).distinct().order_by(SUBJECTS.c.project)
        with self._engine.connect() as connection:
            return list(connection.execute(asked).scalars())
