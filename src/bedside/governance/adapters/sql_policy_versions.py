"""A workspace's own policies in its database: every version, each signed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, insert, select

from bedside.core.clock import iso
from bedside.core.errors import Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports import ByteSigner
from bedside.core.records.policy_version import PolicyVersion
from bedside.governance.adapters.governed_tables import POLICIES, Writing

__all__ = ["SqlPolicyVersions"]


class SqlPolicyVersions:
    """The PolicyVersions port on SQLAlchemy.

    Args:
        engine: The database, with the tables of `make_governed_tables`.
        writing: Opens a transaction that holds the writer's lock.
        signer: A key of this workspace.
    """

    def __init__(self, engine: Engine, *, writing: Writing, signer: ByteSigner) -> None:
        self._engine, self._writing, self._signer = engine, writing, signer

    def add(self, origin: str, text: str, *, by: str, at: datetime, decision: str) -> PolicyVersion:
        """Keep the next version of a file, signed, durably."""
        with self._writing(self._engine) as connection:
            asked = select(func.max(POLICIES.c.version)).where(POLICIES.c.origin == origin)
            last: int | None = connection.execute(asked).scalar()
            version = PolicyVersion(
                origin=origin,
                version=(last or 0) + 1,
                text=text,
                sha256=digest_bytes(text.encode()),
                signature=b"",
                by=by,
                added=at,
                decision=decision,
            )
            row = {
                "origin": version.origin,
                "version": version.version,
                "text": version.text,
                "sha256": version.sha256,
                "signature": self._signer.sign(version.signed()),
                "added_by": version.by,
                "added": iso(version.added),
                "decision": version.decision,
            }
            connection.execute(insert(POLICIES), row)
        return _version(row)

    def all(self) -> list[PolicyVersion]:
        """Every version, oldest first, its signature checked.

        Raises:
            Refused: one was changed, or one before another is gone (code `policies_damaged`).
        """
        with self._engine.connect() as connection:
            rows = connection.execute(select(POLICIES).order_by(POLICIES.c.number)).mappings()
            found = [_version(row) for row in rows]
        counted = dict[str, int]()
        for one in found:
            counted[one.origin] = counted.get(one.origin, 0) + 1
            self._check(one, counted[one.origin])
        return found

    def revision(self) -> int:
        """A number that grows with every change."""
        with self._engine.connect() as connection:
            found: int | None = connection.execute(select(func.max(POLICIES.c.number))).scalar()
            return found or 0

    def _check(self, one: PolicyVersion, expected: int) -> None:
        try:
            if digest_bytes(one.text.encode()) != one.sha256 or one.version != expected:
                raise _damaged()
            self._signer.verify(one.signed(), one.signature)
        except Refused:
            raise _damaged() from None


def _damaged() -> Refused:
    return Refused(
        "The workspace's own policies were changed outside of Bedside, so nothing is permitted.",
        fix="restore the workspace's database from a backup.",
        code="policies_damaged",
    )


def _version(row: Any) -> PolicyVersion:
    return PolicyVersion(
        origin=row["origin"],
        version=row["version"],
        text=row["text"],
        sha256=row["sha256"],
        signature=bytes(row["signature"]),
        by=row["added_by"],
        added=datetime.fromisoformat(row["added"]),
        decision=row["decision"],
    )
