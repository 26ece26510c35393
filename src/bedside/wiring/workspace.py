"""One workspace: its folder, keys, databases and adapters, joined into a platform."""

import getpass
import os
import sys
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path

from bedside.core.clock import SystemClock
from bedside.core.ids import digest_bytes, digest_of
from bedside.core.ports import Progress
from bedside.core.records.ledger import Actor
from bedside.lifecycle.platform import Platform

__all__ = ["actor_of", "default_workspace", "open_workspace"]

LIBRARIES = ("lightgbm", "numpy", "onnx", "onnxruntime", "polars", "scikit-learn")


def default_workspace() -> Path:
    """The workspace in the user's data directory."""
    named = os.environ.get("BEDSIDE_WORKSPACE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "bedside"


def actor_of(name: str | None, purpose: str) -> Actor:
    """Who acts: the name given, or the user of this machine."""
    return Actor(name=name or f"user:{getpass.getuser()}", purpose=purpose)


def open_workspace(folder: Path, *, actor: Actor, progress: Progress) -> Platform:
    """A working platform on a folder; keys and databases are made on first use."""
    from bedside.deploy.adapters.openssf import OpenSsfSigner  # noqa: PLC0415
    from bedside.governance.adapters.sql_ledger import SqlLedger  # noqa: PLC0415
    from bedside.infra.database.sqlite import open_sqlite, writing  # noqa: PLC0415
    from bedside.infra.files import locked_folder, write_atomically  # noqa: PLC0415
    from bedside.infra.keys.file import FileKeys  # noqa: PLC0415
    from bedside.infra.objects.disk import SealedDisk  # noqa: PLC0415
    from bedside.infra.runtime.onnx import OnnxPredictor  # noqa: PLC0415
    from bedside.infra.runtime.trees import TreeExplainer  # noqa: PLC0415
    from bedside.registry.adapters.sql_registry import SqlRegistry  # noqa: PLC0415

    keys, clock = FileKeys(folder / "keys"), SystemClock()
    engine = open_sqlite(folder / "bedside.sqlite")
    environment = {name: installed(name) for name in LIBRARIES}
    environment["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Platform(
        folder=folder,
        clock=clock,
        progress=progress,
        actor=actor,
        objects=SealedDisk(folder / "objects", keys.derive("objects")),
        ledger=SqlLedger(
            engine,
            writing=writing,
            clock=clock,
            sealing_key=keys.derive("ledger"),
            signing_key=keys.ledger_key(),
        ),
        registry=SqlRegistry(engine, writing=writing),
        signer=OpenSsfSigner(keys.signing_key_path(), keys.public_key_path()),
        predictor_of=OnnxPredictor,
        explainer_of=TreeExplainer,
        write=write_atomically,
        lock=partial(locked_folder, folder),
        code=digest_of([_code(), environment]),
        environment=environment,
    )


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
