"""Watching a FHIR server: who changed is asked about, and the answer is written back.

It may be stopped at any moment and started again. The same data of the same patient are asked
about once; what the server's clock has shown is noted only when every answer to it is kept; and
what is written is a conditional create. So nothing is written twice.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from bedside.core.clock import Clock, iso, parse_instant
from bedside.core.errors import BedsideError, Invalid, NotFound
from bedside.core.ids import digest_bytes, subject_pseudonym
from bedside.core.ports.fhir_out import FhirTarget, Outbox
from bedside.core.records.answer import Answer, Failure, Score
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.caller import Caller
from bedside.core.records.declaration import Declaration
from bedside.core.records.fhir_letter import Delivery, Letter, LetterState
from bedside.interop.cds_hooks.discovery import prefetch_templates
from bedside.interop.fhir.reading import read_resources
from bedside.interop.fhir_out.changes import change_queries, changes_in, filled, one_stay
from bedside.interop.fhir_out.kept import asking, kept_question
from bedside.interop.fhir_out.told import Subject
from bedside.interop.fhir_out.writing import written_back
from bedside.serve.fhir_told import told_of
from bedside.serve.service import ServedModel, Service
from bedside.serve.write_back import WriteBack

__all__ = ["Round", "Watch", "Watched"]

_OVERLAP = timedelta(seconds=60)
"""Servers show a change a little after its time; so far back is looked again."""
_FAILURES = 3  # of the model on the same data, before the patient is set aside
_CALLER = Caller(name="fhir-watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Which server is watched for which model, and with what.

    `server` is its base address; `since` is where the first look begins. `tag` is the workspace's
    keyed digest; `erased` tells the tags of those who were erased.
    """

    model: str
    server: str
    service: Service
    target: FhirTarget
    outbox: Outbox
    write_back: WriteBack
    clock: Clock
    tag: Callable[[str], str]
    erased: Callable[[], set[str]]
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One look at the server.

    `changed` counts patients; of them `asked` were new, and of those `written` gave a letter.
    `unreadable` counts those whose record could not be read, `failed` those on whom the model
    failed; `problem` is the code of what ended the look early. After a failure or a problem the
    next look begins where this one did.
    """

    changed: int = 0
    asked: int = 0
    written: int = 0
    unreadable: int = 0
    failed: int = 0
    delivery: Delivery = field(default_factory=Delivery)
    problem: str | None = None


class Watch:
    """Looks, asks, writes.

    Args:
        watched: What is watched.

    Raises:
        NotFound: the model is not served, or declares no FHIR channel.
    """

    def __init__(self, watched: Watched) -> None:
        self._at = watched
        self._failures: Counter[str] = Counter()
        model = watched.service.model(watched.model)
        if model.declaration.channels.fhir is None:
            raise NotFound(
                "This model does not speak FHIR.", fix="declare channels.fhir, and build again."
            )

    async def until(
        self,
        stop: Callable[[], bool],
        *,
        wait: Callable[[], Awaitable[None]],
        tell: Callable[[Round], None],
    ) -> None:
        """Look again and again, with a wait between."""
        while not stop():
            tell(await self.round())
            if not stop():
                await wait()

    async def round(self) -> Round:
        """Look once, answer every change, and send what is due."""
        done = Round()
        self._at.outbox.forget(self._at.erased())
        try:
            done = await self._look(done)
        except BedsideError as error:
            done = replace(done, problem=error.code)
        return replace(done, delivery=await asyncio.to_thread(self._at.write_back.deliver))

    async def _look(self, done: Round) -> Round:
        at, model = self._at, self._at.service.model(self._at.model)
        templates = prefetch_templates(model.declaration)
        reached = at.outbox.reached(at.server, at.model)
        before = at.since if reached is None else parse_instant(reached)
        since = before if reached is None else before - _OVERLAP
        bundles = [
            await asyncio.to_thread(at.target.whole, query)
            for query in change_queries(templates, since)
        ]
        changes = changes_in(bundles)
        done = replace(done, changed=len(changes.patients))
        erased = at.erased()
        for patient in changes.patients:
            if self._tag_of(model.declaration, patient) not in erased:
                done = await self._one(model, templates, patient, done)
        if not done.failed:
            at.outbox.reach(at.server, at.model, iso(max(changes.newest or before, before)))
        return done

    async def _one(
        self, model: ServedModel, templates: Mapping[str, str], patient: str, done: Round
    ) -> Round:
        """Answer for one patient, unless these very data were answered before.

        Raises:
            Unavailable, Refused: the server, or the ledger, cannot be asked now.
        """
        at = self._at
        try:
            fetched = {
                key: await asyncio.to_thread(at.target.whole, query)
                for key, query in filled(templates, patient).items()
            }
            body = asking(model.name, fetched)
            subject = Subject(patient=patient, encounter=one_stay(fetched))
        except Invalid as error:
            return self._noted(model, patient, b"", error.code, done)
        key = self._key(patient, body)
        if at.outbox.known(key):
            return done
        as_of, kept = at.clock.now(), kept_question(body, subject)
        try:
            answer = await at.service.answer(
                model,
                Asked(
                    read=lambda one: _facts(one, fetched, as_of, patient),
                    as_of=as_of,
                    channel="fhir",
                    caller=_CALLER,
                    request=kept,
                    request_id=key,
                ),
            )
        except Invalid as error:
            return self._noted(model, patient, body, error.code, done)
        if isinstance(answer.outcome, Failure):
            self._failures[key] += 1
            if self._failures[key] < _FAILURES:
                return replace(done, failed=done.failed + 1)
            return self._noted(model, patient, body, answer.outcome.code, done)
        letter = self._letter(answer, model, subject, (key, kept, fetched))
        at.outbox.put(letter)
        is_written = letter.state is LetterState.WAITING
        return replace(done, asked=done.asked + 1, written=done.written + is_written)

    def _letter(
        self,
        answer: Answer,
        model: ServedModel,
        subject: Subject,
        sent: tuple[str, bytes, Mapping[str, bytes]],
    ) -> Letter:
        """What is written of an answer; nothing of one that is not shown, or is no score."""
        key, kept, fetched = sent
        at, now = self._at, self._at.clock.now()
        content, score = None, answer.outcome
        declared = model.declaration_of(answer.version)
        channel = declared.channels.fhir
        if (
            answer.shown
            and isinstance(score, Score)
            and channel is not None
            and (channel.write_back == "scores" or (channel.write_back == "alerts" and score.alert))
        ):
            told = told_of(answer, score, model, subject, (kept, fetched))
            content = msgspec.json.encode(written_back(told))
        return Letter(
            key=key,
            prediction_id=answer.prediction_id,
            model=model.name,
            sent_to=at.server,
            subject_tag=self._tag_of(declared, subject.patient),
            state=LetterState.NOTHING if content is None else LetterState.WAITING,
            at=now,
            content=content,
            due=None if content is None else now,
        )

    def _noted(
        self, model: ServedModel, patient: str, body: bytes, problem: str, done: Round
    ) -> Round:
        """A record that cannot be read is noted, and does not hold up the others."""
        at = self._at
        at.outbox.put(
            Letter(
                key=self._key(patient, body or problem.encode()),
                prediction_id="",
                model=model.name,
                sent_to=at.server,
                subject_tag=self._tag_of(model.declaration, patient),
                state=LetterState.UNREADABLE,
                at=at.clock.now(),
                problem=problem,
            )
        )
        return replace(done, unreadable=done.unreadable + 1)

    def _key(self, patient: str, body: bytes) -> str:
        told = ("fhir-watch", self._at.model, self._at.server, patient, digest_bytes(body))
        return self._at.tag("\n".join(told))

    def _tag_of(self, declaration: Declaration, patient: str) -> str:
        """The tag by which this patient is known again once erased."""
        salt = declaration.data.pseudonym_salt
        return self._at.tag(f"{salt}:{subject_pseudonym(patient, salt=salt)}")


def _facts(
    declaration: Declaration, fetched: Mapping[str, bytes], as_of: datetime, patient: str
) -> Facts:
    reading = read_resources(declaration, fetched, as_of=as_of, patient_id=patient)
    if reading.absent:
        raise Invalid(
            "The FHIR server did not give all that the model asks for.",
            fix="check what this client may read there.",
            code="not_whole",
        )
    return Facts(
        events=reading.events,
        subject=reading.subject_id,
        notes=reading.notes,
        unknown=reading.unknown,
    )
