"""One workspace: its folder, keys, databases and adapters, joined into a platform."""

import getpass
import hmac
import os
import platform as machine
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from bedside.core.clock import Clock, SystemClock
from bedside.core.ids import digest_bytes, digest_of
from bedside.core.ports import (
    Blobs,
    Catalogue,
    DataKeys,
    Engine,
    Ledger,
    Predictions,
    Progress,
    Signer,
    Tracker,
)
from bedside.core.ports.watch import Alarms, Deliveries, WatchBook
from bedside.core.records.ledger import Actor
from bedside.lifecycle.platform import Platform
from bedside.wiring.governed import governed_of
from bedside.wiring.key_service import keys_of
from bedside.wiring.privacy import vaults_of
from bedside.wiring.settings import Settings, settings_of
from bedside.wiring.signing import signing_of

if TYPE_CHECKING:
    from bedside.data.store.store import EventStore
    from bedside.infra.database.opening import Database
    from bedside.infra.keys.secrets import Secrets

__all__ = [
    "actor_of",
    "blobs_of",
    "keys_of",
    "open_books",
    "open_workspace",
    "s3_blobs",
    "seal_key_file",
]

LIBRARIES = (
    "fairlearn", "imbalanced-learn", "interpret-core", "lightgbm", "numpy", "onnx", "onnxruntime",
    "optuna", "polars", "scikit-learn", "scipy",
)  # fmt: skip


class _Watching(TypedDict):
    watch_book: WatchBook
    alarms: Alarms
    deliveries: Deliveries


def actor_of(name: str | None, purpose: str) -> Actor:
    """Who acts: the name given, or the user of this machine."""
    return Actor(name=name or f"user:{_user()}", purpose=purpose)


def _user() -> str:
    """Whom the system runs this process for; root, who may become anybody, may say who it is.

    What the environment says of anybody else is not believed.
    """
    if not hasattr(os, "getuid") or os.getuid() == 0:
        return getpass.getuser()
    import pwd  # noqa: PLC0415 - not on every system

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def open_workspace(
    folder: Path,
    *,
    actor: Actor,
    progress: Progress,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> Platform:
    """A working platform on a folder; keys and databases are made on first use.

    Every part goes by the `clock`; None: the machine's own.
    """
    from bedside.data.adapters.sql_catalogue import SqlCatalogue  # noqa: PLC0415
    from bedside.governance.adapters.sql_predictions import SqlPredictions  # noqa: PLC0415
    from bedside.infra.database.opening import open_database, together, writing  # noqa: PLC0415
    from bedside.infra.database.tables import Tables  # noqa: PLC0415
    from bedside.infra.files import locked_folder, write_atomically  # noqa: PLC0415
    from bedside.infra.keys.material import BlobDataKeys  # noqa: PLC0415
    from bedside.infra.keys.secrets import Secrets  # noqa: PLC0415
    from bedside.infra.objects.sealed import SealedObjects  # noqa: PLC0415
    from bedside.infra.runtime.explaining import FormExplainer  # noqa: PLC0415
    from bedside.infra.runtime.onnx import OnnxPredictor  # noqa: PLC0415
    from bedside.registry.adapters.sql_registry import SqlRegistry  # noqa: PLC0415
    from bedside.serve.adapters.sql_clients import SqlClients  # noqa: PLC0415

    settings, clock = settings or settings_of(folder), clock or SystemClock()
    keys, blobs = keys_of(settings, clock), blobs_of(settings)
    secrets, data_keys = Secrets(folder / "keys", keys), BlobDataKeys(blobs, keys)
    engine = open_database(settings.metadata)
    catalogue = SqlCatalogue(engine, writing=writing)
    SqlClients(engine, writing=writing)  # its table is there when a backup is restored
    environment, source = _environment(), _code()
    return Platform(
        folder=folder,
        clock=clock,
        progress=progress,
        actor=actor,
        objects=SealedObjects(blobs, data_keys, key="features", prefix="objects"),
        store=_event_store(folder, blobs, data_keys, secrets, catalogue),
        engine=_engine(settings),
        keys=keys,
        secrets=secrets,
        vaults=vaults_of(engine, secrets, clock),
        ledger=_ledger(engine, secrets, clock),
        predictions=SqlPredictions(engine),
        metadata=Tables(engine, writing=writing),
        **governed_of(engine, secrets),
        **signing_of(settings, secrets),
        **_watching(engine, secrets),
        registry=SqlRegistry(engine, writing=writing, clock=clock),
        signer=_signer(secrets),
        predictor_of=OnnxPredictor,
        explainer_of=FormExplainer,
        write=write_atomically,
        lock=partial(locked_folder, folder),
        together=partial(together, engine),
        tag=_tagging(secrets),
        source=source,
        code=digest_of([source, environment]),
        environment=environment,
        tracker=_tracker(settings),
    )


def _signer(secrets: "Secrets") -> Signer:
    from bedside.deploy.adapters.openssf import OpenSsfSigner  # noqa: PLC0415

    return OpenSsfSigner(
        secrets.signing_key_path(), secrets.public_key_path(), password=secrets.signing_password()
    )


def _watching(engine: "Database", secrets: "Secrets") -> "_Watching":
    """Where a monitor keeps what it counted, its alarms and what is told of them."""
    from bedside.infra.database.opening import writing  # noqa: PLC0415
    from bedside.monitor.adapters.sql_alarms import SqlAlarms  # noqa: PLC0415
    from bedside.monitor.adapters.sql_deliveries import SqlDeliveries  # noqa: PLC0415
    from bedside.monitor.adapters.sql_watch_book import SqlWatchBook  # noqa: PLC0415

    return {
        "watch_book": SqlWatchBook(
            engine, writing=writing, secret=lambda: secrets.secret("watch-book", key="ledger")
        ),
        "alarms": SqlAlarms(engine, writing=writing),
        "deliveries": SqlDeliveries(engine, writing=writing),
    }


def _environment() -> dict[str, str]:
    """The version of each library and of Python, and the kind of machine."""
    found = {name: installed(name) for name in LIBRARIES}
    found["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    found["machine"] = f"{machine.system()} {machine.machine()}"
    return found


def open_books(folder: Path) -> "tuple[Ledger, Predictions, Database]":
    """The ledger of a workspace, what finds its predictions, and the database of both."""
    from bedside.governance.adapters.sql_predictions import SqlPredictions  # noqa: PLC0415
    from bedside.infra.database.opening import open_database  # noqa: PLC0415
    from bedside.infra.keys.secrets import Secrets  # noqa: PLC0415

    settings, clock = settings_of(folder), SystemClock()
    engine = open_database(settings.metadata)
    secrets = Secrets(folder / "keys", keys_of(settings, clock))
    return _ledger(engine, secrets, clock), SqlPredictions(engine), engine


def _ledger(engine: "Database", secrets: "Secrets", clock: Clock) -> Ledger:
    from bedside.governance.adapters.sql_ledger import SqlLedger  # noqa: PLC0415
    from bedside.infra.database.opening import writing  # noqa: PLC0415
    from bedside.infra.database.traces import clear_traces  # noqa: PLC0415
    from bedside.infra.keys.ed25519 import Ed25519Signer  # noqa: PLC0415

    return SqlLedger(
        engine,
        writing=writing,
        clear=clear_traces,
        clock=clock,
        sealing_key=secrets.secret("ledger-sealing", key="ledger"),
        signing_key=Ed25519Signer(secrets.secret("ledger-head")).private_key,
    )


def _event_store(
    folder: Path, blobs: Blobs, data_keys: DataKeys, secrets: "Secrets", catalogue: Catalogue
) -> "EventStore":
    from bedside.data.adapters.spill import Spill  # noqa: PLC0415
    from bedside.data.store.store import EventStore  # noqa: PLC0415
    from bedside.infra.keys.ed25519 import Ed25519Signer  # noqa: PLC0415
    from bedside.infra.objects.sealed import SealedObjects  # noqa: PLC0415

    return EventStore(
        blobs=blobs,
        data_keys=data_keys,
        manifests=SealedObjects(blobs, data_keys, key="identified", prefix="manifests"),
        raw=SealedObjects(blobs, data_keys, key="raw", prefix="raw"),
        signer=Ed25519Signer(secrets.secret("manifests")),
        catalogue=catalogue,
        clock=SystemClock(),
        spill=partial(Spill, folder / "spill"),
    )


def seal_key_file(folder: Path, passphrase: str | None) -> None:
    """Seal the key file of a workspace with a passphrase, or with another, or with none.

    A file that is sealed already is opened with the passphrase of the settings.

    Raises:
        Invalid: the keys of this workspace lie in a key service.
        Refused: the file does not open with the passphrase of the settings.
    """
    from bedside.core.errors import Invalid, Refused  # noqa: PLC0415
    from bedside.infra.keys.keyring import FileKeyring  # noqa: PLC0415

    settings, clock = settings_of(folder), SystemClock()
    if settings.keys != "file":
        raise Invalid(
            "The keys of this workspace are kept by a key service.", fix="seal them there."
        )
    path = folder / "keys" / "keyring.json"
    try:
        ring = FileKeyring(path, passphrase=settings.passphrase, clock=clock)
        ring.describe()
    except Refused as refused:
        if refused.code != "not_sealed":
            raise
        ring = FileKeyring(path, passphrase=None, clock=clock)
    ring.seal_with(passphrase)


def blobs_of(settings: Settings) -> Blobs:
    """The store of encrypted files that the settings name."""
    if settings.bucket is not None:
        return s3_blobs(settings.bucket, settings.prefix, settings)
    from bedside.infra.blobs.disk import DiskBlobs  # noqa: PLC0415

    return DiskBlobs(settings.folder / "blobs")


def s3_blobs(bucket: str, prefix: str, settings: Settings) -> Blobs:
    """A store in a bucket of the S3 server that the settings name."""
    from bedside.infra.blobs.s3 import S3Blobs  # noqa: PLC0415

    options = {"endpoint_url": settings.s3_endpoint} if settings.s3_endpoint else {}
    return S3Blobs(bucket, prefix, options)


def _engine(settings: Settings) -> Engine:
    if settings.ray is not None:
        from bedside.infra.engines.ray import RayEngine  # noqa: PLC0415

        return RayEngine(settings.ray, token=settings.ray_token, allow_remote=settings.ray_remote)
    from bedside.infra.engines.local import LocalEngine  # noqa: PLC0415

    return LocalEngine(settings.workers or os.cpu_count() or 1)


def _tracker(settings: Settings) -> Tracker | None:
    if settings.tracking is None:
        return None
    from bedside.registry.adapters.mlflow_tracking import MlflowTracker  # noqa: PLC0415

    return MlflowTracker(settings.tracking, plain=settings.tracking_plain)


def _tagging(secrets: "Secrets") -> Callable[[str], str]:
    """HMAC-SHA256 with a key of this workspace, asked for on first use."""

    def tag(text: str) -> str:
        return hmac.digest(secrets.secret("erased"), text.encode(), "sha256").hex()

    return tag


def _code() -> str:
    """Digest of Bedside's own source."""
    root = Path(__file__).parents[1]
    return digest_of(
        {
            str(path.relative_to(root)): digest_bytes(path.read_bytes())
            for path in sorted(root.rglob("*"))
            if path.suffix in (".py", ".j2", ".html") and "usecases" not in path.parts
        }
    )
