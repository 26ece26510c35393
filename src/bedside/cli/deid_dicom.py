"""`bedside deid dicom`: de-identifying images, their headers and what is written in them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Workspace,
    guarded,
    opened,
    progress_of,
    show,
)

if TYPE_CHECKING:
    from bedside.privacy.dicom.options import DicomOptions

__all__ = ["dicom"]


def dicom(
    path: Annotated[Path, typer.Argument(help="A DICOM file, or a folder of them.")],
    mode: Annotated[
        str, typer.Option("--mode", help="Release mode: safe_harbor, expert or limited_dataset.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder for the cleaned files.")],
    retain: Annotated[
        list[str] | None,
        typer.Option(
            "--retain",
            help="patient_characteristics (the default), device_identity, institution_identity, "
            "uids, safe_private, or none.",
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            help="A kind that is kept back by default: ultrasound, secondary_capture, photograph, "
            "endoscopy, dose_screen, burned_in, face, face_unknown.",
        ),
    ] = None,
    regions: Annotated[
        Path | None, typer.Option("--regions", help="CSV: where each device writes in pictures.")
    ] = None,
    salt: Annotated[
        str, typer.Option("--salt", help="The pseudonym_salt that rows and notes were read with.")
    ] = "bedside",
    project: Annotated[
        str | None,
        typer.Option("--project", help="Whose vault keeps the stand-ins; drawn anew if not given."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Clean headers by PS3.15 Annex E, blank text in pixels, and keep back what is too risky."""
    with guarded(as_json):
        from bedside.wiring.deid_dicom import DicomRun, deidentify_images  # noqa: PLC0415

        options = _options(mode, retain, accept)
        used = project is not None or workspace is not None
        platform = (
            opened(workspace, actor, purpose or "de-identification", as_json) if used else None
        )
        run = DicomRun(
            source=path,
            out=out,
            options=options,
            regions=regions,
            salt=salt,
            project=project,
        )
        report = deidentify_images(run, progress_of(as_json), platform)
        show(report, as_json, lambda: _words(report))


def _options(mode: str, retain: list[str] | None, accept: list[str] | None) -> "DicomOptions":
    from bedside.core.errors import Invalid, Unavailable  # noqa: PLC0415
    from bedside.core.records.release_mode import ReleaseMode  # noqa: PLC0415

    try:
        from bedside.privacy.dicom.options import DicomOptions, ProfileOption  # noqa: PLC0415
        from bedside.privacy.dicom.risks import NEVER, RiskClass  # noqa: PLC0415
    except ModuleNotFoundError:
        raise Unavailable(
            "What reads DICOM is not installed.",
            fix="pip install 'bedside[deid]'.",
            code="no_dicom",
        ) from None
    kept = ["patient_characteristics"] if retain is None else [one for one in retain if one]
    known = {
        "--mode": [one.value for one in ReleaseMode],
        "--retain": ["none", *(one.value for one in ProfileOption)],
        "--accept": [one.value for one in RiskClass if one not in NEVER],
    }
    for option, given in (("--mode", [mode]), ("--retain", kept), ("--accept", accept or [])):
        if set(given) - set(known[option]):
            raise Invalid(
                f"{option} does not know one of the words given.",
                fix=f"choose from: {', '.join(known[option])}.",
                code="unknown_option",
            )
    return DicomOptions(
        mode=ReleaseMode(mode),
        retain=frozenset(ProfileOption(one) for one in kept if one != "none"),
        accept=frozenset(RiskClass(one) for one in accept or []),
    )


def _words(report: dict[str, Any]) -> str:
    lines = [
        f"{report['cleaned']} of {report['files']} files were cleaned; "
        f"{report['quarantined']} were kept back.",
        *(f"  {one['files']:>5}  {one['words']}" for one in report["reasons"]),
        f"Text was looked for in {report['pictures_looked_at']} pictures; "
        f"{report['boxes_blanked']} boxes were blanked.",
        f"Images: {report['images']}",
        f"Report: {report['page']}",
    ]
    return "\n".join(lines)
