"""From an answer to a result message in the outbox: what is shown is sent, and nothing else."""

from collections.abc import Callable
from datetime import datetime

from bedside.core.ports.fhir_out import Outbox
from bedside.core.records.answer import Abstention, Answer
from bedside.core.records.declaration import Declaration
from bedside.core.records.fhir_letter import Letter, LetterState
from bedside.interop.hl7v2.message import Message
from bedside.interop.hl7v2.result import Addressed, result_message

__all__ = ["Results"]


class Results:
    """Puts results into the outbox; `WriteBack` sends them.

    Args:
        outbox: Where they wait, sealed.
        receiver: As letters name it.
        addressed: From whom and to whom.
        tag: The workspace's keyed digest.
    """

    def __init__(
        self, outbox: Outbox, receiver: str, addressed: Addressed, tag: Callable[[str], str]
    ) -> None:
        self._outbox, self._receiver = outbox, receiver
        self._addressed, self._tag = addressed, tag

    def put(
        self,
        answer: Answer,
        declaration: Declaration,
        asked_by: Message,
        *,
        subject: int,
        at: datetime,
        question: str | None = None,
        abstentions: bool = True,
    ) -> bool:
        """Keep what is to be sent of an answer; False where one to this question is kept already.

        Of an answer that is withheld, only that it was made is noted.

        Args:
            answer: In the ledger.
            declaration: Of the version that answered.
            asked_by: The message that was the occasion.
            subject: The patient's pseudonym.
            at: The present moment.
            question: The keyed digest of the question, to which there is one answer for ever; that
                of the prediction, if not given.
            abstentions: Whether the receiver is told of an abstention.

        Raises:
            Invalid: the message names no one patient (code `hl7_no_patient`).
        """
        content = None
        if answer.shown and (abstentions or not isinstance(answer.outcome, Abstention)):
            content = result_message(answer, declaration, asked_by, self._addressed, at=at)
        salt = declaration.data.pseudonym_salt
        return self._outbox.put(
            Letter(
                key=question or self._tag(f"hl7\n{self._receiver}\n{answer.prediction_id}"),
                prediction_id=answer.prediction_id,
                model=answer.model,
                sent_to=self._receiver,
                subject_tag=self._tag(f"{salt}:{subject}"),
                state=LetterState.NOTHING if content is None else LetterState.WAITING,
                at=at,
                content=content,
                due=None if content is None else at,
            )
        )
