"""A release on its way from a hub to a site: published, and taken in as built elsewhere."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from bedside.core.clock import iso
from bedside.core.disk import disk_trouble
from bedside.core.errors import Refused
from bedside.core.ids import digest_of
from bedside.core.ports import ByteSigner
from bedside.core.records import bundle as parts
from bedside.core.records.site import Offer
from bedside.core.records.version import ModelVersion, Stage
from bedside.deploy.package.sealing import seal
from bedside.deploy.sites.packet import LARGEST, SIGNATURE, Packet, read_packet, write_packet
from bedside.develop.evaluate.gates import judge
from bedside.interop.declaration import declaration_from_json
from bedside.lifecycle.evidence import PARITY
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.registry.life import may_release

__all__ = ["publish", "pull"]

_PUBLISHED, _PULLED = "site.publish", "site.pull"


def publish(
    platform: Platform,
    version_id: str,
    folder: Path,
    *,
    signer: ByteSigner,
    stage: Literal["silent", "canary", "live"] = "live",
    days: int = 90,
) -> Path:
    """Write a signed release packet of an approved version; say so in the ledger.

    Args:
        platform: The hub's workspace.
        version_id: Which version.
        folder: Where to; whoever offers it to sites serves its files as they are.
        signer: The hub's key for packets.
        stage: Up to which stage the hub offers it.
        days: For how long the packet may be taken.

    Raises:
        NotFound: there is no such version.
        Refused: a gate failed, nobody approved it, or the bundle is not intact.
        Unavailable: the disk refuses.
    """
    with platform.lock():
        version = platform.registry.get(version_id)
        may_release(version, Stage.SILENT)
        bundle, now = open_bundle(platform, version), platform.clock.now()
        offer = Offer(
            version=version.id,
            bundle=version.bundle,
            stage=stage,
            gates=tuple(gate.text for gate in version.gates),
            approvals=() if version.approval is None else (_digest(version),),
            sequence=1 + _last(platform, _PUBLISHED),
            issued_at=iso(now),
            expires_at=iso(now + timedelta(days=days)),
        )
        files = {
            **bundle.files,
            parts.MANIFEST: (platform.bundles / version.bundle / parts.MANIFEST).read_bytes(),
            SIGNATURE: platform.signature_of(version.bundle).read_bytes(),
        }
        packet = folder / f"{version.name}-{offer.sequence:06d}.packet"
        platform.write(packet, write_packet(offer, files, signer))
        details = {"version": version.id, "bundle": version.bundle, "sequence": offer.sequence}
        platform.ledger.append(platform.actor, _PUBLISHED, {**details, "stage": stage})
    return packet


def pull(platform: Platform, file: Path, *, hub: ByteSigner) -> ModelVersion:
    """Take a packet in from a file: the version is `built` here, and approved by nobody.

    Before anything is kept, the packet's signature, freshness and every byte are checked, and the
    model must give the answer of its worked example on this machine. The bundle is then signed
    with this site's own key, by which it is opened from now on.

    Args:
        platform: The site's workspace.
        file: The packet.
        hub: The key that this site trusts; only its `verify` is asked.

    Raises:
        Refused: as `read_packet`, or the worked example comes out differently (code
            `example_differs`), or the bundle is not as its manifest says (`packet_tampered`).
        Unavailable: the disk refuses.
    """
    with platform.lock():
        try:
            with file.open("rb") as opened:
                content = opened.read(LARGEST + 1)
        except OSError as error:
            raise disk_trouble(error) from None
        packet = read_packet(content, hub, now=platform.clock.now(), after=_last(platform, _PULLED))
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
        version = platform.registry.add(_built_elsewhere(platform, packet))
        details = {"version": version.id, "bundle": digest, "sequence": packet.offer.sequence}
        platform.ledger.append(platform.actor, _PULLED, {**details, "stage": packet.offer.stage})
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


def _last(platform: Platform, action: str) -> int:
    """The highest sequence that the ledger, which nobody can quietly change, tells of."""
    told = (entry for entry in platform.ledger.entries() if entry.action == action)
    return max((int(entry.details["sequence"]) for entry in told), default=0)
