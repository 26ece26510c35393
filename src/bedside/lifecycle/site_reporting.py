"""What a site tells its hub of the versions that it took in, and what the hub keeps of it."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bedside.core.clock import iso, parse_instant
from bedside.core.disk import disk_trouble
from bedside.core.errors import NotFound, Refused
from bedside.core.ids import digest_bytes, digest_of
from bedside.core.ports import ByteSigner, ByteVerifier
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.site import Trusted
from bedside.core.records.site_report import LocalFigures, SiteReport, ToldGate, ToldVersion
from bedside.core.records.version import ModelVersion
from bedside.deploy.sites.report import LARGEST_REPORT, opened_report, report_of, write_report
from bedside.develop.evaluate.disclosure import hidden_cells
from bedside.develop.evaluate.site_page import render_report
from bedside.lifecycle.live_answers import answers_of
from bedside.lifecycle.local_evidence import VALIDATED, latest_validation, pulled_from
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.site_trust import fingerprint_of, trusted
from bedside.lifecycle.site_validating import aggregates_file
from bedside.lifecycle.sites import last_sequence

__all__ = ["Received", "Reported", "latest_reports", "receive", "report", "versions_here"]

_REPORTED, _RECEIVED = "site.report", "site.receive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A report that was written: what it says, the signed file, and the same as a page."""

    report: SiteReport
    file: Path
    page: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A site's report as the hub keeps it."""

    site: Trusted
    report: SiteReport
    file: Path
    page: Path | None = None


def versions_here(platform: Platform) -> list[tuple[ModelVersion, str]]:
    """Each version that came from a hub, or was recalibrated from one that did, and from which."""
    entries = list(platform.ledger.entries())
    found = [(one, pulled_from(entries, one)) for one in platform.registry.versions()]
    return [(one, origin) for one, origin in found if origin is not None]


def report(platform: Platform, signer: ByteSigner, mark: str) -> Reported:
    """Write what this site tells its hub, signed, and as a page for whoever sends it.

    It holds counts, gates and figures. No row, no value and no identifier of a patient has a place
    in it, and cells of ten patients or fewer are hidden, with what would tell them.

    Args:
        platform: The site's workspace.
        signer: The site's key.
        mark: Its fingerprint.

    Raises:
        NotFound: nothing came from a hub.
        Refused: a validation's figures were changed after they were written (code
            `figures_changed`).
    """
    with platform.lock():
        entries = list(platform.ledger.entries())
        told = tuple(
            _told(platform, entries, version, origin) for version, origin in versions_here(platform)
        )
        if not told:
            raise NotFound(
                "No version here comes from a hub.", fix="pull one first: bedside site pull."
            )
        made = SiteReport(
            sequence=1 + last_sequence(platform, _REPORTED),
            made_at=iso(platform.clock.now()),
            versions=told,
        )
        content = write_report(made, signer, mark)
        file = platform.folder / "reports" / "site" / f"report-{made.sequence:06d}.json"
        page = file.with_suffix(".html")
        platform.write(file, content)
        platform.write(page, _page(made, "this site", mark).encode())
        details = {"sequence": made.sequence, "report": digest_bytes(content)}
        platform.ledger.append(platform.actor, _REPORTED, details)
    return Reported(report=made, file=file, page=page)


def receive(
    platform: Platform, file: Path, verifier_of: Callable[[Trusted], ByteVerifier]
) -> Received:
    """Keep a site's report at the hub, if it is by a site that is known here, and its newest.

    Args:
        platform: The hub's workspace.
        file: The signed file that the site wrote.
        verifier_of: Makes a key of what is trusted.

    Raises:
        Refused: it is no report (code `statement_unreadable`), by no site that is trusted
            (`unknown_site`), not signed by it (`bad_signature`), holds a small cell
            (`small_cell`), was made in the future (`report_early`), or is not newer than the last
            (`report_older`).
        Unavailable: the disk refuses.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_REPORT + 1)
    except OSError as error:
        raise disk_trouble(error) from None
    signed = opened_report(content)
    with platform.lock():
        known = [one for one in trusted(platform, "site") if one.mark == signed.mark]
        if not known:
            raise Refused(
                "The report is by a site that is not trusted here.",
                fix="trust its key first: bedside site trust NAME KEYFILE --role site.",
                code="unknown_site",
            )
        site = known[0]
        told = report_of(signed, verifier_of(site))
        _newer(platform, site, told)
        kept = _kept_at(platform, site, told.sequence)
        platform.write(kept, content)
        page = kept.with_suffix(".html")
        platform.write(page, _page(told, site.name, site.mark).encode())
        details = {"site": site.mark, "known_as": site.name, "report": digest_bytes(content)}
        platform.ledger.append(platform.actor, _RECEIVED, {**details, "sequence": told.sequence})
    return Received(site=site, report=told, file=kept, page=page)


def latest_reports(
    platform: Platform, verifier_of: Callable[[Trusted], ByteVerifier]
) -> list[tuple[Trusted, SiteReport | None]]:
    """The newest report of each site that is trusted; None: it has sent none.

    Raises:
        Refused: a report that was kept is not the one that came (code `report_changed`).
    """
    entries = [entry for entry in platform.ledger.entries() if entry.action == _RECEIVED]
    made: list[tuple[Trusted, SiteReport | None]] = []
    for site in trusted(platform, "site"):
        own = [entry.details for entry in entries if entry.details["site"] == site.mark]
        if not own:
            made.append((site, None))
            continue
        file = _kept_at(platform, site, own[-1]["sequence"])
        content = file.read_bytes() if file.is_file() else b""
        if digest_bytes(content) != own[-1]["report"]:
            raise Refused(
                f"The last report of '{site.name}' that is kept here is not the one that came.",
                fix="receive the site's file again, or restore it from a backup.",
                code="report_changed",
            )
        made.append((site, report_of(opened_report(content), verifier_of(site))))
    return made


def _newer(platform: Platform, site: Trusted, told: SiteReport) -> None:
    last = max(
        (
            int(entry.details["sequence"])
            for entry in platform.ledger.entries()
            if entry.action == _RECEIVED and entry.details["site"] == site.mark
        ),
        default=0,
    )
    if told.sequence <= last:
        raise Refused(
            f"The report has the number {told.sequence}, and number {last} was received already.",
            fix="ask the site for its newest report.",
            code="report_older",
        )
    if parse_instant(told.made_at) > platform.clock.now():
        raise Refused(
            "The report was made in the future.",
            fix="set this machine's clock, or tell the site that its clock is wrong.",
            code="report_early",
        )


def _kept_at(platform: Platform, site: Trusted, sequence: int) -> Path:
    return platform.folder / "sites" / site.mark / f"report-{sequence:06d}.json"


def _page(told: SiteReport, name: str, mark: str) -> str:
    return render_report(told, site=name, fingerprint=fingerprint_of(mark))


def _told(
    platform: Platform, entries: list[LedgerEntry], version: ModelVersion, origin: str
) -> ToldVersion:
    found = latest_validation(entries, version)
    kept: Mapping[str, Any] | None = None
    if found is not None:
        kept = _figures(platform, version, found.report)
    return ToldVersion(
        version=version.id,
        bundle=version.bundle,
        origin=origin,
        stage=version.stage.value,
        validated_at=None if found is None else found.at,
        passed=None if found is None else found.passed,
        validations=sum(
            entry.action == VALIDATED and entry.details["bundle"] == version.bundle
            for entry in entries
        ),
        gates=() if kept is None else msgspec.convert(kept["gates"], tuple[ToldGate, ...]),
        local=None if kept is None else msgspec.convert(kept["local"], LocalFigures),
        answers=_answers(platform, version),
    )


def _figures(platform: Platform, version: ModelVersion, digest: str) -> Mapping[str, Any]:
    file = aggregates_file(platform, version, digest)
    kept: Mapping[str, Any] = json.loads(file.read_bytes()) if file.is_file() else {}
    if digest_of(kept) != digest:
        raise Refused(
            f"The figures of the validation of {version.id} are not those that were written.",
            fix=f"validate it again: bedside site validate {version.id} --data FOLDER.",
            code="figures_changed",
        )
    return kept


def _answers(platform: Platform, version: ModelVersion) -> dict[str, int | None]:
    """How many answers of each kind were given; ten or fewer are hidden, with what tells them."""
    counts = Counter(one.outcome for one in answers_of(platform, version.id))
    names = sorted(counts)
    if not names:
        return {}
    each = np.array([counts[name] for name in names])
    hidden = hidden_cells(each, [np.arange(len(each))])
    return {
        name: None if secret else int(count)
        for name, count, secret in zip(names, each, hidden, strict=True)
    }
