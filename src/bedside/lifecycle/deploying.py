"""A released version written as a folder that runs elsewhere: signed bundle, server, manifests."""

import os
import platform as machine
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

import bedside
from bedside.core.disk import disk_trouble
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports import ImageBuilder
from bedside.core.records import bundle as parts
from bedside.core.records.rollout import Release
from bedside.core.records.served_release import RELEASE_FILE, ServedRelease
from bedside.core.records.version import Stage
from bedside.deploy.export.container_files import FORMS, Packing, container_files
from bedside.deploy.export.served import BUNDLES, RELEASES, TRUSTED, release_to_json
from bedside.deploy.export.source import modules_for
from bedside.deploy.export.wheels import chosen_wheels
from bedside.deploy.package.sbom import with_hashes
from bedside.deploy.package.scoring_install import (
    changed_install,
    environment_text,
    scoring_libraries,
)
from bedside.deploy.package.sealing import read_sealed, seal
from bedside.lifecycle.egress import leave
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.suspending import refuse_suspended

__all__ = ["Deployed", "export_version"]

IMAGE = "image"
_STAGES = (Stage.SILENT, Stage.CANARY, Stage.LIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What was written.

    Args:
        version: Its id.
        stage: At which it is served there.
        folder: Where it lies.
        forms: As what it was exported.
        files: How many files there are.
        trusted: SHA-256 of the public key that the server there trusts.
        offline: Whether the image can be built without any network.
        image: The digest of the image, where one was built.
        changed: In words, each library that is another one than when the version was built.
        canary_key: The file with the key that draws the patients of a canary, where one was asked.
    """

    version: str
    stage: str
    folder: str
    forms: tuple[str, ...]
    files: int
    trusted: str
    offline: bool
    image: str | None = None
    changed: tuple[str, ...] = ()
    canary_key: str | None = None


def export_version(
    platform: Platform,
    version_id: str,
    folder: Path,
    forms: Sequence[str],
    *,
    wheels: Path | None = None,
    base: str | None = None,
    builder: ImageBuilder,
    canary_key: Path | None = None,
) -> Deployed:
    """Write a version with all that serves it into a new folder; say so in the ledger.

    Args:
        platform: The workspace.
        version_id: Which version; it must be silent, in canary or live.
        folder: Where to; it must not be there yet.
        forms: Some of `FORMS`.
        wheels: A folder with the wheel of each library, so that building needs no network.
        base: The image that `oci` stands on.
        builder: Builds it.
        canary_key: A new file for the key by which this workspace draws the patients of a canary,
            so that the server there draws the same; it is a secret, and never in the folder.

    Raises:
        Invalid: there is no such form (code `unknown_form`).
        NotFound: there is no such version.
        Refused: it is not released (code `not_released`) or suspended (`suspended`), the folder
            or the file is there already (`folder_exists`), a wheel is missing (`wheel_missing`),
            or the bundle is not intact.
        Unavailable: the disk refuses, or the image cannot be built.
    """
    chosen = _chosen(forms)
    version = platform.registry.get(version_id)
    bundle = open_bundle(platform, version)
    leave(platform, version.id, bundle.files[parts.EVIDENCE])
    release = _released(platform.registry.releases(), version.id)
    libraries = scoring_libraries()
    packed = {} if wheels is None else chosen_wheels(wheels, libraries)
    statement = _stated(platform, release)
    sealed = _sealed(platform, version.bundle, statement)
    packing = Packing(
        release=release,
        libraries=libraries,
        wheels=packed,
        machine=f"{machine.system()} {machine.machine()}",
        trusted=sealed[f"release/{TRUSTED}"],
    )
    files = container_files(packing, chosen) | sealed
    files |= {f"wheels/{name}": content for name, content in packed.items()}
    files |= {f"app/{path}": content for path, content in modules_for(_own_files()).items()}
    if parts.SBOM in bundle.files:
        files[parts.SBOM] = with_hashes(bundle.files[parts.SBOM], packed)
    name = f"{packing.slug}:{release.bundle[:12]}"
    if canary_key is not None:
        _write_key(canary_key, folder, platform.tag("canary"))
    image = _written(folder, files, (builder, base, name) if "oci" in chosen else None)
    done = Deployed(
        version=version.id,
        stage=str(release.stage),
        folder=str(folder),
        forms=chosen,
        files=len(files),
        trusted=digest_bytes(packing.trusted),
        offline=bool(packed),
        image=image,
        changed=changed_install(bundle.files.get(parts.ENVIRONMENT), environment_text(libraries)),
        canary_key=None if canary_key is None else str(canary_key),
    )
    _record(platform, done, version.bundle, statement)
    return done


def _record(platform: Platform, done: Deployed, bundle: str, statement: str) -> None:
    platform.ledger.append(
        platform.actor,
        "deploy.export",
        {
            "version": done.version,
            "bundle": bundle,
            "stage": done.stage,
            "release": statement,
            "forms": list(done.forms),
            "image": done.image,
            "canary_key": done.canary_key is not None,
        },
    )


def _chosen(forms: Sequence[str]) -> tuple[str, ...]:
    unknown = [one for one in forms if one not in FORMS]
    if unknown or not forms:
        raise Invalid(
            "A version is not exported as that.",
            fix=f"use some of: {', '.join(FORMS)}.",
            code="unknown_form",
        )
    return tuple(one for one in FORMS if one in forms)


def _released(releases: Sequence[Release], version: str) -> ServedRelease:
    """The version as it is served now.

    Raises:
        Refused: it is not (code `not_released`).
    """
    found = next((one for one in releases if one.version == version and one.stage in _STAGES), None)
    if found is None:
        raise Refused(
            f"{version} is not silent, in canary or live, so it is served nowhere.",
            fix=f"run: bedside release {version} --stage silent.",
            code="not_released",
        )
    refuse_suspended(found)
    return ServedRelease(
        version=version,
        bundle=found.bundle,
        stage=found.stage,
        share=None if found.canary is None else float(found.canary.share),
        wards=() if found.canary is None else tuple(found.canary.wards),
    )


def _stated(platform: Platform, release: ServedRelease) -> str:
    """Seal and sign the statement of what is served; its digest, the same each time."""
    place = platform.folder / RELEASES
    digest = seal({RELEASE_FILE: release_to_json([release])}, {"release": release.version}, place)
    signature = place / f"{digest}.sig"
    if not signature.is_file():
        platform.signer.sign(str(place / digest), str(signature))
    return digest


def _sealed(platform: Platform, bundle: str, statement: str) -> dict[str, bytes]:
    """The folder `release`: what is signed, the signatures, and the key to check them with."""
    told = {f"release/{TRUSTED}": platform.signer.public_key()}
    for room, digest in ((BUNDLES, bundle), (RELEASES, statement)):
        place = platform.folder / room
        read_sealed(place, digest)
        paths = [*sorted((place / digest).iterdir()), place / f"{digest}.sig"]
        told |= {
            f"release/{room}/{path.relative_to(place).as_posix()}": path.read_bytes()
            for path in paths
        }
    return told


def _own_files() -> dict[str, bytes]:
    """Every file of the installed package, by its path."""
    root = Path(bedside.__file__).parent
    return {
        path.relative_to(root.parent).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _written(
    folder: Path, files: Mapping[str, bytes], image: tuple[ImageBuilder, str | None, str] | None
) -> str | None:
    """Every file, and the image, or nothing; a folder that is there is never touched."""
    _is_free(folder)
    try:
        part = Path(mkdtemp(dir=folder.parent, prefix=".part-"))
    except OSError as error:
        raise disk_trouble(error) from None
    try:
        for path, content in files.items():
            _write(part / PurePosixPath(path), content)
        digest = None
        if image is not None:
            builder, base, name = image
            digest = builder.build(part, base, part / IMAGE, name)
        part.chmod(0o755)
        part.rename(folder)
    except OSError as error:
        raise disk_trouble(error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return digest


def _write_key(path: Path, folder: Path, key: str) -> None:
    """A file of its owner alone, outside the folder that goes elsewhere."""
    _is_free(folder)
    _is_free(path)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(handle, "w") as file:
            file.write(key + "\n")
    except OSError as error:
        raise disk_trouble(error) from None


def _is_free(path: Path) -> None:
    if os.path.lexists(path):
        raise Refused(
            "That folder or file is there already, and nothing is ever overwritten.",
            fix="name another one, or remove it yourself.",
            code="folder_exists",
        )


def _write(path: Path, content: bytes) -> None:
    """A file that everybody may read: in a container another user does. It holds no secret."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)
    with path.open("xb") as file:
        file.write(content)
    path.chmod(0o644)
