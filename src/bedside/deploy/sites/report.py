"""A site's report as a signed file: written by the site, and believed by nobody before it is read.

Whoever reads it holds it to the same rule as the site that wrote it: a count of one to ten, or a
figure beside a hidden count, is refused, so that a careless or changed site tells the hub nothing
that it may not know.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.ports import ByteSigner, ByteVerifier
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.site_report import LocalFigures, SiteReport, ToldVersion
from bedside.core.records.version import Stage
from bedside.deploy.sites.signed import Signed, read_signed, write_signed

__all__ = ["FORM", "LARGEST_REPORT", "opened_report", "report_of", "write_report"]

FORM = "bedside-site-report/1"
LARGEST_REPORT = 1 << 20  # bytes
_WHAT = "The site's report"
_MOST = 400  # of anything in a list
_LONGEST = 200  # letters of anything
_VERSION = re.compile(r"[a-z0-9][a-z0-9_-]{0,80}@[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def write_report(report: SiteReport, signer: ByteSigner, mark: str) -> bytes:
    """The report, signed by the site; the same arguments give the same bytes.

    Raises:
        Refused: it holds a small cell, or what would tell one (code `small_cell`).
    """
    _refuse_small(report)
    return write_signed(FORM, asdict(report), signer, mark)


def opened_report(content: bytes) -> Signed:
    """Take a stranger's bytes apart: whose report they say to be; nothing is believed yet.

    Raises:
        Refused: it is no report (code `statement_unreadable`).
    """
    return read_signed(content, form=FORM, most=LARGEST_REPORT, what=_WHAT)


def report_of(signed: Signed, site: ByteVerifier) -> SiteReport:
    """The report, if this site signed it and it tells of nobody.

    Raises:
        Refused: it is not by this key (code `bad_signature`), is no report
            (`statement_unreadable`), or holds a small cell (`small_cell`).
    """
    statement = signed.statement(site)
    try:
        report: SiteReport = msgspec.convert(statement, SiteReport, strict=True)
        sound = canonical_json(asdict(report)) == canonical_json(statement) and _is_sound(report)
    except (msgspec.ValidationError, Invalid, TypeError, ValueError, RecursionError):
        raise _wrong() from None
    if not sound:
        raise _wrong()
    _refuse_small(report)
    return report


def _is_sound(report: SiteReport) -> bool:
    """Whether names are names, counts are counts, and moments are moments."""
    parse_instant(report.made_at)
    told = asdict(report)
    return (
        report.sequence >= 1
        and all(_version_is_sound(one) for one in report.versions)
        and all(_is_short(part) for part in _parts(told))
    )


def _version_is_sound(one: ToldVersion) -> bool:
    if one.validated_at is not None:
        parse_instant(one.validated_at)
    return (
        all(_VERSION.fullmatch(name) for name in (one.version, one.origin))
        and _DIGEST.fullmatch(one.bundle) is not None
        and one.stage in set(Stage)
        and (one.local is None) == (one.passed is None) == (one.validated_at is None)
        and (one.local is None) == (one.validations == 0)
        and (one.passed is None or one.passed == all(gate.passed for gate in one.gates))
    )


def _parts(value: Any) -> Iterator[Any]:
    """Every name, text, number and list, however deep."""
    yield value
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _parts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _parts(inner)


def _is_short(part: Any) -> bool:
    if isinstance(part, str):
        return len(part) <= _LONGEST and part.isprintable()
    if isinstance(part, int):
        return 0 <= part <= 1 << 53
    return not isinstance(part, list | tuple | Mapping) or len(part) <= _MOST


def _refuse_small(report: SiteReport) -> None:
    for one in report.versions:
        small = any(count is not None and _is_small(count) for count in one.answers.values())
        if small or (one.local is not None and _tells_of_few(one.local)):
            raise Refused(
                "A report holds a count of ten or fewer, or what would tell it.",
                fix="do not send it or keep it; tell whoever runs the site's Bedside.",
                code="small_cell",
            )


def _is_small(count: int) -> bool:
    return 0 < count <= SUPPRESS_AT_OR_BELOW


def _tells_of_few(local: LocalFigures) -> bool:
    """Whether a count of few is told, a figure stands beside a hidden count, or a sum tells one."""
    whole = local.subjects, local.with_outcome
    has_outcome = local.outcome != "regression"
    if _hides(whole, has_outcome):
        return bool(local.figures or local.calibration or local.subgroups)
    if any(one.subjects <= SUPPRESS_AT_OR_BELOW for one in local.calibration):
        return True
    for levels in local.subgroups.values():
        rest = [count or 0 for count in whole]
        hidden = False
        for group in levels.values():
            if _hides((group.subjects, group.with_outcome), has_outcome):
                hidden = True
                if (group.subjects, group.with_outcome) != (None, None) or group.figures:
                    return True
            else:
                rest = [rest[0] - (group.subjects or 0), rest[1] - (group.with_outcome or 0)]
        if hidden and _is_few((rest[0], rest[1] if has_outcome else None)):
            return True
    return False


def _hides(counts: tuple[int | None, int | None], has_outcome: bool) -> bool:
    """Whether the counts are hidden, or ought to be."""
    subjects, with_outcome = counts
    if subjects is None or (has_outcome and with_outcome is None):
        return True
    return _is_few((subjects, with_outcome if has_outcome else None))


def _is_few(counts: tuple[int, int | None]) -> bool:
    subjects, with_outcome = counts
    kinds = [subjects] if with_outcome is None else [with_outcome, subjects - with_outcome]
    return min(kinds) <= SUPPRESS_AT_OR_BELOW


def _wrong() -> Refused:
    return Refused(
        f"{_WHAT} does not say what a report says.",
        fix="use the same version of Bedside at the hub and at the site.",
        code="statement_unreadable",
    )
