"""A version is built at a hub, and taken in by a site as built elsewhere."""

from pathlib import Path

import pytest

import bedside.usecases
from bedside.core.errors import Refused
from bedside.core.records.version import Stage
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.lifecycle.build import build
from bedside.lifecycle.release import approve, open_bundle
from bedside.lifecycle.sites import publish, pull
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

pytestmark = pytest.mark.xdist_group("sites")  # its fixtures are made once

SHIPPED = Path(bedside.usecases.__file__).parent / "diagnosis" / "bedside.yaml"
HUB, STRANGER = Ed25519Signer(bytes(32)), Ed25519Signer(bytes([7] * 32))


def opened(folder):
    return open_workspace(folder, actor=actor_of("test", "test"), progress=LineProgress())


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub with one approved version, and its first two packets."""
    folder = tmp_path_factory.mktemp("hub")
    told = SHIPPED.read_text().replace("bootstrap: 1000", "bootstrap: 100")
    (folder / "bedside.yaml").write_text(told)
    platform = opened(folder / "w")
    version = build(platform, folder, None).version
    with pytest.raises(Refused, match="nobody has approved"):
        publish(platform, version.id, folder, signer=HUB)
    approve(platform, version.id, name="Dr Ada Example", meaning="fit for sites")
    return version, [publish(platform, version.id, folder, signer=HUB) for _ in range(2)]


def test_a_site_takes_in_the_very_bundle_and_nobody_there_has_approved_it(hub, tmp_path):
    version, packets = hub
    site = opened(tmp_path)

    taken = pull(site, packets[1], hub=HUB)

    assert (taken.id, taken.bundle, taken.gates) == (version.id, version.bundle, version.gates)
    assert (taken.stage, taken.approval) == (Stage.BUILT, None)
    assert open_bundle(site, taken).digest == version.bundle
    for packet in packets:
        with pytest.raises(Refused) as caught:
            pull(site, packet, hub=HUB)
        assert caught.value.code == "packet_older"
    assert site.ledger.verify() == []


def test_a_packet_that_is_refused_leaves_nothing_behind(hub, tmp_path):
    site = opened(tmp_path / "w")
    changed = bytearray(hub[1][0].read_bytes())
    changed[-1] ^= 1
    (tmp_path / "changed").write_bytes(changed)

    for file, key in ((tmp_path / "changed", HUB), (hub[1][0], STRANGER)):
        with pytest.raises(Refused):
            pull(site, file, hub=key)

    assert site.registry.versions() == []
    assert not list(site.bundles.glob("*"))
