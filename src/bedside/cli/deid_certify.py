"""`bedside deid sample|certify|certificates|labels`: how much is found in notes, measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedside.cli.deid_door import hand_asked
from bedside.cli.frame import (
    ActorOption,
    JsonOption,
    PurposeOption,
    Workspace,
    guarded,
    opened,
    show,
)
from bedside.cli.passphrases import PassphraseFd, PassphraseFile

if TYPE_CHECKING:
    from bedside.core.records.certificate import CertificateUse, Found, RecallCertificate

__all__ = ["DataSet", "certificates", "certify", "labels", "sample"]

DataSet = Annotated[
    str, typer.Argument(help="A data set, e.g. ward/prepared, or what a folder was sampled as.")
]
_PURPOSE = "de-identification"


def sample(
    dataset: DataSet,
    notes: Annotated[int, typer.Option("--notes", min=1, help="How many are drawn.")],
    language: Annotated[str, typer.Option("--language", help="Of the notes: en, es.")],
    code: Annotated[
        list[str] | None,
        typer.Option("--code", help="Of the data set, a code whose texts are notes."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="A folder of .txt files, or a CSV file, instead."),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", help="Of the CSV file, the column with the notes.")
    ] = None,
    type_column: Annotated[
        str | None, typer.Option("--type-column", help="Of the CSV file, the type of note.")
    ] = None,
    field: Annotated[
        str, typer.Option("--field", help="Which text column of a release these notes stand for.")
    ] = "note",
    seed: Annotated[
        str | None, typer.Option("--seed", help="Draw as with this word; a fresh one if not given.")
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a random sample of notes, of each type in proportion, to be read by two people."""
    with guarded(as_json):
        from bedside.lifecycle.note_samples import SampleRun, draw_notes  # noqa: PLC0415

        run = SampleRun(
            data=dataset,
            many=notes,
            language=language,
            codes=tuple(code or ()),
            source=source,
            column=column,
            type_column=type_column,
            field=field,
            seed=seed,
        )
        told = draw_notes(opened(workspace, actor, purpose or _PURPOSE, as_json), run)
        rows = [f"  {s['type']:<28} {s['drawn']:>6,} of {s['notes']:>8,}" for s in told["strata"]]
        head = f"Drew {told['notes']:,} notes of {told['population']:,}, sealed in the workspace."
        after = f"Let two people read them: bedside deid label {dataset} --reader NAME"
        show(told, as_json, lambda: "\n".join([head, *rows, f"Seed: {told['seed']}", after]))


def certify(
    dataset: DataSet,
    labeller: Annotated[
        str, typer.Option("--labeller", help="The digest that `deid train` printed.")
    ] = "",
    require: Annotated[
        float, typer.Option("--require", help="Lower bound of everything that is found.")
    ] = 0.95,
    require_names: Annotated[
        float, typer.Option("--require-names", help="Lower bound of names that are found.")
    ] = 0.98,
    days: Annotated[int, typer.Option("--days", min=1, help="How long it counts.")] = 365,
    readers: Annotated[
        list[str] | None,
        typer.Option("--readers", help="One of the two readers, where there are more."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what is found in a sample that two people read, and certify it."""
    with guarded(as_json):
        from bedside.core.records.certificate import Required  # noqa: PLC0415
        from bedside.lifecycle.note_certificates import certify as verb  # noqa: PLC0415
        from bedside.privacy.text.certificate_json import certificate_told  # noqa: PLC0415
        from bedside.wiring.certifying import certificate_signer  # noqa: PLC0415

        wanted = Required(overall=require, names=require_names, days=days)
        platform = opened(workspace, actor, purpose or _PURPOSE, as_json)
        done = verb(
            platform,
            dataset,
            certificate_signer(platform),
            labeller=labeller,
            required=wanted,
            readers=tuple(readers or ()),
        )
        told = certificate_told(done.certificate) | {
            "digest": done.digest,
            "passed": done.certificate.passed,
            "page": str(done.page),
        }
        show(told, as_json, lambda: _words(done.certificate, done.page))


def certificates(
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the certificates of the workspace, and which of them count now."""
    with guarded(as_json):
        from bedside.lifecycle.note_certificates import certificates as verb  # noqa: PLC0415
        from bedside.wiring.certifying import certificate_signer  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or _PURPOSE, as_json)
        uses = verb(platform, certificate_signer(platform))
        show(
            {"certificates": [_use(one) for one in uses]},
            as_json,
            lambda: "\n".join(_line(one) for one in uses) or "There is no certificate.",
        )


def labels(
    dataset: DataSet,
    out: Annotated[
        Path, typer.Option("--out", help="A new file of JSON lines; it names the patients.")
    ],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the notes that were read and their labels to a plain file, which names the patients.

    Where roles count, two people sign for it, and a privacy officer alone may take it out.
    """
    with guarded(as_json):
        from bedside.lifecycle.labels_out import take_labels_out  # noqa: PLC0415

        platform = opened(workspace, actor, purpose or _PURPOSE, as_json)
        hand = hand_asked(platform, passphrase_file, passphrase_fd)
        notes = take_labels_out(platform, dataset, out, hand)
        show(
            {"notes": notes, "file": str(out)},
            as_json,
            lambda: (
                f"{notes:,} notes with their labels: {out}\nTHE FILE IS NOT ENCRYPTED AND "
                "NAMES PATIENTS. `bedside deid train --sample` needs no such file; remove it."
            ),
        )


def _words(certificate: "RecallCertificate", page: Path) -> str:
    passed = "Certified" if certificate.passed else "NOT certified: too little was found"
    rows = [certificate.overall, certificate.names, *certificate.by_kind]
    heads = ["everything", "names", *(one.group.replace("_", " ") for one in certificate.by_kind)]
    clean = certificate.clean_notes
    return "\n".join(
        [
            f"{passed}. {certificate.notes:,} notes, read by {' and '.join(certificate.readers)}.",
            f"  {'':<20} {'marked':>7} {'missed':>7} {'found':>8} {'at least':>9}",
            *(_row(name, one) for name, one in zip(heads, rows, strict=True)),
            f"Notes with something missed: {clean.of - clean.hits:,} of {clean.of:,}.",
            f"Required: {100 * certificate.required.overall:.1f} % of everything, "
            f"{100 * certificate.required.names:.1f} % of names, at least.",
            f"Until {certificate.expires_at}. The page: {page}",
        ]
    )


def _row(name: str, found: "Found") -> str:
    share = f"{100 * found.share:.1f} %" if found.of else "-"
    missed = found.of - found.hits
    return f"  {name:<20} {found.of:>7,} {missed:>7,} {share:>8} {100 * found.low:>7.1f} %"


def _use(one: "CertificateUse") -> dict[str, Any]:
    certificate = one.certificate
    return {
        "digest": one.digest,
        "data": certificate.data,
        "columns": list(certificate.columns),
        "language": certificate.engine.language,
        "labeller": certificate.engine.labeller,
        "low": certificate.overall.low,
        "low_names": certificate.names.low,
        "expires_at": certificate.expires_at,
        "counts": one.counts,
        "why": one.why,
    }


def _line(one: "CertificateUse") -> str:
    certificate = one.certificate
    says = f"counts until {certificate.expires_at}" if one.counts else f"does not count: {one.why}"
    return (
        f"{one.digest[:12]}  {certificate.data} ({', '.join(certificate.columns)})  "
        f"at least {100 * certificate.overall.low:.1f} %, names "
        f"{100 * certificate.names.low:.1f} %  {says}"
    )
