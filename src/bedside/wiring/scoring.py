"""A server that only scores: a release that is only read, and a ledger and keys of its own.

It loads no store of data and no training library, so it starts where none is installed:
`python -m bedside.wiring.scoring`. With `--check` it asks the running server whether it answers.
"""

import http.client
import ssl
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta

from bedside.core.clock import SystemClock
from bedside.core.errors import BedsideError
from bedside.core.records.bundle import FEATURES, MODEL
from bedside.core.records.ledger import Actor
from bedside.core.records.rollout import Canary
from bedside.core.records.version import Stage
from bedside.deploy.adapters.openssf import OpenSsfSigner
from bedside.deploy.export.served import TRUSTED
from bedside.deploy.package.older import form_to_explain
from bedside.features.definition import FeatureSet, feature_set_from_json
from bedside.features.single import features_of
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import open_database, writing
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.keys.secrets import Secrets
from bedside.infra.runtime.explaining import FormExplainer
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.lifecycle.serving_release import open_release
from bedside.serve.answer import Answerer
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck
from bedside.serve.gate import OPEN_PATH, Gate
from bedside.serve.run import Exposure, serve
from bedside.serve.service import Service, models_of
from bedside.wiring.key_service import keys_of
from bedside.wiring.scoring_settings import ScoringSettings, scoring_settings

__all__ = ["is_answering", "main", "scoring_app"]

ACTOR = Actor(name="service:scoring", purpose="treatment")
_SECONDS = 3.0  # that a check waits


def scoring_app(settings: ScoringSettings) -> Gate:
    """The application for every version of a release.

    Raises:
        Refused: the release or a bundle is not as it was signed, or does not reproduce its worked
            example; or the keys are not as they must be.
    """
    clock = SystemClock()
    signer = OpenSsfSigner(None, settings.release / TRUSTED)
    released = open_release(settings.release, signer)
    secrets = Secrets(settings.state / "keys", keys_of(settings.workspace, clock))
    books = SqlLedger(
        open_database(settings.workspace.database or settings.state / "bedside.sqlite"),
        writing=writing,
        clock=clock,
        sealing_key=secrets.secret("ledger-sealing", key="ledger"),
        signing_key=Ed25519Signer(secrets.secret("ledger-head")).private_key,
    )
    ledger, answerers, canaries = GroupCommit(books), [], {}
    for told, bundle in released:
        features = feature_set_from_json(bundle.files[FEATURES])
        answerers.append(
            Answerer(
                bundle,
                told.version,
                told.stage,
                OnnxPredictor(bundle.files[MODEL]),
                FormExplainer(form_to_explain(bundle.files, features)),
                ledger,
                clock,
                ACTOR,
            )
        )
        _compile(features, clock)
        if told.stage is Stage.CANARY:
            share = Canary().share if told.share is None else told.share
            canaries[bundle.declaration.name] = Canary(share=share, wards=told.wards)
    ledger.append(ACTOR, "serve.start", {"versions": [told.version for told, _ in released]})
    return create_app(
        Service(models_of(answerers, canaries), key=secrets.secret("canary")),
        authenticators=[TokenCheck(settings.token_sha256)],
        allowed_hosts=settings.allowed_hosts,
    )


def is_answering(host: str, port: int, exposure: Exposure) -> bool:
    """Whether a server on this machine answers; it does once every model is loaded.

    The certificate is that of the name by which others call it, so it is not looked at here: the
    call never leaves this machine, and carries nothing.
    """
    here = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - what it listens on
    connection: http.client.HTTPConnection
    if exposure.certificate is None:
        connection = http.client.HTTPConnection(here, port, timeout=_SECONDS)
    else:
        unchecked = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(here, port, timeout=_SECONDS, context=unchecked)
    try:
        with closing(connection):
            connection.request("GET", OPEN_PATH, headers={"Host": "localhost"})
            with connection.getresponse() as response:
                return response.status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def main(arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> int:
    """Serve until told to stop; with `--check`, see whether a server answers. The exit status."""
    try:
        settings = scoring_settings() if environment is None else scoring_settings(environment)
        if list(arguments) == ["--check"]:
            answers = is_answering(settings.host, settings.port, settings.exposure)
            return 0 if answers else 1
        app = scoring_app(settings)
        print(f"Serving on {settings.host}:{settings.port}", file=sys.stderr, flush=True)
        serve(app, settings.host, settings.port, exposure=settings.exposure)
    except BedsideError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 2
    return 0


def _compile(features: FeatureSet, clock: SystemClock) -> None:
    """Compute the features of nobody once, so that no patient waits for the compiler."""
    features_of(features, [], clock.now() - timedelta(days=1))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
