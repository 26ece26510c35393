"""A server that only scores, made: the versions of a release, and a ledger and keys of its own."""

import hmac
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bedside.core.clock import Clock, SystemClock
from bedside.core.ports import Ledger
from bedside.core.records.bundle import FEATURES, MODEL, Bundle
from bedside.core.records.ledger import Actor
from bedside.core.records.rollout import Canary
from bedside.core.records.served_release import ServedRelease
from bedside.core.records.version import Stage
from bedside.deploy.adapters.openssf import OpenSsfSigner
from bedside.deploy.export.served import TRUSTED
from bedside.deploy.package.older import form_to_explain
from bedside.features.definition import feature_set_from_json
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import open_database, writing
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.keys.secrets import Secrets
from bedside.infra.runtime.explaining import FormExplainer
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.lifecycle.serving_release import open_release
from bedside.serve.answer import Answerer
from bedside.serve.app import create_app
from bedside.serve.asked_before import AskedBefore
from bedside.serve.auth import TokenCheck
from bedside.serve.gate import Gate
from bedside.serve.run import server_of
from bedside.serve.served import ServedModel
from bedside.serve.service import Service, models_of
from bedside.serve.worker import end_stuck, end_when_stuck
from bedside.wiring.cds import cds_of, finding
from bedside.wiring.key_service import keys_of
from bedside.wiring.scoring_settings import ScoringSettings

__all__ = ["Scoring", "scoring_of", "serve_release"]

ACTOR = Actor(name="service:scoring", purpose="treatment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """The application, and what ends it once no request comes any more."""

    app: Gate
    close: Callable[[], None]


def serve_release(settings: ScoringSettings) -> int:
    """Serve until told to stop; the exit status.

    Raises:
        Refused: as `scoring_of`, or nothing protects an address beyond loopback.
    """
    stuck = threading.Event()
    scoring = scoring_of(settings, on_stuck=stuck.set)
    server = server_of(scoring.app, settings.host, settings.port, exposure=settings.exposure)
    for each in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again at its end
        signal.signal(each, lambda *_: None)
    watch = threading.Thread(target=partial(end_when_stuck, stuck, server), daemon=True)
    watch.start()
    print(f"Serving on {settings.host}:{settings.port}", file=sys.stderr, flush=True)
    server.run()
    scoring.close()
    if stuck.is_set():
        end_stuck()
    return 0


def scoring_of(settings: ScoringSettings, *, on_stuck: Callable[[], None] | None = None) -> Scoring:
    """The application for every version of a release, warm: what is compiled is compiled.

    Args:
        settings: As the environment says.
        on_stuck: Called when the process has to be replaced.

    Raises:
        Invalid: the file of CDS Hooks clients is not as it must be.
        Refused: the release or a bundle is not as it was signed, or does not reproduce its worked
            example; or the keys are not as they must be.
    """
    clock = SystemClock()
    released = open_release(settings.release, OpenSsfSigner(None, settings.release / TRUSTED))
    secrets = Secrets(settings.state / "keys", keys_of(settings.workspace, clock))
    books, predictions = _books(settings, secrets, clock)
    ledger = GroupCommit(books)
    models = _models(released, ledger, clock)
    ledger.append(ACTOR, "serve.start", {"versions": [told.version for told, _ in released]})

    def tag(text: str) -> str:
        return hmac.digest(secrets.secret("erased"), text.encode(), "sha256").hex()

    service = Service(
        models,
        key=settings.canary_key or bytes.fromhex(tag("canary")),
        tagging=tag,
        before=AskedBefore(books, predictions),
        on_stuck=on_stuck,
    )
    cds = cds_of(
        settings.cds_clients or settings.state,
        clock=clock,
        tag=tag,
        database=settings.workspace.database or settings.state / "cds_replay.sqlite",
        find=finding(predictions, books),
    )
    app = create_app(
        service,
        authenticators=[TokenCheck(settings.token_sha256), *cds.authenticators],
        allowed_hosts=[*settings.allowed_hosts, *cds.hosts],
        cds=cds.parts,
    )

    def close() -> None:
        service.close()
        ledger.close()

    return Scoring(app=app, close=close)


def _books(
    settings: ScoringSettings, secrets: Secrets, clock: Clock
) -> tuple[SqlLedger, SqlPredictions]:
    engine = open_database(settings.workspace.database or settings.state / "bedside.sqlite")
    ledger = SqlLedger(
        engine,
        writing=writing,
        clock=clock,
        sealing_key=secrets.secret("ledger-sealing", key="ledger"),
        signing_key=Ed25519Signer(secrets.secret("ledger-head")).private_key,
    )
    return ledger, SqlPredictions(engine)


def _models(
    released: list[tuple[ServedRelease, Bundle]], ledger: Ledger, clock: Clock
) -> dict[str, ServedModel]:
    """Each version, and who sees the one in canary."""
    answerers, canaries = [], {}
    for told, bundle in released:
        features = feature_set_from_json(bundle.files[FEATURES])
        explainer = FormExplainer(form_to_explain(bundle.files, features))
        answerer = Answerer(
            bundle,
            told.version,
            told.stage,
            OnnxPredictor(bundle.files[MODEL]),
            explainer,
            ledger,
            clock,
            ACTOR,
        )
        answerer.warm_up()
        answerers.append(answerer)
        if told.stage is Stage.CANARY:
            share = Canary().share if told.share is None else told.share
            canaries[bundle.declaration.name] = Canary(share=share, wards=told.wards)
    return models_of(answerers, canaries)
