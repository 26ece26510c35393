"""`bedside deid dicom`: de-identifying images, their headers and what is written in them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedside.cli.deid_data import Agreement, AttestedBy, Dossier, Mode, plan_of
from bedside.cli.deid_door import NOT_TOLD, hand_asked, opened_if_any
from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Workspace,
    guarded,
    progress_of,
    show,
)
from bedside.cli.passphrases import PassphraseFd, PassphraseFile

if TYPE_CHECKING:
    from bedside.privacy.dicom.options import DicomOptions

__all__ = ["dicom"]


def dicom(
    path: Annotated[Path, typer.Argument(help="A DICOM file, or a folder of them.")],
    mode: Mode,
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
    agreement: Agreement = "",
    dossier: Dossier = "",
    attested_by: AttestedBy = "",
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Clean headers by PS3.15 Annex E, blank text in pixels, and keep back what is too risky.

    Where roles count, two people sign for it.
    """
    with guarded(as_json):
        from bedside.lifecycle.leaving import THIS_RUN  # noqa: PLC0415
        from bedside.wiring.deid_dicom import DicomRun, deidentify_images  # noqa: PLC0415

        options = _options(mode, retain, accept)
        plan = plan_of(mode, project or THIS_RUN, agreement, dossier, attested_by, None)
        platform = opened_if_any(workspace, actor, purpose, as_json, needed=project is not None)
        run = DicomRun(
            source=path,
            out=out,
            options=options,
            plan=plan,
            regions=regions,
            salt=salt,
            project=project,
        )
        hand = hand_asked(platform, passphrase_file, passphrase_fd)
        report = deidentify_images(run, progress_of(as_json), platform, hand)
        after = [] if platform is not None else [NOT_TOLD]
        show(report, as_json, lambda: "\n".join([_words(report), *after]))


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
