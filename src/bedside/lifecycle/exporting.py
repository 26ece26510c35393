"""A version written for a platform of others."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from bedside.core.disk import disk_trouble
from bedside.core.errors import Refused
from bedside.core.ids import digest_bytes
from bedside.core.records import bundle as parts
from bedside.core.records.bundle import Bundle
from bedside.deploy.package.mlflow_model import mlflow_files
from bedside.deploy.package.sealing import read_facts
from bedside.features.definition import feature_set_from_json
from bedside.lifecycle.egress import leave
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.tracking import run_of

__all__ = ["Exported", "export_mlflow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written.

    Args:
        version: Its id.
        folder: Where it lies.
        files: The SHA-256 of each file.
        gates_passed: Whether the version keeps its gates.
        registered: The number of the version at the MLflow server, where it was registered.
    """

    version: str
    folder: str
    files: dict[str, str]
    gates_passed: bool
    registered: str | None = None


def export_mlflow(
    platform: Platform, version_id: str, folder: Path, *, register: str | None = None
) -> Exported:
    """Write a version as the folder of an MLflow model; say so in the ledger.

    Args:
        platform: The workspace.
        version_id: Which version.
        folder: Where to; it must not be there yet.
        register: The name under which it is registered at the MLflow server as well.

    Raises:
        NotFound: there is no such version.
        Refused: the folder is there already (code `folder_exists`), the bundle is not intact, or
            no server is named to register at (code `no_tracker`).
        Unavailable: the disk or the server refuses.
    """
    if register is not None and platform.tracker is None:
        raise Refused(
            "There is no MLflow server to register at.",
            fix="set MLFLOW_TRACKING_URI, or leave --register out.",
            code="no_tracker",
        )
    version = platform.registry.get(version_id)
    bundle = open_bundle(platform, version)
    leave(platform, version.id, bundle.files[parts.EVIDENCE])
    facts = read_facts(platform.bundles, version.bundle)
    names = feature_set_from_json(bundle.files[parts.FEATURES]).names
    files = mlflow_files(version, bundle, names, _outputs(bundle), facts["environment"])
    _written(folder, files)
    number = None
    digests = {name: digest_bytes(content) for name, content in files.items()}
    if register is not None and platform.tracker is not None:
        started = round(platform.clock.now().timestamp() * 1000)
        run = run_of(version, bundle.files, facts, started=started)
        whole = {**run.files, **{f"model/{name}": content for name, content in files.items()}}
        number = platform.tracker.register(replace(run, files=whole), "model", register)
    platform.ledger.append(
        platform.actor,
        "export",
        {"version": version.id, "as": "mlflow", "files": digests}
        | ({} if number is None else {"registered": f"{register}/{number}"}),
    )
    return Exported(
        version=version.id,
        folder=str(folder),
        files=digests,
        gates_passed=version.gates_passed,
        registered=number,
    )


def _outputs(bundle: Bundle) -> list[str]:
    """What each prediction is: a level, or a horizon; one name where there is one."""
    outcome = bundle.declaration.question.outcome
    if outcome.kind in ("multiclass", "ordinal"):
        return list(outcome.levels)
    return list(outcome.horizons) or [outcome.kind]


def _written(folder: Path, files: dict[str, bytes]) -> None:
    """Every file or none; a folder that is there is never touched."""
    try:
        folder.mkdir(parents=False)
    except FileExistsError:
        raise Refused(
            "That folder is there already, and nothing is ever overwritten.",
            fix="name another one, or remove it yourself.",
            code="folder_exists",
        ) from None
    except OSError as error:
        raise disk_trouble(error) from None
    try:
        for name, content in files.items():
            with (folder / name).open("xb") as file:
                file.write(content)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise disk_trouble(error) from None
