"""The bedside server of one workspace: its token, its released versions, its wires."""

import sys
from pathlib import Path

from bedside.core.errors import Refused
from bedside.core.records.bundle import LEARNT, MODEL
from bedside.core.records.version import Stage
from bedside.governance.group_commit import GroupCommit
from bedside.infra.files import write_atomically
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.serve.answer import Answerer
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck, first_run_token
from bedside.serve.gate import Gate
from bedside.serve.run import serve
from bedside.serve.service import Service, models_of

__all__ = ["app_of", "serve_workspace", "token_digest_of"]


def serve_workspace(platform: Platform, port: int, *, new_token: bool) -> None:
    """Serve on loopback until stopped.

    Raises:
        Refused: no version is silent or live, or a bundle is not intact.
    """
    digest, token = token_digest_of(platform.folder, renew=new_token)
    app = app_of(platform, digest)
    platform.ledger.append(platform.actor, "serve.start", {"port": port})
    if token is not None:
        print(f"Token (shown once, only its digest is kept): {token}", file=sys.stderr, flush=True)
    print(f"Serving on http://127.0.0.1:{port}", file=sys.stderr, flush=True)
    serve(app, "127.0.0.1", port)


def app_of(platform: Platform, token_sha256: str) -> Gate:
    """The application for every released version.

    Raises:
        Refused: no version is released, or a bundle is not intact.
    """
    releases = [one for one in platform.registry.releases() if one.stage is not Stage.SUPERSEDED]
    if not releases:
        raise Refused(
            "No version is silent, in canary or live.",
            fix="run: bedside release VERSION --stage silent.",
            code="nothing_released",
        )
    ledger, answerers = GroupCommit(platform.ledger), []
    for release in releases:
        bundle = open_bundle(platform, platform.registry.get(release.version))
        answerers.append(
            Answerer(
                bundle,
                release.version,
                release.stage,
                platform.predictor_of(bundle.files[MODEL]),
                platform.explainer_of(bundle.files[LEARNT]),
                ledger,
                platform.clock,
                platform.actor,
            )
        )
    canaries = {one.name: one.canary for one in releases if one.canary is not None}
    service = Service(models_of(answerers, canaries), key=bytes.fromhex(platform.tag("canary")))
    return create_app(service, authenticators=[TokenCheck(token_sha256)])


def token_digest_of(folder: Path, *, renew: bool = False) -> tuple[str, str | None]:
    """The digest of this workspace's token; the token too when it was just made."""
    path = folder / "token.sha256"
    if path.is_file() and not renew:
        return path.read_text().strip(), None
    token, digest = first_run_token()
    write_atomically(path, digest.encode())
    return digest, token
