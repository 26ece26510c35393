"""De-identification of images: the vault of a project, the finder of this machine, the ledger."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.core.errors import Unavailable
from bedside.core.ports import Progress
from bedside.core.ports.vault import Vault

if TYPE_CHECKING:
    from bedside.lifecycle.leaving import Leaving
    from bedside.lifecycle.platform import Platform
    from bedside.lifecycle.signed_effects import HandAsked
    from bedside.privacy.dicom.options import DicomOptions
    from bedside.privacy.rules import ReleasePlan

__all__ = ["DicomRun", "deidentify_images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DicomRun:
    """What a person asks for.

    Args:
        source: A file or a folder.
        out: A new folder for the results.
        options: Mode, options of the profile, what is let through.
        plan: The same release mode, and what goes with it.
        regions: A CSV file of known regions, or None.
        salt: Of the declaration whose rows and notes the images belong to.
        project: Of the vault; None: stand-ins are drawn for this run alone and forgotten.
    """

    source: Path
    out: Path
    options: "DicomOptions"
    plan: "ReleasePlan"
    regions: Path | None = None
    salt: str = "bedside"
    project: str | None = None

    def leaving(self) -> "Leaving":
        """What exactly leaves."""
        from bedside.lifecycle.leaving import Leaving, content_of  # noqa: PLC0415

        regions = "" if self.regions is None else content_of(self.regions).sha256
        return Leaving(
            action="deid.dicom",
            form="dicom",
            content=content_of(self.source),
            plan=self.plan,
            how={
                "retain": sorted(one.value for one in self.options.retain),
                "accept": sorted(one.value for one in self.options.accept),
                "regions": regions,
            },
        )


def deidentify_images(
    run: DicomRun,
    progress: Progress,
    platform: "Platform | None" = None,
    hand: "HandAsked | None" = None,
) -> dict[str, Any]:
    """De-identify images, write the report beside them, and an entry in the ledger if there is one.

    Returns:
        The report, with the paths of its page and of the cleaned files.

    Raises:
        Invalid: a place or the file of known regions is not fit.
        Refused: as `leave_zone`.
        Unavailable: a library or Tesseract is not installed, or a result cannot be written.
    """
    try:
        from bedside.lifecycle.leaving import WhoseRecords, leave_zone, tell_left  # noqa: PLC0415
        from bedside.privacy.dicom.deidentifier import DicomDeidentifier  # noqa: PLC0415
        from bedside.privacy.dicom.folder import Places, deidentify_folder  # noqa: PLC0415
        from bedside.privacy.dicom.regions import SiteRegions  # noqa: PLC0415
        from bedside.privacy.dicom.report import report_json, report_page  # noqa: PLC0415
        from bedside.privacy.dicom.rules import rules_of  # noqa: PLC0415
        from bedside.privacy.dicom.text_finder import TesseractFinder  # noqa: PLC0415
    except ModuleNotFoundError:
        raise _not_installed() from None
    rules_of(run.options)
    text = None if run.regions is None else run.regions.read_text(encoding="utf-8")
    deidentifier = DicomDeidentifier(
        options=run.options,
        vault=_vault(run, platform),
        salt=run.salt,
        finder=TesseractFinder.installed() if run.options.pixels else None,
        regions=SiteRegions() if text is None else SiteRegions.read(text),
    )
    places = Places(source=run.source, out=run.out)
    places.check()
    leaving = None if platform is None else run.leaving()
    decision = None if platform is None or leaving is None else leave_zone(platform, leaving, hand)
    result = deidentify_folder(places, deidentifier, progress)
    report = report_json(result, run.options)
    (run.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    page = run.out / "report.html"
    page.write_text(report_page(result, run.options), encoding="utf-8")
    if platform is not None and leaving is not None:
        told = {key: value for key, value in report.items() if key != "kept_back"}
        whose = WhoseRecords(
            salt=run.salt, subjects=deidentifier.subjects, others=deidentifier.nameless > 0
        )
        tell_left(platform, leaving, whose, decision=decision, told=told)
    return {**report, "page": str(page), "images": str(run.out / "images")}


def _vault(run: DicomRun, platform: "Platform | None") -> Vault:
    if platform is None or run.project is None:
        from bedside.privacy.memory_vault import MemoryVault  # noqa: PLC0415

        return MemoryVault()
    return platform.vaults.of(run.project)


def _not_installed() -> Unavailable:
    return Unavailable(
        "What reads DICOM is not installed.",
        fix="pip install 'bedside[deid]'.",
        code="no_dicom",
    )
