"""Taking in what a hub offers, from where its packets lie; nothing ever comes in by itself."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Protocol

from bedside.core.errors import NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports import ByteVerifier
from bedside.core.records.site import Index, Offered, Trusted
from bedside.core.records.version import ModelVersion
from bedside.deploy.sites.index import INDEX, LARGEST_INDEX, read_index
from bedside.lifecycle.local_evidence import PULLED
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.sites import last_sequence, pull_packet

__all__ = ["HubFiles", "Pulled", "offered_to", "pull_new"]

_INDEX_SEEN = "site.index"


class HubFiles(Protocol):
    """Where a hub's packets lie: a web server or a folder that the operator named."""

    def fetch(self, name: str, *, most: int) -> bytes:
        """The file of this name beside the index.

        Args:
            name: Of a file, never a path.
            most: Bytes that it may have.

        Raises:
            NotFound: there is none.
            Refused: it is larger, or the server is not the one that was named.
            Unavailable: it cannot be read now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What a look at a hub came to: its index, and the versions that were taken in now."""

    index: Index
    versions: tuple[ModelVersion, ...]


def pull_new(
    platform: Platform,
    hub: Trusted,
    key: ByteVerifier,
    files: HubFiles,
    *,
    version: str | None = None,
) -> Pulled:
    """Look at a hub's index, and take in the newest version of each model that is new here.

    Args:
        platform: The site's workspace.
        hub: Who is trusted.
        key: That hub's.
        files: Where its packets lie.
        version: Only this one of them.

    Raises:
        NotFound: the hub offers no such version.
        Refused: the index is not by this hub, not fresh, or older than what was seen (codes of
            `read_index`, `index_forked`); a packet is another than the index says
            (`packet_tampered`), or is refused as by `pull_packet`. What was taken in before stays.
        Unavailable: the hub cannot be reached.
    """
    content = files.fetch(INDEX, most=LARGEST_INDEX)
    index = _checked(platform, hub, key, content)
    _seen(platform, hub, index, content)
    taken = last_sequence(platform, PULLED, hub.mark)
    wanted = [one for one in _newest(index) if one.sequence > taken]
    if version is not None:
        wanted = [one for one in index.offers if one.version == version]
        if not wanted:
            raise NotFound(
                f"The hub '{hub.name}' does not offer {version} now.",
                fix="see what it offers: bedside site list.",
            )
    return Pulled(index=index, versions=tuple(_take(platform, hub, key, files, wanted)))


def offered_to(platform: Platform, hub: Trusted) -> list[Offered]:
    """What the hub's index said when it was last looked at; empty before that."""
    found: list[Offered] = []
    for entry in platform.ledger.entries():
        if entry.action == _INDEX_SEEN and entry.details["hub"] == hub.mark:
            found = [Offered(**one) for one in entry.details["offers"]]
    return found


def _checked(platform: Platform, hub: Trusted, key: ByteVerifier, content: bytes) -> Index:
    told = [
        entry.details
        for entry in platform.ledger.entries()
        if entry.action == _INDEX_SEEN and entry.details["hub"] == hub.mark
    ]
    after = max((int(one["sequence"]) for one in told), default=0)
    after = max(after, last_sequence(platform, PULLED, hub.mark))
    index = read_index(content, key, now=platform.clock.now(), after=after)
    digest = digest_bytes(content)
    if any(one["sequence"] == index.sequence and one["index"] != digest for one in told):
        raise Refused(
            f"The hub's index number {index.sequence} says something else than it did before.",
            fix="do not use it: the hub has two states; tell the hub.",
            code="index_forked",
        )
    return index


def _seen(platform: Platform, hub: Trusted, index: Index, content: bytes) -> None:
    """Say so in the ledger, once for each index, so that an older one is known as such."""
    digest = digest_bytes(content)
    known = any(
        entry.action == _INDEX_SEEN and entry.details["index"] == digest
        for entry in platform.ledger.entries()
    )
    if not known:
        details = {"hub": hub.mark, "sequence": index.sequence, "index": digest}
        offers = [asdict(one) for one in index.offers]
        platform.ledger.append(platform.actor, _INDEX_SEEN, {**details, "offers": offers})


def _newest(index: Index) -> list[Offered]:
    """The last offer of each model, by sequence."""
    by_model = {one.version.partition("@")[0]: one for one in index.offers}
    return sorted(by_model.values(), key=lambda one: one.sequence)


def _take(
    platform: Platform, hub: Trusted, key: ByteVerifier, files: HubFiles, wanted: list[Offered]
) -> Iterator[ModelVersion]:
    for one in wanted:
        with platform.progress.step(f"pull {one.version}"):
            packet = files.fetch(one.file, most=one.size)
            if digest_bytes(packet) != one.sha256:
                raise Refused(
                    f"The packet of {one.version} is not the one that the hub's index names.",
                    fix="do not use it; tell the hub.",
                    code="packet_tampered",
                )
            yield pull_packet(platform, packet, hub=key, mark=hub.mark)
