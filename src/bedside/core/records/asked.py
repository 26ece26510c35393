"""A question about one patient as a wire brings it, before any version has read it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bedside.core.records.caller import Caller
from bedside.core.records.codes_seen import CodeSeen
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import Event

__all__ = ["Asked", "Facts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a declaration reads in a request.

    `subject` is the patient's pseudonym, None where the request names nobody; `notes` is what the
    wire has to say about the input, shown beside a score. `unknown` is what was left out because
    the declaration does not know its code.
    """

    events: Sequence[Event]
    subject: int | None = None
    notes: tuple[str, ...] = ()
    unknown: tuple[CodeSeen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question, to be put to every version that is served under a model's name.

    `read` makes events of the request, as a version's declaration reads it; it raises `Invalid`
    where it cannot. Versions of one model may read different inputs, so each reads for itself.
    `request` is the question as it was received, kept sealed. `request_id` is the caller's own:
    asked again with the same one, the first answer is given again. `ward` is where the patient
    lies, if the wire knows. `reasons` is whether to say what moved the score.
    """

    read: Callable[[Declaration], Facts]
    as_of: datetime
    channel: str
    caller: Caller
    request: bytes
    request_id: str | None = None
    ward: str | None = None
    reasons: bool = True
