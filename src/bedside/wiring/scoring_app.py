"""A server that only scores, made: the versions of a release, and a ledger and keys of its own."""

import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from bedside.core.clock import Clock
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
from bedside.governance.group_commit import GroupCommit
from bedside.infra.runtime.explaining import FormExplainer
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.lifecycle.serving_release import open_release
from bedside.serve.answer import Answerer
from bedside.serve.app import create_app
from bedside.serve.asked_before import AskedBefore
from bedside.serve.auth import TokenCheck
from bedside.serve.observed import Observed
from bedside.serve.run import server_of
from bedside.serve.served import ServedModel
from bedside.serve.service import Service, models_of
from bedside.serve.worker import end_stuck, end_when_stuck
from bedside.wiring.callers import callers_of
from bedside.wiring.cds import cds_of, finding
from bedside.wiring.operations import Operations, log_as_json
from bedside.wiring.scoring_settings import ScoringSettings
from bedside.wiring.scoring_state import ScoringState

__all__ = ["Scoring", "scoring_of", "serve_release"]

ACTOR = Actor(name="service:scoring", purpose="treatment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """The application, and what ends it once no request comes any more."""

    app: Observed
    close: Callable[[], None]


def serve_release(settings: ScoringSettings) -> int:
    """Serve until told to stop; the exit status.

    Raises:
        Refused: as `scoring_of`, or nothing protects an address beyond loopback.
    """
    log_as_json()
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
        Invalid: the file of CDS Hooks clients, or `access.json`, is not as it must be.
        Refused: the release or a bundle is not as it was signed, or does not reproduce its worked
            example; or the keys are not as they must be.
    """
    released = open_release(settings.release, OpenSsfSigner(None, settings.release / TRUSTED))
    state = ScoringState(settings)
    clock, books, predictions, tag = state.clock, state.books, state.predictions, state.tag
    operations = Operations(workers=1, clock=clock)
    ledger = operations.counted(GroupCommit(operations.timed(books)))
    models = _models(released, ledger, clock)
    ledger.append(ACTOR, "serve.start", {"versions": [told.version for told, _ in released]})

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
    access = callers_of(state.caller_parts())
    app = create_app(
        service,
        authenticators=[
            TokenCheck(settings.token_sha256),
            *access.authenticators,
            *cds.authenticators,
        ],
        allowed_hosts=[*settings.allowed_hosts, *cds.hosts, *access.hosts],
        limits=access.limits,
        login=access.login,
        cds=cds.parts,
        more=operations.routes(service),
    )
    operations.start()

    def close() -> None:
        service.close()
        ledger.close()
        operations.close()

    return Scoring(app=operations.watched(app), close=close)


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
