"""A real version that is live, ready to be exported: a bundle of the archive in a new workspace."""

import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bedside.core.records.bundle import EXAMPLE, FEATURES
from bedside.core.records.rollout import Release
from bedside.core.records.version import ModelVersion, Stage
from bedside.lifecycle.platform import Platform
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

__all__ = [
    "ARCHIVE",
    "TOKEN",
    "OldBundle",
    "a_live_version",
    "a_request",
    "an_old_bundle",
    "needed",
]

ARCHIVE = Path(__file__).parent / "archive"
TOKEN = "a token that only the tests know"  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class OldBundle:
    """What lies in one file of the archive, unpacked."""

    folder: Path
    digest: str
    commit: str

    @property
    def bundles(self) -> Path:
        """Where the sealed folder and its signature lie."""
        return self.folder / "bundles"

    @property
    def trusted(self) -> Path:
        """The public key of whoever signed it."""
        return self.folder / "trusted.pub"

    def files(self) -> dict[str, bytes]:
        """The bytes of the sealed folder, by name."""
        place = self.bundles / self.digest
        return {path.name: path.read_bytes() for path in place.iterdir()}


class LiveRegistry:
    """The real registry, in which one version is live: how it came there is tested elsewhere."""

    def __init__(self, registry: Any, version: ModelVersion, stage: Stage) -> None:
        self._registry, self._version, self._stage = registry, version, stage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)

    def releases(self) -> list[Release]:
        """The one version."""
        found = self._version
        return [
            Release(
                number=1,
                version=found.id,
                name=found.name,
                bundle=found.bundle,
                stage=self._stage,
            )
        ]


def an_old_bundle(name: str, folder: Path) -> OldBundle:
    """Unpack one file of the archive."""
    with zipfile.ZipFile(ARCHIVE / f"{name}.zip") as packed:
        packed.extractall(folder)
    about = json.loads((folder / "about.json").read_bytes())
    return OldBundle(folder=folder, digest=about["bundle"], commit=about["commit"])


def a_live_version(
    folder: Path, *, stage: Stage = Stage.LIVE, name: str = "diagnosis-form"
) -> tuple[Platform, str]:
    """A workspace in which a version of the archive is at this stage, signed by its own key."""
    old = an_old_bundle(name, folder / "unpacked")
    platform = open_workspace(
        folder / "workspace", actor=actor_of("test", "test"), progress=LineProgress()
    )
    platform.bundles.mkdir(parents=True, exist_ok=True)
    shutil.copytree(old.bundles / old.digest, platform.bundles / old.digest)
    platform.signer.sign(str(platform.bundles / old.digest), str(platform.signature_of(old.digest)))
    version = platform.registry.add(
        ModelVersion(
            id=f"diagnosis@{old.digest[:12]}",
            name="diagnosis",
            bundle=old.digest,
            stage=Stage.BUILT,
            built_at="2026-11-26T00:00:00.000000+00:00",
            gates=(),
        )
    )
    registry: Any = LiveRegistry(platform.registry, version, stage)
    return replace(platform, registry=registry), version.id


def a_request(files: Mapping[str, bytes]) -> tuple[dict[str, Any], float]:
    """The worked example of a bundle of the diagnosis, as a request, and the risk that it gives."""
    example = json.loads(files[EXAMPLE])
    told = json.loads(files[FEATURES])
    names = [one["name"] for one in (told["features"] if isinstance(told, dict) else told)]
    inputs = [
        {"name": name.partition(".")[0], "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in zip(names, example["features"], strict=True)
    ]
    return {"inputs": inputs}, float(example["risk"])


def needed(*programs: str, install: str) -> None:
    """Skip the test where one of these is not installed; in CI it fails."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        reason = f"{', '.join(missing)} is not installed; run: {install}"
        if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
