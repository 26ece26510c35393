"""What a server process and the process that writes the ledger say to each other, as bytes.

A frame is its length in four bytes and one array of MessagePack. Nothing in it can name code.
"""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from bedside.core.errors import (
    AlreadyAnswered,
    BedsideError,
    Invalid,
    NotFound,
    Refused,
    Unavailable,
)
from bedside.core.records.ledger import Actor, LedgerDraft, LedgerEntry
from bedside.governance.drafts import as_read_again

__all__ = ["Frames", "Reply", "Request", "answered", "framed", "request_of", "unknown_if_kept"]

LARGEST = 1 << 30  # bytes of one frame
_HEAD = 4


class _Draft(msgspec.Struct, frozen=True, array_like=True):
    actor: str
    purpose: str
    action: str
    details: str  # as canonical JSON
    sealed: bytes | None
    subject: int | None


class _Entry(msgspec.Struct, frozen=True, array_like=True, tag="entry"):
    sequence: int
    at: str
    sealed_digest: str | None
    subject_tag: str | None
    previous: str
    hash: str


class _Error(msgspec.Struct, frozen=True, array_like=True, tag="error"):
    kind: str
    problem: str
    fix: str
    code: str


class Request(msgspec.Struct, frozen=True, array_like=True):
    """Drafts to be written in one commit.

    `number` is repeated in the reply. `together`: all of them or none. `again`: they were sent
    before, so one whose prediction is there as it is here needs no second entry.
    """

    number: int
    drafts: tuple[_Draft, ...]
    together: bool = False
    again: bool = False

    def ledger_drafts(self) -> list[LedgerDraft]:
        """The drafts as the ledger takes them."""
        return [
            LedgerDraft(
                actor=Actor(name=one.actor, purpose=one.purpose),
                action=one.action,
                details=msgspec.json.decode(one.details),
                sealed=one.sealed,
                subject=one.subject,
            )
            for one in self.drafts
        ]


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """For each draft of a request, in their order, where it stands, or why it is not there."""

    number: int
    results: tuple[_Entry | _Error, ...]

    def told(
        self, drafts: Sequence[LedgerDraft], texts: Sequence[str]
    ) -> list[LedgerEntry | BedsideError]:
        """The entries of the drafts, or their errors.

        Args:
            drafts: Of the request.
            texts: The canonical JSON of their details.
        """
        return [
            _error_of(result) if isinstance(result, _Error) else _entry_of(result, draft, text)
            for result, draft, text in zip(self.results, drafts, texts, strict=True)
        ]


_ENCODER = msgspec.msgpack.Encoder()


def request_of(
    number: int, drafts: Sequence[LedgerDraft], texts: Sequence[str], *, together: bool = False
) -> Request:
    """The request to write drafts that were checked.

    Args:
        number: By which the reply is known.
        drafts: Fit to be kept.
        texts: The canonical JSON of their details.
        together: All of them or none.
    """
    told = tuple(
        _Draft(one.actor.name, one.actor.purpose, one.action, text, one.sealed, one.subject)
        for one, text in zip(drafts, texts, strict=True)
    )
    return Request(number, told, together)


def answered(number: int, results: Sequence[LedgerEntry | BaseException]) -> Reply:
    """The reply to a request."""
    return Reply(
        number,
        tuple(
            _Entry(one.sequence, one.at, one.sealed_digest, one.subject_tag, one.previous, one.hash)
            if isinstance(one, LedgerEntry)
            else _told_error(one)
            for one in results
        ),
    )


def framed(message: Request | Reply) -> bytes:
    """A message with its length before it.

    Raises:
        Invalid: it is larger than a frame may be, or holds a number or text that none can say.
    """
    try:
        content = bytearray(_HEAD)
        _ENCODER.encode_into(message, content, _HEAD)
    except (OverflowError, ValueError, TypeError):
        raise Invalid(
            "A ledger entry holds a number or a text that cannot be handed on.",
            fix="give a subject below 2^63 and plain text.",
        ) from None
    length = len(content) - _HEAD
    if length > LARGEST:
        raise Invalid("A ledger entry is too large.", fix="keep less of the request.")
    content[:_HEAD] = length.to_bytes(_HEAD, "big")
    return bytes(content)


Message = TypeVar("Message", Request, Reply)


class Frames(Generic[Message]):
    """Takes bytes as they come, and gives the messages that are whole.

    Args:
        kind: What the messages are.
    """

    def __init__(self, kind: type[Message]) -> None:
        self._decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(kind)
        self._bytes = bytearray()

    def take(self, some: bytes) -> Iterator[Message]:
        """The messages that are whole with these bytes.

        Raises:
            Invalid: they are no frames; nothing more can be read from whoever sent them.
        """
        self._bytes += some
        while len(self._bytes) >= _HEAD:
            length = int.from_bytes(self._bytes[:_HEAD], "big")
            if length > LARGEST:
                raise _no_frame()
            end = _HEAD + length
            if len(self._bytes) < end:
                return
            content = bytes(self._bytes[_HEAD:end])
            del self._bytes[:end]
            try:
                yield self._decoder.decode(content)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise _no_frame() from None


def unknown_if_kept() -> Unavailable:
    """The writer broke off in the middle."""
    return Unavailable(
        "The process that writes the ledger ended, and whether this entry is there is not known.",
        fix="look for it: bedside ledger.",
        code="ledger_unavailable",
    )


def _no_frame() -> Invalid:
    return Invalid("What came is no message about the ledger.", fix="use one version of Bedside.")


def _entry_of(entry: _Entry, draft: LedgerDraft, text: str) -> LedgerEntry:
    return LedgerEntry(
        sequence=entry.sequence,
        at=entry.at,
        actor=draft.actor.name,
        purpose=draft.actor.purpose,
        action=draft.action,
        details=as_read_again(draft.details, text),
        sealed_digest=entry.sealed_digest,
        subject_tag=entry.subject_tag,
        previous=entry.previous,
        hash=entry.hash,
    )


def _told_error(error: BaseException) -> _Error:
    if isinstance(error, AlreadyAnswered):
        return _Error("answered", error.prediction_id, "", error.code)
    if isinstance(error, BedsideError):
        kinds = {"invalid": Invalid, "not_found": NotFound, "refused": Refused}
        kind = next((name for name, one in kinds.items() if isinstance(error, one)), "unavailable")
        return _Error(kind, error.problem, error.fix, error.code)
    return _Error(
        "unavailable",
        f"The ledger failed ({type(error).__name__}).",
        "look into the server's log.",
        "ledger_failed",
    )


def _error_of(told: _Error) -> BedsideError:
    if told.kind == "answered":
        return AlreadyAnswered(told.problem)
    kinds = {"invalid": Invalid, "not_found": NotFound, "refused": Refused}
    return kinds.get(told.kind, Unavailable)(told.problem, fix=told.fix, code=told.code)
