"""A release on its way from a hub to a site: published, and taken in as built elsewhere."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from bedside.core.clock import iso
from bedside.core.disk import disk_trouble
from bedside.core.errors import Refused
from bedside.core.ids import digest_bytes, digest_of
from bedside.core.ports import ByteSigner, ByteVerifier
from bedside.core.records import bundle as parts
from bedside.core.records.site import Index, Offer, Offered
from bedside.core.records.version import ModelVersion, Stage
from bedside.deploy.package.sealing import seal
from bedside.deploy.sites.index import INDEX, read_index, write_index
from bedside.deploy.sites.packet import LARGEST, SIGNATURE, Packet, read_packet, write_packet
from bedside.develop.evaluate.gates import judge
from bedside.interop.declaration import declaration_from_json
from bedside.lifecycle.evidence import PARITY
from bedside.lifecycle.local_evidence import PULLED, validated_here
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.registry.life import may_release

__all__ = ["last_sequence", "publish", "pull", "pull_packet"]

_PUBLISHED = "site.publish"


def publish(
    platform: Platform,
    version_id: str,
    folder: Path,
    *,
    signer: ByteSigner,
    mark: str = "",
    stage: Literal["silent", "canary", "live"] = "live",
    days: int = 90,
) -> Path:
    """Write a signed release packet of an approved version, and the signed index of all of them.

    Args:
        platform: The hub's workspace.
        version_id: Which version.
        folder: Where to; whoever offers it to sites serves its files as they are.
        signer: The hub's key for packets.
        mark: The fingerprint of that key.
        stage: Up to which stage the hub offers it.
        days: For how long the packet may be taken, and the index is fresh.

    Raises:
        NotFound: there is no such version.
        Refused: a gate failed, nobody approved it, or the bundle is not intact; or the index in
            the folder is not this hub's (code `bad_signature`, `statement_unreadable`).
        Unavailable: the disk refuses.
    """
    with platform.lock():
        version = platform.registry.get(version_id)
        may_release(version, Stage.SILENT)
        validated_here(platform, version)
        bundle, now = open_bundle(platform, version), platform.clock.now()
        offer = Offer(
            version=version.id,
            bundle=version.bundle,
            stage=stage,
            gates=tuple(gate.text for gate in version.gates),
            approvals=() if version.approval is None else (_digest(version),),
            sequence=1 + last_sequence(platform, _PUBLISHED),
            issued_at=iso(now),
            expires_at=iso(now + timedelta(days=days)),
        )
        files = {
            **bundle.files,
            parts.MANIFEST: (platform.bundles / version.bundle / parts.MANIFEST).read_bytes(),
            SIGNATURE: platform.signature_of(version.bundle).read_bytes(),
        }
        name, content = (
            f"{version.name}-{offer.sequence:06d}.packet",
            write_packet(offer, files, signer),
        )
        index = _indexed(_offers(folder / INDEX, signer), offer, name, content, iso(now))
        platform.write(folder / name, content)
        platform.write(folder / INDEX, write_index(index, signer, mark))
        details = {"version": version.id, "bundle": version.bundle, "sequence": offer.sequence}
        platform.ledger.append(platform.actor, _PUBLISHED, {**details, "stage": stage})
    return folder / name


def _offers(index: Path, signer: ByteSigner) -> tuple[Offered, ...]:
    """What this hub offered in this folder before."""
    if not index.is_file():
        return ()
    return read_index(index.read_bytes(), signer, now=None, after=0).offers


def _indexed(
    before: tuple[Offered, ...], offer: Offer, name: str, content: bytes, now: str
) -> Index:
    line = Offered(
        version=offer.version,
        stage=offer.stage,
        sequence=offer.sequence,
        expires_at=offer.expires_at,
        file=name,
        size=len(content),
        sha256=digest_bytes(content),
    )
    kept = [
        one
        for one in before
        if one.expires_at > now and one.version != offer.version and one.sequence < offer.sequence
    ]
    return Index(
        sequence=offer.sequence,
        issued_at=now,
        expires_at=offer.expires_at,
        offers=(*kept, line),
    )


def pull(platform: Platform, file: Path, *, hub: ByteVerifier, mark: str = "") -> ModelVersion:
    """Take a packet in from a file; see `pull_packet`.

    Args:
        platform: The site's workspace.
        file: The packet.
        hub: The key that this site trusts.
        mark: Its fingerprint.

    Raises:
        Refused, Unavailable: as `pull_packet`, or the disk refuses.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise disk_trouble(error) from None
    return pull_packet(platform, content, hub=hub, mark=mark)


def pull_packet(
    platform: Platform, content: bytes, *, hub: ByteVerifier, mark: str = ""
) -> ModelVersion:
    """Take a packet in: the version is `built` here, and approved by nobody.

    Before anything is kept, the packet's signature, freshness and every byte are checked, and the
    model must give the answer of its worked example on this machine. The bundle is then signed
    with this site's own key, by which it is opened from now on.

    Args:
        platform: The site's workspace.
        content: Of the packet.
        hub: The key that this site trusts.
        mark: Its fingerprint: packets of one hub are counted apart from those of another.

    Raises:
        Refused: as `read_packet`, or the worked example comes out differently (code
            `example_differs`), or the bundle is not as its manifest says (`packet_tampered`).
        Unavailable: the disk refuses.
    """
    with platform.lock():
        after = last_sequence(platform, PULLED, mark)
        packet = read_packet(content, hub, now=platform.clock.now(), after=after)
        _same_example(platform, packet)
        files = {n: c for n, c in packet.files.items() if n not in (parts.MANIFEST, SIGNATURE)}
        facts = json.loads(packet.files[parts.MANIFEST])["facts"]
        digest = seal(files, facts, platform.bundles)
        if digest != packet.offer.bundle:
            raise Refused(
                "The packet's files are not those of its manifest.",
                fix="do not use it; tell the hub.",
                code="packet_tampered",
            )
        if not platform.signature_of(digest).is_file():
            platform.signer.sign(str(platform.bundles / digest), str(platform.signature_of(digest)))
        with platform.together():
            version = platform.registry.add(_built_elsewhere(platform, packet))
            details = {"version": version.id, "bundle": digest, "sequence": packet.offer.sequence}
            platform.ledger.append(
                platform.actor, PULLED, {**details, "stage": packet.offer.stage, "hub": mark}
            )
    return version


def _built_elsewhere(platform: Platform, packet: Packet) -> ModelVersion:
    """As the gates judge the evidence here; the hub's own word for them is not taken."""
    declaration = declaration_from_json(packet.files[parts.DECLARATION])
    return ModelVersion(
        id=f"{declaration.name}@{packet.offer.bundle[:12]}",
        name=declaration.name,
        bundle=packet.offer.bundle,
        stage=Stage.BUILT,
        built_at=iso(platform.clock.now()),
        gates=judge(declaration.gates, json.loads(packet.files[parts.EVIDENCE])),
    )


def _same_example(platform: Platform, packet: Packet) -> None:
    told = json.loads(packet.files[parts.EXAMPLE])
    row = np.array([[np.nan if value is None else value for value in told["features"]]])
    found = float(platform.predictor_of(packet.files[parts.MODEL]).predict(row)[0])
    if not abs(found - told["risk"]) <= PARITY:
        raise Refused(
            "The model does not give the answer of its worked example on this machine.",
            fix="install the libraries that the bundle's environment.txt names, and pull again.",
            code="example_differs",
        )


def _digest(version: ModelVersion) -> str:
    """The hub's approval, without the name of whoever gave it."""
    yes = version.approval
    assert yes is not None  # noqa: S101 - asked only of an approved version
    return digest_of([yes.version, yes.bundle, yes.name, yes.meaning, yes.approved_at])


def last_sequence(platform: Platform, action: str, hub: str | None = None) -> int:
    """The highest sequence that the ledger, which nobody can quietly change, tells of.

    Args:
        platform: The workspace.
        action: Of which entries.
        hub: Of this hub alone, by the fingerprint of its key; None: of all.
    """
    told = (entry.details for entry in platform.ledger.entries() if entry.action == action)
    return max(
        (int(one["sequence"]) for one in told if hub is None or one.get("hub", "") == hub),
        default=0,
    )
