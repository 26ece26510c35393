"""The bedside server of one workspace: its token, its released versions, its wires."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bedside.core.errors import BedsideError, Refused
from bedside.core.ports import Ledger
from bedside.core.records.bundle import LEARNT, MODEL
from bedside.core.records.rollout import Release
from bedside.core.records.version import Stage
from bedside.governance.group_commit import GroupCommit
from bedside.infra.files import write_atomically
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.serve.answer import Answerer
from bedside.serve.app import create_app, routes_of
from bedside.serve.asked_before import AskedBefore
from bedside.serve.auth import TokenCheck, first_run_token
from bedside.serve.gate import Gate
from bedside.serve.limits import Limits
from bedside.serve.reload import Loader, Reloader
from bedside.serve.routes import WireRoute
from bedside.serve.run import Exposure, check_address
from bedside.serve.served import ServedModel
from bedside.serve.service import Service
from bedside.serve.supervisor import Patience, Supervisor, reserve
from bedside.wiring.access import access_of
from bedside.wiring.alarm_counting import AlarmCounting
from bedside.wiring.cds import cds_of, finding
from bedside.wiring.checkpoints import CheckpointWatch
from bedside.wiring.guard_counting import GuardCounts
from bedside.wiring.guarding import GuardWatch
from bedside.wiring.operations import counting_folder, log_as_json, socket_folder
from bedside.wiring.policed import policed_by
from bedside.wiring.run_watch import RunWatch
from bedside.wiring.settings import settings_of

__all__ = ["Serving", "app_of", "released_of", "serve_workspace", "serving_of", "token_digest_of"]

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How a workspace is served.

    Args:
        port: On loopback; 0: any that is free.
        workers: Server processes.
        reload: Seconds between two looks at what is released.
        guards: Seconds between two looks at what the last answers say of the guards.
        limits: Of each process.
        patience: Of the supervisor.
        host: The address to serve on.
        exposure: What protects requests beyond loopback.
    """

    port: int = 8080
    workers: int = 1
    reload: float = 0.5
    guards: float = 5.0
    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)
    host: str = HOST
    exposure: Exposure = field(default_factory=Exposure)


def serve_workspace(platform: Platform, serving: Serving, *, new_token: bool = False) -> None:
    """Serve on loopback until stopped.

    Raises:
        Refused: no version is released, or a bundle is not intact.
        Unavailable: the port is taken, or a server process cannot be started.
    """
    log_as_json()
    for release in released_of(platform):
        open_bundle(platform, platform.registry.get(release.version))
    _, token = token_digest_of(platform.folder, renew=new_token)
    check_address(serving.host, serving.exposure)
    with reserve(serving.host, serving.port) as held:
        serving = replace(serving, port=held.getsockname()[1])
        told = {"port": serving.port, "workers": serving.workers}
        platform.ledger.append(platform.actor, "serve.start", told)
        if token is not None:
            _say(f"Token (shown once, only its digest is kept): {token}")
        with counting_folder(), socket_folder() as sockets:
            path = sockets / "ledger"
            supervisor = Supervisor(
                partial(_command, platform, serving, path),
                serving.workers,
                patience=serving.patience,
                on_ready=lambda: _say(f"Serving on {_address(serving)}"),
                on_end=partial(_ended, platform, "worker"),
                first=partial(_writer_command, platform, serving, path),
                on_first_end=partial(_ended, platform, "writer"),
            )
            counts = GuardCounts(platform.clock)
            guards = GuardWatch(platform, every=serving.guards, looked=counts.looked)
            with guards, CheckpointWatch(platform), AlarmCounting(platform), RunWatch(platform):
                supervisor.run()
        platform.ledger.append(platform.actor, "serve.stop", told)


def app_of(
    platform: Platform,
    token_sha256: str,
    service: Service | None = None,
    *,
    more: Sequence[WireRoute] = (),
) -> Gate:
    """The application for every released version, and routes of no wire.

    Raises:
        Refused: no version is released, or a bundle is not intact.
    """
    if service is None:
        service, _ = serving_of(platform, GroupCommit(platform.ledger))
    access = access_of(platform)
    cds = cds_of(
        platform.folder,
        clock=platform.clock,
        tag=platform.tag,
        database=settings_of(platform.folder).database,
        find=finding(platform.predictions, platform.ledger),
    )
    return create_app(
        service,
        authenticators=[
            TokenCheck(token_sha256),
            *access.authenticators,
            *cds.authenticators,
        ],
        allowed_hosts=(*cds.hosts, *access.hosts),
        limits=access.limits,
        login=access.login,
        cds=cds.parts,
        more=more,
        policed=policed_by(platform),
    )


def serving_of(
    platform: Platform,
    ledger: Ledger,
    *,
    limits: Limits | None = None,
    every: float = 0.5,
    on_stuck: Callable[[], None] | None = None,
) -> tuple[Service, Reloader]:
    """What serves the released versions, warm, and what keeps it up to date, not yet started.

    Args:
        platform: The workspace.
        ledger: Takes the answers; best one that commits them together.
        limits: How much may wait, and for how long.
        every: Seconds between two looks at the registry.
        on_stuck: Called when the process has to be replaced.

    Raises:
        Refused: no version is released, or a bundle is not intact.
    """
    loader = Loader(partial(_loaded, platform, ledger))
    revision = platform.registry.revision()
    models = loader.models(released_of(platform), {})
    if loader.failed:
        raise next(iter(loader.failed.values()))
    service = Service(
        models,
        key=bytes.fromhex(platform.tag("canary")),
        limits=limits,
        tagging=platform.tag,
        before=AskedBefore(platform.ledger, platform.predictions),
        on_stuck=on_stuck,
    )
    reloader = Reloader(
        platform.registry,
        loader,
        partial(_swap, service),
        before=models,
        revision=revision,
        record=lambda action, details: ledger.append(platform.actor, action, details),
        every=every,
    )
    return service, reloader


def token_digest_of(folder: Path, *, renew: bool = False) -> tuple[str, str | None]:
    """The digest of this workspace's token; the token too when it was just made."""
    path = folder / "token.sha256"
    if path.is_file() and not renew:
        return path.read_text().strip(), None
    token, digest = first_run_token()
    write_atomically(path, digest.encode())
    return digest, token


def released_of(platform: Platform) -> list[Release]:
    """What is released now.

    Raises:
        Refused: nothing that answers.
    """
    releases = platform.registry.releases()
    if all(one.stage is Stage.SUPERSEDED for one in releases):
        raise Refused(
            "No version is silent, in canary or live.",
            fix="run: bedside release VERSION --stage silent.",
            code="nothing_released",
        )
    return releases


def _loaded(platform: Platform, ledger: Ledger, release: Release) -> Answerer:
    bundle = open_bundle(platform, platform.registry.get(release.version))
    answerer = Answerer(
        bundle,
        release.version,
        release.stage,
        platform.predictor_of(bundle.files[MODEL]),
        platform.explainer_of(bundle.files[LEARNT]),
        ledger,
        platform.clock,
        platform.actor,
    )
    answerer.warm_up()
    return answerer


def _swap(service: Service, models: Mapping[str, ServedModel]) -> None:
    """Serve other models, if their wires fit together."""
    routes_of(Service(models))
    service.swap(models)


def _command(platform: Platform, serving: Serving, ledger: Path, line: int) -> list[str]:
    """Of a worker; nothing secret is in it, for every user of the machine can read it."""
    limits = serving.limits
    told = {
        "folder": platform.folder.absolute(),
        "ledger": ledger,
        "actor": platform.actor.name,
        "purpose": platform.actor.purpose,
        "host": serving.host,
        "port": serving.port,
        "line": line,
        "reload": serving.reload,
        "deadline": limits.deadline,
        "hang": limits.hang,
        "under-way": limits.under_way,
        "stuck": limits.stuck,
        "workers": serving.workers,
    }
    options = [text for name, value in told.items() for text in (f"--{name}", str(value))]
    shown = serving.exposure
    for name, path in (
        ("certificate", shown.certificate), ("key", shown.key), ("client-ca", shown.client_ca)
    ):  # fmt: skip
        options += [] if path is None else [f"--{name}", str(path.absolute())]
    options += ["--behind-proxy"] if shown.behind_proxy else []
    return [sys.executable, "-m", "bedside.wiring.server_worker", *options]


def _writer_command(platform: Platform, serving: Serving, path: Path, line: int) -> list[str]:
    """Of the process that writes the ledger for every worker."""
    told = {
        "folder": platform.folder.absolute(),
        "socket": path,
        "workers": serving.workers,
        "line": line,
    }
    options = [text for name, value in told.items() for text in (f"--{name}", str(value))]
    return [sys.executable, "-m", "bedside.wiring.ledger_process", *options]


def _address(serving: Serving) -> str:
    scheme = "http" if serving.exposure.certificate is None else "https"
    return f"{scheme}://{serving.host}:{serving.port}"


def _ended(platform: Platform, what: str, status: int) -> None:
    """Tell the ledger; a server goes on, and starts another process, though the ledger is away."""
    try:
        platform.ledger.append(platform.actor, f"serve.{what}_ended", {"status": status})
    except BedsideError as error:
        _say(f"That a {what} ended (status {status}) could not be recorded: {error.code}.")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
