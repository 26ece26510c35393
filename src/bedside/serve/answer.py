"""One question about one patient: a score, an abstention or a failure, recorded before it goes."""

import copy
import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from time import perf_counter_ns
from typing import Any, NamedTuple, Self

from bedside.core.clock import Clock, iso
from bedside.core.errors import Refused
from bedside.core.ids import digest_bytes, random_uuid
from bedside.core.ports import Explainer, Ledger, Predictor
from bedside.core.records.answer import Abstention, AbstentionReason, Answer, Failure, Score
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.bundle import CARD, FEATURES, Bundle
from bedside.core.records.declaration import Declaration
from bedside.core.records.ledger import Actor, LedgerDraft, LedgerEntry
from bedside.core.records.version import Stage
from bedside.features.codes_seen import codes_of
from bedside.features.definition import feature_set_from_json
from bedside.features.inputs import as_served, check_inputs, clean_events, set_aside_note
from bedside.interop.answer_json import answer_told
from bedside.interop.fhir.reading import unread
from bedside.interop.sealed_answer import sealed_answer
from bedside.serve.made import Gathering, Made, Question, not_kept, tried
from bedside.serve.scoring import Broken, Scored, Scorer, ToScore

__all__ = ["Answerer"]

_LOG = logging.getLogger("bedside.serve")
_STAGES = (Stage.SILENT, Stage.CANARY, Stage.LIVE, Stage.SUPERSEDED)
QUICK_SECONDS = 0.0005
_SUSPENDED = Abstention(
    reason=AbstentionReason.SUSPENDED,
    signal="",
    text="The model is suspended until somebody has looked into an alarm about it; decide as "
    "without it.",
)


class _Read(NamedTuple):
    """What was read in a question, and what is to be scored, or why nothing is."""

    question: Question
    facts: Facts
    then: ToScore | Abstention


class Answerer:
    """Answers for one version of one model; safe to call from several threads.

    Args:
        bundle: Opened and verified.
        version_id: `NAME@digest`.
        stage: Silent, canary or live; a superseded one is loaded and kept ready.
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
        new_id: Callable[[], str] = random_uuid,
    ) -> None:
        if stage not in _STAGES:
            raise Refused(
                f"{version_id} is {stage}, so it may not answer.",
                fix="release it to silent or live first.",
                code="not_released",
            )
        features = feature_set_from_json(bundle.files[FEATURES])
        self.declaration = as_served(bundle.declaration, features)
        _check_channels(self.declaration)
        self.version_id = version_id
        self.card = bundle.files.get(CARD, b"")
        self.stage = Stage(stage)
        self.is_suspended = False
        self.clock = clock
        self.digest = bundle.digest
        self._ledger = ledger
        self._actor = actor
        self._new_id = new_id
        self._scorer = Scorer(bundle, predictor, explainer)
        self._scorer.check_example()
        self._is_bounded = bool(getattr(predictor, "bounded", False))
        self.is_quick = False

    def in_stage(self, stage: Stage, *, suspended: bool = False) -> Self:
        """The same loaded version in another stage; suspended, it abstains from every score."""
        other = copy.copy(self)
        other.stage = Stage(stage)
        other.is_suspended = suspended
        return other

    def warm_up(self) -> None:
        """Run every step once, so that what is compiled at its first call is compiled.

        A model that says of itself that it cannot hang is timed too: one that takes half a
        millisecond at most `is_quick`, so no thread of its own is worth its cost.

        Raises:
            Refused: the worked example is no longer reproduced (`example_differs`).
        """
        self._scorer.check_example()
        nobody = ToScore([], self.clock.now(), ())
        for count in (1, 2):
            self._scored([nobody] * count)
        if self._is_bounded:
            self.is_quick = min(self._seconds(nobody) for _ in range(5)) <= QUICK_SECONDS

    def _seconds(self, asked: ToScore) -> float:
        began = perf_counter_ns()
        self._scored([asked])
        return (perf_counter_ns() - began) / 1e9

    def check(self) -> None:
        """Run the worked example again.

        Raises:
            Refused: it is not reproduced (`example_differs`).
        """
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
        question = Question(asked=asked, started=self.clock.now(), shown=shown, facts=facts)
        (made,) = self.make([question])
        if isinstance(made, Exception):
            raise made
        try:
            self.submit_all([made.draft])[0].result()
        except Exception as error:
            raise not_kept(error) from None
        return made.answer

    def make(self, questions: Sequence[Question]) -> list[Made | Exception]:
        """The answers to several questions, which share one run of the model; none is recorded yet.

        No question's trouble is another's: in the place of an answer stands the error that its
        question gets, such as `Invalid` where it cannot be read.
        """
        read = [tried(self._read, one) for one in questions]
        fit = [one.then for one in read if isinstance(one, _Read)]
        scored = iter(self._scored([one for one in fit if isinstance(one, ToScore)]))
        made: list[Made | Exception] = []
        for one in read:
            if isinstance(one, Exception):
                made.append(one)
                continue
            outcome = next(scored) if isinstance(one.then, ToScore) else one.then
            made.append(tried(self._made, one.question, one.facts, outcome))
        return made

    def failed(self, question: Question, code: str, text: str, cause: str) -> Made:
        """The failure to answer a question, e.g. in time; nothing of it is read for that."""
        facts = question.facts or Facts(events=())
        return self._made(question, facts, Broken(code, text, cause))

    def submit_all(self, drafts: Sequence[LedgerDraft]) -> "list[Future[LedgerEntry]]":
        """Hand drafts to the ledger; each future is done once its entry is durable, or failed.

        Raises:
            Unavailable: the ledger takes nothing now.
        """
        if isinstance(self._ledger, Gathering):
            return self._ledger.submit_all(drafts)
        return [self._appended(draft) for draft in drafts]

    def _appended(self, draft: LedgerDraft) -> "Future[LedgerEntry]":
        told: Future[LedgerEntry] = Future()
        try:
            told.set_result(
                self._ledger.append(
                    draft.actor,
                    draft.action,
                    draft.details,
                    sealed=draft.sealed,
                    subject=draft.subject,
                )
            )
        except Exception as error:
            told.set_exception(error)
        return told

    def record(
        self,
        action: str,
        details: dict[str, Any],
        *,
        sealed: bytes | None = None,
        subject: int | None = None,
    ) -> None:
        """Append to the ledger, e.g. the feedback on a card that comes back from the bedside.

        Raises:
            Unavailable: the ledger could not keep it.
        """
        traced = {"version": self.version_id, "stage": str(self.stage)} | details
        try:
            self._ledger.append(self._actor, action, traced, sealed=sealed, subject=subject)
        except Exception as error:
            raise not_kept(error) from None

    def _read(self, question: Question) -> _Read:
        asked, trace = question.asked, question.trace
        begun = 0 if trace is None else perf_counter_ns()
        facts = question.facts or asked.read(self.declaration)
        if self.is_suspended:
            return _Read(question, facts, _SUSPENDED)
        events, rejected = clean_events(self.declaration.signals, facts.events)
        none = check_inputs(self.declaration, events, rejected, asked.as_of)
        if trace is not None:
            trace.step("read", begun)
        if none is not None:
            return _Read(question, facts, none)
        notes = (*facts.notes, *self._left_out(rejected)) if rejected else facts.notes
        return _Read(question, facts, ToScore(events, asked.as_of, notes, asked.reasons, trace))

    def _scored(self, fit: Sequence[ToScore]) -> list[Scored | Broken]:
        return self._scorer.score_many(fit)

    def _left_out(self, rejected: Sequence[str]) -> list[str]:
        return [
            set_aside_note(signal)
            for name, signal in self.declaration.signals.items()
            if name in rejected
        ]

    def _made(self, question: Question, facts: Facts, told: Scored | Broken | Abstention) -> Made:
        """The answer with its draft; a failure may be asked again, so it carries no tag."""
        asked, cause = question.asked, None
        sealed: dict[str, Any] = {
            "nonce": os.urandom(16).hex(),
            "subject": facts.subject,
            "request_id": asked.request_id,
        }
        outcome: Score | Abstention | Failure
        if isinstance(told, Broken):
            outcome, cause = told.failure, told.cause
        elif isinstance(told, Scored):
            outcome = told.outcome
            sealed["features"] = told.features
        else:
            outcome = told
        answer = Answer(
            prediction_id=self._new_id(),
            model=self.declaration.name,
            version=self.version_id,
            stage=str(self.stage),
            as_of=iso(asked.as_of),
            outcome=outcome,
            shown=question.shown and self.stage is not Stage.SILENT,
        )
        sealed["answer"] = answer_told(answer)
        sealed["codes"] = codes_of(self.declaration, facts.events, asked.as_of, facts.unknown)
        content = sealed_answer(sealed, asked.request)
        details = {
            "version": self.version_id,
            "stage": answer.stage,
            "model": answer.model,
            "prediction_id": answer.prediction_id,
            "bundle": self.digest,
            "as_of": answer.as_of,
            "input_digest": digest_bytes(content),
            "latency_ms": round((time.monotonic() - question.began) * 1000, 3),
            "channel": asked.channel,
            "caller": asked.caller.name,
            "shown": answer.shown,
            **_kind(outcome, cause),
        }
        if question.request_tag is not None and cause is None:
            details["request_tag"] = question.request_tag
        if isinstance(outcome, Failure):
            _LOG.error("prediction %s failed: %s (%s)", answer.prediction_id, outcome.code, cause)
        return Made(
            answer,
            LedgerDraft(
                actor=self._actor,
                action="answer",
                details=details,
                sealed=content,
                subject=facts.subject,
            ),
        )


def _check_channels(declaration: Declaration) -> None:
    """Refuse a model that would be asked over a wire on which a part of its input never comes."""
    services, fhir = declaration.channels.services, declaration.channels.fhir is not None
    drafts = not fhir and all(one.draft_orders == "read" for one in services)
    missing = unread(declaration, drafts=drafts) if services or fhir else []
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise Refused(
            f"'{declaration.name}' declares {'FHIR' if fhir else 'CDS Hooks'}, but no FHIR "
            f"resource that is read there tells: {', '.join(missing[:5])}{more}. Every score would "
            "be made without it.",
            fix=f"remove channels.{'fhir' if fhir else 'cds_hooks'}, or leave this out of the "
            "features, and build again.",
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
