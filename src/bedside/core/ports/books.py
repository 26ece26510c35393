"""What keeps the books: who did what, and which versions exist."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from bedside.core.errors import BedsideError
from bedside.core.records.ledger import Actor, LedgerDraft, LedgerEntry, LedgerFault
from bedside.core.records.prediction import Prediction, PredictionNote
from bedside.core.records.rollout import Canary, Release
from bedside.core.records.version import Approval, ModelVersion, Stage

__all__ = ["Ledger", "Predictions", "Registry"]


class Ledger(Protocol):
    """A chain of entries that only grows."""

    def append(
        self,
        actor: Actor,
        action: str,
        details: dict[str, Any],
        *,
        sealed: bytes | None = None,
        subject: int | None = None,
    ) -> LedgerEntry:
        """Add one entry; durable when this returns. `sealed` is encrypted before it is stored.

        With a `subject`, the sealed part opens with a key of that subject alone, so that
        `forget` can make it unreadable while the chain stays whole.
        """
        ...

    def append_all(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry]:
        """Add several entries in one durable commit: all of them or none.

        An entry with the action `answer` is refused with `AlreadyAnswered` where its details hold
        a `request_tag` that was answered before.
        """
        ...

    def append_each(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry | BedsideError]:
        """Add those that can be taken, in one durable commit; one that cannot fails alone.

        Returns:
            For each draft its entry, or why it is not there: `Invalid`, or `AlreadyAnswered` for
            an answer to a request that has one, also one of an earlier draft here.
        """
        ...

    def forget(self, subject: int) -> int:
        """Destroy the subject's key: their sealed parts can never be read again.

        Returns:
            How many entries that concerns; the same when it is asked again.
        """
        ...

    def sealed_for(self, subject: int) -> list[int]:
        """The sequences whose sealed part opens with the subject's key, oldest first."""
        ...

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry, oldest first."""
        ...

    def entry(self, sequence: int) -> LedgerEntry:
        """One entry.

        Raises:
            NotFound: there is no such entry.
        """
        ...

    def unseal_all(self, sequences: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """The decrypted `sealed` part of each of these entries that has one, by sequence.

        Parts whose subject was forgotten are left out.

        Raises:
            Refused: a part was changed (code `ledger_broken`).
        """
        ...

    def unseal(self, sequence: int) -> bytes:
        """The decrypted `sealed` part of an entry.

        Raises:
            NotFound: there is no such entry, or it has no sealed part.
            Refused: its subject was forgotten (code `erased`), or it was changed (`ledger_broken`).
        """
        ...

    def verify(self) -> list[LedgerFault]:
        """Every fault in the chain; empty when it is whole."""
        ...


class Predictions(Protocol):
    """What the ledger's predictions are found by; nobody writes here but the ledger itself.

    An entry with the action `answer` is in this index from the same commit on.
    """

    def get(self, prediction_id: str) -> Prediction:
        """One prediction.

        Raises:
            NotFound: the ledger has no such prediction.
        """
        ...

    def answered(self, request_tag: str) -> Prediction | None:
        """The prediction that answered this request, None when there is none (any more)."""
        ...

    def find(
        self,
        *,
        model: str | None = None,
        version: str | None = None,
        since: str | None = None,
        until: str | None = None,
        outcome: str | None = None,
        shown: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[Prediction]:
        """Predictions that fit all that is given, newest first.

        Args:
            model: The name of a model.
            version: The id of a version.
            since: ISO 8601 as `iso` writes it; recorded then or later.
            until: Recorded before then.
            outcome: Score, abstention or failure.
            shown: Whether somebody was shown it.
            limit: How many at most.
        """
        ...

    def many(self, version: str, *, since: str, until: str, limit: int) -> int:
        """How many answers of a version were recorded since one time and before another.

        Args:
            version: The id of a version.
            since: ISO 8601 as `iso` writes it.
            until: The same.
            limit: No further than this is counted.
        """
        ...

    def notes(self, prediction_ids: Sequence[str]) -> list[PredictionNote]:
        """What became known of these predictions later, oldest first; every `value` is sealed."""
        ...

    def after(self, version: str, sequence: int) -> Iterator[Prediction]:
        """Answers of a version that came after this entry of the ledger, oldest first."""
        ...

    def entered(self, sequences: Sequence[int]) -> list[Prediction]:
        """The predictions of these entries of the ledger, oldest first."""
        ...

    def named(self, prediction_ids: Sequence[str]) -> list[Prediction]:
        """Those of these predictions that there are, oldest first."""
        ...

    def notes_after(self, version: str, sequence: int) -> Iterator[PredictionNote]:
        """Notes of a version's answers that came after this entry of the ledger, oldest first."""
        ...

    def subject_tags(self, version: str) -> set[str]:
        """The tags of everybody about whom a version answered, but for whom was erased."""
        ...

    def erasures(self) -> int:
        """A number that grows with every subject who is erased; cheap."""
        ...


class Registry(Protocol):
    """Which model versions exist, and where each is in its life."""

    def add(self, version: ModelVersion) -> ModelVersion:
        """Register a built version; adding the same one again returns what is registered."""
        ...

    def get(self, version_id: str) -> ModelVersion:
        """One version, by id, by bundle digest, or by an unambiguous beginning of either."""
        ...

    def versions(self, name: str | None = None) -> list[ModelVersion]:
        """All versions (of one model), oldest first."""
        ...

    def record_approval(self, approval: Approval) -> ModelVersion:
        """Record a person's yes to one step; the first of them moves a built version to approved.

        One for canary or live counts until the version moves.
        """
        ...

    def move(self, version_id: str, stage: Stage, *, canary: Canary | None = None) -> ModelVersion:
        """Move a version along its life; what it displaces is moved in the same transaction.

        Raises:
            Refused: `NEXT_STAGES` has no such step, or nobody has approved it.
        """
        ...

    def rollback(self, version_id: str) -> list[ModelVersion]:
        """Take back a version that is seen, in one transaction: it is silent from now on.

        If it was live, the version that it superseded is live again.

        Returns:
            Every version that changed, the one taken back first.

        Raises:
            Refused: it is not in canary or live (any more), code `not_shown`: of two at once, one
                is told this.
        """
        ...

    def suspend(self, version_id: str, *, suspended: bool) -> bool:
        """Let each answer of a released version be an abstention, or no longer; whether it changed.

        It stays so wherever the version moves, until it is lifted.

        Raises:
            NotFound: there is no such version.
            Refused: no server runs it (code `not_released`).
        """
        ...

    def revision(self) -> int:
        """A number that grows with every change of a release; cheap enough to ask each second."""
        ...

    def releases(self) -> list[Release]:
        """What a server has to run now, and what it keeps ready."""
        ...
