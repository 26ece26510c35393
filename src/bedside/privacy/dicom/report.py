"""How a run over a folder ended: one JSON document and one page; no picture, no value, no name."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bedside.privacy.dicom.folder import FolderResult
from bedside.privacy.dicom.options import CODES, Dates, DicomOptions, ProfileOption
from bedside.privacy.dicom.risks import WORDS, RiskClass
from bedside.privacy.dicom.rules import EDITION

__all__ = ["report_json", "report_page"]

_DATES = {
    Dates.YEAR: "The year alone: a date is written as 1 January, a time of day is gone.",
    Dates.SHIFTED: "Moved by whole weeks, the same for all of a patient.",
    Dates.KEPT: "Kept as they were; the birth date is gone.",
}


def report_json(result: FolderResult, options: DicomOptions) -> dict[str, Any]:
    """What happened, as counts; files kept back by their number in the identified list."""
    return {
        "mode": options.mode.value,
        "profile": f"PS3.15 Annex E {EDITION}",
        "dates": options.dates.value,
        "retained": sorted(option.value for option in options.retain),
        "accepted": sorted(risk.value for risk in options.accept),
        "files": result.files,
        "cleaned": result.cleaned,
        "quarantined": len(result.quarantined),
        "let_through": dict(sorted(result.accepted.items())),
        "pictures_looked_at": result.looked,
        "boxes_blanked": result.boxes,
        "reasons": [
            {"reason": reason, "files": count, "words": result.words[reason]}
            for reason, count in sorted(result.reasons.items(), key=lambda one: (-one[1], one[0]))
        ],
        "kept_back": [
            {"number": number, "reasons": list(reasons)} for number, reasons in result.quarantined
        ],
    }


def report_page(result: FolderResult, options: DicomOptions) -> str:
    """The report as a page that opens from a file."""
    page = Environment(
        loader=PackageLoader("bedside.privacy.dicom"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return page.get_template("images.html.j2").render(
        r=report_json(result, options),
        dates=_DATES[options.dates],
        retained=[_meaning(option) for option in sorted(options.retain)],
        accepted={risk.value: WORDS[risk] for risk in sorted(RiskClass) if risk in result.accepted},
    )


def _meaning(option: ProfileOption) -> str:
    code, meaning = CODES[option]
    return f"{meaning} ({code})"
