"""Certifying how much an engine finds in a text column, and what counts as certified."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import NotFound, Refused
from bedside.core.ids import digest_bytes, digest_of
from bedside.core.ports import ByteSigner, ByteVerifier
from bedside.core.ports.vault import Vault
from bedside.core.records.certificate import (
    CertificateUse,
    EngineIdentity,
    RecallCertificate,
    Required,
)
from bedside.core.records.policy import Act, Resource
from bedside.core.records.release_mode import ReleaseMode
from bedside.core.records.snapshot import Zone
from bedside.lifecycle.deid_notes import labeller_of
from bedside.lifecycle.door import enter
from bedside.lifecycle.note_book import (
    CERTIFY,
    Book,
    Sample,
    book_of,
    notes_of,
    training_digests,
)
from bedside.lifecycle.note_labels import Readers, decided_spans, readers_of
from bedside.lifecycle.platform import Platform
from bedside.privacy.cleaner import TextCleaner
from bedside.privacy.text.agreement import disagreements, together
from bedside.privacy.text.annotated import LabelledSpan
from bedside.privacy.text.certificate_json import certificate_of, signed_certificate
from bedside.privacy.text.certificate_page import certificate_page
from bedside.privacy.text.certified import CertifiedCleaner, CertifiedEngine
from bedside.privacy.text.engine import NoteFinder
from bedside.privacy.text.identity import engine_identity
from bedside.privacy.text.lists import bundled_lists
from bedside.privacy.text.measured import ReadNote, measured
from bedside.privacy.text.scores import spans_by_kind

__all__ = ["Certified", "CertifiedTexts", "certificates", "certified_texts", "certify"]


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate that was just made, its digest, and its page."""

    digest: str
    certificate: RecallCertificate
    page: Path


@dataclass(frozen=True, slots=True)
class CertifiedTexts:
    """What a release is given: which columns are certified, and who cleans them."""

    certified: Callable[[str], bool]
    cleaner: TextCleaner | None
    digests: tuple[str, ...]


def certify(
    platform: Platform,
    data: str,
    signer: ByteSigner,
    *,
    labeller: str = "",
    required: Required | None = None,
    readers: Sequence[str] = (),
) -> Certified:
    """Measure an engine on the newest sample of a data set, and certify what was measured.

    A certificate is also made where too little was found: it says so, and does not count.

    Args:
        platform: The workspace.
        data: The data set.
        signer: Of the workspace's certificates.
        labeller: The digest of the labeller; empty: rules alone.
        required: What the lower bounds must reach.
        readers: The two, where more have read all of it.

    Raises:
        NotFound: no sample was drawn, or there is no such labeller.
        Refused: it was not read twice (`not_read_twice`), or by nobody without suggestions
            (`nobody_blind`); the readers differ and nobody has decided (`not_adjudicated`); the
            labeller was trained on a note of the sample (`trained_on_sample`), or nobody knows on
            what (`training_unknown`).
    """
    wanted = required or Required()
    enter(platform, Act.READ_RECORD, Resource(name=data, zone=Zone.IDENTIFIED))
    with platform.lock():
        book = book_of(platform)
        sample = book.sample(data)
        two = readers_of(platform, book, sample, readers)
        if not two.blind:
            raise Refused(
                "Both readers saw what the engine suggests, so that they miss what it misses.",
                fix="let one read with bedside deid label --blind.",
                code="nobody_blind",
            )
        _check_training(platform, book, sample, labeller)
        notes, open_spans, adjudicator = _read(platform, book, sample, two, labeller)
        figures = measured(notes, bundled_lists())
        engine = engine_identity(sample.language, labeller=labeller)
        now = platform.clock.now()
        certificate = RecallCertificate(
            data=data,
            columns=sample.columns,
            engine=engine,
            sample=sample.digest,
            truth=digest_of([[[s.start, s.end, s.label] for s in n.truth] for n in notes]),
            population=sample.population,
            notes=len(notes),
            draw=sample.draw,
            earlier=_earlier(platform, sample, engine, signer),
            readers=two.names,
            blind=two.blind,
            adjudicator=adjudicator,
            disagreements=open_spans,
            readers_found=figures.readers_found,
            overall=figures.overall,
            names=figures.names,
            by_kind=figures.by_kind,
            by_origin=figures.by_origin,
            by_type=figures.by_type,
            clean_notes=figures.clean_notes,
            precision=figures.precision,
            required=wanted,
            made_at=iso(now),
            expires_at=iso(now + timedelta(days=wanted.days)),
        )
        return _kept(platform, certificate, signer)


def certificates(platform: Platform, key: ByteVerifier) -> list[CertificateUse]:
    """Every certificate of the workspace, oldest first, and whether it counts.

    One whose signature does not hold is not told: it is none.
    """
    now = platform.clock.now()
    found = []
    for entry in book_of(platform).certified:
        signed = str(entry.details["signed"]).encode()
        try:
            certificate = certificate_of(signed, key)
        except Refused:
            continue
        why = _why_not(platform, certificate)
        if not why and parse_instant(certificate.expires_at) <= now:
            why = "it has expired"
        found.append(
            CertificateUse(
                digest=digest_bytes(signed), certificate=certificate, counts=not why, why=why
            )
        )
    return found


def certified_texts(
    platform: Platform, data: str, key: ByteVerifier, vault: Vault, mode: ReleaseMode
) -> CertifiedTexts:
    """The text columns of a data set that may be released, once the certified engine cleaned them.

    For each column the newest certificate of the data set decides; if that does not count, no
    older one does.
    """
    newest: dict[str, CertificateUse] = {}
    for use in certificates(platform, key):
        if use.certificate.data == data:
            newest |= dict.fromkeys(use.certificate.columns, use)
    counting = {column: use for column, use in newest.items() if use.counts}
    if not counting or mode is ReleaseMode.IDENTIFIED:
        return CertifiedTexts(lambda _: False, None, ())
    made = {
        use.digest: CertifiedEngine(_finder(platform, use.certificate.engine), bundled_lists())
        for use in counting.values()
    }
    engines = {column: made[use.digest] for column, use in counting.items()}
    cleaner = CertifiedCleaner(engines, vault, mode)
    return CertifiedTexts(lambda column: column in engines, cleaner, tuple(sorted(made)))


def _why_not(platform: Platform, certificate: RecallCertificate) -> str:
    engine = certificate.engine
    now = engine_identity(
        engine.language, labeller=engine.labeller, lists=engine.lists, doubt=engine.doubt
    )
    if not certificate.passed:
        return "it did not reach what was required"
    if now.digest != engine.digest:
        return "the engine has changed since"
    if engine.labeller and not platform.objects.has(engine.labeller):
        return "its labeller is gone"
    return ""


def _finder(platform: Platform, engine: EngineIdentity) -> NoteFinder:
    weights = labeller_of(platform, engine.labeller) if engine.labeller else None
    return NoteFinder(engine.language, weights=weights, doubt=engine.doubt)


def _check_training(platform: Platform, book: Book, sample: Sample, labeller: str) -> None:
    if not labeller:
        return
    if not platform.objects.has(labeller):
        raise NotFound("There is no such labeller.", fix="give the digest of bedside deid train.")
    trained = training_digests(platform, book, labeller)
    if trained is None:
        raise Refused(
            "Nobody knows on which notes this labeller was trained.",
            fix="train it again with bedside deid train.",
            code="training_unknown",
        )
    if trained & {note.digest for note in notes_of(platform, book, sample)}:
        raise Refused(
            "The labeller was trained on notes of this sample: it would be measured on what it "
            "has seen.",
            fix="draw another sample with bedside deid sample; those notes are then left out.",
            code="trained_on_sample",
        )


def _read(
    platform: Platform, book: Book, sample: Sample, two: Readers, labeller: str
) -> tuple[list[ReadNote], int, str]:
    """The notes with their truth, how often the readers differed, and who decided."""
    decided = decided_spans(platform, book, sample)
    notes = notes_of(platform, book, sample)
    differ = {n.place: disagreements(two.first[n.place], two.second[n.place]) for n in notes}
    missing = [place for place, all_of in differ.items() if all_of and place not in decided]
    if missing:
        raise Refused(
            f"In {len(missing):,} notes the readers differ, and nobody has decided.",
            fix="run bedside deid label with --decide.",
            code="not_adjudicated",
        )
    engine = engine_identity(sample.language, labeller=labeller)
    found = _finder(platform, engine).find([note.text for note in notes])
    who = sorted({book.decided[sample.digest, place].reader for place, of in differ.items() if of})
    told = [
        ReadNote(
            text=note.text,
            type=note.type,
            truth=_truth(two, decided, note.place, bool(differ[note.place])),
            first=two.first[note.place],
            second=two.second[note.place],
            found=tuple(spans_by_kind(spans)),
        )
        for note, spans in zip(notes, found, strict=True)
    ]
    return told, sum(map(len, differ.values())), ", ".join(who)


def _truth(
    two: Readers, decided: dict[int, tuple[LabelledSpan, ...]], place: int, differ: bool
) -> tuple[LabelledSpan, ...]:
    return decided[place] if differ else together(two.first[place], two.second[place])


def _earlier(platform: Platform, sample: Sample, engine: EngineIdentity, key: ByteVerifier) -> int:
    """How many other engines were measured on this sample before."""
    engines = {
        use.certificate.engine.digest
        for use in certificates(platform, key)
        if use.certificate.sample == sample.digest
    }
    return len(engines - {engine.digest})


def _kept(platform: Platform, certificate: RecallCertificate, signer: ByteSigner) -> Certified:
    signed = signed_certificate(certificate, signer)
    digest = digest_bytes(signed)
    told: dict[str, Any] = {
        "data": certificate.data,
        "certificate": digest,
        "sample": certificate.sample,
        "engine": certificate.engine.digest,
        "passed": certificate.passed,
        "expires_at": certificate.expires_at,
        "signed": signed.decode(),
    }
    platform.ledger.append(platform.actor, CERTIFY, told)
    where = platform.folder / "reports" / certificate.data / f"certificate-{digest[:12]}"
    platform.write(where.with_suffix(".json"), signed)
    platform.write(where.with_suffix(".html"), certificate_page(certificate, digest).encode())
    return Certified(digest, certificate, where.with_suffix(".html"))
