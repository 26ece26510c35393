"""The page of a certificate: what was measured, in plain words, with a chart of the bounds."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from bedside.charts.forest import ForestRow, forest_chart
from bedside.core.records.certificate import Found, RecallCertificate
from bedside.privacy.pages import page
from bedside.privacy.text.certificate_json import certificate_told

__all__ = ["certificate_page"]

_ORIGINS: Mapping[str, str] = {
    "ar": "Arabic", "de": "German", "en": "English", "es": "Spanish", "fr": "French",
    "in": "Indian", "it": "Italian", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese",
    "tr": "Turkish", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
FEW = 20  # identifiers, below which the bounds of a group say little


def certificate_page(certificate: RecallCertificate, digest: str) -> str:
    """The page, which opens from a file; it holds no word of a note.

    Args:
        certificate: What was measured.
        digest: Of the signed certificate.
    """
    told = certificate_told(certificate) | {"digest": digest, "passed": certificate.passed}
    told["engine_digest"] = certificate.engine.digest
    told["chart"] = Markup(_chart(certificate))  # noqa: S704 - forest_chart escapes every text
    told["missed"] = certificate.overall.of - certificate.overall.hits
    told["few"] = FEW
    for name in ("by_kind", "by_origin", "by_type"):
        told[name] = [_row(one) for one in getattr(certificate, name)]
    for name in ("overall", "names", "clean_notes", "precision"):
        told[name] = _row(getattr(certificate, name))
    told["readers_found"] = [_row(one) for one in certificate.readers_found]
    return page("certificate", told)


def _row(found: Found) -> dict[str, object]:
    return {
        "group": _words(found.group),
        "hits": found.hits,
        "of": found.of,
        "share": found.share if found.of else None,
        "low": found.low,
        "high": found.high,
        "is_few": found.of < FEW,
    }


def _chart(certificate: RecallCertificate) -> str:
    rows = [
        ForestRow(name="Required of all"),
        _bar(certificate.overall, "everything", certificate.overall.low
             < certificate.required.overall),
        ForestRow(name="Required of names"),
        _bar(certificate.names, "names", certificate.names.low < certificate.required.names),
        ForestRow(name="By kind"),
        *_bars(certificate.by_kind),
        ForestRow(name="Names, by origin"),
        *_bars(certificate.by_origin),
        ForestRow(name="By type of note"),
        *_bars(certificate.by_type),
    ]  # fmt: skip
    return forest_chart(
        rows,
        title="What was found of what identifies somebody",
        says="For each group the share that was found, and its bounds. The dashed line is what "
        "the lower bound of everything must reach; a star marks what fell short of it.",
        figure_title="found, with bounds of 95 % to each side",
        overall=certificate.required.overall,
        n_title="marked by readers",
        digits=1,
        high=1.0,
        per_cent=True,
    )


def _bars(groups: Sequence[Found]) -> list[ForestRow]:
    return [_bar(one, _words(one.group), stands_out=False) for one in groups]


def _bar(found: Found, name: str, stands_out: bool) -> ForestRow:
    if not found.of:
        return ForestRow(name=name, n="0", why="none in the sample")
    return ForestRow(
        name=name,
        n=f"{found.of:,}",
        estimate=found.share,
        low=found.low,
        high=found.high,
        stands_out=stands_out,
    )


def _words(group: str) -> str:
    return _ORIGINS.get(group, group.replace("_", " "))
