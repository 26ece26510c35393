"""One question about one patient: a score, an abstention or a failure, recorded before it goes."""

import logging
import secrets
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from bedside.core.clock import Clock, iso
from bedside.core.errors import Refused, Unavailable
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.ports import Explainer, Ledger, Predictor
from bedside.core.records.answer import Abstention, Answer, Failure, Score
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.bundle import FEATURES, Bundle
from bedside.core.records.declaration import Declaration
from bedside.core.records.ledger import Actor
from bedside.core.records.version import Stage
from bedside.features.definition import feature_set_from_json
from bedside.features.inputs import as_served, check_inputs, clean_events
from bedside.interop.fhir.reading import unread
from bedside.serve.scoring import Broken, Scorer

__all__ = ["Answerer"]

_LOG = logging.getLogger("bedside.serve")


class Answerer:
    """Answers for one version of one model; safe to call from several threads.

    Args:
        bundle: Opened and verified.
        version_id: `NAME@digest`.
        stage: Silent, canary or live; no other stage answers.
        predictor: Runs the bundle's model.
        explainer: Says what moved a score.
        ledger: Where every answer is kept before it leaves; from several threads it is best given
            one that commits them together.
        clock: For the time of the question and the latency.
        actor: Who answers, for which purpose.
        new_id: Makes a prediction id: a UUID that was never used before.

    Raises:
        Refused: the stage does not answer, the model does not reproduce the worked example in the
            bundle (`example_differs`), or it declares a channel that cannot carry what it reads
            (`channel_cannot_carry`).
    """

    def __init__(
        self,
        bundle: Bundle,
        version_id: str,
        stage: Stage,
        predictor: Predictor,
        explainer: Explainer,
        ledger: Ledger,
        clock: Clock,
        actor: Actor,
        *,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        if stage not in (Stage.SILENT, Stage.CANARY, Stage.LIVE):
            raise Refused(
                f"{version_id} is {stage}, so it may not answer.",
                fix="release it to silent or live first.",
                code="not_released",
            )
        features = feature_set_from_json(bundle.files[FEATURES])
        self.declaration = as_served(bundle.declaration, features)
        _check_channels(self.declaration)
        self.version_id = version_id
        self.stage = Stage(stage)
        self.clock = clock
        self._digest = bundle.digest
        self._ledger = ledger
        self._actor = actor
        self._new_id = new_id
        self._scorer = Scorer(bundle, predictor, explainer)
        self._scorer.check_example()

    def answer(self, asked: Asked, *, shown: bool = True) -> Answer:
        """Answer one question; the answer is in the ledger when this returns.

        Args:
            asked: The question.
            shown: Whether anybody will see the answer.

        Raises:
            Invalid: the question cannot be read, a value is not finite or its unit does not
                convert; nothing is recorded.
            Unavailable: the ledger could not keep the answer, so none is given.
        """
        return self.answer_from(asked, asked.read(self.declaration), shown=shown)

    def answer_from(self, asked: Asked, facts: Facts, *, shown: bool = True) -> Answer:
        """Like `answer`, where the question has been read already."""
        as_of, notes = asked.as_of, facts.notes
        started = self.clock.now()
        sealed: dict[str, Any] = {
            "nonce": secrets.token_hex(16),
            "subject": facts.subject,
            "request_id": asked.request_id,
            "request": asked.request.decode(),
        }
        clean, rejected = clean_events(self.declaration.signals, facts.events)
        cause = None
        outcome: Score | Abstention | Failure | None
        try:
            outcome = check_inputs(self.declaration, clean, rejected, as_of)
            if outcome is None:
                scored = self._scorer.score(clean, as_of, (*notes, *self._left_out(rejected)))
                outcome = scored.outcome
                sealed |= scored.as_json()
        except Broken as broken:
            outcome, cause = broken.failure, broken.cause
        answer = Answer(
            prediction_id=self._new_id(),
            model=self.declaration.name,
            version=self.version_id,
            stage=str(self.stage),
            as_of=iso(as_of),
            outcome=outcome,
            shown=shown and self.stage is not Stage.SILENT,
        )
        told = _kind(outcome, cause) | {
            "channel": asked.channel,
            "caller": asked.caller.name,
            "shown": answer.shown,
        }
        self._record_answer(answer, told, started, sealed)
        return answer

    def record(
        self, action: str, details: dict[str, Any], *, sealed: bytes, subject: int | None = None
    ) -> None:
        """Append to the ledger, e.g. the feedback on a card that comes back from the bedside.

        Raises:
            Unavailable: the ledger could not keep it.
        """
        traced = {"version": self.version_id, "stage": str(self.stage)} | details
        try:
            self._ledger.append(self._actor, action, traced, sealed=sealed, subject=subject)
        except Exception as error:
            _LOG.error("the ledger failed: %s", type(error).__name__)
            raise Unavailable(
                "The ledger could not keep this, so nothing is answered.",
                fix="check the ledger and its disk, then try again.",
                code="ledger_unavailable",
            ) from None

    def _left_out(self, rejected: Sequence[str]) -> list[str]:
        return [
            f"{signal.label} had a value outside the possible range; it was left out."
            for name, signal in self.declaration.signals.items()
            if name in rejected
        ]

    def _record_answer(
        self, answer: Answer, kind: dict[str, Any], started: datetime, sealed: dict[str, Any]
    ) -> None:
        content = canonical_json(sealed)
        details: dict[str, Any] = {
            "prediction_id": answer.prediction_id,
            "bundle": self._digest,
            "as_of": answer.as_of,
            "input_digest": digest_bytes(content),
            "latency_ms": round((self.clock.now() - started).total_seconds() * 1000, 3),
        }
        self.record("answer", details | kind, sealed=content, subject=sealed["subject"])
        if isinstance(answer.outcome, Failure):
            _LOG.error(
                "prediction %s failed: %s (%s)",
                answer.prediction_id,
                answer.outcome.code,
                kind["cause"],
            )


def _check_channels(declaration: Declaration) -> None:
    """Refuse a model that would be asked over a wire on which a part of its input never comes."""
    missing = unread(declaration) if declaration.channels.cds_hooks is not None else []
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise Refused(
            f"'{declaration.name}' declares CDS Hooks, but no FHIR resource that is read there "
            f"tells: {', '.join(missing[:5])}{more}. Every score would be made without it.",
            fix="remove channels.cds_hooks, or leave this out of the features, and build again.",
            code="channel_cannot_carry",
        )


def _kind(outcome: Score | Abstention | Failure, cause: str | None) -> dict[str, Any]:
    match outcome:
        case Score():
            return {"outcome": "score"}
        case Abstention():
            return {"outcome": "abstention", "reason": str(outcome.reason)}
        case Failure():
            return {"outcome": "failure", "code": outcome.code, "cause": cause}
