"""The same request again gets the first answer again, from this process or from the ledger."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from bedside.core.errors import Refused, Unavailable
from bedside.core.ports import Ledger, Predictions
from bedside.core.records.answer import Answer, Failure
from bedside.core.records.asked import Asked
from bedside.interop.answer_json import answer_from_json
from bedside.interop.sealed_answer import opened_answer

__all__ = ["AskedBefore", "Tagging", "request_tag"]

KEPT = 2048
KEPT_SECONDS = 300.0  # the ledger, which can forget a patient, knows it for longer
Tagging = Callable[[str], str]


class _Known(NamedTuple):
    request: bytes
    answer: "asyncio.Future[Answer]"
    until: float


def request_tag(tagging: Tagging, model: str, asked: Asked) -> str | None:
    """The keyed digest of who asks which model on which wire under which id, if any."""
    if asked.request_id is None:
        return None
    return tagging("\n".join((asked.caller.name, model, asked.channel, asked.request_id)))


class AskedBefore:
    """What was asked under a request id, here lately and ever in the ledger.

    A failure is no answer: whoever asks again after one is answered anew.

    Args:
        ledger: Holds every answer, sealed.
        predictions: Finds it.
    """

    def __init__(self, ledger: Ledger | None = None, predictions: Predictions | None = None):
        self._ledger, self._predictions = ledger, predictions
        self._recent: OrderedDict[str, _Known] = OrderedDict()

    def known(self, tag: str, asked: Asked) -> "asyncio.Future[Answer] | None":
        """The answer to this request that was given or is under way in this process.

        Raises:
            Refused: the id came with another request before (`request_id_reused`).
        """
        found = self._recent.get(tag)
        if found is None or found.until < time.monotonic():
            return None
        _same(found.request, asked.request)
        return found.answer

    def remember(self, tag: str, asked: Asked, answer: "asyncio.Future[Answer]") -> None:
        """Keep what will be answered, and forget what was asked long ago."""
        now = time.monotonic()
        self._recent.pop(tag, None)
        self._recent[tag] = _Known(asked.request, answer, now + KEPT_SECONDS)
        while len(self._recent) > KEPT or next(iter(self._recent.values())).until < now:
            self._recent.popitem(last=False)
        answer.add_done_callback(lambda _: self._drop_failure(tag, answer))

    def recall(self, tag: str, asked: Asked) -> Answer:
        """The answer that the ledger has for this request; reads the database.

        Raises:
            Refused: the id came with another request before (`request_id_reused`), or the patient
                was erased since (`erased`).
            Unavailable: it cannot be found now.
        """
        found = self._predictions.answered(tag) if self._predictions is not None else None
        if found is None or self._ledger is None:
            raise Unavailable(
                "The first answer to this request cannot be found now.",
                fix="ask again later, or with another request id.",
                code="first_answer_missing",
            )
        sealed = opened_answer(self._ledger.unseal(found.sequence))
        _same(sealed["request"].encode(), asked.request)
        return answer_from_json(sealed["answer"])

    def _drop_failure(self, tag: str, answer: "asyncio.Future[Answer]") -> None:
        found = self._recent.get(tag)
        if found is None or found.answer is not answer:
            return
        failed = answer.cancelled() or answer.exception() is not None
        if failed or isinstance(answer.result().outcome, Failure):
            del self._recent[tag]


def _same(first: bytes, now: bytes) -> None:
    if first != now:
        raise Refused(
            "This request id came with another request before.",
            fix="give every question an id of its own; repeat one only with the same bytes.",
            code="request_id_reused",
        )
