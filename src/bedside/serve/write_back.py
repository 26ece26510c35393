"""Delivering what waits for a FHIR server: again after a while, and to a person where that is vain.

Every letter is a transaction of conditional creates, so that one that arrived although we were not
told so is not kept twice when it is sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from bedside.core.clock import Clock
from bedside.core.errors import BedsideError, Invalid, Unavailable
from bedside.core.ports.fhir_out import FhirTarget, Outbox
from bedside.core.records.fhir_letter import Delivery, Letter, LetterState

__all__ = ["Plan", "WriteBack"]

_AT_ONCE = 100  # letters that are opened together


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How often something is sent, and how long is waited in between.

    The wait doubles from `first` to `longest`; after `attempts` in vain a letter is dead.
    """

    attempts: int = 12
    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        if self.attempts < 1 or not timedelta(0) < self.first <= self.longest:
            raise Invalid(
                "A plan needs an attempt, and a wait that is not longer than the longest.",
                fix="give at least 1 attempt and 0 < first <= longest.",
            )

    def wait(self, failed: int) -> timedelta:
        """How long to wait after so many failures.

        >>> [Plan().wait(failed).total_seconds() for failed in (1, 2, 3, 12)]
        [30.0, 60.0, 120.0, 3600.0]
        """
        return min(self.first * (1 << min(failed - 1, 30)), self.longest)


class WriteBack:
    """Sends what is due to one server.

    Args:
        outbox: What waits.
        target: The server.
        server: Its base address, as letters name it.
        clock: Says what time it is.
        record: Is told of each letter that is settled: an action and its details, for the ledger.
        plan: How often, and when.
        action: What the ledger calls it.
    """

    def __init__(
        self,
        outbox: Outbox,
        target: FhirTarget,
        server: str,
        *,
        clock: Clock,
        record: Callable[[str, dict[str, object]], object],
        plan: Plan | None = None,
        action: str = "fhir.write_back",
    ) -> None:
        self._outbox, self._target, self._server = outbox, target, server
        self._clock, self._record, self._plan = clock, record, plan or Plan()
        self._action = action

    def deliver(self) -> Delivery:
        """Send everything that is due.

        What the server refuses for itself is dead at once. Where it does not let us in at all, no
        letter is to blame: the run stops, and they wait on.
        """
        done = Delivery()
        while letters := self._outbox.due(self._server, self._clock.now(), most=_AT_ONCE):
            for letter in letters:
                try:
                    new = self._target.transact(letter.content or b"")
                except (Invalid, Unavailable) as error:
                    done = self._failed(letter, error, done)
                except BedsideError as error:
                    return replace(done, stopped=error.code)
                else:
                    self._settle(
                        replace(
                            letter,
                            state=LetterState.SENT,
                            content=None,
                            due=None,
                            attempts=letter.attempts + 1,
                            problem=None,
                        ),
                        new,
                    )
                    done = replace(done, sent=done.sent + 1)
        return done  # fmt: skip

    def _failed(self, letter: Letter, error: BedsideError, done: Delivery) -> Delivery:
        attempts = letter.attempts + 1
        tried = replace(letter, attempts=attempts, problem=error.code)
        if isinstance(error, Unavailable) and attempts < self._plan.attempts:
            due = self._clock.now() + self._plan.wait(attempts)
            self._outbox.settle(replace(tried, due=due))
            return replace(done, later=done.later + 1)
        self._settle(replace(tried, state=LetterState.DEAD, due=None), 0)
        return replace(done, dead=done.dead + 1)

    def _settle(self, letter: Letter, new: int) -> None:
        """Keep what became of it; the ledger is told first, for a letter may be sent twice."""
        self._record(
            self._action,
            {
                "prediction_id": letter.prediction_id,
                "model": letter.model,
                "server": letter.sent_to,
                "state": letter.state.value,
                "attempts_count": letter.attempts,
                "created_count": new,
                **({} if letter.problem is None else {"code": letter.problem}),
            },
        )
        self._outbox.settle(letter)
