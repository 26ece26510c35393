"""`bedside`: one command for each verb of a model's life."""

from pathlib import Path
from typing import Annotated

import typer

from bedside.cli.access import access_app
from bedside.cli.alarms import alarm_app, alarms
from bedside.cli.backup import backup, restore
from bedside.cli.chapters import Chapters
from bedside.cli.compare import compare, history
from bedside.cli.consent import consent_app
from bedside.cli.console import console
from bedside.cli.data import data_app
from bedside.cli.decision import decision_app
from bedside.cli.deid import deid_app
from bedside.cli.deploy import deploy_app
from bedside.cli.documents import documents_app
from bedside.cli.doors import guard_commands
from bedside.cli.evaluate import evaluate, recalibrate
from bedside.cli.evidence import alerts
from bedside.cli.features import features_app
from bedside.cli.fhir import fhir_app
from bedside.cli.frame import (
    ActorOption,
    Data,
    Folder,
    JsonOption,
    PurposeOption,
    Version,
    Workspace,
    guarded,
    opened,
    opened_for,
    show,
    show_done,
)
from bedside.cli.hl7 import hl7_app
from bedside.cli.keys import keys_app
from bedside.cli.ledger import ledger_app
from bedside.cli.mlflow import export, import_model
from bedside.cli.monitor import monitor
from bedside.cli.plan import plan
from bedside.cli.policy import policy_app
from bedside.cli.predictions import prediction_app
from bedside.cli.question import question_app
from bedside.cli.rehearse import rehearse
from bedside.cli.replay import replay
from bedside.cli.respond import promote, resume, retrain, suspend
from bedside.cli.reveal import reveal
from bedside.cli.risk import change, hazards, incident_app
from bedside.cli.rollout import approve, hold, release, rollback, rollout
from bedside.cli.score import score
from bedside.cli.shiftlab import shiftlab
from bedside.cli.sign import sign_app
from bedside.cli.site import site_app
from bedside.cli.up import up

__all__ = ["app", "run"]

app = typer.Typer(
    cls=Chapters,
    help="Take a clinical model from raw hospital data to the bedside, and keep it safe there.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(access_app, name="access")
app.add_typer(alarm_app, name="alarm")
app.add_typer(consent_app, name="consent")
app.add_typer(data_app, name="data")
app.add_typer(decision_app, name="decision")
app.add_typer(deid_app, name="deid")
app.add_typer(deploy_app, name="deploy")
app.add_typer(documents_app, name="documents")
app.add_typer(features_app, name="features")
app.add_typer(fhir_app, name="fhir")
app.add_typer(hl7_app, name="hl7")
app.add_typer(incident_app, name="incident")
app.add_typer(keys_app, name="keys")
app.add_typer(ledger_app, name="ledger")
app.add_typer(policy_app, name="policy")
app.add_typer(prediction_app, name="prediction")
app.add_typer(question_app, name="question")
app.add_typer(sign_app, name="sign")
app.add_typer(site_app, name="site")


@app.command()
def build(
    folder: Folder,
    data: Data = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Collect, prepare, ask, audit, fit, evaluate, package and register one version."""
    with guarded(as_json):
        from bedside.cli.words import built_json, built_words  # noqa: PLC0415
        from bedside.lifecycle.build import build as verb  # noqa: PLC0415

        built = verb(*opened_for(folder, data, workspace, actor, purpose, as_json))
        show(built_json(built), as_json, lambda: built_words(built))


@app.command()
def leakage(
    folder: Folder,
    data: Data = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for whatever a model could learn from the future, before it learns; write the report."""
    with guarded(as_json):
        from dataclasses import asdict  # noqa: PLC0415

        from bedside.cli.leakage_words import leakage_words  # noqa: PLC0415
        from bedside.lifecycle.build import audit_model  # noqa: PLC0415
        from bedside.lifecycle.leakage_gate import unacknowledged  # noqa: PLC0415

        declared, report, page = audit_model(
            *opened_for(folder, data, workspace, actor, purpose, as_json)
        )
        show(
            {**asdict(report), "page": str(page)},
            as_json,
            lambda: leakage_words(declared, report, page),
        )
        if unacknowledged(declared, report):
            raise typer.Exit(4)


@app.command()
def versions(workspace: Workspace = None, as_json: JsonOption = False) -> None:
    """List the versions of every model and where each is in its life."""
    with guarded(as_json):
        platform = opened(workspace, None, "overview", as_json)
        found = platform.registry.versions()
        rows = [
            {
                "id": v.id,
                "stage": v.stage.value,
                "gates": len(v.gates),
                "gates_passed": v.gates_passed,
                "built_at": v.built_at,
                "approved_by": v.approval.name if v.approval else None,
            }
            for v in found
        ]
        show(
            {"versions": rows},
            as_json,
            lambda: (
                "\n".join(f"{v.id:<36} {v.stage.value:<10} {v.gates_in_words}" for v in found)
                or "No version yet. Try: bedside build diagnosis"
            ),
        )


for verb in (
    approve,
    release,
    rollout,
    rollback,
    hold,
    suspend,
    resume,
    reveal,
    retrain,
    promote,
    rehearse,
):
    app.command()(verb)


app.command()(monitor)


@app.command()
def serve(
    port: Annotated[int, typer.Option("--port", help="Port on loopback.")] = 8080,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Server processes.")] = 1,
    deadline: Annotated[
        float,
        typer.Option("--deadline", min=0.1, help="Seconds in which each question is answered."),
    ] = 2.0,
    host: Annotated[
        str, typer.Option("--host", help="Beyond loopback only with TLS.")
    ] = "127.0.0.1",
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="Certificate, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its key, PEM.")] = None,
    client_ca: Annotated[
        Path | None, typer.Option("--client-ca", help="Signs the certificates of clients, PEM.")
    ] = None,
    new_token: Annotated[bool, typer.Option("--new-token", help="Replace the token.")] = False,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer on loopback for every silent, canary and live version, over REST and CDS Hooks."""
    with guarded(as_json):
        from bedside.serve.limits import Limits  # noqa: PLC0415
        from bedside.wiring.access import exposure_of  # noqa: PLC0415
        from bedside.wiring.server import Serving, serve_workspace  # noqa: PLC0415

        limits = Limits(deadline=deadline, hang=deadline / 4)
        exposure = exposure_of(tls_cert, tls_key, client_ca)
        serving = Serving(port=port, workers=workers, limits=limits, host=host, exposure=exposure)
        platform = opened(workspace, actor, purpose or "treatment", as_json)
        serve_workspace(platform, serving, new_token=new_token)


@app.command()
def reproduce(
    version: Version,
    folder: Annotated[
        str | None,
        typer.Option("--folder", help="The model's folder: build the declaration in it instead."),
    ] = None,
    workspace: Workspace = None,
    actor: ActorOption = None,
    purpose: PurposeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build a version again from its raw data, compare it, and name the cause of what differs."""
    with guarded(as_json):
        from bedside.cli.data_words import reproduced_words  # noqa: PLC0415
        from bedside.lifecycle.reproduce import reproduce as verb  # noqa: PLC0415
        from bedside.usecases import folder_of  # noqa: PLC0415

        place = None if folder is None else folder_of(folder)
        done = verb(opened(workspace, actor, purpose or "audit", as_json), version, place)
        show_done(done, as_json, reproduced_words)
        if done.outcome == "different":
            raise typer.Exit(4)


app.command()(replay)
app.command()(score)
app.command()(evaluate)
app.command()(shiftlab)
app.command()(recalibrate)
app.command()(compare)
app.command()(history)
app.command()(alarms)
app.command()(console)
app.command()(alerts)
app.command()(hazards)
app.command()(change)
app.command()(export)
app.command("import")(import_model)
app.command()(backup)
app.command()(restore)
app.command()(up)
app.command()(plan)


@app.command()
def demo(
    keep: Annotated[Path | None, typer.Option("--keep", help="Keep the workspace here.")] = None,
) -> None:
    """Take a real model through its whole life in one go, on breast biopsies."""
    with guarded(False):
        from bedside.wiring.demo import run_demo  # noqa: PLC0415

        run_demo(keep)


guard_commands(app)


def run() -> None:
    """The entry point of the command line."""
    app()
