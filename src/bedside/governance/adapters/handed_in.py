"""Drafts on their way to the process that writes the ledger, and who waits for them."""

from collections.abc import Sequence
from concurrent.futures import Future

from bedside.core.records.ledger import LedgerDraft, LedgerEntry
from bedside.governance.ledger_frames import Request, framed
from bedside.governance.predictions import is_prediction

__all__ = ["HandedIn", "settle"]


class HandedIn:
    """A request, and who waits for its reply."""

    __slots__ = ("at", "content", "drafts", "request", "texts", "told")

    def __init__(
        self,
        request: Request,
        drafts: Sequence[LedgerDraft],
        texts: Sequence[str],
        told: "Sequence[Future[LedgerEntry]]",
    ) -> None:
        self.request, self.drafts, self.texts, self.told = request, drafts, texts, told
        self.content, self.at = memoryview(framed(request)), 0

    @property
    def can_go_again(self) -> bool:
        """Whether the writer can tell that it has it already."""
        return not self.request.together and all(map(is_prediction, self.drafts))

    def again(self) -> None:
        """Prepare to be sent to another writer."""
        told = self.request
        self.request = Request(told.number, told.drafts, told.together, again=True)
        self.content, self.at = memoryview(framed(self.request)), 0

    def fail(self, error: BaseException) -> None:
        """Tell everybody."""
        for one in self.told:
            settle(one, error)


def settle(told: "Future[LedgerEntry]", result: LedgerEntry | BaseException) -> None:
    """Tell a future what became of its draft, unless nobody waits for it any more."""
    if not told.set_running_or_notify_cancel():
        return
    if isinstance(result, BaseException):
        told.set_exception(result)
    else:
        told.set_result(result)
